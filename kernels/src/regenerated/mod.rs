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
//! (docs/theory/randomness.md §3, Eq. entries.) All entries are independent with mean 0 and variance 1. C8 has the first five moments of
//! the normal law but for an excess kurtosis of −7·10⁻⁵; as integers its entries and those of Rademacher agree bit for bit on all backends.
//! A unit of work takes four rows (or columns of one group, for the transpose) and runs along them, so no entry is made twice for a vector.
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

/// The distribution of the entries, of mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryLaw {
    /// Standard normal.
    Gaussian,
    /// ±1, an excess kurtosis of −2.
    Rademacher,
    /// 151 values of 256 equally likely bytes, with almost the moments of the normal distribution.
    C8,
}

impl EntryLaw {
    /// Returns the third word of the counter.
    pub(crate) fn number(self) -> u32 {
        match self {
            EntryLaw::Gaussian => 0,
            EntryLaw::Rademacher => 1,
            EntryLaw::C8 => 2,
        }
    }

    /// Returns the number of columns per Philox call.
    pub(crate) fn columns(self) -> usize {
        match self {
            EntryLaw::Gaussian => 1,
            EntryLaw::Rademacher => 32,
            EntryLaw::C8 => 4,
        }
    }

    /// Returns the factor by which sums of the numbers in the kernels are multiplied in the end.
    pub(crate) fn scale(self) -> f64 {
        match self {
            EntryLaw::Gaussian | EntryLaw::Rademacher => 1.0,
            EntryLaw::C8 => 1.0 / 1327.125_f64.sqrt(),
        }
    }
}

/// A random matrix W (rows × columns), given by its address. A larger one with the same address starts with the same entries.
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
    /// Addresses some rows and columns of W, which may begin and end anywhere.
    ///
    /// # Panics
    /// If W does not have them, or is larger than addresses reach.
    pub fn block(&self, rows: Range<usize>, columns: Range<usize>) -> RegeneratedBlock {
        let fits = |range: &Range<usize>, size| range.start <= range.end && range.end <= size;
        assert!(
            fits(&rows, self.rows) && fits(&columns, self.columns) && self.rows <= 1 << 34 && self.columns <= 1 << 32,
            "rows {rows:?} and columns {columns:?} of {self:?}"
        );
        RegeneratedBlock { matrix: *self, rows, columns }
    }

    /// Addresses all of W.
    ///
    /// # Panics
    /// If W is larger than addresses reach.
    pub fn whole(&self) -> RegeneratedBlock {
        self.block(0..self.rows, 0..self.columns)
    }
}

/// A block W_b (r × n) of a random matrix, by [`RegeneratedMatrix::block`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegeneratedBlock {
    matrix: RegeneratedMatrix,
    rows: Range<usize>,
    columns: Range<usize>,
}

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
