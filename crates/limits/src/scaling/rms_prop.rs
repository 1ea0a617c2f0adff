//! Networks with one hidden layer have a stable band of their own under RMSProp.
//!
//! ```text
//! δâ, δŵ ~ n^q̃,      f⁽ᵏ⁾ − f⁽⁰⁾ ~ n^(q_σ + 1 + q̃),      stable:  −1/2 ≤ q̃ ≤ 0
//! ```
//!
//! (docs/theory/scaling-limits.md §5.4, Eq. normalised-band.) The optimiser divides gradients by their magnitude, so increments are what
//! the rates of the hats say, and q̃ has the part that s has under gradient descent.

use std::cmp::Ordering;

use widenet_core::{
    Result,
    scaling::{GolikovExponents, sign},
};

use super::condition::Condition;

/// Exponents and verdict of a scaling under RMSProp.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsPropClassification {
    /// q̃: increments of weights in units of the weights.
    pub increments: f64,
    /// `q_σ + 1 + q̃`: changes of outputs.
    pub output_change: f64,
    /// What stability asks for: `q̃ ≤ 0`, else the scaling is unstable, and `q̃ ≥ −1/2`, else stagnant.
    pub reasons: [Condition; 2],
}

impl RmsPropClassification {
    /// Judges `q_σ` and equal rates of the hats.
    ///
    /// # Errors
    /// [`widenet_core::Error::Invalid`] for a number that is not finite.
    pub fn of(q_sigma: f64, q: f64) -> Result<Self> {
        GolikovExponents::equal(q_sigma, q)?;
        let reasons = [Condition::at_most("q̃", q, 0.0), Condition::at_least("q̃", q, -0.5)];
        Ok(Self { increments: q, output_change: q_sigma + 1.0 + q, reasons })
    }

    /// Says whether the scaling is dynamically stable.
    pub fn is_stable(&self) -> bool {
        self.reasons.iter().all(|reason| reason.holds)
    }

    /// Says whether the network stays what it is at the start.
    pub fn is_stagnant(&self) -> bool {
        sign(self.increments + 0.5) == Ordering::Less
    }
}
