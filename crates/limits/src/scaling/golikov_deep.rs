//! Golikov scales networks with more than one hidden layer by these exponents.
//!
//! ```text
//!            weights but the input's      rates: input      hidden       readout
//! GD         n^(1/2−q)                    n^(2q−1)          n^(2q−2)     n^(−1)
//! RMSProp    n^(1/2−q)                    n^(q−1)           n^(q−2)      n^(−1)          q = 1/2: NTK,   q = 1: mean-field
//! ```
//!
//! (docs/theory/scaling-limits.md §5.4.) Factors on a network whose weights have variance 1/fan-in. Under GD with H hidden layers the
//! kernel is of order `n^(−(2q−1)(H−2))` for H ≥ 2: the mean-field limit vanishes at H ≥ 3. RMSProp normalises gradients, and it does not.

use std::cmp::Ordering;

use widenet_core::{
    Error, Result,
    scaling::{EffectiveExponents, sign},
};

use super::deep::DeepExponents;

/// What gradients are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Update {
    /// Gradient descent.
    GradientDescent,
    /// Gradients divided by their running magnitude.
    RmsProp,
}

/// A scaling of the family (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepScaling {
    q: f64,
}

/// Exponents of the factors of a network of n times the reference width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepFactors {
    /// Of the weights of all layers but the input layer.
    pub weights: f64,
    /// Of the input layer's rate.
    pub input_rate: f64,
    /// Of the rates between hidden layers.
    pub hidden_rate: f64,
    /// Of the readout's rate.
    pub readout_rate: f64,
}

/// What is left of learning in a wide network after any fixed number of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeepLearning {
    /// Outputs change by an amount of order 1.
    NonTrivial,
    /// Outputs stay at 0: kernel and changes of outputs are of order `n^exponent`.
    Vanishing {
        /// Less than 0.
        exponent: f64,
    },
}

impl DeepScaling {
    /// Mean-field, q = 1.
    pub const MF: Self = Self { q: 1.0 };
    /// NTK, q = 1/2.
    pub const NTK: Self = Self { q: 0.5 };

    /// Makes a scaling between them.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless 1/2 < q < 1.
    pub fn intermediate(q: f64) -> Result<Self> {
        if q > 0.5 && q < 1.0 {
            Ok(Self { q })
        } else {
            Err(Error::Invalid(format!("q is {q}; the intermediate scaling needs 1/2 < q < 1")))
        }
    }

    /// Returns the raw factors.
    pub fn factors(self, update: Update) -> DeepFactors {
        let q = self.q;
        let (input_rate, hidden_rate) = match update {
            Update::GradientDescent => (2.0 * q - 1.0, 2.0 * q - 2.0),
            Update::RmsProp => (q - 1.0, q - 2.0),
        };
        DeepFactors { weights: 0.5 - q, input_rate, hidden_rate, readout_rate: -1.0 }
    }

    /// Returns `w` and `e` under gradient descent, with `hidden_layers ≥ 1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] without hidden layers.
    pub fn effective(self, hidden_layers: usize) -> Result<EffectiveExponents> {
        if hidden_layers == 0 {
            return Err(Error::Invalid(
                "a deep scaling was asked for with 0 hidden layers; it needs at least 1".into(),
            ));
        }
        let factors = self.factors(Update::GradientDescent);
        // Weights of variance 1/fan-in are of order d^(-1/2).
        let mut weights = vec![0.5 - factors.weights; hidden_layers + 1];
        let mut rates = vec![-factors.hidden_rate; hidden_layers + 1];
        weights[0] = 0.0;
        rates[0] = -factors.input_rate;
        rates[hidden_layers] = -factors.readout_rate;
        EffectiveExponents::new(weights, rates)
    }

    /// Says what is left of learning; `None` where it is not known: RMSProp with q < 1 in more than one hidden layer.
    ///
    /// # Errors
    /// [`Error::Invalid`] without hidden layers.
    pub fn learning(self, update: Update, hidden_layers: usize) -> Result<Option<DeepLearning>> {
        let kernel = DeepExponents::of(&self.effective(hidden_layers)?).kernel();
        Ok(match update {
            Update::GradientDescent if sign(kernel) == Ordering::Less => {
                Some(DeepLearning::Vanishing { exponent: kernel })
            }
            Update::GradientDescent => Some(DeepLearning::NonTrivial),
            Update::RmsProp => (hidden_layers == 1 || self == Self::MF).then_some(DeepLearning::NonTrivial),
        })
    }
}
