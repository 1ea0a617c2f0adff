//! Devices have names.

use std::{fmt, str::FromStr};

use crate::error::ModelError;

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

    /// Returns the word on the command line.
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
