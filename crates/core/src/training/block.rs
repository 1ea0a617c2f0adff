//! A block is a few vectors of one space, as the training loop sees them.

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
}
