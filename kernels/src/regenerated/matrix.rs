//! Regenerated matrices and their blocks have addresses.

use std::ops::Range;

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
    pub(super) matrix: RegeneratedMatrix,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}
