//! Every backend has regenerated products.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension, flex::FlexTensor, tensor::FloatTensor},
    tensor::{DType, Device},
};

use crate::panel::{contiguous_in_place, tensor, values};

use super::{composed, cpu, matrix::RegeneratedBlock};

/// Returns `Y (P × r)` with `y_c = W_b x_c`, for a block W_b (r × n) and vectors X (P × n).
///
/// # Panics
/// If the columns of X do not fit.
pub fn regenerated_apply(block: &RegeneratedBlock, x: &Tensor<2>) -> Tensor<2> {
    let ([count, length], [rows, columns]) = (x.dims(), [block.rows.len(), block.columns.len()]);
    assert_eq!(columns, length, "{columns} columns of a matrix against vectors of length {length}");
    if count * rows * columns == 0 {
        return Tensor::zeros([count, rows], (&x.device(), x.dtype()));
    }
    Tensor::from_dispatch(Dispatch::regenerated_apply(x.clone().into_dispatch(), block.clone()))
}

/// Returns `Z (P × n)` with `z_c = W_bᵀ g_c`, for a block W_b (r × n) and vectors G (P × r).
///
/// # Panics
/// If the columns of G do not fit.
pub fn regenerated_apply_transpose(block: &RegeneratedBlock, g: &Tensor<2>) -> Tensor<2> {
    let ([count, length], [rows, columns]) = (g.dims(), [block.rows.len(), block.columns.len()]);
    assert_eq!(rows, length, "{rows} rows of a matrix against vectors of length {length}");
    if count * rows * columns == 0 {
        return Tensor::zeros([count, columns], (&g.device(), g.dtype()));
    }
    Tensor::from_dispatch(Dispatch::regenerated_apply_transpose(g.clone().into_dispatch(), block.clone()))
}

/// Makes a block and stores it (r × n).
pub fn regenerated_entries(block: &RegeneratedBlock, on: (&Device, DType)) -> Tensor<2> {
    let entries = Tensor::<2>::empty([block.rows.len(), block.columns.len()], on);
    if block.rows.is_empty() || block.columns.is_empty() {
        return entries;
    }
    Tensor::from_dispatch(Dispatch::regenerated_entries(entries.into_dispatch(), block.clone()))
}

/// What a backend must do; the default bodies make the block on the host and store it.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait RegeneratedOps: Backend {
    fn regenerated_apply(x: FloatTensor<Self>, block: RegeneratedBlock) -> FloatTensor<Self> {
        composed::apply::<Self>(x, &block)
    }

    fn regenerated_apply_transpose(g: FloatTensor<Self>, block: RegeneratedBlock) -> FloatTensor<Self> {
        composed::apply_transpose::<Self>(g, &block)
    }

    /// Fills the block.
    fn regenerated_entries(entries: FloatTensor<Self>, block: RegeneratedBlock) -> FloatTensor<Self> {
        composed::entries::<Self>(&entries, &block)
    }
}

#[cfg(feature = "ndarray")]
impl RegeneratedOps for burn::backend::NdArray {}

impl RegeneratedOps for Flex {
    fn regenerated_apply(x: FlexTensor, block: RegeneratedBlock) -> FlexTensor {
        let x = x.to_contiguous();
        let [count, _] = x.shape().dims();
        let shape = [count, block.rows.len()];
        match x.dtype() {
            DType::F64 => tensor(cpu::apply::<f64>(&block, values(&x)), shape),
            _ => tensor(cpu::apply::<f32>(&block, values(&x)), shape),
        }
    }

    fn regenerated_apply_transpose(g: FlexTensor, block: RegeneratedBlock) -> FlexTensor {
        let g = g.to_contiguous();
        let [count, _] = g.shape().dims();
        let shape = [count, block.columns.len()];
        match g.dtype() {
            DType::F64 => tensor(cpu::apply_transpose::<f64>(&block, values(&g)), shape),
            _ => tensor(cpu::apply_transpose::<f32>(&block, values(&g)), shape),
        }
    }

    fn regenerated_entries(entries: FlexTensor, block: RegeneratedBlock) -> FlexTensor {
        let mut entries = contiguous_in_place(entries);
        match entries.dtype() {
            DType::F64 => cpu::entries::<f64>(&block, entries.storage_mut()),
            _ => cpu::entries::<f32>(&block, entries.storage_mut()),
        }
        entries
    }
}
