//! Progress says where a run begins, how far it has come, and whether it goes on.

use crate::{matrix::Matrix, trajectory::Record};

/// A predictor or outputs larger than this have diverged, though they may still be finite.
const DIVERGED: f64 = 1e100;

/// Says whether a predictor or outputs are those of a run that has not diverged.
pub fn is_finite(values: &Matrix) -> bool {
    values.norm() < DIVERGED
}

/// Where a run begins: at time 0, or where a checkpoint left it.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Steps taken.
    pub step: u64,
    /// Training time reached.
    pub time: f64,
    /// Integrator's next step, for gradient flow.
    pub step_size: Option<f64>,
    /// Records taken.
    pub records: Vec<Record>,
}

/// How far a run has come, after a step.
#[derive(Debug)]
pub struct Progress<'a, R = Record> {
    /// Steps taken.
    pub step: u64,
    /// Training time.
    pub time: f64,
    /// Share of the horizon, in [0, 1].
    pub fraction: f64,
    /// Integrator's next step, for gradient flow.
    pub step_size: Option<f64>,
    /// Records taken.
    pub records: &'a [R],
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Take the next step.
    Continue,
    /// Stop here; the run can be resumed from this state.
    Stop,
}
