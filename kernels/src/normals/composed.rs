//! Composes the products of a backend's own operations: Ξ is made on the host and stored.

use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Element, TensorData},
};

use super::{
    cpu::{self, Normal},
    stream::NormalBlock,
};

/// Ξ (V × n), with the rows and the type of `like` and where that is.
pub(super) fn normals<B: Backend>(like: &FloatTensor<B>, block: &NormalBlock) -> FloatTensor<B> {
    fn run<T: Normal + Element>(block: &NormalBlock, n: usize) -> TensorData {
        let mut values = vec![T::ZERO; block.count() * n];
        cpu::normals(block, &mut values, n);
        TensorData::new(values, [block.count(), n])
    }
    let [_, n] = like.shape().dims();
    let data = match like.dtype() {
        DType::F64 => run::<f64>(block, n),
        dtype => run::<f32>(block, n).convert_dtype(dtype),
    };
    B::float_from_data(data, &like.device())
}

pub(super) fn normals_add<B: Backend>(
    x: FloatTensor<B>,
    coefficients: FloatTensor<B>,
    block: &NormalBlock,
) -> FloatTensor<B> {
    let product = B::float_matmul(coefficients, normals::<B>(&x, block));
    B::float_add(x, product)
}

pub(super) fn normals_grams<B: Backend>(x: FloatTensor<B>, block: &NormalBlock) -> FloatTensor<B> {
    let [count, _] = x.shape().dims();
    let gram = B::float_matmul(normals::<B>(&x, block), B::float_transpose(x));
    B::float_reshape(gram, [1, block.count() * count].into())
}
