//! The architecture: section `[network]`.

use crate::{Result, document::Field};

/// Activation between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Deep linear networks.
    Identity,
}

/// A fully connected network without biases.
///
/// # Section `[network]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `hidden_layers` | required | `L`, a whole number from 1 to 1000 |
/// | `activation` | `"identity"` | the only one: deep linear networks |
/// | `bias` | `false` | must be `false` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Number of hidden layers `L ≥ 1`; there are `L + 1` weight matrices.
    pub hidden_layers: usize,
    /// Activation.
    pub activation: Activation,
}

impl Network {
    pub(super) fn parse(section: &Field) -> Result<Network> {
        let mut table = section.table()?;
        let hidden_layers = table.required("hidden_layers", |field| field.whole_in(1..=1000))? as usize;
        let activation = table
            .or("activation", Activation::Identity, |field| field.choice(&[("identity", Activation::Identity)]))?;
        table.or("bias", (), |field| match field.boolean()? {
            true => Err(field.must_be("false: deep linear networks here have no biases")),
            false => Ok(()),
        })?;
        table.finish()?;
        Ok(Network { hidden_layers, activation })
    }
}
