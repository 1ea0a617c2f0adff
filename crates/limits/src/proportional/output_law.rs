//! One output at one input is a Gaussian with a random scale.
//!
//! ```text
//! f = √(v q) N(0, 1),   v = g K0_ii,   p(x) = p_{log f²}(log x²)/|x|,   P(f > x) = ½ P(log f² > log x²), x > 0
//! ```
//!
//! (docs/theory/proportional-limit.md §2.2, §3.2, Eq. 3.4.)

use std::f64::consts::{LN_2, PI};

use super::log_law::ln_1m_exp;
use super::{HiddenLayers, LogLaw, Result, invalid};

/// `E q^s`; +∞ for `s ≤ −min N/2`.
pub fn scale_moment(layers: &HiddenLayers, s: f64) -> f64 {
    log_scale_moment(layers, s).exp()
}

/// `ln E q^s`: for a whole s from the product `∏_{j<s} (1 + 2j/N)`.
pub(super) fn log_scale_moment(layers: &HiddenLayers, s: f64) -> f64 {
    if !((0.0..=64.0).contains(&s) && s.fract() == 0.0) {
        return LogLaw::scale(layers).cumulant(s);
    }
    let exact: f64 = layers
        .groups()
        .iter()
        .map(|group| {
            let factors: f64 = (1..s as u32).map(|j| (2.0 * f64::from(j) / group.width as f64).ln_1p()).sum();
            group.count as f64 * factors
        })
        .sum();
    exact + layers.continuum() * s * (s - 1.0)
}

/// Law of `log ‖F_i‖²`, the squared norm of the `outputs` outputs at one input of variance `v = g K0_ii > 0` each.
///
/// # Errors
/// A variance that is not positive and finite; no output.
pub fn log_squared_norm_law(layers: &HiddenLayers, variance: f64, outputs: u64) -> Result<LogLaw> {
    if !(variance > 0.0 && variance.is_finite()) {
        return Err(invalid(format!("output variance {variance} must be positive and finite")));
    }
    LogLaw::scale(layers).with_chi_square(outputs)?.shifted(variance.ln())
}

/// Law of one output at one input. It is symmetric.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputLaw {
    layers: HiddenLayers,
    variance: f64,
    /// Of `log f²`; none for an output that is 0.
    log_square: Option<LogLaw>,
}

impl OutputLaw {
    /// With output variance `v = g K0_ii`; 0 is a point mass at 0.
    ///
    /// # Errors
    /// A variance that is negative or not finite.
    pub fn new(layers: &HiddenLayers, variance: f64) -> Result<Self> {
        if !(variance >= 0.0 && variance.is_finite()) {
            return Err(invalid(format!("output variance {variance} must be finite and not negative")));
        }
        let log_square = if variance > 0.0 { Some(log_squared_norm_law(layers, variance, 1)?) } else { None };
        Ok(Self { layers: layers.clone(), variance, log_square })
    }

    /// Variance v of the output.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Law of `log f²`; `None` for a point mass at 0.
    pub fn log_square(&self) -> Option<&LogLaw> {
        self.log_square.as_ref()
    }

    /// Density; +∞ at 0 if a layer has width 1 or the law is a point mass there.
    pub fn density(&self, x: f64) -> f64 {
        self.log_density(x).exp()
    }

    /// Logarithm of the density.
    pub fn log_density(&self, x: f64) -> f64 {
        let Some(law) = &self.log_square else {
            return if x == 0.0 { f64::INFINITY } else { f64::NEG_INFINITY };
        };
        if x == 0.0 {
            return log_scale_moment(&self.layers, -0.5) - 0.5 * (2.0 * PI * self.variance).ln();
        }
        // The law of log f² has a χ² term and is never a point mass.
        let log = x.abs().ln();
        law.log_density(2.0 * log).unwrap_or(f64::NEG_INFINITY) - log
    }

    /// `ln P(f > x)`.
    pub fn log_upper_tail(&self, x: f64) -> f64 {
        let Some(law) = &self.log_square else {
            return if x < 0.0 { 0.0 } else { f64::NEG_INFINITY };
        };
        if x == 0.0 {
            return -LN_2;
        }
        let half = law.log_upper_tail(2.0 * x.abs().ln()) - LN_2;
        if x > 0.0 { half } else { ln_1m_exp(half) }
    }

    /// `P(f > x)`.
    pub fn upper_tail(&self, x: f64) -> f64 {
        self.log_upper_tail(x).exp()
    }

    /// `P(f ≤ x)`.
    pub fn cdf(&self, x: f64) -> f64 {
        if self.log_square.is_none() && x == 0.0 { 1.0 } else { self.log_upper_tail(-x).exp() }
    }

    /// The x with `P(f ≤ x) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn quantile(&self, p: f64) -> Result<f64> {
        Ok(-self.upper_quantile(p)?)
    }

    /// The x with `P(f > x) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn upper_quantile(&self, p: f64) -> Result<f64> {
        if !(p > 0.0 && p < 1.0) {
            return Err(invalid(format!("quantile level {p} must lie in (0, 1)")));
        }
        if p <= 0.5 { self.upper_quantile_of_log(p.ln()) } else { Ok(-self.upper_quantile_of_log((-p).ln_1p())?) }
    }

    /// The x ≥ 0 with `ln P(f > x) = log_p`, for levels no float holds; +∞ if x is above the largest float.
    ///
    /// # Errors
    /// `log_p` not finite or above `−ln 2`.
    pub fn upper_quantile_of_log(&self, log_p: f64) -> Result<f64> {
        if !(log_p.is_finite() && log_p <= -LN_2) {
            return Err(invalid(format!("logarithm {log_p} of a tail must be finite and at most −ln 2")));
        }
        let both = log_p + LN_2;
        match &self.log_square {
            Some(law) if both < 0.0 => Ok((0.5 * law.quantile_of_log_upper_tail(both)?).exp()),
            _ => Ok(0.0),
        }
    }

    /// `E f⁴/(E f²)² = 3 E q²`.
    pub fn kurtosis(&self) -> f64 {
        3.0 * scale_moment(&self.layers, 2.0)
    }

    /// `E f^order = (order − 1)!! v^{order/2} E q^{order/2}`; 0 for odd orders.
    pub fn moment(&self, order: u32) -> f64 {
        if order % 2 == 1 {
            return 0.0;
        }
        if order == 0 {
            return 1.0;
        }
        let half = order / 2;
        let double_factorial: f64 = (1..=half).map(|k| f64::from(2 * k - 1).ln()).sum();
        (double_factorial + f64::from(half) * self.variance.ln() + log_scale_moment(&self.layers, f64::from(half)))
            .exp()
    }
}
