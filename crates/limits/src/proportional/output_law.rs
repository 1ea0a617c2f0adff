//! One output at one input is a Gaussian with a random scale.
//!
//! ```text
//! f = √(v q) N(0, 1),   v = g K0_ii,   p(x) = p_{log f²}(log x²)/|x|,   P(f > x) = ½ P(log f² > log x²), x > 0
//! ```
//!
//! (docs/theory/proportional-limit.md §2.2, §3.2, Eq. 3.4.)

use std::f64::consts::{LN_2, PI};

use super::{
    error::{Result, invalid},
    layers::HiddenLayers,
    log_law::{LogLaw, ln_1m_exp},
};

/// Returns `E q^s`; +∞ for `s ≤ −min N/2`.
pub fn scale_moment(layers: &HiddenLayers, s: f64) -> f64 {
    log_scale_moment(layers, s).exp()
}

/// Returns `ln E q^s`, +∞ for `s ≤ −min N/2`: for a whole s from the product `∏_{j<s} (1 + 2j/N)`.
pub fn log_scale_moment(layers: &HiddenLayers, s: f64) -> f64 {
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

/// Makes the distribution of `log ‖F_i‖²`, the squared norm of the `outputs` outputs at one input of variance `v = g K0_ii > 0` each.
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
    /// Logarithm of the density at 0, its largest value.
    log_peak: f64,
}

/// How far rounding may lift a logarithm above its bound.
const ROUNDING: f64 = 1e-8;

impl OutputLaw {
    /// Makes the distribution of output variance `v = g K0_ii`; 0 is a point mass at 0.
    ///
    /// # Errors
    /// A variance that is negative or not finite.
    pub fn new(layers: &HiddenLayers, variance: f64) -> Result<Self> {
        if !(variance >= 0.0 && variance.is_finite()) {
            return Err(invalid(format!("output variance {variance} must be finite and not negative")));
        }
        let log_square = if variance > 0.0 { Some(log_squared_norm_law(layers, variance, 1)?) } else { None };
        let log_peak = match log_square {
            Some(_) => log_scale_moment(layers, -0.5) - 0.5 * (2.0 * PI * variance).ln(),
            None => f64::INFINITY,
        };
        Ok(Self { layers: layers.clone(), variance, log_square, log_peak })
    }

    /// Returns the variance v of the output.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Returns the distribution of `log f²`; `None` for a point mass at 0.
    pub fn log_square(&self) -> Option<&LogLaw> {
        self.log_square.as_ref()
    }

    /// Returns the density; +∞ at 0 if a layer has width 1 or the law is a point mass there.
    ///
    /// # Errors
    /// As [`Self::log_density`].
    pub fn density(&self, x: f64) -> Result<f64> {
        Ok(self.log_density(x)?.exp())
    }

    /// Returns the logarithm of the density.
    ///
    /// # Errors
    /// x is NaN; an integral that cannot be relied on.
    pub fn log_density(&self, x: f64) -> Result<f64> {
        number(x)?;
        let Some(law) = &self.log_square else {
            return Ok(if x == 0.0 { f64::INFINITY } else { f64::NEG_INFINITY });
        };
        if x == 0.0 {
            return Ok(self.log_peak);
        }
        if x.is_infinite() {
            return Ok(f64::NEG_INFINITY);
        }
        // The law of log f² has a χ² term and is never a point mass.
        let log = x.abs().ln();
        let density = law.log_density(2.0 * log)? - log;
        if density > self.log_peak + ROUNDING {
            return Err(invalid(format!(
                "the density of an output at {x} is e^({density}), above e^({}), that at 0",
                self.log_peak
            )));
        }
        Ok(density)
    }

    /// Returns `ln P(f > x)`.
    ///
    /// # Errors
    /// x is NaN; an integral that cannot be relied on.
    pub fn log_upper_tail(&self, x: f64) -> Result<f64> {
        number(x)?;
        let Some(law) = &self.log_square else {
            return Ok(if x < 0.0 { 0.0 } else { f64::NEG_INFINITY });
        };
        if x == 0.0 {
            return Ok(-LN_2);
        }
        let half = law.log_upper_tail(2.0 * x.abs().ln())? - LN_2;
        // The density is largest at 0: ½ − |x| p(0) ≤ P(f > |x|).
        let below = (self.log_peak + x.abs().ln()).exp();
        if below < 0.5 && half < (0.5 - below).ln() - ROUNDING {
            return Err(invalid(format!(
                "the probability that an output is above {} is e^({half}), below its bound {}",
                x.abs(),
                0.5 - below
            )));
        }
        Ok(if x > 0.0 { half } else { ln_1m_exp(half) })
    }

    /// Returns `P(f > x)`.
    ///
    /// # Errors
    /// As [`Self::log_upper_tail`].
    pub fn upper_tail(&self, x: f64) -> Result<f64> {
        Ok(self.log_upper_tail(x)?.exp())
    }

    /// Returns `P(f ≤ x)`.
    ///
    /// # Errors
    /// As [`Self::log_upper_tail`].
    pub fn cdf(&self, x: f64) -> Result<f64> {
        if self.log_square.is_none() && x == 0.0 {
            return Ok(1.0);
        }
        self.upper_tail(-x)
    }

    /// Returns the x with `P(f ≤ x) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn quantile(&self, p: f64) -> Result<f64> {
        Ok(-self.upper_quantile(p)?)
    }

    /// Returns the x with `P(f > x) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn upper_quantile(&self, p: f64) -> Result<f64> {
        if !(p > 0.0 && p < 1.0) {
            return Err(invalid(format!("quantile level {p} must lie in (0, 1)")));
        }
        if p <= 0.5 { self.upper_quantile_of_log(p.ln()) } else { Ok(-self.upper_quantile_of_log((-p).ln_1p())?) }
    }

    /// Returns the x ≥ 0 with `ln P(f > x) = log_p`, for levels no float holds; +∞ if x is above the largest float.
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

    /// Returns `E f⁴/(E f²)² = 3 E q²`.
    pub fn kurtosis(&self) -> f64 {
        3.0 * scale_moment(&self.layers, 2.0)
    }

    /// Returns `E f^order = (order − 1)!! v^{order/2} E q^{order/2}`; 0 for odd orders.
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

/// Refuses NaN.
fn number(x: f64) -> Result<()> {
    if x.is_nan() { Err(invalid("the law of an output at NaN: it must be a number")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::layers::LayerGroup;
    use super::*;

    /// By products up to 64, by gamma functions beyond and between: one function of the order, convex as every cumulant function.
    #[test]
    fn moments_are_one_function_of_their_order() {
        let groups = [
            LayerGroup { width: 3, count: 2 },
            LayerGroup { width: 40, count: 30 },
            LayerGroup { width: 999, count: 7 },
        ];
        let layers = HiddenLayers::new(&groups, 0.25).expect("layers");
        for s in (0..=70).map(f64::from) {
            let (product, gamma) = (log_scale_moment(&layers, s), LogLaw::scale(&layers).cumulant(s));
            assert!((product - gamma).abs() <= 1e-13 * gamma.abs().max(1.0), "{s}: {product} {gamma}");
            let [before, after] = [s - 0.5, s + 0.5].map(|s| log_scale_moment(&layers, s));
            assert!(before - 2.0 * product + after > 0.0, "{s}: not convex");
        }
    }
}
