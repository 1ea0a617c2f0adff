//! What can be asked of a prior has one trait, and one file for each family of quantities.

use std::{
    fmt::Debug,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use widenet_core::{
    Matrix,
    data::PartialData,
    document::{
        Result,
        keys::or,
        section,
        shape::{Located, located, natural},
    },
};

use crate::{
    error::QuestionResult,
    question::Run,
    random_network::{RandomNetwork, input_kernel},
};

/// A random network with its inputs.
#[derive(Debug)]
pub(super) struct Prior {
    pub(super) network: RandomNetwork,
    /// Where the inputs are given.
    data: Option<Arc<PartialData>>,
    /// Their Gram matrix `K0 = X Xᵀ/N0`, made when it is first asked for.
    kernel: OnceLock<Matrix>,
}

impl Prior {
    /// With inputs in the rows of training samples.
    pub(super) fn of_data(network: RandomNetwork, data: Arc<PartialData>) -> Self {
        Self { network, data: Some(data), kernel: OnceLock::new() }
    }

    /// With the Gram matrix of inputs.
    pub(super) fn of_kernel(network: RandomNetwork, kernel: Matrix) -> Self {
        Self { network, data: None, kernel: OnceLock::from(kernel) }
    }

    /// Inputs in rows, where they are given.
    pub(super) fn inputs(&self) -> Option<&Matrix> {
        self.data.as_ref().map(|data| &data.train.inputs)
    }

    /// Number of inputs.
    pub(super) fn count(&self) -> usize {
        self.inputs().map_or_else(|| self.kernel().nrows(), Matrix::nrows)
    }

    /// The Gram matrix `K0`.
    pub(super) fn kernel(&self) -> &Matrix {
        // Without inputs the kernel is there from the beginning.
        self.kernel.get_or_init(|| self.inputs().map_or_else(|| Matrix::identity(1, 1), input_kernel))
    }

    /// Whether the Gram matrix is there already.
    #[cfg(test)]
    pub(super) fn has_kernel(&self) -> bool {
        self.kernel.get().is_some()
    }

    /// Output variance `g K0_ii` at an input.
    pub(super) fn variance(&self, input: usize) -> f64 {
        self.network.gain() * self.kernel()[(input, input)]
    }
}

section! {
    /// One of the inputs.
    #[derive(Debug, Clone)]
    pub(super) struct OneInput {
        /// The position of the input, from 0.
        input: Located<u64> = or(located(natural()), 0),
    }
}

impl OneInput {
    /// Refuses a position that no input has.
    pub(super) fn check(&self, prior: &Prior) -> Result<()> {
        check_position(&self.input, prior)
    }

    /// The position.
    pub(super) fn position(&self) -> usize {
        self.input.value as usize
    }
}

/// Refuses a position, from 0, that no input has.
pub(super) fn check_position(position: &Located<u64>, prior: &Prior) -> Result<()> {
    let last = prior.count() as u64 - 1;
    if position.value <= last {
        return Ok(());
    }
    Err(position.must_be(&format!("a whole number from 0 to {last}")))
}

/// Something that is asked of a prior.
pub(super) trait Quantity: Debug + Send + Sync {
    /// Refuses what does not fit the network and its inputs.
    ///
    /// # Errors
    /// The key, its value and what would be right.
    fn check(&self, _: &Prior) -> Result<()> {
        Ok(())
    }

    /// Answers it.
    fn answer(&self, prior: &Prior, run: &mut Run<'_>) -> QuestionResult<Value>;

    /// Whether networks with all their weights are sampled.
    fn samples_networks(&self) -> bool {
        false
    }
}

impl<Q: Quantity + 'static> From<Q> for Box<dyn Quantity> {
    fn from(quantity: Q) -> Self {
        Box::new(quantity)
    }
}
