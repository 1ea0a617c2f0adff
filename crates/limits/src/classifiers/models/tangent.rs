//! Splits tangent kernels by the layer that learns.

use widenet_core::Matrix;

/// `K = K_a + K_w`, divided by `n^B` (docs/theory/scaling-limits.md §1, Eq. tangent).
#[derive(Debug, Clone, PartialEq)]
pub struct Tangent<T> {
    /// `K_a`: what moves through the readout.
    pub readout: T,
    /// `K_w`: what moves through the input weights.
    pub input: T,
}

impl Tangent<Vec<f64>> {
    /// Returns `K(x, x)` per input, M.
    pub fn total(&self) -> Vec<f64> {
        self.readout.iter().zip(&self.input).map(|(readout, input)| readout + input).collect()
    }
}

impl Tangent<Matrix> {
    /// Returns `K`, M × M.
    pub fn total(&self) -> Matrix {
        &self.readout + &self.input
    }
}
