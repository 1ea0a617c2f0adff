//! What can be asked of a prior has one trait, and one file for each family of quantities.

use std::fmt::Debug;

use serde_json::Value;
use widenet_core::{Matrix, Result, document::Reader, training::Control};
use widenet_model::{DeviceChoice, Precision};

use crate::{error::QuestionResult, random_network::RandomNetwork};

/// A random network with its inputs.
#[derive(Debug, Clone)]
pub(super) struct Prior {
    pub(super) network: RandomNetwork,
    /// Inputs in rows, where they are given.
    pub(super) inputs: Option<Matrix>,
    /// Their Gram matrix `K0 = X Xᵀ/N0`.
    pub(super) kernel: Matrix,
}

impl Prior {
    /// Output variance `g K0_ii` at an input.
    pub(super) fn variance(&self, input: usize) -> f64 {
        self.network.gain() * self.kernel[(input, input)]
    }

    /// Reads the position of an input, from 0.
    pub(super) fn input(&self, table: &mut Reader<'_>) -> Result<usize> {
        let last = self.kernel.nrows() as u64 - 1;
        Ok(table.or("input", 0, |field| field.whole_in(0..=last))? as usize)
    }
}

/// Where networks are sampled by their weights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) device: DeviceChoice,
    pub(super) precision: Precision,
}

/// Something that is asked of a prior.
pub(super) trait Quantity: Debug + Send + Sync {
    /// Answers it; `watch` is called with the share of the work done, in [0, 1].
    fn answer(&self, prior: &Prior, place: Place, watch: &mut dyn FnMut(f64) -> Control) -> QuestionResult<Value>;
}

/// Reads the section of a quantity.
pub(super) type Parse = fn(&mut Reader<'_>, &Prior) -> Result<Box<dyn Quantity>>;
