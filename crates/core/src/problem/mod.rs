//! A problem: network, parameterisation, data, loss, optimiser and what to record.
//!
//! The structs here are validated: they can only be had through [`Problem::load`] and friends, which read TOML or JSON.

mod network;
mod optimizer;
mod parameterization;
mod record;

pub use network::{Activation, Network};
pub use optimizer::{Optimizer, Rule};
pub use parameterization::Parameterization;
pub use record::{Quantity, RecordPlan};

use crate::{data::Dataset, scaling::Scaling};

/// The loss. All losses are means over the samples of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// `R = (1/2P) Σ_p ‖f(x_p) − y_p‖²` (mean-field page §1).
    Squared,
}

/// A validated problem with its data.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Depth and activation.
    pub network: Network,
    /// Width scaling.
    pub parameterization: Parameterization,
    /// Training and test samples.
    pub data: Dataset,
    /// Loss.
    pub loss: Loss,
    /// Optimiser with its learning rate.
    pub optimizer: Optimizer,
    /// When and what to record.
    pub record: RecordPlan,
}

impl Problem {
    /// The parameterisation as per-layer data for this depth and input dimension.
    pub fn scaling(&self) -> Scaling {
        self.parameterization.scaling(self.network.hidden_layers, self.data.input_dimension())
    }
}
