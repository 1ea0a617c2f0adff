//! Opens a device by its name.

use super::{
    choice::DeviceChoice,
    cpu,
    info::{DeviceInfo, DeviceKind, OpenDevice},
};
use crate::error::ModelError;

impl DeviceChoice {
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

/// How notes about the choice of `auto` begin.
pub const AUTO_CHOICE: &str = "device auto:";

/// Returns every device that can be named (except `auto`), found or with the reason why not.
pub fn list_devices() -> Vec<(DeviceChoice, Result<DeviceInfo, ModelError>)> {
    [DeviceChoice::Flex, DeviceChoice::NdArray, DeviceChoice::Wgpu, DeviceChoice::Vulkan]
        .into_iter()
        .map(|choice| (choice, choice.open().map(|open| open.info)))
        .collect()
}

fn open_best() -> OpenDevice {
    let reason = match open_gpu(DeviceChoice::Wgpu) {
        Ok(gpu) if gpu.info.kind == DeviceKind::Gpu => {
            let note = format!("{AUTO_CHOICE} using the GPU {} ({})", gpu.info.adapter, gpu.info.interface);
            return OpenDevice { note, ..gpu };
        }
        Ok(software) => format!("{} only imitates a GPU; ask for it with --device wgpu", software.info.adapter),
        Err(error) => error.to_string(),
    };
    OpenDevice { note: format!("{AUTO_CHOICE} using the CPU ({reason})"), ..cpu::flex() }
}

#[cfg(feature = "gpu")]
use super::gpu::open as open_gpu;

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
