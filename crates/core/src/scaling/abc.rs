//! The abc-parametrization makes multipliers, initial standard deviations and one learning rate powers of the width.
//!
//! ```text
//! W^l = d^(-a_l) w^l,      w^l ~ N(0, d^(-2 b_l)),      learning rate η d^(-c) for all w^l,      l = 1 … L+1
//! (a_l, b_l, c)  and  (a_l + θ, b_l − θ, c − 2θ)  are the same network
//! ```
//!
//! (Yang & Hu 2021; docs/theory/scaling-limits.md §5.1, Eq. abc.) The fan-in of the input layer is fixed.

use serde::Serialize;

use super::exponents::{EffectiveExponents, check_finite, check_lists};
use crate::error::Result;

/// Exponents of an abc-parametrisation, input layer first, readout last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AbcExponents {
    a: Vec<f64>,
    b: Vec<f64>,
    c: f64,
}

impl AbcExponents {
    /// Takes `a_1 … a_{L+1}`, `b_1 … b_{L+1}` and `c`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for lists of unequal lengths, of less than two numbers, or with a number that is not finite.
    pub fn new(a: Vec<f64>, b: Vec<f64>, c: f64) -> Result<Self> {
        check_lists([("a", &a), ("b", &b)])?;
        check_finite("c", c)?;
        Ok(Self { a, b, c })
    }

    /// Returns `a_l`.
    pub fn a(&self) -> &[f64] {
        &self.a
    }

    /// Returns `b_l`.
    pub fn b(&self) -> &[f64] {
        &self.b
    }

    /// Returns `c`.
    pub fn c(&self) -> f64 {
        self.c
    }

    /// Returns `L ≥ 1`.
    pub fn hidden_layers(&self) -> usize {
        self.a.len() - 1
    }

    /// Says what gradient descent depends on.
    pub fn effective(&self) -> EffectiveExponents {
        let weights = self.a.iter().zip(&self.b).map(|(a, b)| a + b).collect();
        EffectiveExponents::checked(weights, self.a.iter().map(|a| 2.0 * a + self.c).collect())
    }

    /// Returns the same network in other symbols (module formula).
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] if θ is not finite.
    pub fn shifted(&self, theta: f64) -> Result<Self> {
        check_finite("θ", theta)?;
        let [a, b] = [(&self.a, theta), (&self.b, -theta)].map(|(list, by)| list.iter().map(|x| x + by).collect());
        Self::new(a, b, self.c - 2.0 * theta)
    }
}

impl EffectiveExponents {
    /// Returns the abc-parametrisation with this `c`: `a_l = (e_l − c)/2`, `b_l = w_l − a_l`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] if `c` is not finite.
    pub fn abc(&self, c: f64) -> Result<AbcExponents> {
        let a: Vec<f64> = self.rates().iter().map(|e| (e - c) / 2.0).collect();
        let b = self.weights().iter().zip(&a).map(|(w, a)| w - a).collect();
        AbcExponents::new(a, b, c)
    }
}
