//! Counts the bytes of a run, and says which widths fit.

use crate::{device::DeviceInfo, error::ModelError};

/// Bytes that a dense run needs on its device; for an ensemble, the bytes of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Stored matrices, with a stored velocity or second moment where the run will keep one.
    pub weights: u64,
    /// Outer products not yet folded into the matrices.
    pub pending: u64,
    /// Forward and backward chains, features, kernels, and row panels in passing.
    pub blocks: u64,
}

impl MemoryEstimate {
    /// Returns all of it.
    pub fn bytes(&self) -> u64 {
        self.weights.saturating_add(self.pending).saturating_add(self.blocks)
    }
}

/// Refuses a width whose need, in bytes, is more than the device has available.
pub(crate) fn refuse_too_wide(width: u64, info: &DeviceInfo, need: impl Fn(u64) -> u64) -> Result<(), ModelError> {
    let needed = need(width);
    let Some(available) = info.available_memory.filter(|available| needed > *available) else { return Ok(()) };
    let (mut widest, mut too_wide) = (0, width);
    while too_wide - widest > 1 {
        let middle = widest + (too_wide - widest) / 2;
        if need(middle) <= available { widest = middle } else { too_wide = middle }
    }
    Err(ModelError::TooWide { width, needed, available, widest, adapter: info.adapter.clone() })
}
