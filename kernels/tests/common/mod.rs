//! What the suites share: tensors of plain numbers, and one test per backend.

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

pub(crate) fn epsilon(dtype: DType) -> f64 {
    if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
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

/// Tests of a suite `fn(&Device, DType)` on every backend, in every float type that it has.
macro_rules! on_every_backend {
    ($suite:ident) => {
        #[test]
        fn flex_conforms_in_both_float_types() {
            $suite(&Device::flex(), DType::F32);
            $suite(&Device::flex(), DType::F64);
        }

        #[cfg(feature = "ndarray")]
        #[test]
        #[expect(deprecated, reason = "ndarray is the peer that flex is measured against")]
        fn ndarray_conforms_in_both_float_types() {
            $suite(&Device::ndarray(), DType::F32);
            $suite(&Device::ndarray(), DType::F64);
        }

        #[cfg(feature = "gpu")]
        #[test]
        fn wgpu_conforms_in_f32() {
            if let Some(device) = common::wgpu("wgpu_conforms_in_f32") {
                $suite(&device, DType::F32);
            }
        }
    };
}
pub(crate) use on_every_backend;
