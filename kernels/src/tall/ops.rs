//! Every backend has tall-skinny products.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

use burn::{
    Tensor,
    backend::{
        Backend, Dispatch, Flex, TensorMetadata, backend_extension,
        flex::{FlexTensor, Layout},
        tensor::FloatTensor,
    },
    tensor::{DType, FloatDType, TensorData, try_read_sync},
};
use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::panel::{fills_its_storage, values, zeros};

use super::cpu::{self, Sums, Tall};

/// What a backend must do; small matrices are row-major. The default bodies compose burn's own operations.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait TallOps: Backend {
    fn tall_gram(q: FloatTensor<Self>, x: FloatTensor<Self>) -> Vec<f64> {
        let [q, x] = [q, x].map(|tensor| Self::float_cast(tensor, FloatDType::F64));
        let product = Self::float_matmul(q, Self::float_transpose(x));
        let data = try_read_sync(Self::float_into_data(product)).expect("backends of a CPU read at once");
        data.ok().and_then(|data| data.try_into_vec().ok()).expect("numbers in the memory of the host are readable")
    }

    fn tall_self_gram(x: FloatTensor<Self>) -> Vec<f64> {
        Self::tall_gram(x.clone(), x)
    }

    fn tall_gram_epsilon(x: FloatTensor<Self>) -> f64 {
        drop(x);
        f64::EPSILON
    }

    fn tall_append(q: FloatTensor<Self>, x: FloatTensor<Self>, most: usize) -> FloatTensor<Self> {
        let _ = most;
        Self::float_cat(vec![q, x], 0)
    }

    fn tall_times(q: FloatTensor<Self>, coefficients: &[f64]) -> FloatTensor<Self> {
        let rank = q.shape()[0];
        let data = TensorData::new(coefficients.to_vec(), [rank, coefficients.len() / rank]);
        let coefficients = Self::float_from_data(data.convert_dtype(q.dtype()), &q.device());
        Self::float_matmul(Self::float_transpose(coefficients), q)
    }

    fn tall_add(x: FloatTensor<Self>, q: FloatTensor<Self>, coefficients: &[f64]) -> FloatTensor<Self> {
        Self::float_add(x, Self::tall_times(q, coefficients))
    }

    fn tall_add_gram(
        x: FloatTensor<Self>,
        q: FloatTensor<Self>,
        coefficients: &[f64],
    ) -> (FloatTensor<Self>, Vec<f64>) {
        let x = Self::tall_add(x, q, coefficients);
        let gram = Self::tall_self_gram(x.clone());
        (x, gram)
    }
}

/// Returns `Q Xᵀ (r × P)`: the inner products `q_jᵀ x_c` in `f64`, for Q (r × n) and X (P × n).
///
/// # Panics
/// If shapes, float types or devices do not fit together, or the device fails.
pub fn tall_gram(q: &Tensor<2>, x: &Tensor<2>) -> DMatrix<f64> {
    let [rank, vectors] = fitting(q, x);
    if q.shape().num_elements() == 0 || x.shape().num_elements() == 0 {
        return DMatrix::zeros(rank, vectors);
    }
    let products = Dispatch::tall_gram(q.clone().into_dispatch(), x.clone().into_dispatch());
    DMatrix::from_row_slice(rank, vectors, &products)
}

/// Returns `X Xᵀ (P × P)` of vectors X (P × n), with relative errors of a few [`tall_gram_epsilon`].
///
/// # Panics
/// If the device fails.
pub fn tall_self_gram(x: &Tensor<2>) -> DMatrix<f64> {
    let [vectors, n] = x.dims();
    if vectors * n == 0 {
        return DMatrix::zeros(vectors, vectors);
    }
    DMatrix::from_row_slice(vectors, vectors, &Dispatch::tall_self_gram(x.clone().into_dispatch()))
}

/// Returns the rounding of inner products of vectors with themselves ([`tall_self_gram`], [`tall_add_gram`]): that of `f64` on the CPU for
/// either float type, that of the vectors on a GPU.
pub fn tall_gram_epsilon(x: &Tensor<2>) -> f64 {
    Dispatch::tall_gram_epsilon(x.clone().into_dispatch())
}

/// Returns `X + Cᵀ Q`, that is `x_c + Σ_j C[j, c] q_j`, for X (P × n), Q (r × n) and C (r × P): in the memory of X unless it is
/// shared.
///
/// # Panics
/// If shapes, float types or devices do not fit together.
pub fn tall_add(x: Tensor<2>, q: &Tensor<2>, coefficients: &DMatrix<f64>) -> Tensor<2> {
    assert_eq!(fitting(q, &x), [coefficients.nrows(), coefficients.ncols()], "shape of the coefficients");
    if q.shape().num_elements() == 0 || x.shape().num_elements() == 0 {
        return x;
    }
    let q = q.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::tall_add(x.into_dispatch(), q, &row_major(coefficients)))
}

/// Does [`tall_add`] and returns the inner products of the result too, `(X', X' X'ᵀ)` with `X' = X + Cᵀ Q` (P × n), in one pass.
///
/// # Panics
/// If shapes, float types or devices do not fit together, or the device fails.
pub fn tall_add_gram(x: Tensor<2>, q: &Tensor<2>, coefficients: &DMatrix<f64>) -> (Tensor<2>, DMatrix<f64>) {
    let [rank, vectors] = fitting(q, &x);
    assert_eq!([rank, vectors], [coefficients.nrows(), coefficients.ncols()], "shape of the coefficients");
    if q.shape().num_elements() == 0 || x.shape().num_elements() == 0 {
        let gram = tall_self_gram(&x);
        return (x, gram);
    }
    let q = q.clone().into_dispatch();
    let (x, products) = Dispatch::tall_add_gram(x.into_dispatch(), q, &row_major(coefficients));
    (Tensor::from_dispatch(x), DMatrix::from_row_slice(vectors, vectors, &products))
}

/// Returns `Cᵀ Q (P × n)`, that is the vectors `Σ_j C[j, c] q_j`, for Q (r × n) and C (r × P).
///
/// # Panics
/// If the coefficients do not fit the basis.
pub fn tall_times(q: &Tensor<2>, coefficients: &DMatrix<f64>) -> Tensor<2> {
    let ([rank, n], vectors) = (q.dims(), coefficients.ncols());
    assert_eq!(rank, coefficients.nrows(), "rows of the coefficients of {rank} basis vectors");
    if rank * n * vectors == 0 {
        return Tensor::zeros([vectors, n], (&q.device(), q.dtype()));
    }
    Tensor::from_dispatch(Dispatch::tall_times(q.clone().into_dispatch(), &row_major(coefficients)))
}

/// Returns the rows of Q, then those of X. On the CPU the result has room for half as many more, up to `most` rows in all, which is used
/// while it has one owner: a growing basis copies a vector once or twice.
///
/// # Panics
/// If lengths, float types or devices do not fit together.
pub fn tall_append(q: Tensor<2>, x: &Tensor<2>, most: usize) -> Tensor<2> {
    let [before, more] = fitting(&q, x);
    match (before, more) {
        (_, 0) => q,
        (0, _) => x.clone(),
        _ => Tensor::from_dispatch(Dispatch::tall_append(q.into_dispatch(), x.clone().into_dispatch(), most)),
    }
}

/// `[r, P]` of a basis and vectors that belong together.
fn fitting(q: &Tensor<2>, x: &Tensor<2>) -> [usize; 2] {
    let ([rank, n], [vectors, length]) = (q.dims(), x.dims());
    assert_eq!(n, length, "{rank} basis vectors of length {n} against {vectors} vectors of length {length}");
    assert_eq!(q.dtype(), x.dtype(), "float types of a basis and of vectors");
    assert_eq!(q.device(), x.device(), "devices of a basis and of vectors");
    [rank, vectors]
}

fn row_major(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}

#[cfg(feature = "ndarray")]
impl TallOps for burn::backend::NdArray {}

impl TallOps for Flex {
    fn tall_gram(q: FlexTensor, x: FlexTensor) -> Vec<f64> {
        let (q, x) = (contiguous(q), contiguous(x));
        let [_, n] = q.shape().dims();
        if q.dtype() == DType::F64 {
            cpu::gram::<f64>(values(&q), values(&x), n)
        } else {
            cpu::gram::<f32>(values(&q), values(&x), n)
        }
    }

    fn tall_self_gram(x: FlexTensor) -> Vec<f64> {
        let x = contiguous(x);
        let [_, n] = x.shape().dims();
        if x.dtype() == DType::F64 {
            cpu::self_gram::<f64>(values(&x), n)
        } else {
            cpu::self_gram::<f32>(values(&x), n)
        }
    }

    fn tall_append(q: FlexTensor, x: FlexTensor, most: usize) -> FlexTensor {
        let ([before, n], [more, _]) = (q.shape().dims(), x.shape().dims());
        let is_first = q.layout().contiguous_offsets() == Some((0, before * n));
        let has_room = q.bytes().len() >= (before + more) * n * q.dtype().size();
        let mut grown = q;
        if !(grown.is_unique() && is_first && has_room) {
            let rows = before + more;
            let room = zeros([(rows + rows / 2).min(most).max(rows), n], grown.dtype());
            grown = written(room, 0, &contiguous(grown));
        }
        let grown = written(grown, before * n, &contiguous(x));
        grown.with_layout(Layout::contiguous([before + more, n].into()))
    }

    fn tall_times(q: FlexTensor, coefficients: &[f64]) -> FlexTensor {
        let [rank, n] = q.shape().dims();
        let x = zeros([coefficients.len() / rank, n], q.dtype());
        update(x, q, coefficients, Sums::Alone, false).0
    }

    fn tall_add(x: FlexTensor, q: FlexTensor, coefficients: &[f64]) -> FlexTensor {
        update(x, q, coefficients, Sums::Added, false).0
    }

    fn tall_add_gram(x: FlexTensor, q: FlexTensor, coefficients: &[f64]) -> (FlexTensor, Vec<f64>) {
        update(x, q, coefficients, Sums::Added, true)
    }
}

/// Entries per task of a copy.
const COPIED: usize = 1 << 16;
/// X with the sums `Cᵀ Q`, in its own memory or, if that is shared, in new memory; and `X Xᵀ` of the result if it is asked for.
fn update(x: FlexTensor, q: FlexTensor, coefficients: &[f64], sums: Sums, with_gram: bool) -> (FlexTensor, Vec<f64>) {
    fn run<T: Tall>(x: FlexTensor, q: &FlexTensor, c: &[f64], sums: Sums, with_gram: bool) -> (FlexTensor, Vec<f64>) {
        let [_, n] = q.shape().dims();
        let own = x.is_unique() && fills_its_storage(&x);
        if own || sums == Sums::Alone {
            let mut x = x;
            let gram = cpu::update::<T>(x.storage_mut(), None, values(q), c, (n, sums), with_gram);
            return (x, gram);
        }
        let before = contiguous(x);
        let mut x = zeros(before.shape().dims(), before.dtype());
        let gram = cpu::update::<T>(x.storage_mut(), Some(values(&before)), values(q), c, (n, sums), with_gram);
        (x, gram)
    }
    let q = contiguous(q);
    if q.dtype() == DType::F64 {
        run::<f64>(x, &q, coefficients, sums, with_gram)
    } else {
        run::<f32>(x, &q, coefficients, sums, with_gram)
    }
}

/// Entries in order; they may be part of a larger storage.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// A storage with some entries written from a place on.
fn written(mut storage: FlexTensor, first: usize, entries: &FlexTensor) -> FlexTensor {
    fn write<T: Tall>(storage: &mut FlexTensor, first: usize, entries: &FlexTensor) {
        let entries = values::<T>(entries);
        let target = &mut storage.storage_mut::<T>()[first..first + entries.len()];
        let pieces = target.par_chunks_mut(COPIED).zip(entries.par_chunks(COPIED));
        pieces.for_each(|(target, entries)| target.copy_from_slice(entries));
    }
    match storage.dtype() {
        DType::F64 => write::<f64>(&mut storage, first, entries),
        _ => write::<f32>(&mut storage, first, entries),
    }
    storage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_basis_stays_where_it_is_while_there_is_room() {
        let rows =
            |count: usize, value: f32| FlexTensor::from_data(TensorData::new(vec![value; count * 5000], [count, 5000]));
        let grown = Flex::tall_append(rows(2, 1.0), rows(1, 2.0), 100);
        let before = grown.bytes().as_ptr();
        let grown = Flex::tall_append(grown, rows(1, 3.0), 100);
        assert_eq!(grown.bytes().as_ptr(), before);
        let shared = grown.clone();
        let other = Flex::tall_append(grown, rows(1, 4.0), 100);
        assert_ne!(other.bytes().as_ptr(), before, "who shares a basis keeps his own");
        assert_eq!(other.bytes().len(), 7 * 5000 * 4, "room for half as many more");
        let full = Flex::tall_append(rows(2, 1.0), rows(3, 2.0), 4);
        assert_eq!(full.bytes().len(), 5 * 5000 * 4, "no room beyond the most");
        let firsts = |tensor: &FlexTensor| values::<f32>(tensor).iter().copied().step_by(5000).collect::<Vec<_>>();
        assert_eq!(firsts(&shared), [1.0, 1.0, 2.0, 3.0]);
        assert_eq!(firsts(&other), [1.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn an_update_stays_in_the_memory_of_its_vectors() {
        let [q, x] = [3, 2].map(|rows| FlexTensor::zeros([rows, 5000].into(), DType::F32));
        let before = x.bytes().as_ptr();
        let x = Flex::tall_add(x, q, &[1.0; 6]);
        assert_eq!(x.bytes().as_ptr(), before);
    }
}
