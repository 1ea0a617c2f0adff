//! Compares conditioned with dense training, in law, at widths so small that finite-width effects are large
//! (docs/theory/conditioning.md §4).
//!
//! Two-sample tests of means, spreads and whole laws of an output, early and late in training. With 9,000 networks a side a 5 % change of
//! a standard deviation moves the spread test by 4.4 standard errors, beyond the threshold, which the test computes. Seeds are fixed.

#[path = "../../../limits/tests/common/statistics.rs"]
mod statistics;

use rayon::prelude::*;
use statistics::largest_z;
use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    training::{
        Control, EntryMatrix, LinearLayer, LinearNetwork, LinearTraining, Start, Training,
        mlp::{Mlp, MlpTraining},
    },
    trajectory::Record,
};

use super::{
    dense::{mlp_with_panels, network_with_panels},
    explored::{wide_linear_network, wide_mlp},
};
use crate::{
    device::{DeviceChoice, OpenDevice, Precision},
    matrix::explored::{
        kind::{Hidden, HiddenMatrix, ResponseStorage},
        wide::WideMatrix,
    },
};

/// Networks a side.
const SEEDS: u64 = 9000;
/// Of |z|: in 54 tests a false alarm is less likely than 0.4 %.
const THRESHOLD: f64 = 4.0;

const STORED: Hidden = Hidden { matrix: HiddenMatrix::Conditioned(ResponseStorage::Stored), tolerance: 1e-12 };

/// Four inputs in R², one output, mean-field scaling; records after one step and at the end.
fn problem(hidden_layers: usize, activation: Activation) -> Problem {
    let inputs = Matrix::from_row_slice(4, 2, &[1.0, 0.5, -0.5, 1.0, 0.3, -0.8, 0.2, 0.4]);
    let targets = Matrix::from_row_slice(4, 1, &[1.0, -1.0, 0.5, 0.7]);
    let rule = Rule::Descent { learning_rate: 0.1, steps: 5, momentum: 0.0, nesterov: false, batch_size: None };
    let linear = activation == Activation::Identity;
    Problem {
        network: Network { hidden_layers, activation, entry_law: EntryLaw::Gaussian, centered: false, image: None },
        parameterization: Parameterization::MeanField { richness: 1.0, sigma_in: 1.5, sigma_out: 1.5, sigma_b: None },
        data: Dataset { train: Samples { inputs, targets }, test: None, provenance: Default::default() },
        loss: Loss::SQUARED,
        optimizer: Optimizer { rule, weight_decay: 0.0, schedule: Schedule::CONSTANT },
        record: RecordPlan {
            at: vec![1.0, 5.0],
            quantities: vec![if linear { Quantity::Predictor } else { Quantity::Outputs }],
        },
        ensemble: None,
        stop: None,
    }
}

fn flex() -> OpenDevice {
    DeviceChoice::Flex.open().unwrap()
}

/// The first number of every record, squashed so that far tails do not rule the moments.
fn observed(records: &[Record]) -> Vec<f64> {
    let first = |record: &Record| record.values.values().next().map_or(f64::NAN, |value| value.flatten()[0]);
    let squashed = |x: f64| x / (1.0 + x.abs());
    (0..2).map(|i| records.get(i).map_or(1.0, |record| squashed(first(record)))).collect()
}

fn of_seeds(first: u64, count: u64, run: impl Fn(u64) -> Vec<Record> + Sync) -> Vec<Vec<f64>> {
    let runs: Vec<Vec<f64>> = (first..first + count).into_par_iter().map(|seed| observed(&run(seed))).collect();
    (0..2).map(|record| runs.iter().map(|numbers| numbers[record]).collect()).collect()
}

fn trained<W: EntryMatrix>(problem: &Problem, network: Mlp<W>, seed: u64) -> Vec<Record> {
    MlpTraining::linear(problem, network, seed).unwrap().run(Start::default(), &mut |_, _| Control::Continue).0
}

fn trained_linear<W: LinearLayer>(problem: &Problem, network: LinearNetwork<W>, seed: u64) -> Vec<Record> {
    LinearTraining::new(problem, network, seed).unwrap().run(Start::default(), &mut |_, _| Control::Continue).0
}

fn dense(problem: &Problem, width: u64, first: u64, count: u64) -> Vec<Vec<f64>> {
    let placement = flex().placement(Precision::F64).unwrap();
    of_seeds(first, count, |seed| {
        if !problem.is_solved_as_predictor() {
            return trained(problem, mlp_with_panels(problem, width, seed.into(), &placement, 1 << 30).unwrap(), seed);
        }
        trained_linear(problem, network_with_panels(problem, width, seed, &placement, 1 << 30), seed)
    })
}

fn conditioned(problem: &Problem, width: u64, forgetful: bool, first: u64, count: u64) -> Vec<Vec<f64>> {
    let device = flex();
    let placement = device.placement(Precision::F64).unwrap();
    let forget = |matrix: &WideMatrix| {
        if let WideMatrix::Explored(matrix) = matrix {
            matrix.known().forgetful = forgetful;
        }
    };
    of_seeds(first, count, |seed| {
        if !problem.is_solved_as_predictor() {
            let network = wide_mlp(problem, width, seed, STORED, &placement, &device.info).unwrap();
            network.matrices().for_each(forget);
            return trained(problem, network, seed);
        }
        let network = wide_linear_network(problem, width, seed, STORED, &placement, &device.info);
        network.layers.iter().for_each(forget);
        trained_linear(problem, network, seed)
    })
}

#[test]
fn conditioned_networks_have_the_law_of_dense_ones() {
    let width = 6;
    for activation in [Activation::Identity, Activation::Tanh, Activation::Relu] {
        for hidden_layers in [2, 3, 4] {
            let problem = problem(hidden_layers, activation);
            let what = format!("{activation:?}, L = {hidden_layers}");
            let expected = dense(&problem, width, 0, SEEDS);
            let found = conditioned(&problem, width, false, 1_000_000, SEEDS);
            let z = largest_z(&expected, &found);
            assert!(z < THRESHOLD, "{what}: |z| = {z}");
            // Negative controls: responses that forget those of the other side, and a spread that is 5 % larger.
            let forgetful = conditioned(&problem, width, true, 1_000_000, SEEDS / 4);
            let z = largest_z(&expected, &forgetful);
            assert!(z > THRESHOLD, "{what}: the test must see responses that forget: |z| = {z}");
            let spread: Vec<Vec<f64>> = expected.iter().map(|sample| stretched(sample, 1.05)).collect();
            let z = largest_z(&expected, &spread);
            assert!(z > THRESHOLD, "{what}: the test must see a standard deviation of 1.05 against 1: |z| = {z}");
        }
    }
}

/// Deviations from the mean times a factor.
fn stretched(sample: &[f64], factor: f64) -> Vec<f64> {
    let mean = sample.iter().sum::<f64>() / sample.len() as f64;
    sample.iter().map(|value| mean + factor * (value - mean)).collect()
}
