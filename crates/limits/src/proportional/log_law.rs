//! One integral gives the distributions of logarithms of scales, which are sums of independent log-gamma variables and a normal one.
//!
//! ```text
//! U = log q + Σ_k log χ²_k + shift,   Λ(s) = ln E e^{sU},   p(u) = (1/2πi) ∫ exp(Λ(s) − s u) ds
//! ```
//!
//! (docs/theory/proportional-limit.md §3.1, §3.2, Eq. 3.1, Eq. 3.3.) The contour passes through the saddle Λ'(c) = u, so that tails keep
//! their relative accuracy (`contour.rs`). A number that would break a law, a density below 0 or a probability above 1, is an error.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use super::{
    contour::{Integral, Kernel, integral},
    cumulant::{Cumulant, Point, Term},
    error::{Result, invalid},
    layers::HiddenLayers,
};

/// Law of the logarithm of a random scale.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLaw {
    cumulant: Cumulant,
    mean: f64,
    variance: f64,
}

/// Below this u the law is its leading exponential to all digits.
const FAR: f64 = -1e100;
/// How far rounding lifts the logarithm of a probability above 0.
const ABOVE_ONE: f64 = 1e-9;

impl LogLaw {
    /// Makes the distribution of `log q`, `q = ∏ χ²_N/N` over the exact layers times a log-normal variable for the continuum.
    pub fn scale(layers: &HiddenLayers) -> Self {
        let terms =
            layers.groups().iter().map(|g| Term { a: 0.5 * g.width as f64, count: g.count as f64 }).collect::<Vec<_>>();
        Self::from_parts(terms, layers.continuum(), -layers.continuum())
    }

    /// Makes the normal distribution of this mean and variance.
    ///
    /// # Errors
    /// A mean that is not finite; a variance that is negative or not finite.
    pub fn normal(mean: f64, variance: f64) -> Result<Self> {
        if !(mean.is_finite() && variance.is_finite() && variance >= 0.0) {
            return Err(invalid(format!(
                "a normal law of mean {mean} and variance {variance}: both finite, variance ≥ 0"
            )));
        }
        Ok(Self::from_parts(Vec::new(), 0.5 * variance, mean))
    }

    /// Adds an independent `log χ²_k`.
    ///
    /// # Errors
    /// k = 0.
    pub fn with_chi_square(self, k: u64) -> Result<Self> {
        if k == 0 {
            return Err(invalid("a chi-square variable needs at least 1 degree of freedom"));
        }
        let a = 0.5 * k as f64;
        let Cumulant { mut terms, quadratic, linear } = self.cumulant;
        match terms.iter_mut().find(|term| term.a == a) {
            Some(term) => term.count += 1.0,
            None => terms.push(Term { a, count: 1.0 }),
        }
        terms.sort_by(|x, y| x.a.total_cmp(&y.a));
        // χ²_k is k times a gamma variable of mean 1.
        Ok(Self::from_parts(terms, quadratic, linear + (k as f64).ln()))
    }

    /// Adds a constant.
    ///
    /// # Errors
    /// A constant that is not finite.
    pub fn shifted(self, by: f64) -> Result<Self> {
        if !by.is_finite() {
            return Err(invalid(format!("a logarithm shifted by {by}: must be finite")));
        }
        let Cumulant { terms, quadratic, linear } = self.cumulant;
        Ok(Self::from_parts(terms, quadratic, linear + by))
    }

    fn from_parts(terms: Vec<Term>, quadratic: f64, linear: f64) -> Self {
        let cumulant = Cumulant { terms, quadratic, linear };
        let (mean, variance) = cumulant.slopes(cumulant.point(0.0));
        Self { cumulant, mean, variance }
    }

    /// Returns `ln E e^{sU}`; +∞ outside the strip `s > −min N/2`.
    pub fn cumulant(&self, s: f64) -> f64 {
        let at = self.cumulant.point(s);
        if at.distance > 0.0 { self.cumulant.at(at) } else { f64::INFINITY }
    }

    /// Returns the mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the variance.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Says whether all mass is at the mean: the scale of the NNGP.
    pub fn is_point(&self) -> bool {
        self.variance == 0.0
    }

    /// Returns the logarithm of the density; −∞ where it is below −10^300.
    ///
    /// # Errors
    /// u is NaN; a point mass, which has no density; an integral that cannot be relied on.
    pub fn log_density(&self, u: f64) -> Result<f64> {
        number(u)?;
        if self.is_point() {
            return Err(invalid(format!("a law without variance has no density: all its mass is at {}", self.mean)));
        }
        if self.is_normal() {
            let z = (u - self.mean) / self.variance.sqrt();
            return Ok(-0.5 * (z * z + (2.0 * PI * self.variance).ln()));
        }
        let found = self.far(u, |u, saddle| integral(&self.cumulant, u, saddle, None, Kernel::Density))?;
        Ok(found.map_or(f64::NEG_INFINITY, |found| found.log))
    }

    /// Returns the logarithm of `P(U > u)`; −∞ where it is below −10^300.
    ///
    /// # Errors
    /// u is NaN; an integral that cannot be relied on.
    pub fn log_upper_tail(&self, u: f64) -> Result<f64> {
        Ok(match self.log_tails(u)?.0 {
            Tail::Upper(log) => log,
            Tail::Lower(log) => ln_1m_exp(log),
        })
    }

    /// Returns the logarithm of `P(U ≤ u)`; −∞ where it is below −10^300.
    ///
    /// # Errors
    /// As [`Self::log_upper_tail`].
    pub fn log_lower_tail(&self, u: f64) -> Result<f64> {
        Ok(match self.log_tails(u)?.0 {
            Tail::Upper(log) => ln_1m_exp(log),
            Tail::Lower(log) => log,
        })
    }

    /// Returns `P(U ≤ u)`.
    ///
    /// # Errors
    /// As [`Self::log_upper_tail`].
    pub fn cdf(&self, u: f64) -> Result<f64> {
        Ok(match self.log_tails(u)?.0 {
            Tail::Upper(log) => -log.exp_m1(),
            Tail::Lower(log) => log.exp(),
        })
    }

    /// Whether no gamma variable is part of it.
    fn is_normal(&self) -> bool {
        self.cumulant.terms.is_empty()
    }

    /// The tail beyond u on the side away from the mean, and its hazard (density over tail) where it costs nothing.
    pub(super) fn log_tails(&self, u: f64) -> Result<(Tail, Option<f64>)> {
        number(u)?;
        let side = if u >= self.mean { Tail::Upper } else { Tail::Lower };
        if self.is_point() {
            return Ok((side(f64::NEG_INFINITY), None));
        }
        if self.is_normal() {
            return Ok((side(log_normal_tail((u - self.mean).abs() / self.variance.sqrt())), None));
        }
        // The pole at s = 0 is kept at a distance.
        let clearance = 0.5 / self.variance.sqrt();
        let found = if u >= self.mean {
            self.far(u, |u, saddle| {
                let elsewhere = (saddle.s < clearance).then(|| self.cumulant.point(clearance));
                integral(&self.cumulant, u, saddle, elsewhere, Kernel::UpperTail)
            })?
        } else {
            self.far(u, |u, saddle| {
                let s = -clearance.min(0.5 * self.cumulant.edge());
                let elsewhere = (saddle.s > s).then(|| self.cumulant.point(s));
                integral(&self.cumulant, u, saddle, elsewhere, Kernel::LowerTail)
            })?
        };
        let Some(Integral { log, hazard }) = found else {
            return Ok((side(f64::NEG_INFINITY), None));
        };
        if log > ABOVE_ONE {
            return Err(invalid(format!("a tail of a log scale at u = {u} is e^({log}): a probability above 1")));
        }
        Ok((side(log.min(0.0)), Some(hazard).filter(|hazard| *hazard > 0.0)))
    }

    /// An integral whose logarithm is linear in u for very negative u; `None` where it is below e^{−10^300}.
    fn far(&self, u: f64, value: impl Fn(f64, Point) -> Result<Integral>) -> Result<Option<Integral>> {
        if u == f64::INFINITY {
            return Ok(None);
        }
        let at = u.max(FAR);
        let Some(saddle) = self.cumulant.saddle(at)? else {
            return Ok(None);
        };
        let mut found = value(at, saddle)?;
        if u < FAR {
            found.log += self.cumulant.edge() * (u - FAR);
        }
        Ok(Some(found))
    }

    /// `|s|` of the saddle: the hazard to leading order in a far tail.
    pub(super) fn leading_hazard(&self, u: f64) -> Result<f64> {
        Ok(self.cumulant.saddle(u.max(FAR))?.map_or(f64::INFINITY, |saddle| saddle.s.abs()))
    }
}

/// Logarithm of a tail.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tail {
    Upper(f64),
    Lower(f64),
}

/// Refuses NaN.
fn number(u: f64) -> Result<()> {
    if u.is_nan() { Err(invalid("a law at NaN: it must be a number")) } else { Ok(()) }
}

/// `ln(1 − e^x)` for x ≤ 0.
pub(super) fn ln_1m_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// `ln(1 − Φ(z))`, z ≥ 0.
fn log_normal_tail(z: f64) -> f64 {
    if z < 30.0 {
        return (0.5 * libm::erfc(z * FRAC_1_SQRT_2)).ln();
    }
    // 1 − Φ = φ/z (1 − z⁻² + 3 z⁻⁴ − 15 z⁻⁶ + 105 z⁻⁸ − …).
    let x = 1.0 / (z * z);
    let series = x * (-1.0 + x * (3.0 + x * (-15.0 + x * (105.0 - 945.0 * x))));
    -0.5 * z * z - (z * (2.0 * PI).sqrt()).ln() + series.ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `φ(z)/(1 − Φ(z)) = z + 1/(z + 2/(z + 3/(z + …)))`, Laplace's continued fraction.
    fn by_fraction(z: f64) -> f64 {
        let hazard = z + (1..400).rev().fold(0.0, |tail, k| f64::from(k) / (z + tail));
        -0.5 * z * z - (2.0 * PI).sqrt().ln() - hazard.ln()
    }

    #[test]
    fn normal_tails_meet_where_their_series_begins() {
        for z in [3.0, 10.0, 29.0, 29.999, 30.0, 30.001, 31.0, 37.0, 100.0, 1e8] {
            let (found, expected) = (log_normal_tail(z), by_fraction(z));
            assert!((found - expected).abs() < 3e-15 * expected.abs() + 1e-14, "{z}: {found} {expected}");
        }
        // ln(1 − e^x) on either side of −ln 2, from its sum with what it complements.
        for x in [-1e-12, -0.1, -0.69, -LN_2, -0.7, -3.0, -40.0] {
            let sum = x.exp() + ln_1m_exp(x).exp();
            assert!((sum - 1.0).abs() < 2e-16, "{x}: {sum}");
        }
        assert_eq!([ln_1m_exp(0.0), ln_1m_exp(f64::NEG_INFINITY)], [f64::NEG_INFINITY, 0.0]);
    }
}
