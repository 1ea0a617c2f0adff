//! Schedules of the learning rate: the steps of PyTorch, and the rules written out on networks.

use serde_json::Value;
use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Annealing, LearningRates, Optimizer, Parameterization, Rule, Schedule},
    training::{
        Block, Control, NormalizedUpdate, OuterProduct, Start, Step, StepRule, Training, WeightMatrix, mlp::MlpTraining,
    },
};
use widenet_model::{DenseMatrix, DeviceChoice, Precision};

use crate::common::{
    perceptrons::{self, entries, mlp},
    plain::Plain,
};

const WIDTH: u64 = 40;
const SEED: u64 = 9;

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The optimizer of a case of `schedules.json`.
fn optimizer(made: &Value, case: &Value) -> Optimizer {
    let (learning_rate, steps) = (number(&made["learning_rate"]), 20);
    let rule = match case["rule"].as_str() {
        Some("sgd") => Rule::Descent {
            learning_rate,
            steps,
            momentum: number(&case["momentum"]),
            nesterov: case["nesterov"] == true,
            batch_size: None,
        },
        Some("adam") => Rule::Adam {
            learning_rate,
            steps,
            beta1: number(&made["beta1"]),
            beta2: number(&made["beta2"]),
            epsilon: number(&made["epsilon"]),
            batch_size: None,
        },
        other => panic!("{other:?}"),
    };
    let annealing = &case["schedule"];
    let annealing = match annealing["kind"].as_str() {
        Some("constant") => Annealing::Constant,
        Some("cosine") => Annealing::Cosine { end_factor: number(&annealing["end_factor"]) },
        Some("linear") => Annealing::Linear { end_factor: number(&annealing["end_factor"]) },
        Some("step") => Annealing::Step {
            every: annealing["every"].as_u64().expect("a count"),
            factor: number(&annealing["factor"]),
        },
        Some("inverse_time") => Annealing::InverseTime { tau: number(&annealing["tau"]) },
        other => panic!("{other:?}"),
    };
    let schedule = Schedule { warmup: case["warmup"].as_u64().expect("a count"), annealing };
    Optimizer { rule, weight_decay: number(&case["weight_decay"]), schedule }
}

/// The largest difference to `schedules.json` over all steps of a matrix trained by an optimizer.
fn difference(optimizer: &Optimizer, expected: &[Value]) -> f64 {
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
    let rates: LearningRates = optimizer.learning_rates().expect("steps");
    let start = Matrix::from_fn(3, 2, |i, j| ((i + 2 * j + 1) as f64).sin());
    let mut matrix = DenseMatrix::of_entries(&start, placement);
    let right = matrix.input_block(&Matrix::identity(2, 2));
    let mut largest: f64 = 0.0;
    for (t, expected) in expected.iter().enumerate() {
        let gradient =
            Matrix::from_fn(3, 2, |i, j| (1.0 + i as f64 - j as f64 + 0.7 * t as f64).cos() / (1.0 + t as f64));
        let (left, step) = (matrix.output_block(&gradient), Step::after(t as u64, &rates));
        match StepRule::of(optimizer).expect("steps") {
            StepRule::Linear(rule) => {
                let product = OuterProduct { scale: step.learning_rate, left: &left, right: &right };
                matrix.update(rule.at(step), &[product]);
            }
            StepRule::Normalized(rule) => {
                matrix.update_normalized(rule, step, OuterProduct { scale: 1.0, left: &left, right: &right });
            }
        }
        let found = matrix.apply(&right).to_matrix();
        let error = (found - Matrix::from_fn(3, 2, |i, j| number(&expected[i][j]))).amax();
        largest = largest.max(error);
    }
    largest
}

/// `schedules.py`, step by step to rounding; at the peak of the learning rate the weights are others.
#[test]
fn steps_are_those_of_pytorch() {
    let made: Value = serde_json::from_str(include_str!("schedules.json")).expect("JSON");
    let cases = made["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 11);
    for case in cases {
        let expected = case["weights"].as_array().expect("steps");
        assert_eq!(expected.len(), 20);
        let optimizer = optimizer(&made, case);
        let error = difference(&optimizer, expected);
        assert!(error < 1e-14, "{optimizer:?}: {error:e}");
        let constant = Optimizer { schedule: Schedule::CONSTANT, ..optimizer };
        assert!(difference(&constant, expected) > 1e-3, "{constant:?}");
    }
}

/// All weights and biases after training.
fn trained(problem: &Problem) -> Vec<Matrix> {
    let mut training = MlpTraining::new(problem, mlp(problem, WIDTH, SEED), SEED).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue);
    entries(&mut training.network)
}

fn largest_difference(found: &[Matrix], expected: &[Matrix]) -> f64 {
    let of_matrix = |(found, expected): (&Matrix, &Matrix)| (found - expected).amax() / expected.amax();
    found.iter().zip(expected).map(of_matrix).fold(0.0, f64::max)
}

/// Every rule that steps, under every schedule, in parameterizations whose layers learn at rates of their own: more steps than what is pending of a
/// matrix holds.
#[test]
fn networks_take_the_steps_of_the_rule_written_out() {
    let descent = |momentum, nesterov, batch_size| Rule::Descent {
        learning_rate: 0.1,
        steps: 45,
        momentum,
        nesterov,
        batch_size,
    };
    let rules = [
        (descent(0.0, false, None), 0.0),
        (descent(0.0, false, Some(3)), 0.05),
        (descent(0.9, false, None), 0.05),
        (descent(0.5, false, Some(3)), 0.0),
        (descent(0.8, true, None), 0.05),
        (Rule::Adam { learning_rate: 0.01, steps: 45, beta1: 0.8, beta2: 0.95, epsilon: 1e-4, batch_size: None }, 0.3),
        (Rule::RmsProp { learning_rate: 0.01, steps: 45, decay: 0.9, epsilon: 1e-4, batch_size: Some(3) }, 0.0),
    ];
    let schedules = [
        Schedule { warmup: 9, annealing: Annealing::Cosine { end_factor: 0.0 } },
        Schedule { warmup: 0, annealing: Annealing::Linear { end_factor: 0.1 } },
        Schedule { warmup: 2, annealing: Annealing::Step { every: 10, factor: 0.01 } },
        Schedule { warmup: 45, annealing: Annealing::InverseTime { tau: 4.0 } },
    ];
    for ((rule, weight_decay), schedule) in rules.iter().flat_map(|rule| schedules.map(|schedule| (rule, schedule))) {
        let mut problem = perceptrons::problem(2, 2, rule.clone(), Activation::Tanh, true);
        problem.parameterization = Parameterization::Ntk {
            sigma_w: vec![1.1, 1.3, 0.9],
            sigma_b: vec![0.1, 0.3, 0.2],
            weight_rates: vec![0.4, 0.5, 1.0],
            bias_rates: vec![1.0, 0.2, 0.7],
        };
        problem.optimizer.weight_decay = *weight_decay;
        let constant = trained(&problem);
        problem.optimizer.schedule = schedule;
        let mut plain = Plain::new(&problem, WIDTH, SEED);
        plain.train(&(&problem.data.train.targets * 0.0));
        let found = trained(&problem);
        let error = largest_difference(&found, &plain.parameters());
        assert!(error < 1e-10, "{error:e}: {:?}", problem.optimizer);
        let apart = largest_difference(&found, &constant);
        assert!(apart > 1e-3, "without the schedule: {apart:e}, {:?}", problem.optimizer);
    }
}
