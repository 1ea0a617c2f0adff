//! Trains a deep linear network of any width and records it.

use widenet_core::{
    Problem, Trajectory, Width,
    training::{Control, LinearNetwork, Observer, Progress, Recorder, Start, train},
    trajectory::Engine,
};

use super::coordinate_matrix::CoordinateMatrix;

struct Watch<'a>(&'a mut dyn FnMut(&Progress<'_>) -> Control);

impl Observer<CoordinateMatrix> for Watch<'_> {
    fn after_step(&mut self, progress: &Progress<'_>, _: &mut LinearNetwork<CoordinateMatrix>) -> Control {
        (self.0)(progress)
    }
}

pub(super) fn run(
    problem: &Problem,
    width: Width,
    seed: u64,
    mut network: LinearNetwork<CoordinateMatrix>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Trajectory {
    let recorder = Recorder::new(problem, &mut network);
    let (records, status) = train(&mut network, &recorder, problem, seed, Start::default(), &mut Watch(watch));
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    Trajectory { width, engine, seed, status, records }
}
