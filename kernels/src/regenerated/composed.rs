//! Composes the products of a backend's own operations: the block is made on the host and stored.

use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Element, TensorData},
};

use super::{
    cpu::{self, Entry},
    matrix::RegeneratedBlock,
};

pub(super) fn apply<B: Backend>(x: FloatTensor<B>, block: &RegeneratedBlock) -> FloatTensor<B> {
    let entries = entries::<B>(&x, block);
    B::float_matmul(x, B::float_transpose(entries))
}

pub(super) fn apply_transpose<B: Backend>(g: FloatTensor<B>, block: &RegeneratedBlock) -> FloatTensor<B> {
    let entries = entries::<B>(&g, block);
    B::float_matmul(g, entries)
}

/// The block, of the type of `like` and where that is.
pub(super) fn entries<B: Backend>(like: &FloatTensor<B>, block: &RegeneratedBlock) -> FloatTensor<B> {
    fn run<T: Entry + Element>(block: &RegeneratedBlock) -> TensorData {
        let shape = [block.rows.len(), block.columns.len()];
        let mut entries = vec![T::ZERO; shape[0] * shape[1]];
        cpu::entries(block, &mut entries);
        TensorData::new(entries, shape)
    }
    let data = match like.dtype() {
        DType::F64 => run::<f64>(block),
        dtype => run::<f32>(block).convert_dtype(dtype),
    };
    B::float_from_data(data, &like.device())
}
