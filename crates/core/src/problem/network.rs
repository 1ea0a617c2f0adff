//! Section `[network]` says what the network is made of.

use widenet_document::{
    Result, Word, Written,
    keys::{or, required},
    section,
    shape::{boolean, whole, word},
};

use super::activation::{Activation, activation};
use crate::scaling::MAX_HIDDEN_LAYERS;

/// Law of the initial entries of the hidden matrices, in units of their standard deviation. Outer layers and biases are always Gaussian.
///
/// Wide networks forget it: to leading order in 1/width all laws agree, at the next order those of equal fourth moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryLaw {
    /// Standard normal.
    #[default]
    Gaussian,
    /// ±1: excess kurtosis −2.
    Rademacher,
    /// 151 values by a cubic of one random byte, with the first five moments of the Gaussian but for an excess kurtosis of −7·10⁻⁵
    /// (docs/theory/randomness.md §3, Eq. entries).
    C8,
}

impl Word for EntryLaw {
    const WORDS: &'static [(&'static str, EntryLaw)] =
        &[("gaussian", EntryLaw::Gaussian), ("rademacher", EntryLaw::Rademacher), ("c8", EntryLaw::C8)];
}

impl EntryLaw {
    /// Returns the word in files.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

section! {
    /// A fully connected network: section `[network]`. Whether it has biases is said by the parameterization (`sigma_b`).
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct Network {
        /// Number of hidden layers `L`; there are `L + 1` weight matrices.
        pub hidden_layers: usize = required(whole(1..=MAX_HIDDEN_LAYERS as u64)),
        /// Activation after every hidden layer: a word, or a table with its parameter.
        pub activation: Activation = or(activation(), "identity"),
        /// Distribution of the initial entries of the matrices between hidden layers.
        pub entry_law: EntryLaw = or(word(), "gaussian"),
        /// Whether the function that is trained and recorded is `f − f_0`, the network less its own function at the start.
        pub centered: bool = or(boolean(), false),
    }
    refuse { "bias": "biases belong to the parameterization; give `parameterization.sigma_b`" }
    check = check;
}

fn check(network: &Network, table: &Written<'_>) -> Result<()> {
    if network.hidden_layers > 1 || network.entry_law == EntryLaw::Gaussian {
        return Ok(());
    }
    Err(table.error(format!(
        "`network.entry_law` is \"{}\", the law of the matrices between hidden layers, and one hidden layer has none; leave it out, or use \
         more hidden layers",
        network.entry_law.name()
    )))
}
