//! Products of stored row panels with a few vectors, on burn tensors: each call goes to the backend of its tensors.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use burn::{
    Tensor,
    backend::{
        Backend, Dispatch, Flex, Scalar, TensorMetadata, backend_extension, flex::FlexTensor, ops::FloatTensorOps,
        tensor::FloatTensor,
    },
    tensor::{DType, Element, TensorData},
};
use bytemuck::Pod;
use rayon::prelude::*;

use crate::cpu::{self, Real};

/// What a backend must do; the default bodies compose burn's own operations.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait PanelOps: Backend {
    fn panel_apply(w: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_transpose(Self::float_matmul(w, Self::float_transpose(x)))
    }

    fn panel_apply_transpose(w: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(g, w)
    }

    fn panel_rank_update(
        w: FloatTensor<Self>,
        factor: f64,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let product = Self::float_matmul(Self::float_transpose(a), b);
        Self::float_add(Self::float_mul_scalar(w, Scalar::from(factor)), product)
    }
}

/// Returns `Y (P × r)` with `y_c = W x_c`, for a panel W (r × n) and vectors X (P × n).
///
/// # Panics
/// If shapes, float types or devices do not fit together.
pub fn panel_apply(w: &Tensor<2>, x: &Tensor<2>) -> Tensor<2> {
    let ([rows, n], [vectors, length]) = (w.dims(), x.dims());
    assert_eq!(n, length, "a panel {rows} x {n} against {vectors} vectors of length {length}");
    Tensor::from_dispatch(Dispatch::panel_apply(w.clone().into_dispatch(), x.clone().into_dispatch()))
}

/// Returns `Z (P × n)` with `z_c = Wᵀ g_c`, for a panel W (r × n) and vectors G (P × r).
///
/// # Panics
/// If shapes, float types or devices do not fit together.
pub fn panel_apply_transpose(w: &Tensor<2>, g: &Tensor<2>) -> Tensor<2> {
    let ([rows, n], [vectors, length]) = (w.dims(), g.dims());
    assert_eq!(rows, length, "the transpose of a panel {rows} x {n} against {vectors} vectors of length {length}");
    Tensor::from_dispatch(Dispatch::panel_apply_transpose(w.clone().into_dispatch(), g.clone().into_dispatch()))
}

/// Returns `p W + Σ_q a_q b_qᵀ`, for a panel W (r × n), A (Q × r) and B (Q × n): in the memory of W unless it is shared.
///
/// # Panics
/// If shapes, float types or devices do not fit together.
pub fn panel_rank_update(w: Tensor<2>, factor: f64, a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
    let ([rows, n], a_shape, b_shape) = (w.dims(), a.dims(), b.dims());
    assert_eq!((a_shape, b_shape), ([a_shape[0], rows], [a_shape[0], n]), "factors of a panel {rows} x {n}");
    let (a, b) = (a.clone().into_dispatch(), b.clone().into_dispatch());
    Tensor::from_dispatch(Dispatch::panel_rank_update(w.into_dispatch(), factor, a, b))
}

#[cfg(feature = "ndarray")]
impl PanelOps for burn::backend::NdArray {}

impl PanelOps for Flex {
    fn panel_apply(w: FlexTensor, x: FlexTensor) -> FlexTensor {
        if are_many(&x) {
            return Flex::float_matmul(x, Flex::float_transpose(w));
        }
        fn run<T: Real + Element + Pod>(w: &FlexTensor, x: &FlexTensor) -> FlexTensor {
            let ([rows, n], [vectors, _]) = (w.shape().dims(), x.shape().dims());
            tensor(cpu::panel_apply::<T>(values(w), values(x), n), [vectors, rows])
        }
        let (w, x) = (w.to_contiguous(), x.to_contiguous());
        if w.dtype() == DType::F64 { run::<f64>(&w, &x) } else { run::<f32>(&w, &x) }
    }

    fn panel_apply_transpose(w: FlexTensor, g: FlexTensor) -> FlexTensor {
        if are_many(&g) {
            return Flex::float_matmul(g, w);
        }
        fn run<T: Real + Element + Pod>(w: &FlexTensor, g: &FlexTensor) -> FlexTensor {
            let ([_, n], [vectors, _]) = (w.shape().dims(), g.shape().dims());
            tensor(cpu::panel_apply_transpose::<T>(values(w), values(g), n), [vectors, n])
        }
        let (w, g) = (w.to_contiguous(), g.to_contiguous());
        if w.dtype() == DType::F64 { run::<f64>(&w, &g) } else { run::<f32>(&w, &g) }
    }

    fn panel_rank_update(w: FlexTensor, factor: f64, a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let (mut w, a, b) = (contiguous_in_place(w), a.to_contiguous(), b.to_contiguous());
        let [_, n] = w.shape().dims();
        if are_many(&b) {
            match w.dtype() {
                DType::F64 => add_product::<f64>(w.storage_mut(), factor, &a, &b, n),
                _ => add_product::<f32>(w.storage_mut(), factor as f32, &a, &b, n),
            }
        } else if w.dtype() == DType::F64 {
            cpu::panel_rank_update::<f64>(w.storage_mut(), factor, values(&a), values(&b), n);
        } else {
            cpu::panel_rank_update::<f32>(w.storage_mut(), factor as f32, values(&a), values(&b), n);
        }
        w
    }
}

/// From so many vectors on, the matrix product of a library is faster than kernels that read the panel once: at 512 × 512 and 2048 ×
/// 2048 about as fast with 16 vectors and two to three times with 128 (`cargo bench --bench mlp_step`).
pub(crate) const MANY_VECTORS: usize = 16;

fn are_many(vectors: &FlexTensor) -> bool {
    let [count, _] = vectors.shape().dims();
    count >= MANY_VECTORS
}

/// Rows of W per product in [`add_product`]: the product of a stripe stays in the second-level cache.
const PRODUCT_ROWS: usize = 64;

/// `W ← p W + Aᵀ B` in place, one stripe of rows after another.
fn add_product<T: Real + Element + Pod>(w: &mut [T], factor: T, a: &FlexTensor, b: &FlexTensor, n: usize) {
    let update = |(stripe, w): (usize, &mut [T])| {
        let left = a.narrow(1, stripe * PRODUCT_ROWS, w.len() / n).transpose(0, 1);
        let product = Flex::float_matmul(left, b.clone());
        w.iter_mut().zip(values::<T>(&product)).for_each(|(w, sum)| *w = factor * *w + *sum);
    };
    if w.len() <= PRODUCT_ROWS * n {
        update((0, w));
    } else {
        w.par_chunks_mut(PRODUCT_ROWS * n).enumerate().for_each(update);
    }
}

/// Whether the storage of a tensor holds exactly its entries in order.
pub(crate) fn fills_its_storage(tensor: &FlexTensor) -> bool {
    tensor.is_contiguous() && tensor.bytes().len() == tensor.shape().num_elements() * tensor.dtype().size()
}

/// The tensor itself if its storage holds exactly its entries in order.
pub(crate) fn contiguous_in_place(tensor: FlexTensor) -> FlexTensor {
    if fills_its_storage(&tensor) { tensor } else { tensor.to_contiguous() }
}

/// The entries of a contiguous tensor.
pub(crate) fn values<T: Element + Pod>(tensor: &FlexTensor) -> &[T] {
    match tensor.as_slice() {
        Some(values) => values,
        None => panic!("a contiguous tensor of {:?}, not of {:?}", T::dtype(), tensor.dtype()),
    }
}

pub(crate) fn tensor<T: Element>(values: Vec<T>, shape: [usize; 2]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Makes zeros in fresh memory, so that the thread that writes a page is the first to touch it; burn copies its own zeros once more.
pub(crate) fn zeros(shape: [usize; 2], dtype: DType) -> FlexTensor {
    let count = shape.iter().product();
    if dtype == DType::F64 { tensor(vec![0.0_f64; count], shape) } else { tensor(vec![0.0_f32; count], shape) }
}
