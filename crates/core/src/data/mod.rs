//! Data sets: samples as matrices, wherever they come from.

use crate::Matrix;

/// Inputs with their targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// P × d.
    pub inputs: Matrix,
    /// P × k.
    pub targets: Matrix,
}

/// Training samples and, where there are any, test samples. All values are finite and P, d, k ≥ 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Training samples.
    pub train: Samples,
    /// Test samples.
    pub test: Option<Samples>,
}

impl Dataset {
    /// d.
    pub fn input_dimension(&self) -> usize {
        self.train.inputs.ncols()
    }

    /// k.
    pub fn output_dimension(&self) -> usize {
        self.train.targets.ncols()
    }
}
