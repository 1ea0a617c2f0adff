//! Every backend has selections.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use std::sync::Arc;

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension, flex::FlexTensor, tensor::FloatTensor},
    tensor::{DType, Element},
};
use bytemuck::Pod;
use widenet_core::training::Selection;

use super::{composed, cpu};
use crate::{
    cpu::Real,
    panel::{tensor, values},
};

/// What a backend must do; the default bodies compose burn's own operations.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait SelectionOps: Backend {
    fn selection_stack(x: FloatTensor<Self>, selection: Arc<Selection>) -> FloatTensor<Self> {
        composed::stack::<Self>(x, &selection)
    }

    fn selection_sum(x: FloatTensor<Self>, selection: Arc<Selection>) -> FloatTensor<Self> {
        composed::sum::<Self>(x, &selection)
    }
}

/// Returns the stacks of vectors (samples inputs × n) that a selection names: samples outputs × q n.
///
/// # Panics
/// If the vectors are not those of whole samples.
pub fn selection_stack(x: &Tensor<2>, selection: &Arc<Selection>) -> Tensor<2> {
    check(x, selection);
    Tensor::from_dispatch(Dispatch::selection_stack(x.clone().into_dispatch(), selection.clone()))
}

/// Returns the sums of vectors (samples inputs × n) that a selection names: samples outputs × n.
///
/// # Panics
/// If the vectors are not those of whole samples.
pub fn selection_sum(x: &Tensor<2>, selection: &Arc<Selection>) -> Tensor<2> {
    check(x, selection);
    Tensor::from_dispatch(Dispatch::selection_sum(x.clone().into_dispatch(), selection.clone()))
}

fn check(x: &Tensor<2>, selection: &Selection) {
    let ([count, n], inputs) = (x.dims(), selection.inputs());
    assert!(count.is_multiple_of(inputs) && n > 0, "{count} vectors of length {n} for samples of {inputs}");
}

#[cfg(feature = "ndarray")]
impl SelectionOps for burn::backend::NdArray {}

#[cfg(feature = "gpu")]
impl SelectionOps for burn::backend::Cube {}

impl SelectionOps for Flex {
    fn selection_stack(x: FlexTensor, selection: Arc<Selection>) -> FlexTensor {
        fn run<T: Real + Element + Pod>(x: &FlexTensor, selection: &Selection) -> FlexTensor {
            let [count, n] = x.shape().dims();
            let outputs = count / selection.inputs() * selection.outputs();
            tensor(cpu::stack::<T>(values(x), n, selection), [outputs, selection.slots() * n])
        }
        let x = x.to_contiguous();
        if x.dtype() == DType::F64 { run::<f64>(&x, &selection) } else { run::<f32>(&x, &selection) }
    }

    fn selection_sum(x: FlexTensor, selection: Arc<Selection>) -> FlexTensor {
        fn run<T: Real + Element + Pod>(x: &FlexTensor, selection: &Selection) -> FlexTensor {
            let [count, n] = x.shape().dims();
            let outputs = count / selection.inputs() * selection.outputs();
            tensor(cpu::sum::<T>(values(x), n, selection), [outputs, n])
        }
        let x = x.to_contiguous();
        if x.dtype() == DType::F64 { run::<f64>(&x, &selection) } else { run::<f32>(&x, &selection) }
    }
}
