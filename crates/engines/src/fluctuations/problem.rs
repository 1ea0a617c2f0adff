//! Spread and offset are defined where the limit is deterministic and smooth in what networks are made of.

use widenet_core::{Problem, problem::Quantity};
use widenet_limits::Regime;

use crate::solver::SolveError;

/// Kernels, whose limit in the kernel regime does not depend on the random start.
const KERNELS: [Quantity; 4] =
    [Quantity::TangentKernel, Quantity::MeanTangentKernel, Quantity::TangentKernelNorm, Quantity::NngpKernel];

/// Says whether a quantity jumps with the outputs, so that it has no expansion in 1/m.
pub(super) fn jumps(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::TrainAccuracy | Quantity::TestAccuracy)
}

/// Refuses problems without a limit that all networks share.
///
/// # Errors
/// [`SolveError`] with what is random in the limit, by its key, and what would be right.
pub(super) fn check(problem: &Problem) -> Result<(), SolveError> {
    if problem.ensemble.is_some() {
        return Err(SolveError::Refused(
            "ensemble: fluctuations are those of single networks, which are trained one by one; leave the section out, and say how many networks".into(),
        ));
    }
    if problem.stop.is_some() {
        return Err(SolveError::Refused(
            "stop: networks would end at moments of their own, and fluctuations compare them at the same ones; leave the section out".into(),
        ));
    }
    if let Some(batch_size) = problem.optimizer.batch_size() {
        return Err(SolveError::Refused(format!(
            "optimizer.batch_size = {batch_size}: every network draws batches of its own, so networks have no common limit; train on all \
             samples (optimizer.kind = \"gd\")"
        )));
    }
    let regime = Regime::of(problem)?;
    let other = problem.record.quantities.iter().find(|quantity| !KERNELS.contains(quantity) && !jumps(**quantity));
    match (regime, other) {
        (Regime::Classifier(_), _) => Err(SolveError::Refused(
            "the limit of this classifier is made of particles, and its error is not known: an offset from it would be that error; \
             squared loss in mean-field scaling has a limit with an error"
                .into(),
        )),
        (Regime::Kernel, None) => Ok(()),
        (_, Some(quantity)) if regime.starts_at_random(problem) => {
            let kernels = KERNELS.map(Quantity::name).join(", ");
            Err(SolveError::Refused(format!(
                "record.quantities has {}, which has no deterministic limit in this parameterization: networks start from a random function \
                 with a spread of order 1 at every width; record only kernels here ({kernels}), or use kind = \"mean_field\"",
                quantity.name()
            )))
        }
        _ => Ok(()),
    }
}
