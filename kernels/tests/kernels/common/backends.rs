//! One test per backend, for suites whose tolerances are those of the float type.

use burn::tensor::DType;

pub(crate) fn epsilon(dtype: DType) -> f64 {
    if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
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
            if let Some(device) = crate::common::wgpu("wgpu_conforms_in_f32") {
                $suite(&device, DType::F32);
            }
        }
    };
}
pub(crate) use on_every_backend;
