//! Spread and offset of one number, with intervals.
//!
//! ```text
//! b_error² = m² (std²/R + SE_∞²),     interval of s by χ²,  of b by Student's t with degrees of freedom after Welch
//! ```

use widenet_statistics::{Moments, Spread, t_975};

/// A number with the ends of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// What networks of one width say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// s, in units of the number times the root of a width.
    pub spread: Interval,
    /// b, in units of the number times a width.
    pub offset: Interval,
}

/// The limit of one number of a quantity, and how networks fluctuate around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// f_∞.
    pub limit: f64,
    /// Its standard error; 0 where it is exact.
    pub limit_error: f64,
    /// From networks of width m_0.
    pub at_small: Estimate,
    /// From networks of width 2 m_0, where they were trained.
    pub at_twice: Option<Estimate>,
    /// The one of both that predictions are made of.
    pub chosen: Estimate,
}

impl Entry {
    /// Returns the predicted mean of networks of this width, `f_∞ + b/m`.
    pub fn mean_at(&self, width: u64) -> f64 {
        self.limit + self.chosen.offset.value / width as f64
    }

    /// Returns the predicted standard deviation of networks of this width, `s/√m`.
    pub fn std_at(&self, width: u64) -> f64 {
        self.chosen.spread.value / (width as f64).sqrt()
    }
}

/// What is known of the limit of a number.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) value: f64,
    pub(super) error: f64,
    /// Degrees of freedom of the error.
    pub(super) freedom: f64,
}

/// Spread and offset of a number from its values in networks of a width.
pub(super) fn estimate(values: &[f64], width: u64, limit: Limit) -> Estimate {
    let (m, moments, spread) = (width as f64, Moments::of(values), Spread::of(values));
    let (lower, upper) = spread.interval();
    let root = m.sqrt();
    let spread = Interval {
        value: root * spread.std,
        error: root * spread.standard_error(),
        lower: root * lower,
        upper: root * upper,
    };
    let (of_mean, of_limit) = (moments.standard_error().powi(2), limit.error.powi(2));
    let variance = of_mean + of_limit;
    let error = m * variance.sqrt();
    // Without any variance there is no interval either.
    let freedom = variance.powi(2) / (of_mean.powi(2) / (values.len() as f64 - 1.0) + of_limit.powi(2) / limit.freedom);
    let half = if variance == 0.0 { 0.0 } else { t_975(freedom) * error };
    let value = m * (moments.mean() - limit.value);
    Estimate { spread, offset: Interval { value, error, lower: value - half, upper: value + half } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two values 1 and 3 at m = 4: std √2, s = 2 √2; mean 2, b = 4 (2 − 1.5) = 2 with the error 4 √(2/2) and t(1) = 12.706.
    #[test]
    fn an_estimate_is_that_on_paper() {
        let exact = Limit { value: 1.5, error: 0.0, freedom: 7.0 };
        let found = estimate(&[1.0, 3.0], 4, exact);
        assert!((found.spread.value - 8f64.sqrt()).abs() < 1e-12);
        assert!((found.offset.value - 2.0).abs() < 1e-12 && (found.offset.error - 4.0).abs() < 1e-12);
        assert!((found.offset.upper - 2.0 - 4.0 * 12.706).abs() < 0.01, "{found:?}");
        // An error of the limit widens the interval of b alone: √(1 + 3²) and, by Welch, 100/(1 + 81/7) degrees of freedom.
        let known = estimate(&[1.0, 3.0], 4, Limit { error: 3.0, ..exact });
        assert_eq!(known.spread, found.spread);
        let half = t_975(100.0 / (1.0 + 81.0 / 7.0)) * 4.0 * 10f64.sqrt();
        assert!((known.offset.upper - 2.0 - half).abs() < 1e-9, "{known:?}");
    }

    #[test]
    fn numbers_that_all_networks_share_have_no_interval() {
        let found = estimate(&[0.0; 5], 64, Limit { value: 0.0, error: 0.0, freedom: 7.0 });
        let zero = Interval { value: 0.0, error: 0.0, lower: 0.0, upper: 0.0 };
        assert_eq!(found, Estimate { spread: zero, offset: zero });
    }
}
