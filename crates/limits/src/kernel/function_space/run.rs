//! Integrators see a training run in function space through this type.

use widenet_core::{Matrix, problem::Loss};

use super::dynamics::Dynamics;
use crate::linear_algebra::product;

/// The gradient of the loss of a batch in its outputs.
pub(in crate::kernel) enum Gradient<'a> {
    /// A loss with the targets of all training samples, N × k.
    Loss { loss: Loss, targets: &'a Matrix },
    /// The linear map of residuals that the squared loss makes, for `outputs` outputs per sample: any number of columns at once.
    Residual { loss: Loss, outputs: usize },
}

impl Gradient<'_> {
    /// At the outputs of all samples.
    pub(super) fn full(&self, outputs: &Matrix) -> Matrix {
        match self {
            Gradient::Loss { loss, targets } => loss.gradient(outputs, targets),
            Gradient::Residual { loss, outputs: k } => outputs / loss.denominator(outputs.nrows(), *k),
        }
    }

    /// At the outputs of these samples.
    pub(super) fn batch(&self, outputs: &Matrix, samples: &[usize]) -> Matrix {
        match self {
            Gradient::Loss { loss, targets } => loss.gradient(outputs, &targets.select_rows(samples)),
            Gradient::Residual { .. } => self.full(outputs),
        }
    }
}

/// A training run in function space.
pub(in crate::kernel) struct Run<'a> {
    /// G, N × N.
    pub(in crate::kernel) kernel: &'a Matrix,
    /// `f_0(X)`, N × k.
    pub(in crate::kernel) start: &'a Matrix,
    pub(in crate::kernel) gradient: Gradient<'a>,
    pub(in crate::kernel) dynamics: Dynamics,
    /// Key of the order of minibatches.
    pub(in crate::kernel) seed: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::kernel) enum End {
    /// All moments were reached.
    Done,
    /// At this step (accepted integrator step of a flow) and training time.
    Diverged { step: u64, time: f64 },
    /// Stopped before this step.
    Stopped { step: u64 },
}

impl Run<'_> {
    /// `f_X` for a z.
    pub(super) fn outputs(&self, z: &Matrix) -> Matrix {
        self.start - product(self.kernel, z)
    }
}
