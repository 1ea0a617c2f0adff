//! Small problems for the tests of the dense engine.
#![allow(dead_code, reason = "every test file uses its own part of this module")]

pub(crate) mod perceptrons;
pub(crate) mod plain;

use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    trajectory::{Record, Value},
};

/// Sines of an integer sequence: no symmetry, no randomness.
fn wave(rows: usize, columns: usize, frequency: f64) -> Matrix {
    Matrix::from_fn(rows, columns, |i, j| ((i * columns + j) as f64 * frequency + 0.3).sin())
}

/// `L` hidden layers, inputs in R^5, outputs in R^`outputs`, 8 training and 3 test samples, mean-field scaling with γ
/// = 0.8.
pub(crate) fn problem(hidden_layers: usize, outputs: usize, rule: Rule, weight_decay: f64) -> Problem {
    let samples = |count: usize, shift: f64| Samples {
        inputs: wave(count, 5, 1.7 + shift),
        targets: wave(count, outputs, 0.9 + shift),
    };
    let horizon = match rule {
        Rule::Descent { steps, .. }
        | Rule::MomentumFlow { steps, .. }
        | Rule::RmsProp { steps, .. }
        | Rule::Adam { steps, .. } => steps as f64,
        Rule::Flow { time, .. } => time,
    };
    Problem {
        network: Network {
            hidden_layers,
            activation: Activation::Identity,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::MeanField { richness: 0.8, sigma_in: 1.1, sigma_out: 0.9, sigma_b: None },
        data: Dataset { train: samples(8, 0.0), test: Some(samples(3, 0.01)), provenance: Default::default() },
        loss: Loss::SQUARED,
        optimizer: Optimizer { rule, weight_decay, schedule: Schedule::CONSTANT },
        record: RecordPlan {
            at: (0..=5).map(|i| horizon * f64::from(i) / 5.0).collect(),
            quantities: vec![Quantity::Predictor],
        },
        ensemble: None,
        stop: None,
    }
}

/// Full-batch descent.
pub(crate) fn descent(steps: u64, momentum: f64, nesterov: bool) -> Rule {
    Rule::Descent { learning_rate: 0.1, steps, momentum, nesterov, batch_size: None }
}

/// The predictors of some records.
pub(crate) fn predictors(records: &[Record]) -> Vec<Matrix> {
    let predictor = |record: &Record| match &record.values[&Quantity::Predictor] {
        Value::Matrix(matrix) => matrix.clone(),
        other => panic!("a predictor is a matrix, not {other:?}"),
    };
    records.iter().map(predictor).collect()
}
