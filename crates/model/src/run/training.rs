//! Trains one network, with its checkpoints.

use std::borrow::Cow;

use widenet_core::{
    Problem,
    problem::Rule,
    training::Training,
    trajectory::{Record, Status},
};

use super::keeper::Keeper;
use crate::{checkpoint::Saved, device::Precision, error::ModelError};

/// Roundings of `f32`, in units of the targets, that a step of gradient flow of a perceptron may have as its error.
const ROUNDINGS: f64 = 32.0;

/// The problem with a tolerance of gradient flow that the float type resolves.
pub(super) fn resolved(problem: &Problem, precision: Precision) -> Cow<'_, Problem> {
    let Rule::Flow { time, tolerance } = problem.optimizer.rule else { return Cow::Borrowed(problem) };
    let least = match precision {
        Precision::F32 => ROUNDINGS * f64::from(f32::EPSILON) * problem.data.train.targets.norm().max(1.0),
        Precision::F64 => 0.0,
    };
    if tolerance >= least {
        return Cow::Borrowed(problem);
    }
    let mut problem = problem.clone();
    problem.optimizer.rule = Rule::Flow { time, tolerance: least };
    Cow::Owned(problem)
}

/// Records, how the run ended, and what there is to tell.
pub(super) type Trained = (Vec<Record>, Status, Vec<String>);

/// Trains a network at time 0, from where a checkpoint left it if there is one.
///
/// # Errors
/// [`ModelError::Checkpoint`].
pub(super) fn train<T: Training<Matrix: Saved>>(training: &mut T, keeper: Keeper<'_>) -> Result<Trained, ModelError> {
    let (mut keeper, start) = keeper.open(training.matrices_mut());
    let (records, status) = training.run(start, &mut |progress, matrices| keeper.keep(progress, matrices));
    keeper.close().map(|notes| (records, status, notes))
}
