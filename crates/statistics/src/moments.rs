//! Moments of a sample.
//!
//! ```text
//! mean = Σ x / n,     variance = Σ (x − mean)² / (n − 1),     standard error of the mean = √(variance / n)
//! ```
//!
//! (docs/theory/statistics.md §3.)

/// Number, mean and spread of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl Moments {
    /// Takes the moments of values; the mean is subtracted before squaring.
    pub fn of(values: &[f64]) -> Moments {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        Moments { count, mean, squares: values.iter().map(|value| (value - mean).powi(2)).sum() }
    }

    /// Returns the mean; NaN of no values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the variance with ddof 1; NaN of a single value.
    pub fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }

    /// Returns the standard error of the mean.
    pub fn standard_error(&self) -> f64 {
        (self.variance() / self.count).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_worked_out_by_hand() {
        let moments = Moments::of(&[1.0, 2.0, 4.0, 5.0]);
        assert_eq!((moments.mean(), moments.variance()), (3.0, 10.0 / 3.0));
        assert!((moments.standard_error() - (10.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert!(Moments::of(&[]).mean().is_nan() && Moments::of(&[1.0]).variance().is_nan());
    }

    /// Far from 0 the deviations keep their digits.
    #[test]
    fn a_shift_does_not_change_the_spread() {
        let shifted = Moments::of(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 4.0, 1e9 + 5.0]);
        assert!((shifted.variance() - 10.0 / 3.0).abs() < 1e-6);
    }
}
