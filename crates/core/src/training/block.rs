//! A block is a few vectors of one space, as the training loop sees them.

use std::sync::Arc;

use super::selection::Selection;
use crate::{matrix::Matrix, problem::Activation};

/// A few vectors of one space, as columns.
pub trait Block: Clone {
    /// `selfᵀ other`, columns of `self` × columns of `other`.
    fn gram(&self, other: &Self) -> Matrix;

    /// `self · coefficients`, with `coefficients` of shape columns × new columns.
    fn times(&self, coefficients: &Matrix) -> Self;

    /// `self ← self + scale · other`.
    fn add_scaled(&mut self, scale: f64, other: &Self);

    /// `self ← factor · self`.
    fn scale(&mut self, factor: f64);

    /// Coordinates, for blocks of the input or output space only (n × columns).
    fn to_matrix(&self) -> Matrix;
}

/// A block whose entries are neurons (n neurons × columns).
pub trait NeuronBlock: Block {
    /// `φ(self)`, entry by entry.
    fn activated(&self, activation: Activation) -> Self;

    /// `self ← self ⊙ φ'(h)`, entry by entry. `self` has as many columns as `h`, or a multiple: its column c meets column
    /// c mod (columns of `h`).
    fn times_derivative(&mut self, activation: Activation, h: &Self);

    /// Mean of the squared entries, summed in `f64`.
    fn mean_square(&self) -> f64;

    /// How many neurons the sums of [`Block::gram`] run over; 1 where they are means over neurons.
    fn neurons(&self) -> f64;

    /// Stacks the columns that a selection names, sample by sample: n × (samples inputs) → q n × (samples outputs) ([`Selection::stack`]).
    #[must_use]
    fn stacked(&self, selection: &Arc<Selection>) -> Self;

    /// Sums them: n × (samples inputs) → n × (samples outputs) ([`Selection::sum`]).
    #[must_use]
    fn summed(&self, selection: &Arc<Selection>) -> Self;

    /// Stacks every `count` neighbours: n × (count columns) → (count n) × columns.
    #[must_use]
    fn joined(&self, count: usize) -> Self;

    /// Cuts every column into `count` of equal length: (count n) × columns → n × (count columns).
    #[must_use]
    fn cut(&self, count: usize) -> Self;

    /// `Σ_{i,j} (g_i · g'_j)(a_i · a'_j)` over the columns i and j of every pair of samples, whose number of columns is `positions`:
    /// signals × other signals, for signals g of as many samples as the inputs a, once or several times over
    /// (docs/theory/convolutions.md §7, Eq. tangent).
    fn gradient_gram(signals: [&Self; 2], inputs: [&Self; 2], positions: usize) -> Matrix;
}

/// Returns [`NeuronBlock::gradient_gram`] from the inner products of all signals and of all inputs, which have these numbers of positions.
pub fn gradient_gram(signals: &Matrix, inputs: &Matrix, [positions, others]: [usize; 2]) -> Matrix {
    let (rows, columns) = inputs.shape();
    Matrix::from_fn(signals.nrows() / positions, signals.ncols() / others, |i, j| {
        let column = |q: usize| -> f64 {
            let (signals, inputs) = (signals.column(j * others + q), inputs.column((j * others + q) % columns));
            (i * positions..(i + 1) * positions).map(|p| signals[p] * inputs[p % rows]).sum()
        };
        (0..others).map(column).sum()
    })
}
