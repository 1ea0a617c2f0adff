//! A fixed random matrix that is never stored: its entries are made inside the product, the same on every backend.
//!
//! One Philox call serves four rows and a group of columns. With the words `w_0 … w_3` of the counter
//! `(J, I, law, tag)`, row `4I + r` takes from `w_r` the entries of the columns of group `J`:
//!
//! ```text
//! Gaussian    column J              w_0 … w_3 as two Box–Muller pairs (see NormalStream)
//! Rademacher  columns 32J … 32J+31  bit k: 2 bit − 1
//! C8          columns 4J … 4J+3     byte k: n = 2 byte − 255,  T = ⌊(n (n² + 22956) + 2¹⁷) / 2¹⁸⌋,  T / √1327.125
//! ```
//!
//! All entries are independent with mean 0 and variance 1. C8 has the first five moments of the normal law but for an
//! excess kurtosis of −7·10⁻⁵; as integers its entries and those of Rademacher agree bit for bit on all backends. A unit
//! of work takes four rows (or one group of columns, for the transpose) and runs along them, so nothing is made twice.
#![cfg_attr(feature = "ndarray", allow(deprecated, reason = "ndarray is the peer that flex is measured against"))]

mod composed;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

use std::ops::Range;

use burn::{
    Tensor,
    backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension, flex::FlexTensor, tensor::FloatTensor},
    tensor::{DType, Device},
};

use crate::panel::{contiguous_in_place, tensor, values};

/// The law of the entries, of mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryLaw {
    /// Standard normal.
    Gaussian,
    /// ±1, an excess kurtosis of −2.
    Rademacher,
    /// 256 equally likely values with almost the moments of the normal law.
    C8,
}

impl EntryLaw {
    /// The third word of the counter.
    pub(crate) fn number(self) -> u32 {
        match self {
            EntryLaw::Gaussian => 0,
            EntryLaw::Rademacher => 1,
            EntryLaw::C8 => 2,
        }
    }

    /// Columns per Philox call.
    pub(crate) fn columns(self) -> usize {
        match self {
            EntryLaw::Gaussian => 1,
            EntryLaw::Rademacher => 32,
            EntryLaw::C8 => 4,
        }
    }

    /// What the numbers summed in the kernels are multiplied by in the end.
    pub(crate) fn scale(self) -> f64 {
        match self {
            EntryLaw::Gaussian | EntryLaw::Rademacher => 1.0,
            EntryLaw::C8 => 1.0 / 1327.125_f64.sqrt(),
        }
    }
}

/// A random matrix (rows × columns), given by its address. A larger one with the same address starts with the same entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegeneratedMatrix {
    /// Key of the generator.
    pub key: [u32; 2],
    /// Tells matrices under one key apart: the last word of the counter.
    pub tag: u32,
    /// Law of the entries.
    pub law: EntryLaw,
    /// Rows, at most 2³⁴.
    pub rows: usize,
    /// Columns, at most 2³².
    pub columns: usize,
}

impl RegeneratedMatrix {
    fn check(&self, rows: &Range<usize>) {
        let fits = rows.start <= rows.end && rows.end <= self.rows;
        assert!(fits && self.rows <= 1 << 34 && self.columns <= 1 << 32, "rows {rows:?} of {self:?}");
    }
}

/// `Y (P × rows.len())`: some rows of W times X (P × columns).
///
/// # Panics
/// If W does not have these rows, or the columns of X do not fit.
pub fn regenerated_apply(w: &RegeneratedMatrix, rows: Range<usize>, x: &Tensor<2>) -> Tensor<2> {
    w.check(&rows);
    let [count, length] = x.dims();
    assert_eq!(w.columns, length, "a matrix of {} columns against vectors of length {length}", w.columns);
    if count == 0 || rows.is_empty() || length == 0 {
        return Tensor::zeros([count, rows.len()], (&x.device(), x.dtype()));
    }
    Tensor::from_dispatch(Dispatch::regenerated_apply(x.clone().into_dispatch(), *w, rows))
}

/// `Z (P × columns)`: what some rows of W contribute to `Wᵀ g_c`, for G (P × rows.len()).
///
/// # Panics
/// If W does not have these rows, or the columns of G do not fit.
pub fn regenerated_apply_transpose(w: &RegeneratedMatrix, rows: Range<usize>, g: &Tensor<2>) -> Tensor<2> {
    w.check(&rows);
    let [count, length] = g.dims();
    assert_eq!(rows.len(), length, "rows {rows:?} of a matrix against vectors of length {length}");
    if count == 0 || length == 0 || w.columns == 0 {
        return Tensor::zeros([count, w.columns], (&g.device(), g.dtype()));
    }
    Tensor::from_dispatch(Dispatch::regenerated_apply_transpose(g.clone().into_dispatch(), *w, rows))
}

/// Some rows of W (rows.len() × columns).
///
/// # Panics
/// If W does not have these rows.
pub fn regenerated_rows(w: &RegeneratedMatrix, rows: Range<usize>, on: (&Device, DType)) -> Tensor<2> {
    w.check(&rows);
    let entries = Tensor::<2>::empty([rows.len(), w.columns], on);
    if rows.is_empty() || w.columns == 0 {
        return entries;
    }
    Tensor::from_dispatch(Dispatch::regenerated_rows(entries.into_dispatch(), *w, rows))
}

/// The primitives on a backend; the default bodies make the rows on the host and store them.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "gpu"))]
pub(crate) trait RegeneratedOps: Backend {
    fn regenerated_apply(x: FloatTensor<Self>, w: RegeneratedMatrix, rows: Range<usize>) -> FloatTensor<Self> {
        composed::apply::<Self>(x, &w, rows)
    }

    fn regenerated_apply_transpose(
        g: FloatTensor<Self>,
        w: RegeneratedMatrix,
        rows: Range<usize>,
    ) -> FloatTensor<Self> {
        composed::apply_transpose::<Self>(g, &w, rows)
    }

    /// Fills the rows.
    fn regenerated_rows(entries: FloatTensor<Self>, w: RegeneratedMatrix, rows: Range<usize>) -> FloatTensor<Self> {
        composed::rows::<Self>(&entries, &w, rows)
    }
}

#[cfg(feature = "ndarray")]
impl RegeneratedOps for burn::backend::NdArray {}

impl RegeneratedOps for Flex {
    fn regenerated_apply(x: FlexTensor, w: RegeneratedMatrix, rows: Range<usize>) -> FlexTensor {
        let x = x.to_contiguous();
        let [count, _] = x.shape().dims();
        let shape = [count, rows.len()];
        match x.dtype() {
            DType::F64 => tensor(cpu::apply::<f64>(&w, rows, values(&x)), shape),
            _ => tensor(cpu::apply::<f32>(&w, rows, values(&x)), shape),
        }
    }

    fn regenerated_apply_transpose(g: FlexTensor, w: RegeneratedMatrix, rows: Range<usize>) -> FlexTensor {
        let g = g.to_contiguous();
        let [count, _] = g.shape().dims();
        let shape = [count, w.columns];
        match g.dtype() {
            DType::F64 => tensor(cpu::apply_transpose::<f64>(&w, rows, values(&g)), shape),
            _ => tensor(cpu::apply_transpose::<f32>(&w, rows, values(&g)), shape),
        }
    }

    fn regenerated_rows(entries: FlexTensor, w: RegeneratedMatrix, rows: Range<usize>) -> FlexTensor {
        let mut entries = contiguous_in_place(entries);
        match entries.dtype() {
            DType::F64 => cpu::rows::<f64>(&w, rows, entries.storage_mut()),
            _ => cpu::rows::<f32>(&w, rows, entries.storage_mut()),
        }
        entries
    }
}
