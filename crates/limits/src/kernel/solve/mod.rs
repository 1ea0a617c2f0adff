//! Solves a problem at width ∞ in the kernel regime; the result is a trajectory.
//!
//! Squared loss has closed forms (docs/theory/ntk.md §4, §5), everything else runs in function space (docs/theory/ntk.md §6). One network
//! is a function drawn from the initial law; an ensemble is the law itself, or for other losses than the squared one an average over drawn
//! functions.

mod distribution;
mod functions;
mod record;

use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width,
    problem::{Loss, Need as RecordNeed, Quantity, Scope},
    training::Control,
    trajectory::{Engine, Record, Status},
};

use super::{
    blocks::{Need, Sampler, compute, inputs_of},
    error::{core_error, invalid},
    function_space::End,
    refusal::refuse_weight_decay,
    start::Start,
};
use crate::finite::finite_records;
use record::SnapshotRecorder;

/// Solves a problem at width ∞.
///
/// Without an ensemble: one function, sampled by `seed` from the initial law or given by `start`. With an ensemble: averages
/// over infinitely many networks for the squared loss, over as many sampled functions as it has networks for other
/// losses (of an antithetic ensemble in pairs of opposite sign). A quantity that has no value here is left out: accuracies of an ensemble's
/// law with several outputs, the parameter distance of that law, the kurtosis of sampled functions, sizes of activations.
///
/// Records of descent have the step they were taken at, those of flows their position. `watch` is called with the share of the
/// work done; a run that it stops is [`Status::Interrupted`].
///
/// # Errors
/// A scaling outside the kernel regime; an initial correction; RMSProp; weight decay; quantities of deep linear networks; a start of the
/// wrong shape, or together with an ensemble.
pub fn solve(
    problem: &Problem,
    seed: u64,
    start: Option<&Start>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Trajectory> {
    let network = problem.kernel_regime()?;
    refuse_weight_decay(problem)?;
    check_stop(problem)?;
    let quantities = &problem.record.quantities;
    if let Some(quantity) =
        quantities.iter().find(|quantity| matches!(quantity.scope(), Scope::DeepLinear | Scope::Linear))
    {
        return Err(Error::Invalid(format!(
            "`{}` is a quantity of linear networks; the kernel regime of perceptrons does not have it",
            quantity.name()
        )));
    }
    if let Some(start) = start {
        let test = problem.data.test.as_ref().map(|test| test.targets.nrows());
        start.check(problem.data.train.targets.nrows(), test, problem.data.output_dimension())?;
        if problem.ensemble.is_some() {
            return Err(Error::Invalid("a start was given, but an ensemble starts from the initial law".into()));
        }
    }
    let has_distribution = problem.ensemble.is_some() && matches!(problem.loss, Loss::Squared { .. });
    let covariance = problem.record.needs(RecordNeed::Covariance);
    let need = match (start, has_distribution) {
        (None, true) if !covariance => Need::Variances,
        (None, _) => Need::Covariance,
        (Some(_), _) if quantities.contains(&Quantity::NngpKernel) => Need::Variances,
        (Some(_), _) => Need::Nothing,
    };
    let (kernel, prior) = match compute(&network, inputs_of(&problem.data), need, &mut |share| watch(0.5 * share)) {
        Ok(blocks) => blocks,
        Err(super::error::Error::Stopped) => {
            return Ok(trajectory(problem, seed, (Vec::new(), End::Stopped { step: 0 })));
        }
        Err(super::error::Error::Invalid(error)) => return Err(error),
    };
    let mut watch = |share: f64| watch(0.5 + 0.5 * share);
    let zero = problem.network.centered.then(|| Start {
        train: Matrix::zeros(problem.data.train.targets.nrows(), problem.data.output_dimension()),
        test: problem.data.test.as_ref().map(|test| Matrix::zeros(test.targets.nrows(), test.targets.ncols())),
    });
    let recorder = SnapshotRecorder::new(problem, &network, &kernel, prior.as_ref()).map_err(core_error)?;
    let solved = match (&prior, start.or(zero.as_ref().filter(|_| problem.ensemble.is_none()))) {
        (Some(prior), None) if has_distribution => {
            let centered = problem.network.centered.then(|| prior.without_spread());
            distribution::solve(problem, &kernel, centered.as_ref().unwrap_or(prior), seed, &recorder, &mut watch)
        }
        (_, Some(start)) => functions::solve_one(problem, &kernel, start, seed, &recorder, &mut watch),
        (Some(prior), None) => Sampler::new(prior, problem).and_then(|sampler| match problem.ensemble {
            Some(ensemble) => {
                functions::solve_average(problem, &kernel, (&sampler, ensemble), seed, &recorder, &mut watch)
            }
            None => {
                let start = sampler.sample(seed, problem.data.output_dimension());
                functions::solve_one(problem, &kernel, &start, seed, &recorder, &mut watch)
            }
        }),
        (None, None) => Err(invalid("the initial law was not computed".into())),
    };
    Ok(trajectory(problem, seed, solved.map_err(core_error)?))
}

/// Refuses to stop by an accuracy that has no value: of the law of networks with several outputs.
///
/// # Errors
/// [`Error::Invalid`] with what would be right.
pub fn check_stop(problem: &Problem) -> Result<()> {
    let has_law = problem.ensemble.is_some() && matches!(problem.loss, Loss::Squared { .. });
    let outputs = problem.data.output_dimension();
    match problem.stop.and_then(|stop| stop.train_accuracy) {
        Some(accuracy) if has_law && outputs > 1 => Err(Error::Invalid(format!(
            "stop.train_accuracy = {accuracy}: the accuracy of infinitely many networks with {outputs} outputs has no closed form, and \
             could not end their training; use stop.train_loss"
        ))),
        _ => Ok(()),
    }
}

fn trajectory(problem: &Problem, seed: u64, (records, end): (Vec<Record>, End)) -> Trajectory {
    let status = match end {
        End::Done => Status::Done,
        End::Diverged { step, time } => Status::Diverged { step, time },
        End::Stopped { step } => Status::Interrupted { step },
    };
    let (records, status) = finite_records(records, status);
    let (records, status) = problem.cut_at_stop(records, status);
    Trajectory { width: Width::Infinite, engine: Engine::Limit, seed, status, records }
}
