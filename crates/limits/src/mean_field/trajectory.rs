//! Trains a deep linear network of any width and records it.

use widenet_core::{
    Problem, Result, Trajectory, Width,
    training::{Control, LinearNetwork, LinearTraining, Progress, Start, Training},
    trajectory::Engine,
};

use super::coordinate_matrix::CoordinateMatrix;

pub(super) fn run(
    problem: &Problem,
    width: Width,
    seed: u64,
    network: LinearNetwork<CoordinateMatrix>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<Trajectory> {
    let mut training = LinearTraining::new(problem, network, seed)?;
    let (records, status) = training.run(Start::default(), &mut |progress, _| watch(progress));
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    Ok(Trajectory { width, engine, seed, status, records })
}
