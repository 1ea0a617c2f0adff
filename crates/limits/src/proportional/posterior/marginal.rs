//! The posterior of one output at one test input is a mixture of normal distributions.
//!
//! ```text
//! P(f ≤ x) = Σ_k w_k Φ((x − m_k)/√v_k)
//! ```
//!
//! (docs/theory/proportional-limit.md §8.1, Eq. 8.3.)

use std::f64::consts::{SQRT_2, TAU};

use super::error::{Result, invalid};

/// A mixture of normal laws, point masses among them.
#[derive(Debug, Clone)]
pub struct Marginal {
    /// Weight, mean, standard deviation.
    components: Vec<(f64, f64, f64)>,
}

impl Marginal {
    /// Weights need not sum to 1.
    pub(super) fn new(mut components: Vec<(f64, f64, f64)>) -> Self {
        let total: f64 = components.iter().map(|component| component.0).sum();
        components.iter_mut().for_each(|component| component.0 /= total);
        Self { components }
    }

    /// Returns the mean.
    pub fn mean(&self) -> f64 {
        self.components.iter().map(|(weight, mean, _)| weight * mean).sum()
    }

    /// Returns the variance.
    pub fn variance(&self) -> f64 {
        let centre = self.mean();
        self.components.iter().map(|(weight, mean, sd)| weight * (sd * sd + (mean - centre).powi(2))).sum()
    }

    /// Returns `P(f ≤ x)`.
    pub fn cdf(&self, x: f64) -> f64 {
        self.tail(x, 1.0)
    }

    /// Returns `P(f > x)`, also where it is tiny (up to the weight of point masses at x).
    pub fn upper_tail(&self, x: f64) -> f64 {
        self.tail(x, -1.0)
    }

    fn tail(&self, x: f64, side: f64) -> f64 {
        let of_one = |(weight, mean, deviation): &(f64, f64, f64)| {
            let gap = side * (mean - x);
            let share = if *deviation > 0.0 {
                0.5 * libm::erfc(gap / (deviation * SQRT_2))
            } else {
                f64::from(u8::from(if side > 0.0 { gap <= 0.0 } else { gap < 0.0 }))
            };
            weight * share
        };
        self.components.iter().map(of_one).sum()
    }

    /// Returns the density; infinite at a point mass.
    pub fn density(&self, x: f64) -> f64 {
        let of_one = |(weight, mean, deviation): &(f64, f64, f64)| {
            if *deviation > 0.0 {
                weight * (-0.5 * ((x - mean) / deviation).powi(2)).exp() / (TAU.sqrt() * deviation)
            } else if x == *mean && *weight > 0.0 {
                f64::INFINITY
            } else {
                0.0
            }
        };
        self.components.iter().map(of_one).sum()
    }

    /// Returns the x with `P(f ≤ x) = level`.
    ///
    /// # Errors
    /// A level not in (0, 1).
    pub fn quantile(&self, level: f64) -> Result<f64> {
        if !(level > 0.0 && level < 1.0) {
            return Err(invalid(format!("a quantile level of {level}: it must be between 0 and 1, both excluded")));
        }
        // Beyond 38 standard deviations of every component there is nothing.
        let bound = |side: f64| {
            let ends = self.components.iter().map(|(_, mean, deviation)| side * mean + 38.5 * deviation);
            side * ends.fold(f64::NEG_INFINITY, f64::max)
        };
        let (mut low, mut high) = (bound(-1.0), bound(1.0));
        // The smaller tail, so that extreme levels keep their digits.
        let above = |x: f64| if level <= 0.5 { self.cdf(x) >= level } else { self.upper_tail(x) <= 1.0 - level };
        let mut x = self.mean();
        for _ in 0..200 {
            if above(x) {
                high = high.min(x)
            } else {
                low = low.max(x)
            }
            if high - low <= 1e-15 * (low.abs().max(high.abs())) {
                break;
            }
            let off = if level <= 0.5 { self.cdf(x) - level } else { (1.0 - level) - self.upper_tail(x) };
            let newton = x - off / self.density(x);
            // Newton's step if it stays inside, otherwise half the bracket.
            let inside = newton > low && newton < high;
            if inside && (newton - x).abs() <= 1e-15 * x.abs() {
                return Ok(newton);
            }
            x = if inside { newton } else { 0.5 * (low + high) };
        }
        Ok(x)
    }
}
