//! Describes a device, and holds the device itself.

use burn::tensor::Device;

use super::{choice::DeviceChoice, placement::Placement, precision::Precision};
use crate::error::ModelError;

/// What kind of hardware computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor, directly.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// The processor, posing as a graphics adapter.
    SoftwareGpu,
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The name it is opened by; never `auto`.
    pub choice: DeviceChoice,
    /// Hardware.
    pub kind: DeviceKind,
    /// The adapter's own name.
    pub adapter: String,
    /// How it is programmed: `flex`, `ndarray`, `wgsl (vulkan)`, `spir-v`, …
    pub interface: String,
    /// Bytes free for use now; `None` where the system does not say.
    pub available_memory: Option<u64>,
    /// Bytes of the largest single buffer; `None` without a limit.
    pub largest_buffer: Option<u64>,
    /// Whether it computes in `f64`.
    pub supports_f64: bool,
}

/// Row panels are at most this large: one buffer of every graphics API holds them, and so does one copy in passing.
pub(crate) const LARGEST_PANEL: u64 = 1 << 30;

impl DeviceInfo {
    /// Returns the widest m × m matrix that fits the available memory.
    pub fn widest_matrix(&self, precision: Precision) -> Option<u64> {
        self.available_memory.map(|bytes| (bytes / precision.bytes()).isqrt())
    }

    /// Bytes of a row panel.
    pub fn panel_bytes(&self) -> u64 {
        self.largest_buffer.map_or(LARGEST_PANEL, |largest| LARGEST_PANEL.min(largest / 2))
    }
}

/// A device ready for use.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    /// burn's handle.
    pub device: Device,
    /// What it is.
    pub info: DeviceInfo,
    /// A sentence for the user: what was chosen and why.
    pub note: String,
}

impl OpenDevice {
    /// Tensors of a float type on this device.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedPrecision`].
    pub fn placement(&self, precision: Precision) -> Result<Placement, ModelError> {
        if precision == Precision::F64 && !self.info.supports_f64 {
            return Err(ModelError::UnsupportedPrecision {
                adapter: self.info.adapter.clone(),
                precision: precision.name(),
            });
        }
        Ok(Placement { device: self.device.clone(), precision, on_host: self.info.kind == DeviceKind::Cpu })
    }
}
