//! Some scalings of networks of any depth have names.
//!
//! | | w (input, hidden, readout) | e (input, hidden, readout) |
//! |---|---|---|
//! | standard, constant rate | 0, 1/2, 1/2 | 0, 0, 0 |
//! | standard, rate over width | 0, 1/2, 1/2 | 1, 1, 1 |
//! | neural tangent | 0, 1/2, 1/2 | 0, 1, 1 |
//! | maximal update (µP) | 0, 1/2, 1 | −1, 0, 1 |
//! | mean-field, one hidden layer | 0, –, 1 | −1, –, 1 |
//! | Golikov's deep mean-field | 0, 1, 1 | −1, 0, 1 |
//!
//! (docs/theory/scaling-limits.md §5.2.)

use serde::Serialize;
use widenet_document::Word;

use super::{abc::AbcExponents, exponents::EffectiveExponents};
use crate::error::{Error, Result};

/// Most hidden layers of a network.
pub const MAX_HIDDEN_LAYERS: usize = 1000;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum NamedScaling {
    /// Standard parameterisation, rate independent of the width.
    Standard,
    /// Standard parameterisation, rate ~ 1/d.
    StandardOverWidth,
    /// Neural-tangent parameterisation.
    NeuralTangent,
    /// Maximal-update parameterisation, µP.
    MaximalUpdate,
    /// Mean-field parameterisation of one hidden layer; as a network, µP.
    MeanField,
    /// Golikov's mean-field scaling: µP's rates, but hidden weights of standard deviation 1/d.
    GolikovMeanField,
}

/// What one row says: `w` and `e` of the input layer, hidden layers and readout, and `c` of its usual abc-parameterization.
struct Row {
    w: [f64; 3],
    e: [f64; 3],
    c: f64,
}

impl Word for NamedScaling {
    /// In the order of the page.
    const WORDS: &'static [(&'static str, NamedScaling)] = &[
        ("sp", NamedScaling::Standard),
        ("sp_over_width", NamedScaling::StandardOverWidth),
        ("ntp", NamedScaling::NeuralTangent),
        ("mup", NamedScaling::MaximalUpdate),
        ("mfp", NamedScaling::MeanField),
        ("golikov_mf", NamedScaling::GolikovMeanField),
    ];
}

impl NamedScaling {
    fn row(self) -> Row {
        let row = |w, e, c| Row { w, e, c };
        match self {
            NamedScaling::Standard => row([0.0, 0.5, 0.5], [0.0, 0.0, 0.0], 0.0),
            NamedScaling::StandardOverWidth => row([0.0, 0.5, 0.5], [1.0, 1.0, 1.0], 1.0),
            NamedScaling::NeuralTangent => row([0.0, 0.5, 0.5], [0.0, 1.0, 1.0], 0.0),
            NamedScaling::MaximalUpdate => row([0.0, 0.5, 1.0], [-1.0, 0.0, 1.0], 0.0),
            NamedScaling::MeanField => row([0.0, 1.0, 1.0], [-1.0, 0.0, 1.0], -1.0),
            NamedScaling::GolikovMeanField => row([0.0, 1.0, 1.0], [-1.0, 0.0, 1.0], 0.0),
        }
    }

    /// Returns its `w` and `e` with `hidden_layers ≥ 1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] without hidden layers, with more than [`MAX_HIDDEN_LAYERS`], or with more than one for [`NamedScaling::MeanField`].
    pub fn effective(self, hidden_layers: usize) -> Result<EffectiveExponents> {
        let row = self.row();
        if hidden_layers > MAX_HIDDEN_LAYERS {
            return Err(Error::Invalid(format!(
                "\"{}\" was asked for with {hidden_layers} hidden layers; at most {MAX_HIDDEN_LAYERS} are taken",
                self.word()
            )));
        }
        if hidden_layers == 0 || (self == NamedScaling::MeanField && hidden_layers != 1) {
            let right = if self == NamedScaling::MeanField { "exactly 1" } else { "at least 1" };
            return Err(Error::Invalid(format!(
                "\"{}\" was asked for with {hidden_layers} hidden layers; it needs {right}",
                self.word()
            )));
        }
        let layers = |[input, hidden, readout]: [f64; 3]| {
            let mut layers = vec![hidden; hidden_layers + 1];
            layers[0] = input;
            layers[hidden_layers] = readout;
            layers
        };
        Ok(EffectiveExponents::checked(layers(row.w), layers(row.e)))
    }

    /// Returns its usual abc-parametrisation.
    ///
    /// # Errors
    /// As [`NamedScaling::effective`].
    pub fn abc(self, hidden_layers: usize) -> Result<AbcExponents> {
        self.effective(hidden_layers)?.abc(self.row().c)
    }
}
