//! Scalings of networks of any depth that have names.
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

use super::{AbcExponents, EffectiveExponents};
use crate::{Error, Result};

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

/// What one row says: `w` and `e` of the input layer, hidden layers and readout, and `c` of its usual abc-parametrisation.
struct Row {
    word: &'static str,
    w: [f64; 3],
    e: [f64; 3],
    c: f64,
}

impl NamedScaling {
    /// All named parameterisations, in the order of the table of docs/theory/scaling-limits.md §5.2.
    pub const ALL: [NamedScaling; 6] = [
        NamedScaling::Standard,
        NamedScaling::StandardOverWidth,
        NamedScaling::NeuralTangent,
        NamedScaling::MaximalUpdate,
        NamedScaling::MeanField,
        NamedScaling::GolikovMeanField,
    ];

    fn row(self) -> Row {
        let row = |word, w, e, c| Row { word, w, e, c };
        match self {
            NamedScaling::Standard => row("sp", [0.0, 0.5, 0.5], [0.0, 0.0, 0.0], 0.0),
            NamedScaling::StandardOverWidth => row("sp_over_width", [0.0, 0.5, 0.5], [1.0, 1.0, 1.0], 1.0),
            NamedScaling::NeuralTangent => row("ntp", [0.0, 0.5, 0.5], [0.0, 1.0, 1.0], 0.0),
            NamedScaling::MaximalUpdate => row("mup", [0.0, 0.5, 1.0], [-1.0, 0.0, 1.0], 0.0),
            NamedScaling::MeanField => row("mfp", [0.0, 1.0, 1.0], [-1.0, 0.0, 1.0], -1.0),
            NamedScaling::GolikovMeanField => row("golikov_mf", [0.0, 1.0, 1.0], [-1.0, 0.0, 1.0], 0.0),
        }
    }

    /// Its word in files and on the command line.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The scaling of a word.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the known words.
    pub fn of_word(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|named| named.word() == word).ok_or_else(|| {
            let words: Vec<String> = Self::ALL.iter().map(|named| format!("\"{}\"", named.word())).collect();
            Error::Invalid(format!("parametrisation \"{word}\" is not known; it must be one of {}", words.join(", ")))
        })
    }

    /// Its `w` and `e` with `hidden_layers ≥ 1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] without hidden layers, or with more than one for [`NamedScaling::MeanField`].
    pub fn effective(self, hidden_layers: usize) -> Result<EffectiveExponents> {
        let row = self.row();
        if hidden_layers == 0 || (self == NamedScaling::MeanField && hidden_layers != 1) {
            let right = if self == NamedScaling::MeanField { "exactly 1" } else { "at least 1" };
            return Err(Error::Invalid(format!(
                "\"{}\" was asked for with {hidden_layers} hidden layers; it needs {right}",
                row.word
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

    /// Its usual abc-parametrisation.
    ///
    /// # Errors
    /// As [`NamedScaling::effective`].
    pub fn abc(self, hidden_layers: usize) -> Result<AbcExponents> {
        self.effective(hidden_layers)?.abc(self.row().c)
    }
}
