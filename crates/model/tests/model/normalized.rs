//! Adam and RMSProp of perceptrons against the rules written out, and what their first step is.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Ensemble, Loss, Parameterization, Quantity, Rule},
    seed,
    training::{
        Block, Control, LinearTraining, NormalizedRule, NormalizedUpdate, OuterProduct, Start, Step, Training,
        WeightMatrix, mlp::MlpTraining,
    },
    trajectory::Record,
};
use widenet_model::{DenseMatrix, DeviceChoice, Precision, network_with_panels};

use crate::common::{
    self,
    perceptrons::{self, entries, matrices, mlp, scalars},
    plain::Plain,
};

const WIDTH: u64 = 40;
const SEED: u64 = 9;

fn rms_prop(learning_rate: f64, steps: u64, batch_size: Option<usize>) -> Rule {
    Rule::RmsProp { learning_rate, steps, decay: 0.9, epsilon: 1e-8, batch_size }
}

fn adam(learning_rate: f64, steps: u64, batch_size: Option<usize>) -> Rule {
    Rule::Adam { learning_rate, steps, beta1: 0.8, beta2: 0.95, epsilon: 1e-8, batch_size }
}

fn solve(problem: &Problem, seed: u64) -> Vec<Record> {
    perceptrons::solve(problem, WIDTH, seed)
}

/// All weights and biases after training.
fn trained(problem: &Problem) -> Vec<Matrix> {
    let mut training = MlpTraining::new(problem, mlp(problem, WIDTH, SEED), SEED).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue);
    entries(&mut training.network)
}

fn with(problem: Problem, change: impl Fn(&mut Problem)) -> Problem {
    let mut problem = problem;
    change(&mut problem);
    problem
}

/// Two hidden layers with biases, and weights that decay.
fn problem_of_adam(rule: Rule, weight_decay: f64) -> Problem {
    let mut problem = perceptrons::problem(2, 2, rule, Activation::Tanh, true);
    problem.optimizer.weight_decay = weight_decay;
    problem
}

#[test]
fn steps_are_those_of_the_rule_written_out() {
    let full = rms_prop(0.01, 12, None);
    let problem = |activation| perceptrons::problem(2, 2, full.clone(), activation, true);
    let problems = [
        problem(Activation::Tanh),
        perceptrons::problem(3, 1, full.clone(), Activation::Relu, false),
        perceptrons::problem(2, 1, rms_prop(0.01, 12, Some(3)), Activation::Erf, true),
        problem_of_adam(adam(0.01, 12, None), 0.0),
        problem_of_adam(adam(0.01, 12, Some(3)), 0.7),
        problem_of_adam(
            Rule::Adam { learning_rate: 0.01, steps: 12, beta1: 0.0, beta2: 0.9, epsilon: 1e-8, batch_size: None },
            0.0,
        ),
        // The mean-field parameterization has rates for normalized gradients.
        with(problem_of_adam(adam(0.01, 12, None), 0.1), |problem| {
            problem.parameterization =
                Parameterization::MeanField { richness: 1.7, sigma_in: 0.8, sigma_out: 1.1, sigma_b: Some(0.2) };
        }),
        // A deep linear network is trained as a perceptron.
        common::problem(3, 2, full.clone(), 0.0),
        with(problem(Activation::Gelu), |problem| {
            problem.loss = Loss::CrossEntropy;
            problem.data.train.targets = Matrix::from_fn(8, 2, |i, j| if i % 2 == j { 1.0 } else { 0.0 });
        }),
        with(problem(Activation::Sin), |problem| {
            problem.parameterization = Parameterization::Ntk {
                sigma_w: vec![1.1, 1.3, 0.9],
                sigma_b: vec![0.1, 0.0, 0.2],
                weight_rates: vec![0.0, 0.5, 1.0],
                bias_rates: vec![1.0, 1.0, 0.0],
            };
        }),
        // The row of mean-field networks in the table for RMSProp of docs/theory/scaling-limits.md §5.4, from a reference
        // width of 10.
        with(perceptrons::problem(2, 2, full.clone(), Activation::Tanh, false), |problem| {
            problem.parameterization = Parameterization::Abc {
                a: vec![0.0; 3],
                b: vec![0.0, 1.0, 1.0],
                c: vec![0.0, 1.0, 1.0],
                sigma: vec![0.5, 0.3, 0.3],
                reference_width: 10.0,
            };
        }),
    ];
    for problem in problems {
        let mut plain = Plain::new(&problem, WIDTH, SEED);
        plain.train(&(&problem.data.train.targets * 0.0));
        for (found, expected) in trained(&problem).iter().zip(plain.parameters()) {
            let difference = (found - &expected).amax() / expected.amax();
            // 12 steps, of which the first depend on the sign of gradients that nearly cancel.
            assert!(difference < 1e-10, "{difference:e}: {:?}, {:?}", problem.network, problem.parameterization);
        }
    }
}

#[test]
fn the_first_step_moves_every_entry_by_the_same_amount() {
    let mut problem = perceptrons::problem(2, 2, rms_prop(0.01, 1, None), Activation::Tanh, true);
    problem.optimizer.rule =
        Rule::RmsProp { learning_rate: 0.01, steps: 1, decay: 0.99, epsilon: 1e-30, batch_size: None };
    let start = entries(&mut mlp(&problem, WIDTH, SEED));
    for (start, end) in start.iter().zip(trained(&problem)) {
        let moved = end - start;
        assert!(moved.iter().all(|moved| (moved.abs() - 0.1).abs() < 1e-12), "η/√(1 − ρ) = 0.1");
        assert!(moved.len() < 10 || moved.min() < 0.0 && moved.max() > 0.0);
    }
}

/// Whatever the averages are, corrected ones of a single gradient are the gradient and its square.
#[test]
fn the_first_step_of_adam_moves_every_entry_by_the_learning_rate() {
    let rule = Rule::Adam { learning_rate: 0.01, steps: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-30, batch_size: None };
    let problem = perceptrons::problem(2, 2, rule, Activation::Tanh, true);
    let start = entries(&mut mlp(&problem, WIDTH, SEED));
    for (start, end) in start.iter().zip(trained(&problem)) {
        assert!((end - start).iter().all(|moved| (moved.abs() - 0.01).abs() < 1e-12));
    }
}

#[test]
fn a_network_that_is_its_own_linearisation_is_trained_like_it() {
    let mut problem = perceptrons::problem(2, 2, rms_prop(0.01, 30, Some(4)), Activation::Erf, true);
    problem.parameterization = Parameterization::Ntk {
        sigma_w: vec![1.3; 3],
        sigma_b: vec![0.4; 3],
        weight_rates: vec![0.0, 0.0, 1.0],
        bias_rates: vec![0.0, 0.0, 1.0],
    };
    problem.record.at = vec![0.0, 1.0, 30.0];
    problem.record.quantities = vec![Quantity::TrainLoss, Quantity::LinearisationDistance, Quantity::ParameterDistance];
    let records = solve(&problem, SEED);
    let distances = scalars(&records, Quantity::LinearisationDistance);
    assert!(distances.iter().all(|distance| *distance < 1e-12), "{distances:?}");
    assert!(scalars(&records, Quantity::ParameterDistance)[2] > 0.1);
    let losses = scalars(&records, Quantity::TrainLoss);
    assert!(losses[2] < 0.5 * losses[0], "{losses:?}");
}

/// `adam.py`, step by step to rounding.
#[test]
fn adam_and_adamw_take_the_steps_of_pytorch() {
    let made: serde_json::Value = serde_json::from_str(include_str!("adam.json")).expect("JSON");
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let cases = made["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 4);
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
    for case in cases {
        let rule = NormalizedRule {
            first: number(&case["beta1"]),
            second: number(&case["beta2"]),
            epsilon: number(&case["epsilon"]),
            decay: number(&made["learning_rate"]) * number(&case["weight_decay"]),
            is_corrected: true,
        };
        let start = Matrix::from_fn(3, 2, |i, j| ((i + 2 * j + 1) as f64).sin());
        let mut matrix = DenseMatrix::of_entries(&start, placement.clone());
        let right = matrix.input_block(&Matrix::identity(2, 2));
        for (t, expected) in case["weights"].as_array().expect("steps").iter().enumerate() {
            let gradient =
                Matrix::from_fn(3, 2, |i, j| (1.0 + i as f64 - j as f64 + 0.7 * t as f64).cos() / (1.0 + t as f64));
            let left = matrix.output_block(&gradient);
            let step = Step { taken: t as u64, learning_rate: number(&made["learning_rate"]), scale: 1.0 };
            matrix.update_normalized(rule, step, OuterProduct { scale: 1.0, left: &left, right: &right });
            let found = matrix.apply(&right).to_matrix();
            let error = (found - Matrix::from_fn(3, 2, |i, j| number(&expected[i][j]))).amax();
            assert!(error < 1e-14, "{rule:?}, step {t}: {error:e}");
        }
    }
}

#[test]
fn an_ensemble_is_the_average_of_its_networks() {
    let mut one = perceptrons::problem(2, 1, rms_prop(0.01, 10, Some(4)), Activation::Erf, true);
    one.record.at = vec![10.0];
    one.record.quantities = vec![Quantity::Outputs];
    let ensemble = Problem { ensemble: Some(Ensemble { networks: 3, antithetic: false }), ..one.clone() };
    let outputs = |problem: &Problem, seed| matrices(&solve(problem, seed), Quantity::Outputs).remove(0);
    let networks = (0..3).map(|i| outputs(&one, seed::member(SEED, i)));
    let mean = networks.fold(Matrix::zeros(8, 1), |sum, outputs| sum + outputs) / 3.0;
    assert!((outputs(&ensemble, SEED) - mean).amax() < 1e-12);
}

#[test]
fn training_by_linear_rules_alone_refuses_rms_prop_by_name() {
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
    let problem = common::problem(2, 1, rms_prop(0.01, 2, None), 0.0);
    let network = network_with_panels(&problem, 8, SEED, &placement, 1 << 20);
    let refusal = LinearTraining::new(&problem, network, SEED).err().map(|error| error.to_string());
    assert!(refusal.is_some_and(|text| text.contains("rmsprop") && text.contains("\"gd\"")));
    let problem = perceptrons::problem(2, 1, rms_prop(0.01, 2, None), Activation::Tanh, false);
    let refusal = MlpTraining::linear(&problem, mlp(&problem, 8, SEED), SEED).err().map(|error| error.to_string());
    assert!(refusal.is_some_and(|text| text.contains("rmsprop")));
}
