//! Averages over networks against the networks themselves.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Ensemble, Quantity, Rule},
    seed,
    training::Control,
    trajectory::{Record, Status, Trajectory},
};
use widenet_model::{CheckpointPlan, DeviceChoice, DeviceSolution, Every, Matrices, Precision, Run, solve_on_device};

use crate::common::perceptrons::{self, matrices, scalars};

const SEED: u64 = 4;
const NETWORKS: u64 = 7;

fn solve(problem: &Problem, seed: u64) -> Trajectory {
    let device = DeviceChoice::Flex.open().unwrap();
    let run = Run {
        matrices: Matrices::Dense,
        problem,
        width: 12,
        seed,
        device: &device,
        precision: Precision::F64,
        checkpoints: None,
    };
    solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory
}

fn problem(networks: u64, antithetic: bool) -> Problem {
    let rule = Rule::Descent { learning_rate: 0.1, steps: 10, momentum: 0.3, nesterov: false, batch_size: Some(4) };
    let mut problem = perceptrons::problem(2, 2, rule, Activation::Erf, true);
    problem.record.at = vec![0.0, 10.0];
    problem.ensemble = Some(Ensemble { networks, antithetic });
    problem.record.quantities = vec![
        Quantity::TrainLoss,
        Quantity::Outputs,
        Quantity::OutputStd,
        Quantity::TestOutputStd,
        Quantity::TestOutputCovariance,
        Quantity::FunctionKurtosis,
        Quantity::TangentKernelNorm,
        Quantity::WeightChange,
    ];
    problem
}

#[test]
fn averages_are_those_of_the_networks_by_themselves() {
    let ensemble = problem(NETWORKS, false);
    let mut one = Problem { ensemble: None, ..ensemble.clone() };
    one.record.quantities = vec![
        Quantity::TrainLoss,
        Quantity::Outputs,
        Quantity::TestOutputs,
        Quantity::TangentKernelNorm,
        Quantity::WeightChange,
    ];
    let networks: Vec<Vec<Record>> = (0..NETWORKS).map(|i| solve(&one, seed::member(SEED, i)).records).collect();
    let records = solve(&ensemble, SEED).records;
    assert_eq!(records.len(), 2);
    let n = NETWORKS as f64;
    let close = |found: f64, expected: f64, what: &str| {
        assert!((found - expected).abs() < 1e-11 * expected.abs().max(1.0), "{what}: {found} for {expected}");
    };
    for at in 0..2 {
        for quantity in [Quantity::TrainLoss, Quantity::Outputs, Quantity::TangentKernelNorm, Quantity::WeightChange] {
            for (i, found) in records[at].values[&quantity].flatten().iter().enumerate() {
                let of_network = |records: &Vec<Record>| records[at].values[&quantity].flatten()[i];
                close(*found, networks.iter().map(of_network).sum::<f64>() / n, quantity.name());
            }
        }
        let samples = |quantity| -> Vec<Matrix> {
            networks.iter().map(|records| matrices(records, quantity).remove(at)).collect()
        };
        let mut kurtosis = 0.0;
        for (quantity, of_std) in
            [(Quantity::Outputs, Quantity::OutputStd), (Quantity::TestOutputs, Quantity::TestOutputStd)]
        {
            let (outputs, deviations) = (samples(quantity), matrices(&records, of_std).remove(at));
            for i in 0..deviations.len() {
                let values: Vec<f64> = outputs.iter().map(|outputs| outputs[i]).collect();
                let mean = values.iter().sum::<f64>() / n;
                let moment = |power| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>();
                close(deviations[i], (moment(2) / (n - 1.0)).sqrt(), of_std.name());
                if quantity == Quantity::Outputs {
                    let plain = n * moment(4) / moment(2).powi(2) - 3.0;
                    kurtosis += (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * plain + 6.0);
                }
            }
        }
        close(scalars(&records, Quantity::FunctionKurtosis)[at], kurtosis / 16.0, "kurtosis");
        let outputs = samples(Quantity::TestOutputs);
        let mean = outputs.iter().fold(&outputs[0] * 0.0, |sum, outputs| sum + outputs) / n;
        let products = outputs.iter().map(|outputs| (outputs - &mean) * (outputs - &mean).transpose());
        let expected = products.fold(Matrix::zeros(3, 3), |sum, product| sum + product) / (2.0 * (n - 1.0));
        let found = &matrices(&records, Quantity::TestOutputCovariance)[at];
        assert!((found - &expected).amax() < 1e-12, "{found} for {expected}");
    }
}

#[test]
fn antithetic_pairs_cancel_at_the_start_and_share_their_tangent_kernel() {
    let mut pairs = problem(2, true);
    pairs.record.quantities = vec![Quantity::Outputs, Quantity::OutputStd, Quantity::MeanTangentKernel];
    let records = solve(&pairs, SEED).records;
    let mean = &matrices(&records, Quantity::Outputs)[0];
    let deviation = &matrices(&records, Quantity::OutputStd)[0];
    assert!(mean.amax() < 1e-15 && deviation.amin() > 1e-3, "{mean}");
    let mut one = Problem { ensemble: None, ..pairs };
    one.record.quantities = vec![Quantity::MeanTangentKernel];
    let first = solve(&one, seed::member(SEED, 0)).records;
    let difference =
        &matrices(&records, Quantity::MeanTangentKernel)[0] - &matrices(&first, Quantity::MeanTangentKernel)[0];
    assert!(difference.amax() < 1e-14);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let ensemble = problem(NETWORKS, false);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&ensemble, SEED))
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn an_ensemble_with_a_diverged_network_has_diverged_and_keeps_the_records_before() {
    let mut ensemble = problem(4, false);
    ensemble.optimizer.rule =
        Rule::Descent { learning_rate: 1e6, steps: 100, momentum: 0.0, nesterov: false, batch_size: None };
    ensemble.record.at = vec![0.0, 100.0];
    ensemble.network.activation = Activation::Relu;
    let trajectory = solve(&ensemble, SEED);
    let mut one = Problem { ensemble: None, ..ensemble.clone() };
    one.record.quantities = vec![Quantity::TrainLoss];
    let step = |i: u64| match solve(&one, seed::member(SEED, i)).status {
        Status::Diverged { step, .. } => step,
        status => panic!("{status:?}"),
    };
    let earliest = (0..4).map(step).min().unwrap();
    assert!(matches!(trajectory.status, Status::Diverged { step, .. } if step == earliest), "{:?}", trajectory.status);
    assert_eq!(trajectory.records.len(), 1);
}

#[test]
fn kurtosis_of_three_networks_is_refused() {
    let device = DeviceChoice::Flex.open().unwrap();
    let problem = problem(3, false);
    let run = Run {
        matrices: Matrices::Dense,
        problem: &problem,
        width: 12,
        seed: SEED,
        device: &device,
        precision: Precision::F64,
        checkpoints: None,
    };
    let message = solve_on_device(&run, &mut |_| Control::Continue).unwrap_err().to_string();
    assert!(message.contains("function_kurtosis") && message.contains("not 3"), "{message}");
}

#[test]
fn a_resumed_ensemble_is_bit_identical() {
    // Many networks, so that the caller is asked in between.
    let mut ensemble = problem(60, true);
    ensemble.record.quantities.retain(|quantity| *quantity != Quantity::TangentKernelNorm);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let device = DeviceChoice::Flex.open().unwrap();
    let run = |watch: &mut dyn FnMut(u64) -> Control| -> DeviceSolution {
        let checkpoints = Some(CheckpointPlan { path: path.clone(), every: Every::Steps(10_000), asked: None });
        let run = Run {
            matrices: Matrices::Dense,
            problem: &ensemble,
            width: 12,
            seed: SEED,
            device: &device,
            precision: Precision::F32,
            checkpoints,
        };
        solve_on_device(&run, &mut |progress| watch(progress.step)).unwrap()
    };
    let undisturbed = run(&mut |_| Control::Continue).trajectory;
    assert_eq!(undisturbed.status, Status::Done);
    for stop in [1, 300] {
        let stopped = run(&mut |step| if step >= stop { Control::Stop } else { Control::Continue }).trajectory;
        assert_eq!(stopped.status.word(), "interrupted");
    }
    let resumed = run(&mut |_| Control::Continue);
    assert!(resumed.notes.len() == 1 && resumed.notes[0].contains("resumed"), "{:?}", resumed.notes);
    assert_eq!(resumed.trajectory, undisturbed);
}
