//! Solves a problem: a width and a seed go in, a trajectory comes out.

use widenet_core::training::{Control, Progress};

use super::{
    dense, explored,
    request::{DeviceSolution, Matrices, Run},
};
use crate::error::ModelError;

/// Trains a network, or an ensemble of them, and records what the problem asks for: a deep linear network where the problem is one
/// ([`widenet_core::Problem::is_deep_linear`]), multilayer perceptrons otherwise.
///
/// `watch` is called after every step (of an ensemble, now and then, with the steps of all networks) and may stop the run, which then
/// writes a checkpoint if it has a plan for it. A resumed run gives the records of an undisturbed one, bit for bit; of an
/// ensemble, the networks before the first unfinished one are kept. The checkpoint of a finished run is left to the
/// caller, who removes it once the trajectory is safe.
///
/// # Errors
/// [`ModelError`]: a width that does not fit, a float type that the device lacks, a rule that these networks are not trained by
/// ([`crate::Hidden::check`]), an ensemble of too few networks, a run that is stopped and whose checkpoint cannot be written. A
/// checkpoint that cannot be written in between is a note, and one that cannot be *used*, where the run starts anew. A diverged run is a result.
pub fn solve_on_device(
    run: &Run<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    match run.matrices {
        Matrices::Dense => dense::solve(run, watch),
        Matrices::Explored(hidden) => explored::solve(run, hidden, watch),
    }
}
