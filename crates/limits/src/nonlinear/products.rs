//! Products of tall matrices, on one thread: replicates are what runs side by side.
//!
//! ```text
//! ⟨A, B⟩ = Aᵀ diag(w) B        w: the weights of the nodes, 1/m each for nodes that are drawn; Σ w = 1
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.)

use std::{borrow::Cow, ops::Range, rc::Rc};

use faer::{Accum, MatRef, Par, linalg::matmul::matmul};
use widenet_core::Matrix;

use crate::linear_algebra::{scale_rows, view, view_mut};

/// What an inner product of two vectors is.
#[derive(Debug, Clone)]
pub(super) enum Measure {
    /// The sum of products, in the spaces of inputs and outputs.
    Sum,
    /// The mean of products over nodes of equal weight.
    Mean,
    /// The mean with these weights.
    Weights(Rc<[f64]>),
}

/// Rows of a piece: so few that a cache holds a hundred columns of it, and no power of two, whose columns would share the sets of a cache.
const ROWS: usize = 264;

impl Measure {
    /// `⟨A, B⟩`, columns of A × columns of B.
    pub(super) fn gram(&self, a: &Matrix, b: &Matrix) -> Matrix {
        let mut product = Matrix::zeros(a.ncols(), b.ncols());
        let (b, factor) = self.weighted(b);
        matmul(view_mut(&mut product), Accum::Replace, view(a).transpose(), view(&b), factor, Par::Seq);
        product
    }

    /// `⟨A, B⟩` of vectors that were collected.
    pub(super) fn gram_of(&self, a: &Columns, b: &Matrix) -> Matrix {
        let mut transposed = Matrix::zeros(b.ncols(), a.count());
        let (b, factor) = self.weighted(b);
        for (piece, rows) in a.pieces() {
            let b = view(&b).subrows(rows.start, rows.len());
            matmul(view_mut(&mut transposed), Accum::Add, b.transpose(), piece, factor, Par::Seq);
        }
        transposed.transpose()
    }

    /// `diag(w) B` up to a factor.
    fn weighted<'a>(&self, b: &'a Matrix) -> (Cow<'a, Matrix>, f64) {
        match self {
            Measure::Sum => (Cow::Borrowed(b), 1.0),
            Measure::Mean => (Cow::Borrowed(b), 1.0 / b.nrows() as f64),
            Measure::Weights(weights) => {
                let mut weighted = b.clone();
                scale_rows(&mut weighted, weights);
                (Cow::Owned(weighted), 1.0)
            }
        }
    }

    /// Mean of the squares of all entries, the rows weighted.
    pub(super) fn mean_square(&self, x: &Matrix) -> f64 {
        let sum = match self {
            Measure::Sum | Measure::Mean => x.norm_squared() / x.nrows() as f64,
            Measure::Weights(weights) => {
                let of_column = |column: nalgebra::DVectorView<'_, f64>| -> f64 {
                    column.iter().zip(weights.iter()).map(|(x, w)| w * x * x).sum()
                };
                x.column_iter().map(of_column).sum()
            }
        };
        sum / x.ncols() as f64
    }
}

/// `x ← x + factor · a c`.
pub(super) fn add_product(x: &mut Matrix, a: &Matrix, c: &Matrix, factor: f64) {
    matmul(view_mut(x), Accum::Add, view(a), view(c), factor, Par::Seq);
}

/// `x · c`.
pub(super) fn product(x: &Matrix, c: &Matrix) -> Matrix {
    let mut product = Matrix::zeros(x.nrows(), c.ncols());
    add_product(&mut product, x, c, 1.0);
    product
}

/// Vectors of one length, as columns that are added to the end; in pieces of a few rows, each of which is read from one place.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    rows: usize,
    count: usize,
    /// Column by column within a piece.
    pieces: Vec<Vec<f64>>,
}

impl Columns {
    /// No vectors of this length.
    pub(super) fn none(rows: usize) -> Self {
        Self { rows, count: 0, pieces: vec![Vec::new(); rows.div_ceil(ROWS)] }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn append(&mut self, columns: &Matrix) {
        self.count += columns.ncols();
        for (i, piece) in self.pieces.iter_mut().enumerate() {
            let rows = rows_of(i, self.rows);
            for column in columns.column_iter() {
                piece.extend_from_slice(&column.as_slice()[rows.clone()]);
            }
        }
    }

    /// `x ← x + factor · A c`.
    pub(super) fn add_product(&self, x: &mut Matrix, c: &Matrix, factor: f64) {
        for (piece, rows) in self.pieces() {
            let x = view_mut(x).subrows_mut(rows.start, rows.len());
            matmul(x, Accum::Add, piece, view(c), factor, Par::Seq);
        }
    }

    /// Those from one on.
    pub(super) fn last(&self, first: usize) -> Matrix {
        let mut last = Matrix::zeros(self.rows, self.count - first);
        for (i, piece) in self.pieces.iter().enumerate() {
            let rows = rows_of(i, self.rows);
            let columns = &piece[first * rows.len()..];
            last.rows_range_mut(rows.clone()).iter_mut().zip(columns).for_each(|(to, from)| *to = *from);
        }
        last
    }

    fn pieces(&self) -> impl Iterator<Item = (MatRef<'_, f64>, Range<usize>)> {
        self.pieces.iter().enumerate().map(|(i, piece)| {
            let rows = rows_of(i, self.rows);
            (MatRef::from_column_major_slice(piece, rows.len(), self.count), rows)
        })
    }
}

/// Rows of a piece.
fn rows_of(piece: usize, rows: usize) -> Range<usize> {
    piece * ROWS..rows.min((piece + 1) * ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around the ends of pieces, and in two blocks: what is kept in pieces is what was given.
    #[test]
    fn pieces_change_nothing() {
        for rows in [1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 37] {
            let wave = |columns: usize, shift: f64| {
                Matrix::from_fn(rows, columns, |i, j| (i as f64 * (0.37 + j as f64) + shift).sin())
            };
            let (all, x) = (wave(7, 0.2), wave(3, 1.0));
            let mut columns = Columns::none(rows);
            columns.append(&all.columns(0, 4).into_owned());
            columns.append(&all.columns(4, 3).into_owned());
            assert_eq!((columns.count(), columns.last(0), columns.last(4)), (7, all.clone(), all.columns(4, 3).into()));
            let weights: Rc<[f64]> = (0..rows).map(|i| (i + 1) as f64).collect();
            for measure in [Measure::Sum, Measure::Mean, Measure::Weights(weights)] {
                let (found, expected) = (measure.gram_of(&columns, &x), measure.gram(&all, &x));
                assert!((found - &expected).amax() <= 1e-13 * (1.0 + expected.amax()), "{rows} rows, {measure:?}");
            }
            let (c, mut found) = (Matrix::from_fn(7, 3, |i, j| i as f64 - j as f64), x.clone());
            columns.add_product(&mut found, &c, -0.5);
            assert!((found - (&x - &all * c * 0.5)).amax() < 1e-13, "{rows} rows");
        }
    }
}
