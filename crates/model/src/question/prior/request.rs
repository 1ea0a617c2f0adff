//! A request says which networks to sample.

use widenet_core::{Error, Matrix};

use crate::error::ModelError;

/// Which networks to sample.
#[derive(Debug, Clone, Copy)]
pub struct PriorNetworks<'a> {
    /// X (P × N₀), one input a row.
    pub inputs: &'a Matrix,
    /// `N_1, …, N_L`; none for a linear model.
    pub widths: &'a [u64],
    /// D.
    pub outputs: usize,
    /// `g = ∏ s_l²`.
    pub gain: f64,
    /// How many networks.
    pub networks: u64,
    /// Network i of one seed is the same in every sample that holds it.
    pub seed: u64,
    /// Whether kernels of the last features are wanted.
    pub kernels: bool,
    /// Bytes of weights and features that one launch may hold; `None` for what suits the device, [`Self::HOST_BATCH_BYTES`] or
    /// [`Self::DEVICE_BATCH_BYTES`]. A launch holds at least one network.
    pub batch_bytes: Option<u64>,
}

impl PriorNetworks<'_> {
    /// Bytes of a launch on the CPU: fewer keep threads waiting, more leave the caches.
    pub const HOST_BATCH_BYTES: u64 = 2 << 20;
    /// Bytes of a launch elsewhere: enough work for a GPU, and two of them in flight are small beside its memory.
    pub const DEVICE_BATCH_BYTES: u64 = 256 << 20;
}

pub(super) fn invalid(message: String) -> ModelError {
    Error::Invalid(message).into()
}
