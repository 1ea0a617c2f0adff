//! Training in function space, for losses and batches without a closed form.
//!
//! ```text
//! f_X = f_0(X) − G_XX z,     f_T = f_0(T) − G_TX z,     z: what training has summed up of the loss's gradient g(f_X), N × k
//! flow: z' = g       momentum flow: z'' = −2γ z' + g       descent: u ← μ u + η g, z ← z + u
//! ```
//!
//! (docs/theory/ntk.md §3, §6, Eq. function-space.) The cost does not depend on the number of test points.

mod descent;
mod flow;

use widenet_core::{
    Matrix,
    problem::{Loss, Optimizer, Rule},
    training::Control,
};

use super::linear_algebra::product;

/// Largest relative local error per step of a flow.
const TOLERANCE: f64 = 1e-8;

/// The gradient of the loss of a batch in its outputs.
pub(super) enum Gradient<'a> {
    /// A loss with the targets of all training samples, N × k.
    Loss { loss: Loss, targets: &'a Matrix },
    /// The linear map of residuals that the squared loss makes, for `outputs` outputs per sample: any number of columns at once.
    Residual { loss: Loss, outputs: usize },
}

impl Gradient<'_> {
    /// At the outputs of all samples.
    fn full(&self, outputs: &Matrix) -> Matrix {
        match self {
            Gradient::Loss { loss, targets } => loss.gradient(outputs, targets),
            Gradient::Residual { loss, outputs: k } => outputs / loss.denominator(outputs.nrows(), *k),
        }
    }

    /// At the outputs of these samples.
    fn batch(&self, outputs: &Matrix, samples: &[usize]) -> Matrix {
        match self {
            Gradient::Loss { loss, targets } => loss.gradient(outputs, &targets.select_rows(samples)),
            Gradient::Residual { .. } => self.full(outputs),
        }
    }
}

/// A training run in function space.
pub(super) struct Run<'a> {
    /// G, N × N.
    pub(super) kernel: &'a Matrix,
    /// `f_0(X)`, N × k.
    pub(super) start: &'a Matrix,
    pub(super) gradient: Gradient<'a>,
    pub(super) optimizer: &'a Optimizer,
    /// Key of the order of minibatches.
    pub(super) seed: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// All moments were reached.
    Done,
    /// At this step (accepted integrator step of a flow) and training time.
    Diverged { step: u64, time: f64 },
    /// Stopped before this step.
    Stopped { step: u64 },
}

impl Run<'_> {
    /// Runs to the moments (sorted, of the record plan), handing z and f_X at each to `visit`. `watch` is called with the share of
    /// the work done.
    pub(super) fn visit(
        &self,
        moments: &[f64],
        visit: &mut dyn FnMut(usize, &Matrix, &Matrix),
        watch: &mut dyn FnMut(f64) -> Control,
    ) -> End {
        match self.optimizer.rule {
            Rule::Descent { .. } => descent::run(self, moments, visit, watch),
            Rule::Flow { tolerance, .. } => flow::run(self, None, tolerance.min(TOLERANCE), moments, visit, watch),
            Rule::MomentumFlow { learning_rate, momentum, tolerance, .. } => {
                let friction = (1.0 - momentum) / (2.0 * learning_rate.sqrt());
                flow::run(self, Some(friction), tolerance.min(TOLERANCE), moments, visit, watch)
            }
            Rule::RmsProp { .. } => unreachable!("kernels do not describe RMSProp, which is refused"),
        }
    }

    /// `f_X` for a z.
    fn outputs(&self, z: &Matrix) -> Matrix {
        self.start - product(self.kernel, z)
    }
}
