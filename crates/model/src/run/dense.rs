//! Takes one run of stored matrices from its problem to its trajectory.

use widenet_core::training::{Control, LinearTraining, Progress, mlp::MlpTraining};

use super::{
    ensemble,
    keeper::Keeper,
    request::{DeviceSolution, Run},
    training::train,
};
use crate::{
    error::ModelError,
    network::dense::{dense_mlp, dense_network},
};

/// Trains a network of stored matrices, or an ensemble of them: a deep linear network where the problem is one
/// ([`widenet_core::Problem::is_deep_linear`]), multilayer perceptrons otherwise.
pub(super) fn solve(
    run: &Run<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    let Run { problem, width, seed, device, precision, .. } = *run;
    let (records, status, notes) = if problem.is_solved_as_predictor() {
        let network = dense_network(problem, width, seed, device, precision)?;
        train(&mut LinearTraining::new(problem, network, seed)?, Keeper::new(run, watch))?
    } else if let Some(ensemble) = problem.ensemble {
        return ensemble::solve(run, ensemble, watch);
    } else {
        let network = dense_mlp(problem, width, seed, device, precision)?;
        train(&mut MlpTraining::new(problem, network, seed)?, Keeper::new(run, watch))?
    };
    Ok(run.solution(records, status, notes))
}
