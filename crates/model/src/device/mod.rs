//! Devices by name: which there are, what they hold, and one opened for use.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod guard;
mod placement;

use std::{fmt, str::FromStr};

use burn::tensor::Device;

pub use guard::guarded;
pub use placement::{Placement, Precision};

use crate::ModelError;

/// A device as the user asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// A real GPU if this build and this machine have one, else the CPU.
    Auto,
    /// The CPU; the same as `flex`.
    Cpu,
    /// The CPU with widenet's own kernels.
    Flex,
    /// The CPU with burn's ndarray operations: the peer that `flex` is measured against (feature `ndarray`).
    NdArray,
    /// A GPU by whichever graphics API it has (feature `gpu`); a software adapter if there is no other.
    Wgpu,
    /// A GPU by Vulkan and SPIR-V (feature `gpu-spirv`).
    Vulkan,
}

impl DeviceChoice {
    /// Every choice.
    pub const ALL: [DeviceChoice; 6] = [
        DeviceChoice::Auto,
        DeviceChoice::Cpu,
        DeviceChoice::Flex,
        DeviceChoice::NdArray,
        DeviceChoice::Wgpu,
        DeviceChoice::Vulkan,
    ];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Flex => "flex",
            DeviceChoice::NdArray => "ndarray",
            DeviceChoice::Wgpu => "wgpu",
            DeviceChoice::Vulkan => "vulkan",
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`ModelError::NotCompiled`] or [`ModelError::NoAdapter`], with what to do about it. `auto` and `cpu` always
    /// open.
    pub fn open(self) -> Result<OpenDevice, ModelError> {
        match self {
            DeviceChoice::Auto => Ok(open_best()),
            DeviceChoice::Cpu | DeviceChoice::Flex => Ok(cpu::flex()),
            DeviceChoice::NdArray => cpu::ndarray(),
            DeviceChoice::Wgpu | DeviceChoice::Vulkan => open_gpu(self),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        let known = DeviceChoice::ALL.into_iter().find(|choice| choice.name() == word);
        known.ok_or_else(|| ModelError::UnknownDevice(word.to_owned()))
    }
}

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
    /// The widest m × m matrix that fits the available memory.
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
            return Err(ModelError::UnsupportedPrecision { adapter: self.info.adapter.clone(), precision });
        }
        Ok(Placement { device: self.device.clone(), precision, on_host: self.info.kind == DeviceKind::Cpu })
    }
}

/// Every device that can be named (except `auto`), found or with the reason why not.
pub fn list_devices() -> Vec<(DeviceChoice, Result<DeviceInfo, ModelError>)> {
    [DeviceChoice::Flex, DeviceChoice::NdArray, DeviceChoice::Wgpu, DeviceChoice::Vulkan]
        .into_iter()
        .map(|choice| (choice, choice.open().map(|open| open.info)))
        .collect()
}

fn open_best() -> OpenDevice {
    let reason = match open_gpu(DeviceChoice::Wgpu) {
        Ok(gpu) if gpu.info.kind == DeviceKind::Gpu => {
            let note = format!("device auto: using the GPU {} ({})", gpu.info.adapter, gpu.info.interface);
            return OpenDevice { note, ..gpu };
        }
        Ok(software) => format!("{} only imitates a GPU; ask for it with --device wgpu", software.info.adapter),
        Err(error) => error.to_string(),
    };
    OpenDevice { note: format!("device auto: using the CPU ({reason})"), ..cpu::flex() }
}

#[cfg(feature = "gpu")]
use gpu::open as open_gpu;

#[cfg(not(feature = "gpu"))]
fn open_gpu(choice: DeviceChoice) -> Result<OpenDevice, ModelError> {
    let feature = if choice == DeviceChoice::Vulkan { "gpu-spirv" } else { "gpu" };
    Err(ModelError::NotCompiled { device: choice.name(), feature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back_and_other_words_are_named() {
        for choice in DeviceChoice::ALL {
            assert_eq!(choice.name().parse::<DeviceChoice>(), Ok(choice));
        }
        let error = "cuda".parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("`cuda`") && error.contains("vulkan"), "{error}");
    }

    #[test]
    fn auto_always_opens_and_says_what_it_chose() {
        let open = DeviceChoice::Auto.open().unwrap();
        assert_ne!(open.info.choice, DeviceChoice::Auto);
        assert!(open.note.starts_with("device auto: using the"), "{}", open.note);
    }

    #[cfg(not(feature = "gpu"))]
    #[test]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        let message = DeviceChoice::Wgpu.open().unwrap_err().to_string();
        assert!(message.contains("wgpu") && message.contains("--features gpu"), "{message}");
        let listed = list_devices();
        assert!(listed.iter().any(|(choice, found)| *choice == DeviceChoice::Vulkan && found.is_err()));
        assert!(listed.iter().any(|(choice, found)| *choice == DeviceChoice::Flex && found.is_ok()));
    }
}
