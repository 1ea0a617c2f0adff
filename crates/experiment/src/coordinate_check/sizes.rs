//! Takes from trajectories what is measured: values of a quantity in a layer after a step, by width and seed.

use std::collections::BTreeMap;

use widenet_core::{
    Problem, Trajectory, Width,
    problem::Quantity,
    trajectory::{Record, Status},
};
use widenet_model::Precision;
use widenet_statistics::fit::Sample;

/// A quantity in a layer after some steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coordinate {
    /// What is measured.
    pub(super) quantity: Quantity,
    /// The layer, 0 is the input layer; `None` for what is of the whole network.
    pub(super) layer: Option<usize>,
    /// Steps of training.
    pub(super) step: u64,
}

/// Values of a coordinate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sizes {
    pub(super) coordinate: Coordinate,
    /// Values that are positive and not lost in rounding.
    pub(super) samples: Vec<Sample>,
    /// Values that a trajectory lacks because it diverged.
    pub(super) missing: usize,
    /// Values, 0 among them, that are as small as rounding.
    pub(super) rounded: usize,
}

/// Differences below so many units in the last place of what is subtracted are rounding: sums over neurons add theirs up.
const ROUNDINGS: f64 = 32.0;

/// What is measured, in the order of reports.
const MEASURED: [Quantity; 5] = [
    Quantity::ActivationNorms,
    Quantity::ActivationChanges,
    Quantity::WeightChange,
    Quantity::TangentKernelNorm,
    Quantity::TangentKernelChange,
];

/// Everything that is measured after at least one step of at least one network and is not 0 throughout, quantity by quantity.
pub(super) fn sizes(problem: &Problem, trajectories: &[Trajectory], precision: Precision) -> Vec<Sizes> {
    let layers = problem.network.hidden_layers + 1;
    let mut all = Vec::new();
    for quantity in MEASURED.into_iter().filter(|quantity| problem.record.quantities.contains(quantity)) {
        let per_layer =
            matches!(quantity, Quantity::ActivationNorms | Quantity::ActivationChanges | Quantity::WeightChange);
        let places: Vec<Option<usize>> = if per_layer { (0..layers).map(Some).collect() } else { vec![None] };
        // Changes are 0 at the start; the norm of the kernel follows from that and its relative change.
        let steps = problem.record.at.iter().map(|step| *step as u64).filter(|step| match quantity {
            Quantity::ActivationNorms => true,
            Quantity::TangentKernelNorm => *step == 0,
            _ => *step > 0,
        });
        for step in steps {
            let coordinates = places.iter().map(|&layer| Coordinate { quantity, layer, step });
            let measured = coordinates.map(|coordinate| measure(coordinate, trajectories, precision));
            all.extend(measured.filter(|(_, is_zero)| !is_zero).map(|(sizes, _)| sizes));
        }
    }
    all
}

/// The values of a coordinate, and whether all of them are 0.
fn measure(coordinate: Coordinate, trajectories: &[Trajectory], precision: Precision) -> (Sizes, bool) {
    let mut sizes = Sizes { coordinate, samples: Vec::new(), missing: 0, rounded: 0 };
    let mut is_zero = true;
    for trajectory in trajectories {
        match value(trajectory, coordinate) {
            Some(y) => {
                is_zero &= y == 0.0;
                if y > ROUNDINGS * precision.epsilon() * subtracted(trajectory, coordinate) && y.is_finite() {
                    sizes.samples.push(Sample { x: trajectory.width.as_f64(), seed: trajectory.seed, y, error: 0.0 });
                } else {
                    sizes.rounded += 1;
                }
            }
            None => {
                is_zero = false;
                sizes.missing += 1;
            }
        }
    }
    (sizes, is_zero)
}

/// The size of what a change is a difference of; 0 for what is no difference.
fn subtracted(trajectory: &Trajectory, coordinate: Coordinate) -> f64 {
    match coordinate.quantity {
        Quantity::ActivationChanges => {
            let start = Coordinate { quantity: Quantity::ActivationNorms, step: 0, ..coordinate };
            value(trajectory, start).unwrap_or(0.0)
        }
        Quantity::WeightChange | Quantity::TangentKernelChange => 1.0,
        _ => 0.0,
    }
}

fn value(trajectory: &Trajectory, Coordinate { quantity, layer, step }: Coordinate) -> Option<f64> {
    let at_step = |record: &&Record| record.step == step;
    let record = trajectory.records.iter().find(at_step)?;
    record.values.get(&quantity)?.flatten().get(layer.unwrap_or(0)).copied()
}

/// What to say about networks that diverged: the first step at each width.
pub(super) fn divergences(trajectories: &[Trajectory]) -> Vec<String> {
    let mut first: BTreeMap<Width, (u64, u64)> = BTreeMap::new();
    for trajectory in trajectories {
        if let Status::Diverged { step, .. } = trajectory.status {
            let (earliest, count) = first.entry(trajectory.width).or_insert((step, 0));
            (*earliest, *count) = (step.min(*earliest), *count + 1);
        }
    }
    let say = |(width, (step, count)): (Width, (u64, u64))| {
        format!("{count} networks of width {width} diverged, the first at step {step}; they lack values from there on")
    };
    first.into_iter().map(say).collect()
}
