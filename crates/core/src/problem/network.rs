//! The architecture: section `[network]`.

use super::Activation;
use crate::{Result, document::Field};

/// A fully connected network. Whether it has biases is said by the parameterisation (`sigma_b`).
///
/// # Section `[network]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `hidden_layers` | required | `L`, a whole number from 1 to 1000 |
/// | `activation` | `"identity"` | a word or table of [`Activation`] |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Number of hidden layers `L ≥ 1`; there are `L + 1` weight matrices.
    pub hidden_layers: usize,
    /// Activation after every hidden layer.
    pub activation: Activation,
}

impl Network {
    pub(super) fn parse(section: &Field) -> Result<Network> {
        let mut table = section.table()?;
        let hidden_layers = table.required("hidden_layers", |field| field.whole_in(1..=1000))? as usize;
        let activation = table.or("activation", Activation::Identity, Activation::parse)?;
        table.refuse("bias", "biases belong to the parameterization; give `parameterization.sigma_b`")?;
        table.finish()?;
        Ok(Network { hidden_layers, activation })
    }
}
