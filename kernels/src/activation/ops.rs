//! Every backend has activations.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, backend_extension, flex::FlexTensor, tensor::FloatTensor},
    tensor::DType,
};
use widenet_core::problem::Activation;

use crate::panel::{contiguous_in_place, values};

use super::{composed, cpu};

/// What a backend must do for activations other than the identity; the default bodies compose burn's own operations.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait NeuronOps: Backend {
    fn activate(h: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self> {
        composed::value::<Self>(h, activation)
    }

    fn times_derivative(g: FloatTensor<Self>, h: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self> {
        composed::times_derivative::<Self>(g, h, activation)
    }
}

/// Returns `φ(H)`, entry by entry: in the memory of H unless it is shared.
///
/// NaN stays NaN. The kernels of the CPU take large angles and infinities as [`Activation::value`] does.
pub fn activate(h: Tensor<2>, activation: Activation) -> Tensor<2> {
    if activation == Activation::Identity || h.shape().num_elements() == 0 {
        return h;
    }
    Tensor::from_dispatch(Dispatch::activate(h.into_dispatch(), activation))
}

/// Returns `G φ'(H)`, entry by entry, for H (P × n) repeated along G (kP × n): in the memory of G unless it is shared.
///
/// At its kink a piecewise linear activation has the slope below it.
///
/// # Panics
/// If shapes, float types or devices do not fit together.
pub fn times_derivative(g: Tensor<2>, h: &Tensor<2>, activation: Activation) -> Tensor<2> {
    let ([signals, length], [vectors, n]) = (g.dims(), h.dims());
    assert!(
        length == n && signals.is_multiple_of(vectors),
        "{signals} signals of length {length} against {vectors} vectors of length {n}"
    );
    assert_eq!(g.dtype(), h.dtype(), "float types of signals and of preactivations");
    assert_eq!(g.device(), h.device(), "devices of signals and of preactivations");
    if activation == Activation::Identity || g.shape().num_elements() == 0 {
        return g;
    }
    Tensor::from_dispatch(Dispatch::times_derivative(g.into_dispatch(), h.clone().into_dispatch(), activation))
}

#[cfg(feature = "ndarray")]
impl NeuronOps for burn::backend::NdArray {}

impl NeuronOps for Flex {
    fn activate(h: FlexTensor, activation: Activation) -> FlexTensor {
        let mut h = contiguous_in_place(h);
        if h.dtype() == DType::F64 {
            cpu::activate::<f64>(h.storage_mut(), activation);
        } else {
            cpu::activate::<f32>(h.storage_mut(), activation);
        }
        h
    }

    fn times_derivative(g: FlexTensor, h: FlexTensor, activation: Activation) -> FlexTensor {
        let (mut g, h) = (contiguous_in_place(g), h.to_contiguous());
        if g.dtype() == DType::F64 {
            cpu::times_derivative::<f64>(g.storage_mut(), values(&h), activation);
        } else {
            cpu::times_derivative::<f32>(g.storage_mut(), values(&h), activation);
        }
        g
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stay_in_the_memory_of_their_arguments() {
        let [h, g] = [2, 6].map(|rows| FlexTensor::zeros([rows, 5000].into(), DType::F32));
        let [before_h, before_g] = [&h, &g].map(|tensor| tensor.bytes().as_ptr());
        let g = Flex::times_derivative(g, h.clone(), Activation::Tanh);
        assert_eq!(g.bytes().as_ptr(), before_g);
        assert_eq!(Flex::activate(h, Activation::Tanh).bytes().as_ptr(), before_h);
    }
}
