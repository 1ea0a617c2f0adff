//! Gradient flow of perceptrons is what descent with small steps comes to.

use widenet_core::{
    Problem,
    problem::{Activation, Ensemble, Quantity, Rule},
    training::{Control, Start, Training, mlp::MlpTraining},
    trajectory::{Record, Status},
};
use widenet_model::{DeviceChoice, Hidden, HiddenMatrix, Matrices, Precision, ResponseStorage, Run, solve_on_device};

use crate::common::perceptrons::{matrices, mlp, problem, scalars};

const WIDTH: u64 = 12;
const SEED: u64 = 4;
const TIME: f64 = 2.0;

/// Two hidden layers with biases and weight decay, recorded at the start, on the way, and at the end.
fn trained_by(rule: Rule) -> Problem {
    let by_flow = matches!(rule, Rule::Flow { .. });
    let mut problem = problem(2, 2, rule, Activation::Tanh, true);
    problem.optimizer.weight_decay = 0.1;
    let moments = [0.0, 0.25, 1.0].map(|share| share * if by_flow { TIME } else { problem.optimizer.horizon() });
    problem.record.at = moments.to_vec();
    problem.record.quantities = vec![Quantity::Outputs, Quantity::TrainLoss];
    problem
}

fn flow(tolerance: f64) -> Problem {
    trained_by(Rule::Flow { time: TIME, tolerance })
}

fn descent(steps: u64) -> Problem {
    let learning_rate = TIME / steps as f64;
    trained_by(Rule::Descent { learning_rate, steps, momentum: 0.0, nesterov: false, batch_size: None })
}

fn solved(problem: &Problem) -> Vec<Record> {
    let mut training = MlpTraining::new(problem, mlp(problem, WIDTH, SEED), SEED).expect("it is trained");
    let (records, status) = training.run(Start::default(), &mut |_, _| Control::Continue);
    assert_eq!(status, Status::Done);
    records
}

/// The largest difference of the outputs at the end.
fn apart(one: &[Record], other: &[Record]) -> f64 {
    (&matrices(one, Quantity::Outputs)[2] - &matrices(other, Quantity::Outputs)[2]).amax()
}

/// Errors of Euler's method halve with the step, and would not if the flow were another.
#[test]
fn descent_converges_to_it_at_first_order() {
    let exact = solved(&flow(1e-11));
    let errors = [128, 256].map(|steps| apart(&solved(&descent(steps)), &exact));
    let ratio = errors[0] / errors[1];
    assert!((ratio - 2.0).abs() < 0.05 && errors[1] > 1e-5, "{errors:?}");
    let losses = scalars(&exact, Quantity::TrainLoss);
    assert!(losses[0] > losses[1] && losses[1] > losses[2], "{losses:?}");
}

#[test]
fn its_error_is_the_tolerance() {
    let exact = solved(&flow(1e-12));
    let errors = [1e-4, 1e-7].map(|tolerance| apart(&solved(&flow(tolerance)), &exact));
    assert!(errors[0] < 1e-3 && errors[1] < 1e-6 && errors[1] < 0.1 * errors[0], "{errors:?}");
}

/// A run that was stopped goes on from its weights, its time and its next step.
#[test]
fn a_stopped_run_goes_on_to_the_same_numbers() {
    let problem = flow(1e-9);
    let whole = solved(&problem);
    let mut training = MlpTraining::new(&problem, mlp(&problem, WIDTH, SEED), SEED).expect("it is trained");
    let mut left = Start::default();
    let (records, status) = training.run(Start::default(), &mut |progress, _| {
        (left.step, left.time, left.step_size) = (progress.step, progress.time, progress.step_size);
        if progress.step == 7 { Control::Stop } else { Control::Continue }
    });
    assert_eq!(status, Status::Interrupted { step: 7 });
    let (records, status) = training.run(Start { records, ..left }, &mut |_, _| Control::Continue);
    assert_eq!(status, Status::Done);
    assert_eq!(records, whole);
}

fn explored(problem: &Problem, matrix: HiddenMatrix, precision: Precision) -> Vec<Record> {
    let device = DeviceChoice::Flex.open().expect("the processor");
    let tolerance = if precision == Precision::F64 { 1e-12 } else { 1e-5 };
    let matrices = Matrices::Explored(Hidden { matrix, tolerance });
    let run = Run { matrices, problem, width: 128, seed: SEED, device: &device, precision, checkpoints: None };
    let trajectory = solve_on_device(&run, &mut |_| Control::Continue).expect("solves").trajectory;
    assert_eq!(trajectory.status, Status::Done);
    trajectory.records
}

/// Matrices known by their responses follow it: those that the seed fixes at first order in the steps of descent, too, and conditioned ones
/// in both float types.
#[test]
fn matrices_known_by_their_responses_follow_it() {
    let regenerated = |problem: &Problem| explored(problem, HiddenMatrix::Regenerated, Precision::F64);
    let exact = regenerated(&flow(1e-9));
    let errors = [64, 128].map(|steps| apart(&regenerated(&descent(steps)), &exact));
    assert!((errors[0] / errors[1] - 2.0).abs() < 0.1, "{errors:?}");
    for precision in [Precision::F32, Precision::F64] {
        let records = explored(&flow(1e-9), HiddenMatrix::Conditioned(ResponseStorage::Stored), precision);
        let losses = scalars(&records, Quantity::TrainLoss);
        assert!(losses[0] > losses[1] && losses[1] > losses[2], "{losses:?}");
    }
}

/// Steps in `f32` are judged by its rounding where the tolerance is finer, and come to the numbers of `f64` up to that.
#[test]
fn single_precision_does_not_stop_it() {
    let device = DeviceChoice::Flex.open().expect("the processor");
    let solve = |precision| {
        let problem = flow(1e-9);
        let run = Run {
            matrices: Matrices::Dense,
            problem: &problem,
            width: 64,
            seed: SEED,
            device: &device,
            precision,
            checkpoints: None,
        };
        let mut steps = 0;
        let solution = solve_on_device(&run, &mut |progress| {
            steps = progress.step;
            if progress.step < 2000 { Control::Continue } else { Control::Stop }
        });
        let trajectory = solution.expect("solves").trajectory;
        assert_eq!(trajectory.status, Status::Done, "after {steps} steps");
        (trajectory.records, steps)
    };
    let ((single, few), (double, many)) = (solve(Precision::F32), solve(Precision::F64));
    assert!(apart(&single, &double) < 1e-4 && few < many, "{} after {few} and {many} steps", apart(&single, &double));
}

/// A linearised network beside it would need steps of its own, and an ensemble a clock for each network.
#[test]
fn what_does_not_follow_it_is_refused() {
    let mut problem = flow(1e-9);
    problem.optimizer.weight_decay = 0.0;
    problem.record.quantities = vec![Quantity::LinearisedOutputs];
    let network = mlp(&problem, WIDTH, SEED);
    let said = MlpTraining::new(&problem, network, SEED).err().expect("refused").to_string();
    assert!(said.contains("`linearised_outputs`") && said.contains("\"gd\""), "{said}");
    let mut problem = flow(1e-9);
    problem.ensemble = Some(Ensemble { networks: 2, antithetic: false });
    let device = DeviceChoice::Flex.open().expect("the processor");
    let matrices = Matrices::Dense;
    let run = Run {
        matrices,
        problem: &problem,
        width: WIDTH,
        seed: SEED,
        device: &device,
        precision: Precision::F64,
        checkpoints: None,
    };
    let said = solve_on_device(&run, &mut |_| Control::Continue).expect_err("refused").to_string();
    assert!(said.contains("optimizer.kind = \"flow\"") && said.contains("ensemble"), "{said}");
}
