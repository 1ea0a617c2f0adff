//! Networks may have a share of their own function at the start added: of mean-field networks as an initialization correction
//! (docs/theory/scaling-limits.md §4.4, Eq. correction), of any networks that are centered −1.
//!
//! ```text
//! f_IC(x) = f(x) + (√n − 1) f_0(x),    n = m/d*        f_0: the network's own function at its start, frozen
//! centered:  f(x) − f_0(x)
//! ```
//!
//! Gradients flow through f alone, so f_0 is nothing but its outputs on the samples: what is added to the outputs before
//! the loss and the records see them. The tangent kernel is that of f; the linearised network is corrected alike.

use super::network::Mlp;
use crate::{matrix::Matrix, problem::Problem, training::matrix::EntryMatrix};

/// The share of `f_0` that is added on the samples; nothing where the outputs are the network's own.
#[derive(Debug, Clone, Default)]
pub(super) struct InitialCorrection {
    /// P × k.
    train: Option<Matrix>,
    /// T × k.
    test: Option<Matrix>,
}

impl InitialCorrection {
    /// The correction of a problem whose network is this one at its start.
    pub(super) fn of<W: EntryMatrix>(problem: &Problem, network: &mut Mlp<W>) -> Self {
        let width = network.layers[0].weights.matrix.output_dimension();
        let corrected = problem.parameterization.initial_correction(width);
        let Some(factor) = corrected.or(problem.network.centered.then_some(-1.0)) else { return Self::default() };
        let mut on = |inputs: &Matrix| network.outputs(inputs) * factor;
        Self {
            train: Some(on(&problem.data.train.inputs)),
            test: problem.data.test.as_ref().map(|test| on(&test.inputs)),
        }
    }

    /// Adds it to outputs on the training inputs, or on a batch of them.
    pub(super) fn on_train(&self, outputs: Matrix, batch: Option<&[usize]>) -> Matrix {
        match (&self.train, batch) {
            (None, _) => outputs,
            (Some(added), None) => outputs + added,
            (Some(added), Some(batch)) => outputs + added.select_rows(batch),
        }
    }

    /// Adds it to outputs on the test inputs.
    pub(super) fn on_test(&self, outputs: Matrix) -> Matrix {
        match &self.test {
            None => outputs,
            Some(added) => outputs + added,
        }
    }
}
