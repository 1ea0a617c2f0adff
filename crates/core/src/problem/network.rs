//! The architecture: section `[network]`.

use super::Activation;
use crate::{Result, document::Field};

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

impl EntryLaw {
    /// Words of problem files.
    pub const WORDS: [(&str, EntryLaw); 3] =
        [("gaussian", EntryLaw::Gaussian), ("rademacher", EntryLaw::Rademacher), ("c8", EntryLaw::C8)];

    /// The word in files.
    pub fn name(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, law)| *law == self).map_or("", |(word, _)| word)
    }
}

/// A fully connected network. Whether it has biases is said by the parameterisation (`sigma_b`).
///
/// # Section `[network]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `hidden_layers` | required | `L`, a whole number from 1 to 1000 |
/// | `activation` | `"identity"` | a word or table of [`Activation`] |
/// | `entry_law` | `"gaussian"` | of the hidden matrices at the start: `gaussian`, `rademacher`, `c8` ([`EntryLaw`]) |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Number of hidden layers `L ≥ 1`; there are `L + 1` weight matrices.
    pub hidden_layers: usize,
    /// Activation after every hidden layer.
    pub activation: Activation,
    /// Law of the initial entries of hidden matrices.
    pub entry_law: EntryLaw,
}

impl Network {
    pub(super) fn parse(section: &Field) -> Result<Network> {
        let mut table = section.table()?;
        let hidden_layers = table.required("hidden_layers", |field| field.whole_in(1..=1000))? as usize;
        let activation = table.or("activation", Activation::Identity, Activation::parse)?;
        let entry_law = table.or("entry_law", EntryLaw::Gaussian, |field| field.choice(&EntryLaw::WORDS))?;
        if hidden_layers == 1 && entry_law != EntryLaw::Gaussian {
            return Err(table.error(format!(
                "`network.entry_law` is \"{}\", the law of the matrices between hidden layers, and one hidden layer has none; leave it out, or use \
                 more hidden layers",
                entry_law.name()
            )));
        }
        table.refuse("bias", "biases belong to the parameterization; give `parameterization.sigma_b`")?;
        table.finish()?;
        Ok(Network { hidden_layers, activation, entry_law })
    }
}
