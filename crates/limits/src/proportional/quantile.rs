//! Finds quantiles of logarithms of scales, also for levels that no float holds.
//!
//! ```text
//! P(U ≤ u) = p    or    ln P(U > u) = l
//! ```
//!
//! (docs/theory/proportional-limit.md §3.2.) Newton's method on the logarithm of the smaller tail, inside a bracket.

use std::f64::consts::LN_2;

use super::{
    error::{Result, invalid},
    log_law::{LogLaw, Tail, ln_1m_exp},
};

/// Logarithm of a tail beyond which its difference from that of the density has no digits; the hazard is then its leading order.
const RESOLVED: f64 = -1e6;

impl LogLaw {
    /// Returns the u with `P(U ≤ u) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn quantile(&self, p: f64) -> Result<f64> {
        if !(p > 0.0 && p < 1.0) {
            return Err(invalid(format!("quantile level {p} must lie in (0, 1)")));
        }
        if p <= 0.5 { self.solve(p.ln(), false) } else { self.solve((-p).ln_1p(), true) }
    }

    /// Returns the u with `ln P(U > u) = log_p`.
    ///
    /// # Errors
    /// `log_p` not finite and negative.
    pub fn quantile_of_log_upper_tail(&self, log_p: f64) -> Result<f64> {
        if !(log_p < 0.0 && log_p.is_finite()) {
            return Err(invalid(format!("logarithm {log_p} of a tail must be finite and negative")));
        }
        if log_p <= -LN_2 { self.solve(log_p, true) } else { self.solve(ln_1m_exp(log_p), false) }
    }

    /// The logarithm of a tail, and the density over it.
    fn tail_and_hazard(&self, u: f64, upper: bool) -> Result<(f64, f64)> {
        let log = match self.log_tails(u)? {
            (Tail::Upper(log), Some(hazard)) if upper => return Ok((log, hazard)),
            (Tail::Lower(log), Some(hazard)) if !upper => return Ok((log, hazard)),
            (Tail::Upper(log), _) if upper => log,
            (Tail::Lower(log), _) if !upper => log,
            (Tail::Upper(log) | Tail::Lower(log), _) => ln_1m_exp(log),
        };
        // Where the difference of logarithms has no digits left, its leading order.
        let hazard = if log > RESOLVED { (self.log_density(u)? - log).exp() } else { self.leading_hazard(u)? };
        Ok((log, hazard))
    }

    /// Where the logarithm of a tail has a value: Newton on logarithms inside a bracket.
    fn solve(&self, target: f64, upper: bool) -> Result<f64> {
        if self.is_point() {
            return Ok(self.mean());
        }
        // Distances from the mean, along the tail; what is below `inner` has more mass than wanted, what is beyond `outer` less.
        let sign = if upper { 1.0 } else { -1.0 };
        let sigma = self.variance().sqrt();
        let (mut inner, mut outer) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut x = normal_quantile(target) * sigma;
        for _ in 0..400 {
            let u = self.mean() + sign * x;
            let (log, hazard) = self.tail_and_hazard(u, upper)?;
            if log > target {
                inner = x
            } else {
                outer = x
            }
            // On ln(−log tail): tails fall like exponentials of exponentials where layers are few.
            let newton = x - log / hazard * (target / log).ln();
            let inside = newton > inner && newton < outer;
            let next = match (inside, inner.is_finite() && outer.is_finite()) {
                // A bound that is not known yet is looked for in steps that double.
                (true, false) => newton.clamp(x - 2.0 * x.abs() - sigma, x + 2.0 * x.abs() + sigma),
                (true, true) => newton,
                (false, true) => 0.5 * (inner + outer),
                (false, false) if log > target => x + x.abs() + sigma,
                (false, false) => x - x.abs() - sigma,
            };
            let moved = (next - x).abs();
            x = next;
            // Newton squares the error: after a step of this size it is below rounding.
            let close = if inside { 1e-9 } else { 1e-15 };
            if moved <= close * sigma.min(1.0) + 1e-15 * x.abs() {
                return Ok(self.mean() + sign * x);
            }
        }
        Err(invalid(format!(
            "the value whose tail is e^({target}) was not found: it lies between {inner} and {outer} from the mean {}",
            self.mean()
        )))
    }
}

/// The z with `ln P(Z > z) = log_p` of a standard normal, to 5e-4 where `log_p ≤ −ln 2` (Abramowitz, Stegun, 26.2.23).
fn normal_quantile(log_p: f64) -> f64 {
    let t = (-2.0 * log_p).sqrt();
    t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}
