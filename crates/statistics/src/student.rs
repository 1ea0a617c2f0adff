//! Quantiles of Student's t make intervals of means from few values.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Returns the 97.5 % quantile of Student's t with `freedom` > 0 degrees of freedom, whole or not; NaN of others.
pub fn t_975(freedom: f64) -> f64 {
    // Location 0, scale 1 and positive degrees always make a distribution.
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Abramowitz & Stegun, table 26.10.
    #[test]
    fn quantiles_of_t_match_the_table() {
        for (freedom, value) in [(1.0, 12.706), (2.0, 4.303), (5.0, 2.571), (9.0, 2.262), (30.0, 2.042), (120.0, 1.980)]
        {
            assert!((t_975(freedom) - value).abs() < 6e-4, "{freedom}: {}", t_975(freedom));
        }
        assert!(t_975(0.0).is_nan());
    }
}
