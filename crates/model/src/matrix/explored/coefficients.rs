//! Matrices of coefficients on explored directions grow with the ranks.
//!
//! ```text
//! K c,   Kᵀ c,   K ← a K + b Σ_p l_p r_p         K: rows × columns, c and the l_p, r_p: a few columns or rows
//! ```
//!
//! (docs/theory/conditioning.md §2, Eq. learned.) At ranks of hundreds a copy of K costs as much as a product with it, so K has room around
//! it, of zeros, and grows into it. Products run over blocks of fixed size: the same numbers on any number of threads.

use nalgebra::DMatrixViewMut;
use rayon::prelude::*;
use widenet_core::Matrix;

/// Rows and columns come in multiples of this.
const ROOM: usize = 128;
/// Entries of K above which a product is worth a second thread.
const PARALLEL: usize = 1 << 15;

/// K (module formula), in `f64`.
#[derive(Debug, Clone)]
pub(crate) struct Coefficients {
    /// Zeros outside the first rows and columns.
    stored: Matrix,
    rows: usize,
    columns: usize,
}

impl Coefficients {
    /// 0 × 0.
    pub(crate) fn none() -> Self {
        Self { stored: Matrix::zeros(0, 0), rows: 0, columns: 0 }
    }

    /// Of a matrix.
    pub(crate) fn from_matrix(matrix: &Matrix) -> Self {
        let mut coefficients = Self::none();
        coefficients.grow(matrix.nrows(), matrix.ncols());
        coefficients.stored.view_mut((0, 0), matrix.shape()).copy_from(matrix);
        coefficients
    }

    /// A copy without the room.
    pub(crate) fn to_matrix(&self) -> Matrix {
        self.stored.view((0, 0), (self.rows, self.columns)).into_owned()
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.stored.iter().all(|entry| entry.is_finite())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Zeros in new rows and columns.
    pub(crate) fn grow(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows.max(self.rows), columns.max(self.columns));
        let room = [self.rows, self.columns].map(|side| side.next_multiple_of(ROOM));
        if room[0] > self.stored.nrows() || room[1] > self.stored.ncols() {
            let mut grown = Matrix::zeros(room[0], room[1]);
            grown.view_mut((0, 0), self.stored.shape()).copy_from(&self.stored);
            self.stored = grown;
        }
    }

    /// New columns, which may have more rows.
    pub(crate) fn append(&mut self, columns: &Matrix) {
        let before = self.columns;
        self.grow(columns.nrows(), before + columns.ncols());
        self.stored.view_mut((0, before), columns.shape()).copy_from(columns);
    }

    /// `K c`, for as many rows of c as K has columns, or more.
    pub(crate) fn times(&self, c: &Matrix) -> Matrix {
        let c = c.rows(0, self.columns);
        self.in_blocks(self.rows, c.ncols(), |first, count| self.stored.view((first, 0), (count, self.columns)) * c)
    }

    /// `Kᵀ c`, for as many rows of c as K has rows, or more.
    pub(crate) fn transpose_times(&self, c: &Matrix) -> Matrix {
        let c = c.rows(0, self.rows);
        self.in_blocks(self.columns, c.ncols(), |first, count| {
            self.stored.view((0, first), (self.rows, count)).tr_mul(&c)
        })
    }

    /// A product (rows × columns) of which `part` gives so many rows from one on.
    fn in_blocks(&self, rows: usize, columns: usize, part: impl Fn(usize, usize) -> Matrix + Sync) -> Matrix {
        let of_block = |first: &usize| part(*first, ROOM.min(rows - first));
        let firsts: Vec<usize> = (0..rows).step_by(ROOM).collect();
        let parts: Vec<Matrix> = if self.stored.len() <= PARALLEL {
            firsts.iter().map(of_block).collect()
        } else {
            firsts.par_iter().map(of_block).collect()
        };
        let mut product = Matrix::zeros(rows, columns);
        for (first, part) in firsts.into_iter().zip(parts) {
            product.rows_mut(first, part.nrows()).copy_from(&part);
        }
        product
    }

    /// `K ← K + factor Σ left · right`, of factors that may be older, and so shorter, than K.
    pub(crate) fn add_products(&mut self, factor: f64, factors: &[(Matrix, Matrix)]) {
        let stride = self.stored.nrows();
        if stride == 0 {
            return;
        }
        let is_large = self.stored.len() > PARALLEL;
        let add = |(block, entries): (usize, &mut [f64])| {
            let columns = entries.len() / stride;
            let mut target = DMatrixViewMut::from_slice(entries, stride, columns);
            for (left, right) in factors {
                let first = (block * ROOM).min(right.ncols());
                let count = columns.min(right.ncols() - first);
                let mut target = target.view_mut((0, 0), (left.nrows(), count));
                target.gemm(factor, left, &right.columns(first, count), 1.0);
            }
        };
        let blocks = self.stored.as_mut_slice();
        if is_large {
            blocks.par_chunks_mut(stride * ROOM).enumerate().for_each(add);
        } else {
            blocks.chunks_mut(stride * ROOM).enumerate().for_each(add);
        }
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.stored *= factor;
    }

    /// Changes pairs of entries by a function that leaves pairs of zeros alone when the third is zero.
    ///
    /// # Panics
    /// If the matrices have not grown alike.
    pub(crate) fn change_with(
        &mut self,
        other: &mut Self,
        third: &Self,
        change: impl Fn((f64, f64), f64) -> (f64, f64),
    ) {
        assert!(self.stored.shape() == other.stored.shape() && self.stored.shape() == third.stored.shape());
        let others = other.stored.iter_mut().zip(third.stored.iter());
        for (entry, (other, third)) in self.stored.iter_mut().zip(others) {
            (*entry, *other) = change((*entry, *other), *third);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((i * 7 + j * 13) as f64 * 0.37).sin())
    }

    #[test]
    fn products_are_those_of_the_matrix_however_it_has_grown() {
        let mut grown = Coefficients::none();
        for columns in [3, 130, 200] {
            grown.append(&matrix(columns, columns));
        }
        grown.grow(400, 340);
        let whole = grown.to_matrix();
        assert_eq!(whole.shape(), (400, 340));
        assert_eq!(whole.view((0, 133), (200, 200)), matrix(200, 200));
        let close = |a: Matrix, b: Matrix| assert!((a - b).amax() < 1e-12);
        close(grown.times(&matrix(340, 5)), &whole * matrix(340, 5));
        close(grown.transpose_times(&matrix(400, 5)), whole.tr_mul(&matrix(400, 5)));

        let factors = [(matrix(400, 4), matrix(4, 340)), (matrix(20, 2), matrix(2, 150))];
        grown.add_products(-0.5, &factors);
        let mut expected = whole - &factors[0].0 * &factors[0].1 * 0.5;
        let mut older = expected.view_mut((0, 0), (20, 150));
        older -= &factors[1].0 * &factors[1].1 * 0.5;
        close(grown.to_matrix(), expected);
        assert_eq!(Coefficients::from_matrix(&grown.to_matrix()).to_matrix(), grown.to_matrix());
        assert_eq!(Coefficients::none().times(&matrix(3, 2)).shape(), (0, 2));
    }
}
