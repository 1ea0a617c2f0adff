//! One perceptron from its problem to its trajectory.

use widenet_core::training::{Control, Progress, mlp::MlpTraining};

use super::{dense_mlp, ensemble};
use crate::{
    ModelError,
    solve::{DenseRun, DeviceSolution, Keeper, solution},
};

/// See [`crate::solve_dense`].
pub(crate) fn solve(
    run: &DenseRun<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    if let Some(ensemble) = run.problem.ensemble {
        return ensemble::solve(run, ensemble, watch);
    }
    let network = dense_mlp(run.problem, run.width, run.seed, run.device, run.precision)?;
    let mut training = MlpTraining::new(run.problem, network, run.seed)?;
    let (mut keeper, start) = Keeper::of_dense(run, watch).open(training.matrices_mut());
    let (records, status) =
        training.run(start, &mut |progress, training| keeper.keep(progress, || training.matrices()));
    keeper.close().map(|notes| solution(run, records, status, notes))
}
