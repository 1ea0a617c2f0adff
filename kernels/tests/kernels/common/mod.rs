//! What the suites share: tensors of plain numbers, and the adapter.

pub(crate) mod backends;
pub(crate) mod numbers;

use burn::{
    Tensor,
    tensor::{DType, Device, TensorData},
};

/// Row-major numbers on a device.
pub(crate) fn tensor(values: &[f64], shape: [usize; 2], (device, dtype): (&Device, DType)) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

pub(crate) fn read(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data_as::<f64>().try_to_vec::<f64>().unwrap()
}

/// The adapter, if there is one.
#[cfg(feature = "gpu")]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
pub(crate) fn wgpu(test: &str) -> Option<Device> {
    use burn::backend::wgpu::{RuntimeOptions, WgpuDevice, graphics::AutoGraphicsApi, try_init_setup};
    // Once per process: a second setup of the same device fails.
    static SETUP: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let setup = || match try_init_setup::<AutoGraphicsApi>(&WgpuDevice::default(), RuntimeOptions::default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    match SETUP.get_or_init(setup) {
        Ok(()) => Some(Device::new(WgpuDevice::default())),
        Err(error) => {
            println!("SKIPPED (no adapter): {test}: {error}");
            None
        }
    }
}
