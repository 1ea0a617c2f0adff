//! What the engine of perceptrons must agree with: the engine of deep linear networks, its own linearisation, its kernels.

use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Annealing, Loss, Parameterization, Quantity, Rule, Schedule},
    training::{Batches, Control, Start, Training, mlp::MlpTraining},
    trajectory::{Record, Status, Trajectory},
};
use widenet_model::{
    DeviceChoice, GivenLayer, GivenNetwork, KernelsWanted, Matrices, OpenDevice, Precision, Run, empirical_kernels,
    solve_on_device,
};

use crate::common::{
    self,
    perceptrons::{self, entries, matrices, scalars},
};

const WIDTH: u64 = 40;
const SEED: u64 = 9;

/// Rates that grow and fall.
const SCHEDULE: Schedule = Schedule { warmup: 7, annealing: Annealing::Linear { end_factor: 0.1 } };

fn solve_on(device: &OpenDevice, problem: &Problem, precision: Precision) -> Trajectory {
    let run =
        Run { matrices: Matrices::Dense, problem, width: WIDTH, seed: SEED, device, precision, checkpoints: None };
    solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory
}

fn solve(problem: &Problem) -> Vec<Record> {
    let trajectory = solve_on(&DeviceChoice::Flex.open().unwrap(), problem, Precision::F64);
    assert_eq!(trajectory.status, Status::Done);
    trajectory.records
}

fn refusal(problem: &Problem) -> String {
    let device = DeviceChoice::Flex.open().unwrap();
    let run = Run {
        matrices: Matrices::Dense,
        problem,
        width: WIDTH,
        seed: SEED,
        device: &device,
        precision: Precision::F64,
        checkpoints: None,
    };
    solve_on_device(&run, &mut |_| Control::Continue).unwrap_err().to_string()
}

fn minibatches(steps: u64, momentum: f64) -> Rule {
    Rule::Descent { learning_rate: 0.1, steps, momentum, nesterov: false, batch_size: Some(3) }
}

/// Largest relative difference between matrices of the same quantity.
fn difference(left: &[Matrix], right: &[Matrix]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left - right).amax() / right.amax()).fold(0.0, f64::max)
}

#[test]
fn with_the_identity_it_is_the_engine_of_deep_linear_networks() {
    let parameterizations = [
        Parameterization::ntk(3, 1.2),
        Parameterization::Standard { sigma_w: vec![0.9; 4], sigma_b: None, learning_rate_exponent: -1.0 },
        Parameterization::MeanField { richness: 0.8, sigma_in: 1.1, sigma_out: 0.9, sigma_b: None },
    ];
    for parameterization in parameterizations {
        for (rule, schedule) in [
            (common::descent(50, 0.9, true), Schedule::CONSTANT),
            (common::descent(50, 0.9, true), SCHEDULE),
            (minibatches(50, 0.5), Schedule::CONSTANT),
            (minibatches(50, 0.0), SCHEDULE),
        ] {
            let mut problem = common::problem(3, 2, rule, 0.02);
            problem.optimizer.schedule = schedule;
            problem.parameterization = parameterization.clone();
            problem.record.quantities = vec![Quantity::Outputs, Quantity::TestOutputs];
            assert!(problem.is_solved_as_predictor());
            let linear = solve(&problem);
            let mut training = MlpTraining::new(&problem, perceptrons::mlp(&problem, WIDTH, SEED), SEED).unwrap();
            let (perceptron, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
            for quantity in [Quantity::Outputs, Quantity::TestOutputs] {
                let difference = difference(&matrices(&perceptron, quantity), &matrices(&linear, quantity));
                assert!(difference < 1e-11, "{difference:e}: {:?}", problem.parameterization);
            }
        }
    }
}

#[test]
fn the_linearisation_is_the_derivative_along_its_tangent() {
    let wave = |rows: usize, columns: usize, frequency: f64| {
        Matrix::from_fn(rows, columns, |i, j| ((i * columns + j) as f64 * frequency + 0.2).sin())
    };
    for activation in Activation::all().filter(|activation| activation.slopes().is_none() && activation.is_smooth()) {
        let layers = |shift: f64| -> Vec<GivenLayer> {
            let layer = |(l, shape): (usize, &[usize; 2])| {
                let frequency = 1.3 + l as f64;
                let tangent = shift * wave(shape[0], shape[1], frequency + 0.7);
                let biases = (0..shape[1]).map(|j| (j as f64).cos() + shift * (j as f64).sin()).collect();
                GivenLayer {
                    weights: wave(shape[0], shape[1], frequency) + tangent,
                    biases,
                    sigma_w: 1.5,
                    sigma_b: 0.3,
                }
            };
            [[4, 7], [7, 6], [6, 2]].iter().enumerate().map(layer).collect()
        };
        let inputs = wave(5, 4, 0.77);
        let outputs = |shift: f64| GivenNetwork::new(activation, &layers(shift)).unwrap().outputs(&inputs).unwrap();
        let tangents = layers(1.0).into_iter().zip(layers(0.0)).map(|(moved, start)| {
            let biases = moved.biases.iter().zip(&start.biases).map(|(moved, start)| moved - start).collect();
            (moved.weights - start.weights, biases)
        });
        let tangents: Vec<(Matrix, Vec<f64>)> = tangents.collect();
        let mut network = GivenNetwork::new(activation, &layers(0.0)).unwrap();
        let derivative = network.linearised_outputs(&tangents, &inputs).unwrap() - outputs(0.0);
        let expected = (outputs(1e-5) - outputs(-1e-5)) / 2e-5;
        let error = (&derivative - &expected).amax() / expected.amax();
        assert!(error < 1e-8, "{activation:?}: {error:e}");
    }
}

/// `f_lin` on training and test inputs by the recursion in function space with the kernels at the start.
fn function_space(problem: &Problem) -> (Vec<Matrix>, Vec<Matrix>) {
    let Rule::Descent { learning_rate, steps, momentum, .. } = problem.optimizer.rule else { panic!("descent only") };
    let rates = problem.optimizer.learning_rates().unwrap();
    let device = DeviceChoice::Flex.open().unwrap();
    let wanted = KernelsWanted { test: true, full: true };
    let kernels = empirical_kernels(&problem.untrained(), WIDTH, SEED, &device, Precision::F64, wanted).unwrap();
    let (train, test) = (kernels.train_train.tangent.unwrap(), kernels.test_train.unwrap().tangent.unwrap());
    let start = solve(&Problem {
        record: widenet_core::problem::RecordPlan {
            at: vec![0.0],
            quantities: vec![Quantity::Outputs, Quantity::TestOutputs],
        },
        ..problem.clone()
    });
    let targets = &problem.data.train.targets;
    let (samples, k) = targets.shape();
    let mut batches = Batches::of(problem, SEED);
    let mut now = [matrices(&start, Quantity::Outputs).remove(0), matrices(&start, Quantity::TestOutputs).remove(0)];
    let mut velocity = [&now[0] * 0.0, &now[1] * 0.0];
    let (mut trains, mut tests) = (vec![now[0].clone()], vec![now[1].clone()]);
    for step in 0..steps {
        let rows = batches.as_mut().map_or_else(|| (0..samples).collect(), |batches| batches.at(step).to_vec());
        let of_batch = problem.loss.gradient(&now[0].select_rows(&rows), &targets.select_rows(&rows));
        let mut gradient = Matrix::zeros(samples, k);
        for (row, of_row) in rows.iter().zip(of_batch.row_iter()) {
            gradient.set_row(*row, &of_row);
        }
        // Samples outermost: the columns of the transpose, one after another.
        let flat = Matrix::from_column_slice(samples * k, 1, gradient.transpose().as_slice());
        for ((f, v), kernel) in now.iter_mut().zip(&mut velocity).zip([&train, &test]) {
            let image = kernel * &flat;
            let image = Matrix::from_row_slice(f.nrows(), k, image.as_slice());
            *v = &*v * momentum - image * learning_rate;
            *f += &*v * rates.scale(step);
        }
        trains.push(now[0].clone());
        tests.push(now[1].clone());
    }
    (trains, tests)
}

#[test]
fn the_trained_linearisation_is_the_recursion_in_function_space() {
    let mut cross_entropy = perceptrons::problem(2, 3, common::descent(30, 0.0, false), Activation::Erf, true);
    cross_entropy.loss = Loss::CrossEntropy;
    cross_entropy.data.train.targets = Matrix::from_fn(8, 3, |i, j| if (i + i / 3) % 3 == j { 1.0 } else { 0.0 });
    let mut frozen = perceptrons::problem(2, 2, common::descent(30, 0.0, false), Activation::Relu, true);
    frozen.parameterization = Parameterization::Ntk {
        sigma_w: vec![1.4; 3],
        sigma_b: vec![0.2; 3],
        weight_rates: vec![0.0, 0.7, 1.0],
        bias_rates: vec![0.0, 0.0, 1.0],
    };
    let mut scheduled = perceptrons::problem(2, 1, common::descent(30, 0.8, false), Activation::Tanh, true);
    scheduled.optimizer.schedule = SCHEDULE;
    let problems = [
        scheduled,
        perceptrons::problem(3, 2, common::descent(30, 0.0, false), Activation::Relu, true),
        perceptrons::problem(2, 1, common::descent(30, 0.8, false), Activation::Tanh, false),
        perceptrons::problem(2, 2, minibatches(30, 0.5), Activation::Erf, true),
        cross_entropy,
        frozen,
    ];
    for mut problem in problems {
        problem.record.at = (0..=30).map(f64::from).collect();
        problem.record.quantities =
            vec![Quantity::LinearisedOutputs, Quantity::LinearisedTestOutputs, Quantity::LinearisationDistance];
        let (train, test) = function_space(&problem);
        let records = solve(&problem);
        let difference = |quantity, expected: &[Matrix]| difference(&matrices(&records, quantity), expected);
        let (train, test) =
            (difference(Quantity::LinearisedOutputs, &train), difference(Quantity::LinearisedTestOutputs, &test));
        assert!(train < 1e-10 && test < 1e-10, "{train:e}, {test:e}: {:?}", problem.optimizer.rule);
        // The network itself leaves its linearisation at this width.
        let distances = scalars(&records, Quantity::LinearisationDistance);
        assert!(distances[0] < 1e-15 && distances[30] > 1e-4, "{distances:?}");
    }
}

#[test]
fn records_say_what_the_quantities_promise() {
    for rule in [common::descent(20, 0.0, false), minibatches(20, 0.0)] {
        let mut problem = perceptrons::problem(2, 2, rule, Activation::Erf, true);
        problem.record.at = vec![0.0, 20.0];
        problem.record.quantities = Quantity::all()
            .filter(|quantity| {
                matches!(quantity.scope(), widenet_core::problem::Scope::Any | widenet_core::problem::Scope::Mlp)
            })
            .collect();
        let records = solve(&problem);
        let last = |quantity| matrices(&records, quantity).remove(1);
        let scalar = |quantity| scalars(&records, quantity)[1];
        let close = |found: f64, expected: f64, what: &str| {
            assert!((found - expected).abs() < 1e-12 * expected.abs(), "{what}: {found} for {expected}");
        };
        let (train, test) = (&problem.data.train.targets, &problem.data.test.as_ref().unwrap().targets);
        close(scalar(Quantity::TrainLoss), problem.loss.value(&last(Quantity::Outputs), train), "train loss");
        close(scalar(Quantity::TestLoss), problem.loss.value(&last(Quantity::TestOutputs), test), "test loss");
        let linearised = problem.loss.value(&last(Quantity::LinearisedTestOutputs), test);
        close(scalar(Quantity::LinearisedTestLoss), linearised, "linearised test loss");
        let apart = (last(Quantity::TestOutputs) - last(Quantity::LinearisedTestOutputs)).norm() / 6.0f64.sqrt();
        close(scalar(Quantity::LinearisationDistance), apart, "linearisation distance");
        let kernels = matrices(&records, Quantity::TangentKernel);
        let change = (&kernels[1] - &kernels[0]).norm() / kernels[0].norm();
        close(scalar(Quantity::TangentKernelChange), change, "tangent kernel change");
        let kernels = matrices(&records, Quantity::NngpKernel);
        let change = (&kernels[1] - &kernels[0]).norm() / kernels[0].norm();
        close(scalar(Quantity::NngpKernelChange), change, "NNGP kernel change");
        assert!(change > 1e-5, "training moves the kernel");
    }
}

#[test]
fn distances_are_those_of_the_parameters() {
    let mut problem = perceptrons::problem(2, 1, common::descent(25, 0.9, false), Activation::Relu, true);
    problem.record.at = vec![25.0];
    problem.record.quantities = vec![Quantity::WeightChange, Quantity::ParameterDistance];
    let network = perceptrons::mlp(&problem, WIDTH, SEED);
    let start = entries(&mut network.clone());
    let mut training = MlpTraining::new(&problem, network, SEED).unwrap();
    let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
    let end = perceptrons::entries(&mut training.network);
    let moved: Vec<f64> = start.iter().zip(&end).map(|(start, end)| (end - start).norm()).collect();
    // Weights and biases take turns.
    let expected: Vec<f64> = (0..6).step_by(2).map(|i| moved[i] / start[i].norm()).collect();
    let changes = scalars(&records, Quantity::WeightChange);
    assert!(changes.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{changes:?}");
    let distance = scalars(&records, Quantity::ParameterDistance)[0];
    assert!((distance - moved.iter().map(|moved| moved * moved).sum::<f64>().sqrt()).abs() < 1e-12, "{distance}");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut problem = perceptrons::problem(2, 2, common::descent(6, 0.9, false), Activation::Gelu, true);
    // Products above the size from which the library uses all threads.
    let samples = 90;
    problem.data.train.inputs = Matrix::from_fn(samples, 5, |i, j| (0.37 * (5 * i + j) as f64).sin());
    problem.data.train.targets = Matrix::from_fn(samples, 2, |i, j| (0.91 * (2 * i + j) as f64).cos());
    problem.record.quantities = vec![
        Quantity::Outputs,
        Quantity::TangentKernel,
        Quantity::NngpKernel,
        Quantity::ParameterDistance,
        Quantity::LinearisedTestOutputs,
    ];
    let device = DeviceChoice::Flex.open().unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = Run {
            matrices: Matrices::Dense,
            problem: &problem,
            width: 300,
            seed: SEED,
            device: &device,
            precision: Precision::F32,
            checkpoints: None,
        };
        pool.install(|| solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn what_perceptrons_cannot_do_is_refused_with_what_they_can() {
    let flow = Rule::MomentumFlow { learning_rate: 0.1, steps: 10, momentum: 0.5, tolerance: 1e-6 };
    let message = refusal(&perceptrons::problem(2, 1, flow, Activation::Relu, false));
    assert!(message.contains("\"momentum_flow\""), "{message}");
    let mut problem = perceptrons::problem(2, 1, common::descent(5, 0.0, false), Activation::Relu, false);
    problem.optimizer.weight_decay = 0.1;
    problem.record.quantities.push(Quantity::LinearisedTrainLoss);
    let message = refusal(&problem);
    assert!(message.contains("linearised_train_loss") && message.contains("weight_decay = 0"), "{message}");
}

#[test]
fn a_diverging_run_is_a_result() {
    let rule = Rule::Descent { learning_rate: 1e4, steps: 200, momentum: 0.0, nesterov: false, batch_size: None };
    let mut problem = perceptrons::problem(2, 1, rule, Activation::Relu, false);
    problem.record.at = vec![0.0, 1.0, 200.0];
    let trajectory = solve_on(&DeviceChoice::Flex.open().unwrap(), &problem, Precision::F32);
    assert!(matches!(trajectory.status, Status::Diverged { step, .. } if step > 1), "{:?}", trajectory.status);
    assert_eq!(trajectory.records.len(), 2);
}

#[cfg(any(feature = "ndarray", feature = "gpu"))]
fn assert_device_agrees_with_flex(device: &OpenDevice) {
    let flex = DeviceChoice::Flex.open().unwrap();
    // An ε that gradients of the size of rounding do not overcome.
    let rms_prop = Rule::RmsProp { learning_rate: 0.01, steps: 20, decay: 0.9, epsilon: 1e-2, batch_size: Some(5) };
    let cases = Activation::all().map(|activation| (activation, common::descent(20, 0.5, false)));
    for (activation, rule) in cases.into_iter().chain([(Activation::Erf, rms_prop)]) {
        let mut problem = perceptrons::problem(2, 2, rule, activation, true);
        problem.record.quantities = vec![Quantity::Outputs, Quantity::TangentKernel, Quantity::LinearisedTestOutputs];
        let expected = solve_on(&flex, &problem, Precision::F32).records;
        let found = solve_on(device, &problem, Precision::F32).records;
        for quantity in [Quantity::Outputs, Quantity::TangentKernel, Quantity::LinearisedTestOutputs] {
            let difference = difference(&matrices(&found, quantity), &matrices(&expected, quantity));
            assert!(difference < 5e-5, "{activation:?}, {}: {difference:e}", quantity.name());
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_agrees_with_flex() {
    assert_device_agrees_with_flex(&DeviceChoice::NdArray.open().unwrap());
}

#[cfg(feature = "gpu")]
#[test]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
fn wgpu_agrees_with_flex() {
    match DeviceChoice::Wgpu.open() {
        Ok(device) => assert_device_agrees_with_flex(&device),
        Err(error) => println!("SKIPPED (no adapter): wgpu_agrees_with_flex: {error}"),
    }
}
