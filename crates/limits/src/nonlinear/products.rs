//! Products of tall matrices, on one thread: replicates are what runs side by side.
//!
//! ```text
//! ⟨A, B⟩ = Aᵀ diag(w) B        w: the weights of the nodes, 1/m each for nodes that are drawn; Σ w = 1
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.)

use std::rc::Rc;

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

impl Measure {
    /// `⟨A, B⟩`, columns of A × columns of B.
    pub(super) fn gram(&self, a: MatRef<'_, f64>, b: &Matrix) -> Matrix {
        let mut product = Matrix::zeros(a.ncols(), b.ncols());
        let weighted = match self {
            Measure::Weights(weights) => {
                let mut weighted = b.clone();
                scale_rows(&mut weighted, weights);
                Some(weighted)
            }
            Measure::Sum | Measure::Mean => None,
        };
        let factor = match self {
            Measure::Mean => 1.0 / b.nrows() as f64,
            Measure::Sum | Measure::Weights(_) => 1.0,
        };
        let right = view(weighted.as_ref().unwrap_or(b));
        matmul(view_mut(&mut product), Accum::Replace, a.transpose(), right, factor, Par::Seq);
        product
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

/// `x ← x + factor · A c`.
pub(super) fn add_product(x: &mut Matrix, a: MatRef<'_, f64>, c: &Matrix, factor: f64) {
    matmul(view_mut(x), Accum::Add, a, view(c), factor, Par::Seq);
}

/// `x · c`.
pub(super) fn product(x: &Matrix, c: &Matrix) -> Matrix {
    let mut product = Matrix::zeros(x.nrows(), c.ncols());
    add_product(&mut product, view(x), c, 1.0);
    product
}

/// Vectors of one length, as columns that are added to the end.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    rows: usize,
    entries: Vec<f64>,
}

impl Columns {
    /// No vectors of this length.
    pub(super) fn none(rows: usize) -> Self {
        Self { rows, entries: Vec::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.entries.len() / self.rows
    }

    pub(super) fn append(&mut self, columns: &Matrix) {
        self.entries.extend_from_slice(columns.as_slice());
    }

    /// All of them.
    pub(super) fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.entries, self.rows, self.count())
    }

    /// Those from one on.
    pub(super) fn last(&self, first: usize) -> Matrix {
        Matrix::from_column_slice(self.rows, self.count() - first, &self.entries[first * self.rows..])
    }
}
