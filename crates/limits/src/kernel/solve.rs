//! The solution of a problem at width ∞ in the kernel regime, as a trajectory.

use widenet_core::{Matrix, Problem, Result, Trajectory, training::Control};

/// Outputs at time 0, instead of a sampled function.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// `f_0` on the training inputs, P × k.
    pub train: Matrix,
    /// `f_0` on the test inputs, T × k; needed where the problem has test data.
    pub test: Option<Matrix>,
}

/// Solves a problem at width ∞.
///
/// Without an ensemble: one function, sampled by `seed` from the initial law or given by `start`. With an ensemble: averages
/// over infinitely many networks. `watch` is called with the share of the work done; a run that it stops is
/// [`widenet_core::trajectory::Status::Interrupted`].
///
/// # Errors
/// A scaling outside the kernel regime; weight decay; quantities that this engine does not have; a start of the wrong shape.
pub fn solve(
    _problem: &Problem,
    _seed: u64,
    _start: Option<&Start>,
    _watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Trajectory> {
    Err(widenet_core::Error::Invalid("not yet".into()))
}
