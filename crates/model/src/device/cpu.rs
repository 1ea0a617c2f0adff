//! The processor is a device.

use std::{fs, thread};

use burn::tensor::Device;

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
        available_memory: available_memory(),
        largest_buffer: None,
        supports_f64: true,
    };
    OpenDevice { device, note: format!("device {choice}: {}", info.adapter), info }
}

/// Bytes that can be had without swapping, where Linux says so.
fn available_memory() -> Option<u64> {
    parse_available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_available_memory_of_a_linux_report() {
        let report = "MemTotal:       24633512 kB\nMemFree:          123 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(parse_available(report), Some(20_480_000_000));
        assert_eq!(parse_available("MemFree: 12 kB\n"), None);
    }
}
