//! Trains models whose tangent kernel stays.
//!
//! ```text
//! F_{k+1}(x) = F_k(x) − ⟨g_i K̂(x, x_i)⟩
//! ```
//!
//! (docs/theory/scaling-limits.md §3.3, §4.1, Eq. stationary.)

use widenet_core::Matrix;

use super::{
    start::StartKernels,
    tangent::Tangent,
    training::{Dynamics, Push},
};

/// What training has added to the function at the start.
#[derive(Debug, Clone)]
pub(super) struct Stationary<'a> {
    kernels: &'a StartKernels,
    outputs: Vec<f64>,
}

impl<'a> Stationary<'a> {
    pub(super) fn new(kernels: &'a StartKernels) -> Self {
        Self { kernels, outputs: vec![0.0; kernels.count()] }
    }
}

impl Dynamics for Stationary<'_> {
    fn outputs(&self) -> &[f64] {
        &self.outputs
    }

    fn step(&mut self, pushes: &[Push]) {
        for push in pushes {
            let column = self.kernels.tangent().column(push.sample);
            self.outputs.iter_mut().zip(column.iter()).for_each(|(output, k)| *output -= push.gradient * k);
        }
    }

    fn diagonals(&self) -> Tangent<Vec<f64>> {
        self.kernels.diagonals()
    }

    fn kernel(&self) -> Tangent<Matrix> {
        self.kernels.by_layer()
    }
}
