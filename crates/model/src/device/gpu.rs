//! Graphics adapters are devices through wgpu.

use std::sync::{Mutex, PoisonError};

use burn::{
    backend::wgpu::{RuntimeOptions, WgpuBackend, WgpuDevice, graphics::AutoGraphicsApi, try_init_setup, wgpu},
    tensor::Device,
};

use super::{
    choice::DeviceChoice,
    info::{DeviceInfo, DeviceKind, OpenDevice},
};
use crate::error::ModelError;

/// A runtime can be set up once per process and choice; what came of it is kept here.
static OPENED: Mutex<Vec<(DeviceChoice, Result<DeviceInfo, ModelError>)>> = Mutex::new(Vec::new());

/// Opens the adapter that wgpu prefers, on any graphics API or on Vulkan.
pub(super) fn open(choice: DeviceChoice) -> Result<OpenDevice, ModelError> {
    if choice == DeviceChoice::Vulkan && !cfg!(feature = "gpu-spirv") {
        return Err(ModelError::NotCompiled { device: choice.name(), feature: "gpu-spirv" });
    }
    let selector = match choice {
        DeviceChoice::Vulkan => WgpuDevice::default().on(WgpuBackend::Vulkan),
        _ => WgpuDevice::default(),
    };
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = opened.iter().find(|(known, _)| *known == choice).map(|(_, found)| found.clone());
    let info = match known {
        Some(found) => found?,
        None => {
            let found = probe(choice, &selector);
            opened.push((choice, found.clone()));
            found?
        }
    };
    let note = format!("device {choice}: {} ({})", info.adapter, info.interface);
    Ok(OpenDevice { device: Device::new(selector), info, note })
}

fn probe(choice: DeviceChoice, selector: &WgpuDevice) -> Result<DeviceInfo, ModelError> {
    let setup = try_init_setup::<AutoGraphicsApi>(selector, RuntimeOptions::default())
        .map_err(|error| ModelError::NoAdapter { device: choice.name(), reason: error.to_string() })?;
    let adapter = setup.adapter.get_info();
    let limits = setup.device.limits();
    let spirv = cfg!(feature = "gpu-spirv") && setup.backend == wgpu::Backend::Vulkan;
    Ok(DeviceInfo {
        choice,
        kind: if adapter.device_type == wgpu::DeviceType::Cpu { DeviceKind::SoftwareGpu } else { DeviceKind::Gpu },
        adapter: adapter.name,
        interface: format!("{} on {}", if spirv { "spir-v" } else { "wgsl" }, setup.backend),
        // wgpu does not say how much memory an adapter has.
        available_memory: None,
        largest_buffer: Some(limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)),
        // WGSL has no f64, and f64 kernels through SPIR-V are untried.
        supports_f64: false,
    })
}
