//! Every backend has normal vectors and products with them.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use std::ops::Range;

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension, flex::FlexTensor, tensor::FloatTensor},
    tensor::{DType, Device, TensorData},
};
use nalgebra::DMatrix;

use crate::panel::{contiguous_in_place, tensor, values, zeros};

use super::{
    composed, cpu,
    stream::{NormalBlock, NormalStream},
};

/// Makes Ξ (V × n): row `v` is vector `vectors.start + v`, its entries are the rows from `first_row` on.
pub fn normals(stream: NormalStream, vectors: Range<u32>, first_row: u64, n: usize, on: (&Device, DType)) -> Tensor<2> {
    let block = NormalBlock { stream, vectors, first_row };
    if block.count() == 0 || n == 0 {
        return Tensor::empty([block.count(), n], on);
    }
    Tensor::from_dispatch(Dispatch::normals(Tensor::<2>::empty([0, n], on).into_dispatch(), block))
}

/// Returns `x_c + Σ_j C[j, c] ξ_j` for X (P × n) and C (V × P): in the memory of X unless it is shared.
///
/// Row `c` of X lies on the rows of the family from `first_row` on. The sum over the vectors is formed first.
///
/// # Panics
/// If C is not V × P.
pub fn normals_add(
    x: Tensor<2>,
    stream: NormalStream,
    vectors: Range<u32>,
    first_row: u64,
    coefficients: &DMatrix<f64>,
) -> Tensor<2> {
    let ([count, n], block) = (x.dims(), NormalBlock { stream, vectors, first_row });
    let shape = coefficients.shape();
    assert_eq!(shape, (block.count(), count), "coefficients of {} normal vectors in {count}", block.count());
    if coefficients.is_empty() || n == 0 {
        return x;
    }
    // Stored by columns, V × P is P × V.
    let data = TensorData::new(coefficients.as_slice().to_vec(), [count, block.count()]).convert_dtype(x.dtype());
    let coefficients = Tensor::<2>::from_data(data, (&x.device(), x.dtype()));
    Tensor::from_dispatch(Dispatch::normals_add(x.into_dispatch(), coefficients.into_dispatch(), block))
}

/// Returns `ξ_j · x_c` (V × P) for X (P × n): sums over slabs of rows in the precision of X, added in `f64` in order.
///
/// Row `c` of X lies on the rows of the family from `first_row` on. Reads the sums back.
///
/// # Panics
/// If the device fails; the message names the product.
pub fn normals_gram(x: &Tensor<2>, stream: NormalStream, vectors: Range<u32>, first_row: u64) -> DMatrix<f64> {
    let ([count, n], block) = (x.dims(), NormalBlock { stream, vectors, first_row });
    let mut gram = DMatrix::zeros(block.count(), count);
    if gram.is_empty() || n == 0 {
        return gram;
    }
    let what = format!("{} normal vectors against {count} vectors of length {n}", block.count());
    let slabs = Tensor::<2>::from_dispatch(Dispatch::normals_grams(x.clone().into_dispatch(), block));
    let sums = slabs.try_into_vec_as::<f64>().unwrap_or_else(|error| panic!("{what}: {error:?}"));
    for slab in sums.chunks(gram.len()) {
        gram += DMatrix::from_row_slice(gram.nrows(), count, slab);
    }
    gram
}

/// What a backend must do; the default bodies make all of Ξ on the host.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait NormalOps: Backend {
    /// Ξ (V × n), of the float type and on the device of a tensor (0 × n).
    fn normals(like: FloatTensor<Self>, block: NormalBlock) -> FloatTensor<Self> {
        composed::normals::<Self>(&like, &block)
    }

    /// `X + K Ξ` for K (P × V).
    fn normals_add(x: FloatTensor<Self>, coefficients: FloatTensor<Self>, block: NormalBlock) -> FloatTensor<Self> {
        composed::normals_add::<Self>(x, coefficients, &block)
    }

    /// Slabs of `Ξ Xᵀ`, each V × P, in the rows of a tensor.
    fn normals_grams(x: FloatTensor<Self>, block: NormalBlock) -> FloatTensor<Self> {
        composed::normals_grams::<Self>(x, &block)
    }
}

#[cfg(feature = "ndarray")]
impl NormalOps for burn::backend::NdArray {}

impl NormalOps for Flex {
    fn normals(like: FlexTensor, block: NormalBlock) -> FlexTensor {
        let [_, n] = like.shape().dims();
        let mut out = zeros([block.count(), n], like.dtype());
        match out.dtype() {
            DType::F64 => cpu::normals::<f64>(&block, out.storage_mut(), n),
            _ => cpu::normals::<f32>(&block, out.storage_mut(), n),
        }
        out
    }

    fn normals_add(x: FlexTensor, coefficients: FlexTensor, block: NormalBlock) -> FlexTensor {
        let (mut x, coefficients) = (contiguous_in_place(x), coefficients.to_contiguous());
        let [_, n] = x.shape().dims();
        if x.dtype() == DType::F64 {
            cpu::normals_add::<f64>(x.storage_mut(), n, values(&coefficients), &block);
        } else {
            cpu::normals_add::<f32>(x.storage_mut(), n, values(&coefficients), &block);
        }
        x
    }

    fn normals_grams(x: FlexTensor, block: NormalBlock) -> FlexTensor {
        let (x, [count, n]) = (x.to_contiguous(), x.shape().dims());
        let grams = match x.dtype() {
            DType::F64 => cpu::normals_grams::<f64>(values(&x), n, &block),
            _ => cpu::normals_grams::<f32>(values(&x), n, &block),
        };
        let slabs = grams.len() / (block.count() * count);
        tensor(grams, [slabs, block.count() * count])
    }
}
