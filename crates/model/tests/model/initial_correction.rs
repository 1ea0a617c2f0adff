//! Initialisation-corrected networks (docs/theory/scaling-limits.md §4.4) against the correction written out.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Ensemble, Labels, Loss, Parameterization, Quantity, Rule},
    seed,
    training::{Control, Start, Training, mlp::MlpTraining},
    trajectory::Record,
};

use crate::common::{
    self,
    perceptrons::{self, entries, matrices, mlp, scalars, solve},
    plain::Plain,
};

/// n = 4, so that the function at the start is added once.
const WIDTH: u64 = 40;
const REFERENCE_WIDTH: f64 = 10.0;
const SEED: u64 = 9;

/// Mean-field scaling, with or without the correction.
fn problem(rule: Rule, activation: Activation, initial_correction: bool) -> Problem {
    let mut problem = perceptrons::problem(1, 2, rule, activation, false);
    problem.parameterization = Parameterization::Scaling {
        q_sigma: -1.0,
        q_a: 1.0,
        q_w: 1.0,
        reference_width: REFERENCE_WIDTH,
        sigma_w: 1.5,
        initial_correction,
    };
    problem
}

fn rules() -> [Rule; 3] {
    let batches = Rule::Descent { learning_rate: 0.2, steps: 25, momentum: 0.0, nesterov: false, batch_size: Some(3) };
    let rms_prop = Rule::RmsProp { learning_rate: 0.01, steps: 25, decay: 0.9, epsilon: 1e-8, batch_size: Some(3) };
    [common::descent(25, 0.0, false), batches, rms_prop]
}

/// `f_0` on training and test inputs.
fn start(problem: &Problem) -> [Matrix; 2] {
    let plain = Plain::new(problem, WIDTH, SEED);
    [&problem.data.train, problem.data.test.as_ref().unwrap()].map(|samples| plain.outputs(&samples.inputs))
}

fn assert_close(found: &Matrix, expected: &Matrix, what: &str) {
    let difference = (found - expected).amax() / expected.amax();
    assert!(difference < 1e-10, "{what}: {difference:e}");
}

#[test]
fn training_and_records_are_those_of_the_corrected_function() {
    for (rule, loss) in rules().into_iter().flat_map(|rule| [(rule.clone(), Loss::SQUARED), (rule, Loss::CrossEntropy)])
    {
        let mut problem = problem(rule, Activation::Tanh, true);
        problem.loss = loss;
        for samples in [Some(&mut problem.data.train), problem.data.test.as_mut()].into_iter().flatten() {
            samples.targets = Matrix::from_fn(samples.targets.nrows(), 2, |i, j| if i % 2 == j { 1.0 } else { 0.0 });
        }
        problem.record.quantities = vec![
            Quantity::TrainLoss,
            Quantity::TestLoss,
            Quantity::TrainAccuracy,
            Quantity::TestAccuracy,
            Quantity::Outputs,
            Quantity::TestOutputs,
            Quantity::OutputChange,
        ];
        let (train, test) = (&problem.data.train, problem.data.test.as_ref().unwrap());
        let [of_train, of_test] = start(&problem);
        let mut plain = Plain::new(&problem, WIDTH, SEED);
        plain.train(&of_train);
        let (of_train, of_test) = (plain.outputs(&train.inputs) + of_train, plain.outputs(&test.inputs) + of_test);

        let mut training = MlpTraining::new(&problem, mlp(&problem, WIDTH, SEED), SEED).unwrap();
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        for (found, expected) in entries(&mut training.network).iter().zip(plain.parameters()) {
            assert_close(found, &expected, "parameters");
        }
        assert_close(&matrices(&records, Quantity::Outputs)[5], &of_train, "outputs");
        assert_close(&matrices(&records, Quantity::TestOutputs)[5], &of_test, "test outputs");
        // From the corrected function at the start, not from f_0.
        let outputs = matrices(&records, Quantity::Outputs);
        let moved = (&outputs[5] - &outputs[0]).norm() / (outputs[0].len() as f64).sqrt();
        let changes = scalars(&records, Quantity::OutputChange);
        assert!(changes[0] == 0.0 && (changes[5] - moved).abs() < 1e-12, "{changes:?}");
        for (quantity, expected) in [
            (Quantity::TrainLoss, loss.value(&of_train, &train.targets)),
            (Quantity::TestLoss, loss.value(&of_test, &test.targets)),
            (Quantity::TrainAccuracy, Labels::of(&train.targets).unwrap().accuracy(&of_train, &train.targets)),
            (Quantity::TestAccuracy, Labels::of(&train.targets).unwrap().accuracy(&of_test, &test.targets)),
        ] {
            let found = scalars(&records, quantity)[5];
            assert!((found - expected).abs() < 1e-10, "{}: {found} for {expected}", quantity.name());
        }
    }
}

/// With the squared loss a function added to the outputs is one taken from the targets.
#[test]
fn the_linearised_network_is_corrected_alike() {
    for rule in rules() {
        let corrected = Problem {
            record: widenet_core::problem::RecordPlan {
                at: vec![0.0, 10.0, 25.0],
                quantities: vec![
                    Quantity::Outputs,
                    Quantity::LinearisedOutputs,
                    Quantity::LinearisedTestOutputs,
                    Quantity::LinearisationDistance,
                ],
            },
            ..problem(rule.clone(), Activation::Erf, true)
        };
        let [of_train, of_test] = start(&corrected);
        let mut shifted = Problem { record: corrected.record.clone(), ..problem(rule.clone(), Activation::Erf, false) };
        shifted.data.train.targets -= &of_train;
        let (corrected, shifted) = (solve(&corrected, WIDTH, SEED), solve(&shifted, WIDTH, SEED));
        for (quantity, added) in [
            (Quantity::Outputs, &of_train),
            (Quantity::LinearisedOutputs, &of_train),
            (Quantity::LinearisedTestOutputs, &of_test),
        ] {
            for (found, own) in matrices(&corrected, quantity).iter().zip(matrices(&shifted, quantity)) {
                assert_close(found, &(own + added), quantity.name());
            }
        }
        let distances = |records: &[Record]| scalars(records, Quantity::LinearisationDistance);
        let (found, expected) = (distances(&corrected), distances(&shifted));
        assert!(expected[2] > 1e-4 && (found[2] - expected[2]).abs() < 1e-10, "{found:?} for {expected:?}");
    }
}

#[test]
fn nothing_changes_at_the_reference_width() {
    for rule in rules() {
        let solve_with = |initial_correction| {
            let mut problem = problem(rule.clone(), Activation::Relu, initial_correction);
            problem.record.quantities =
                vec![Quantity::TrainLoss, Quantity::TestOutputs, Quantity::TangentKernel, Quantity::WeightChange];
            solve(&problem, REFERENCE_WIDTH as u64, SEED)
        };
        assert_eq!(solve_with(true), solve_with(false));
    }
}

/// The same weights before the mean-field factor n^(-1/2) of the readout.
#[test]
fn it_starts_as_the_network_of_the_ntk_scaling_with_its_own_tangent_kernel() {
    let mut corrected = problem(common::descent(1, 0.0, false), Activation::Gelu, true);
    corrected.record.at = vec![0.0];
    corrected.record.quantities = vec![Quantity::Outputs, Quantity::TestOutputs, Quantity::TangentKernel];
    let with = |q_sigma: f64, q: f64| {
        let mut other = corrected.clone();
        other.parameterization = Parameterization::Scaling {
            q_sigma,
            q_a: q,
            q_w: q,
            reference_width: REFERENCE_WIDTH,
            sigma_w: 1.5,
            initial_correction: false,
        };
        solve(&other, WIDTH, SEED)
    };
    let (ntk, mean_field, corrected) = (with(-0.5, 0.0), with(-1.0, 1.0), solve(&corrected, WIDTH, SEED));
    for quantity in [Quantity::Outputs, Quantity::TestOutputs] {
        let matrix = |records: &[Record]| matrices(records, quantity).remove(0);
        assert_close(&matrix(&corrected), &matrix(&ntk), quantity.name());
        assert_close(&matrix(&corrected), &(matrix(&mean_field) * 2.0), quantity.name());
    }
    let kernel = |records: &[Record]| matrices(records, Quantity::TangentKernel).remove(0);
    assert_eq!(kernel(&corrected), kernel(&mean_field));
}

#[test]
fn an_ensemble_is_the_average_of_its_corrected_networks() {
    let mut one = problem(rules()[1].clone(), Activation::Tanh, true);
    one.record.at = vec![0.0, 25.0];
    let ensemble = Problem { ensemble: Some(Ensemble { networks: 3, antithetic: false }), ..one.clone() };
    let outputs = |problem: &Problem, seed| matrices(&solve(problem, WIDTH, seed), Quantity::TestOutputs);
    let networks: Vec<Vec<Matrix>> = (0..3).map(|i| outputs(&one, seed::member(SEED, i))).collect();
    for (at, found) in outputs(&ensemble, SEED).iter().enumerate() {
        let mean = networks.iter().fold(Matrix::zeros(3, 2), |sum, outputs| sum + &outputs[at]) / 3.0;
        assert_close(found, &mean, "mean");
    }
}
