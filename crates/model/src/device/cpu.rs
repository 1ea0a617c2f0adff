//! The processor is a device.

use std::thread;

use burn::tensor::Device;
use widenet_system::memory;

use super::{
    choice::DeviceChoice,
    info::{DeviceInfo, DeviceKind, OpenDevice},
};
use crate::error::ModelError;

pub(super) fn flex() -> OpenDevice {
    open(DeviceChoice::Flex, Device::flex())
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "ndarray is the peer that flex is measured against")]
pub(super) fn ndarray() -> Result<OpenDevice, ModelError> {
    Ok(open(DeviceChoice::NdArray, Device::ndarray()))
}

#[cfg(not(feature = "ndarray"))]
pub(super) fn ndarray() -> Result<OpenDevice, ModelError> {
    Err(ModelError::NotCompiled { device: "ndarray", feature: "ndarray" })
}

fn open(choice: DeviceChoice, device: Device) -> OpenDevice {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let info = DeviceInfo {
        choice,
        kind: DeviceKind::Cpu,
        adapter: format!("the CPU ({threads} threads)"),
        interface: choice.name().to_owned(),
        available_memory: memory::available(),
        largest_buffer: None,
        supports_f64: true,
    };
    OpenDevice { device, note: format!("device {choice}: {}", info.adapter), info }
}
