//! Small problems for the tests of this crate.

pub(crate) mod plain;
pub(crate) mod statistics;

use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
};

/// A fixed, generic regression problem with `samples` points in R^`d` and `k` outputs.
pub(crate) fn problem(hidden_layers: usize, d: usize, k: usize, samples: usize) -> Problem {
    let wave = |i: usize, j: usize, phase: f64| ((i * 13 + j * 29) as f64 * 0.61 + phase).sin();
    let inputs = Matrix::from_fn(samples, d, |i, j| wave(i, j, 0.3) / (1.0 + j as f64).sqrt());
    let teacher = Matrix::from_fn(d, k, |i, j| 2.0 * wave(i + 5, j, 1.1));
    let targets = &inputs * teacher + Matrix::from_fn(samples, k, |i, j| 0.1 * wave(i, j + 3, 2.0));
    Problem {
        network: Network {
            hidden_layers,
            activation: Activation::Identity,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None },
        data: Dataset { train: Samples { inputs, targets }, test: None, provenance: Default::default() },
        loss: Loss::SQUARED,
        optimizer: descent(0.1, 40),
        record: RecordPlan {
            at: vec![0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0],
            quantities: vec![Quantity::TrainLoss, Quantity::Predictor],
        },
        ensemble: None,
        stop: None,
    }
}

/// Plain full-batch gradient descent.
pub(crate) fn descent(learning_rate: f64, steps: u64) -> Optimizer {
    Optimizer {
        rule: Rule::Descent { learning_rate, steps, momentum: 0.0, nesterov: false, batch_size: None },
        weight_decay: 0.0,
        schedule: Schedule::CONSTANT,
    }
}
