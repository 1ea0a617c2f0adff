//! The products composed of a backend's own operations: the rows are made on the host and stored.

use std::ops::Range;

use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Element, TensorData},
};

use super::{
    RegeneratedMatrix,
    cpu::{self, Entry},
};

pub(super) fn apply<B: Backend>(x: FloatTensor<B>, w: &RegeneratedMatrix, range: Range<usize>) -> FloatTensor<B> {
    let rows = rows::<B>(&x, w, range);
    B::float_matmul(x, B::float_transpose(rows))
}

pub(super) fn apply_transpose<B: Backend>(
    g: FloatTensor<B>,
    w: &RegeneratedMatrix,
    range: Range<usize>,
) -> FloatTensor<B> {
    let rows = rows::<B>(&g, w, range);
    B::float_matmul(g, rows)
}

/// The rows, of the type of `like` and where that is.
pub(super) fn rows<B: Backend>(like: &FloatTensor<B>, w: &RegeneratedMatrix, rows: Range<usize>) -> FloatTensor<B> {
    fn run<T: Entry + Element>(w: &RegeneratedMatrix, rows: Range<usize>) -> TensorData {
        let shape = [rows.len(), w.columns];
        let mut entries = vec![T::ZERO; rows.len() * w.columns];
        cpu::rows(w, rows, &mut entries);
        TensorData::new(entries, shape)
    }
    let data = match like.dtype() {
        DType::F64 => run::<f64>(w, rows),
        dtype => run::<f32>(w, rows).convert_dtype(dtype),
    };
    B::float_from_data(data, &like.device())
}
