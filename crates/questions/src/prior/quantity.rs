//! What can be asked of a prior has one trait, and one file for each family of quantities.

use std::{
    fmt::Debug,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use widenet_core::{Matrix, data::Dataset, document::Reader};

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
    data: Option<Arc<Dataset>>,
    /// Their Gram matrix `K0 = X Xᵀ/N0`, made when it is first asked for.
    kernel: OnceLock<Matrix>,
}

impl Prior {
    /// With inputs in the rows of training samples.
    pub(super) fn of_data(network: RandomNetwork, data: Arc<Dataset>) -> Self {
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

    /// Reads the position of an input, from 0.
    pub(super) fn input(&self, table: &mut Reader<'_>) -> widenet_core::document::Result<usize> {
        let last = self.count() as u64 - 1;
        Ok(table.or("input", 0, |field| field.whole_in(0..=last))? as usize)
    }
}

/// Something that is asked of a prior.
pub(super) trait Quantity: Debug + Send + Sync {
    /// Answers it.
    fn answer(&self, prior: &Prior, run: &mut Run<'_>) -> QuestionResult<Value>;

    /// Whether networks with all their weights are sampled.
    fn samples_networks(&self) -> bool {
        false
    }
}

/// Reads the section of a quantity.
pub(super) type Parse = fn(&mut Reader<'_>, &Prior) -> widenet_core::document::Result<Box<dyn Quantity>>;
