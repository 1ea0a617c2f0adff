//! Limit models of classifiers: the worked example of docs/theory/scaling-limits.md, ways to make particles, finite networks.

mod networks;
mod particles;
mod worked_example;

use widenet_core::{Matrix, problem::Schedule, training::Control};
use widenet_limits::classifiers::models::{
    Constants, Inputs, KernelRecord, Model, ParticleClassifier, Record, Solution, Source, StartKernels, Training, Unit,
    solve_particles, solve_stationary,
};

/// `0.1 z + 0.9 ln(1 + e^z)`: a smooth leaky ReLU.
pub(super) struct LeakySoftplus;

impl Unit for LeakySoftplus {
    fn value(&self, z: f64) -> f64 {
        0.1 * z + 0.9 * (z.max(0.0) + (-z.abs()).exp().ln_1p())
    }

    fn derivative(&self, z: f64) -> f64 {
        0.1 + 0.9 / (1.0 + (-z).exp())
    }
}

/// docs/theory/scaling-limits.md §4.6, with d* = 16.
pub(super) const CONSTANTS: Constants =
    Constants { output_scale: 4.0, readout_rate: 0.5, input_rate: 0.5, input_std: 1.0, reference_width: 16.0 };

pub(super) const LABELS: [f64; 5] = [1.0, 1.0, -1.0, -1.0, 1.0];

pub(super) const START: [f64; 7] = [0.3, -0.2, 0.1, -0.4, 0.25, 0.15, -0.1];

pub(super) fn inputs() -> Inputs {
    let train = Matrix::from_row_slice(5, 2, &[1.0, 0.0, 0.6, 0.8, -0.5, 1.2, -1.1, -0.3, 0.2, -1.0]);
    let test = Matrix::from_row_slice(2, 2, &[0.7, -0.4, -0.9, 0.6]);
    Inputs::new(&train, Some(&test)).expect("inputs")
}

pub(super) fn start_kernels(inputs: &Inputs) -> StartKernels {
    StartKernels::by_quadrature(&LeakySoftplus, inputs, CONSTANTS, 48).expect("kernels")
}

pub(super) fn training(steps: u64, at: &[u64]) -> Training<'_> {
    Training { labels: &LABELS, steps, batches: None, at, kernels: KernelRecord::Nothing, schedule: Schedule::CONSTANT }
}

pub(super) fn go(_: f64) -> Control {
    Control::Continue
}

/// A model on the worked example; `source` is for those that need particles.
pub(super) fn solve(model: Model, source: &Source, start: &[f64], training: &Training<'_>) -> Solution {
    let inputs = inputs();
    let solution = if model.evolves() {
        let classifier = ParticleClassifier { unit: &LeakySoftplus, inputs: &inputs, constants: CONSTANTS };
        solve_particles(model, &classifier, source, Some(start), training, &mut go)
    } else {
        solve_stationary(model, &start_kernels(&inputs), Some(start), training, &mut go)
    };
    solution.expect("solution")
}

pub(super) fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

#[track_caller]
pub(super) fn at_step(solution: &Solution, step: u64) -> &Record {
    solution.records.iter().find(|record| record.step == step).expect("a record of the step")
}
