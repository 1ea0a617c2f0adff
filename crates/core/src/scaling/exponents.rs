//! Gradient descent depends on these powers of the width alone, at any depth.
//!
//! ```text
//! w_l = a_l + b_l   (effective weights have standard deviation ~ d^(-w_l)),      e_l = 2 a_l + c_l   (and learning rate ~ d^(-e_l))
//! ```
//!
//! (docs/theory/scaling-limits.md §5.1, Eq. effective.) Two abc-parametrisations with the same `w` and `e` train the same networks.

use std::cmp::Ordering;

use serde::Serialize;

use super::{
    layers::{LayerScaling, Scaling},
    sign::sign,
};
use crate::error::{Error, Result};

/// Refuses exponents that are no number.
pub(super) fn check_finite(name: &str, value: f64) -> Result<()> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(Error::Invalid(format!("{name} is {value}; an exponent must be a finite number"))),
    }
}

/// Refuses lists of exponents of unequal lengths, for no hidden layer, or with entries that are no number.
pub(super) fn check_lists(lists: [(&str, &[f64]); 2]) -> Result<()> {
    let [(first, one), (second, other)] = lists;
    if one.len() < 2 {
        return Err(Error::Invalid(format!(
            "`{first}` has {} numbers; it must have one per weight matrix, so at least 2: input layer first, readout last",
            one.len()
        )));
    }
    if one.len() != other.len() {
        return Err(Error::Invalid(format!(
            "`{second}` has {} numbers and `{first}` has {}; both must have one per weight matrix",
            other.len(),
            one.len()
        )));
    }
    for (name, list) in lists {
        list.iter().enumerate().try_for_each(|(l, value)| check_finite(&format!("{name}_{}", l + 1), *value))?;
    }
    Ok(())
}

/// `w_l` and `e_l` (module formula): input layer first, readout last, one per weight matrix of a network with a hidden layer or more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveExponents {
    weights: Vec<f64>,
    rates: Vec<f64>,
}

impl EffectiveExponents {
    /// Takes `w_1 … w_{L+1}` and `e_1 … e_{L+1}`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for lists of unequal lengths, of less than two numbers, or with a number that is not finite.
    pub fn new(weights: Vec<f64>, rates: Vec<f64>) -> Result<Self> {
        check_lists([("w", &weights), ("e", &rates)])?;
        Ok(Self { weights, rates })
    }

    /// Takes the exponents of the weights of data per layer; biases have exponents of their own.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a network without hidden layers, which has no width.
    pub fn of(scaling: &Scaling) -> Result<Self> {
        let weights = |l: &LayerScaling| -l.multiplier.exponent - l.init_std.exponent;
        let rates = |l: &LayerScaling| -2.0 * l.multiplier.exponent - l.learning_rate.exponent;
        Self::new(scaling.layers.iter().map(weights).collect(), scaling.layers.iter().map(rates).collect())
    }

    /// From lists that are known to be right.
    pub(super) fn checked(weights: Vec<f64>, rates: Vec<f64>) -> Self {
        Self { weights, rates }
    }

    /// Returns `w_l`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Returns `e_l`.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Returns `L ≥ 1`.
    pub fn hidden_layers(&self) -> usize {
        self.weights.len() - 1
    }

    /// Says whether the networks are the same, within [`super::EXPONENT_TOLERANCE`].
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |one: &[f64], other: &[f64]| {
            one.len() == other.len() && one.iter().zip(other).all(|(x, y)| sign(x - y) == Ordering::Equal)
        };
        same(&self.weights, &other.weights) && same(&self.rates, &other.rates)
    }
}
