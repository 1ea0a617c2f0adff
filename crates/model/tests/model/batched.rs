//! Networks trained as a group against the same networks trained alone.

use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Annealing, Loss, Parameterization, Quantity, Rule, Schedule},
    seed,
    training::{
        Control, EntryMatrix, Start, Training,
        mlp::{MlpGroup, MlpTraining},
    },
    trajectory::{Record, Status},
};

use crate::common::perceptrons;
use widenet_model::{DeviceChoice, Member, Placement, Precision, mlp_group, mlp_with_panels};
#[cfg(feature = "gpu")]
use widenet_model::{Matrices, OpenDevice, Run, solve_on_device};

const WIDTH: u64 = 9;
const NETWORKS: u64 = 5;

/// Rounding in 40 steps of numbers of order 1.
const TOLERANCE: f64 = 1e-12;

type Outcome = (Vec<Record>, Status);

fn flex() -> Placement {
    DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap()
}

/// Starts of an antithetic pair and of networks by themselves.
fn starts() -> Vec<Member> {
    (0..NETWORKS).map(|i| Member { seed: seed::member(3, i.max(1)), negated: i == 1 }).collect()
}

fn alone(problem: &Problem, start: Member, placement: &Placement) -> Outcome {
    let network = mlp_with_panels(problem, WIDTH, start, placement, 1 << 12).unwrap();
    let mut training = MlpTraining::new(problem, network, start.seed).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue)
}

fn as_a_group(problem: &Problem, starts: &[Member], placement: &Placement) -> Vec<Outcome> {
    let networks = mlp_group(problem, WIDTH, starts, placement).unwrap();
    let seeds: Vec<u64> = starts.iter().map(|start| start.seed).collect();
    MlpGroup::new(problem, networks, &seeds).unwrap().run(&mut || Control::Continue)
}

/// The largest difference between recorded numbers, relative where they are large; the records must be of the same steps and quantities.
fn difference(found: &[Record], expected: &[Record]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let of_record = |(found, expected): (&Record, &Record)| {
        assert_eq!((found.step, found.time), (expected.step, expected.time));
        assert!(found.values.keys().eq(expected.values.keys()));
        let numbers = |record: &Record| record.values.values().flat_map(|value| value.flatten()).collect::<Vec<f64>>();
        let (found, expected) = (numbers(found), numbers(expected));
        assert_eq!(found.len(), expected.len());
        let apart =
            found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs() / expected.abs().max(1.0));
        apart.fold(0.0, f64::max)
    };
    found.iter().zip(expected).map(of_record).fold(0.0, f64::max)
}

fn descent(momentum: f64, nesterov: bool, batch_size: Option<usize>) -> Rule {
    Rule::Descent { learning_rate: 0.1, steps: 40, momentum, nesterov, batch_size }
}

/// Two hidden layers, two outputs; everything that groups record.
fn problem(rule: Rule, activation: Activation, biases: bool) -> Problem {
    let mut problem = perceptrons::problem(2, 2, rule, activation, biases);
    problem.record.quantities = Quantity::all().filter(|quantity| quantity.is_of_outputs()).collect();
    problem
}

fn with_loss(mut problem: Problem, loss: Loss) -> Problem {
    problem.loss = loss;
    if loss == Loss::CrossEntropy {
        // Probabilities of two classes.
        let test = problem.data.test.as_mut().map(|samples| &mut samples.targets);
        for targets in std::iter::once(&mut problem.data.train.targets).chain(test) {
            let of_class = |target: f64, class: usize| if class == 0 { target.powi(2) } else { 1.0 - target.powi(2) };
            *targets = Matrix::from_fn(targets.nrows(), 2, |i, class| of_class(targets[(i, 0)], class));
        }
    }
    problem
}

/// One of every way that a step can differ.
fn problems() -> Vec<(&'static str, Problem)> {
    let plain = descent(0.0, false, None);
    let batches = descent(0.0, false, Some(3));
    let rms_prop = |batch_size| Rule::RmsProp { learning_rate: 0.01, steps: 40, decay: 0.9, epsilon: 1e-2, batch_size };
    let adam =
        |batch_size| Rule::Adam { learning_rate: 0.01, steps: 40, beta1: 0.8, beta2: 0.9, epsilon: 1e-2, batch_size };
    let mut decaying_adam = problem(adam(None), Activation::Tanh, true);
    decaying_adam.optimizer.weight_decay = 0.3;
    let scheduled = |mut problem: Problem, weight_decay, annealing| {
        problem.optimizer.weight_decay = weight_decay;
        problem.optimizer.schedule = Schedule { warmup: 6, annealing };
        problem
    };
    let cosine = Annealing::Cosine { end_factor: 0.0 };
    let of_mean = Loss::Squared { mean_over_outputs: true };
    let mut decaying = problem(plain.clone(), Activation::Tanh, true);
    decaying.optimizer.weight_decay = 0.03;
    let mut decaying_with_momentum = problem(descent(0.6, false, Some(3)), Activation::Relu, true);
    decaying_with_momentum.optimizer.weight_decay = 0.03;
    let mut corrected = problem(batches.clone(), Activation::Tanh, false);
    corrected.parameterization = Parameterization::Scaling {
        q_sigma: -0.5,
        q_a: 0.0,
        q_w: 0.0,
        reference_width: 4.0,
        sigma_w: 1.5,
        initial_correction: true,
    };
    vec![
        ("gd", problem(plain.clone(), Activation::Tanh, true)),
        ("adam", problem(adam(Some(3)), Activation::Tanh, true)),
        ("adam with decay", decaying_adam),
        ("scheduled gd", scheduled(problem(plain.clone(), Activation::Tanh, true), 0.03, cosine)),
        ("scheduled momentum", scheduled(problem(descent(0.6, false, Some(3)), Activation::Relu, true), 0.03, cosine)),
        (
            "scheduled nesterov",
            scheduled(
                problem(descent(0.6, true, None), Activation::Erf, true),
                0.0,
                Annealing::Step { every: 9, factor: 0.3 },
            ),
        ),
        ("scheduled adam", scheduled(problem(adam(None), Activation::Tanh, true), 0.3, cosine)),
        ("scheduled rms_prop", scheduled(problem(rms_prop(None), Activation::Tanh, true), 0.0, cosine)),
        ("momentum", problem(descent(0.6, false, None), Activation::Relu, true)),
        ("nesterov", problem(descent(0.6, true, None), Activation::Erf, false)),
        ("sgd", problem(batches.clone(), Activation::Relu, true)),
        ("sgd with momentum", problem(descent(0.6, false, Some(3)), Activation::Tanh, true)),
        ("weight decay", decaying),
        ("weight decay with momentum and batches", decaying_with_momentum),
        ("cross-entropy", with_loss(problem(plain, Activation::Tanh, true), Loss::CrossEntropy)),
        ("cross-entropy in batches", with_loss(problem(batches, Activation::Relu, true), Loss::CrossEntropy)),
        ("mean over outputs", with_loss(problem(descent(0.6, true, None), Activation::Tanh, true), of_mean)),
        ("rms_prop", problem(rms_prop(None), Activation::Tanh, true)),
        ("rms_prop in batches", problem(rms_prop(Some(3)), Activation::Gelu, true)),
        ("initial correction", corrected),
    ]
}

#[test]
fn networks_of_a_group_are_those_trained_alone() {
    for (name, problem) in problems() {
        for (start, (records, status)) in starts().into_iter().zip(as_a_group(&problem, &starts(), &flex())) {
            let (expected, expected_status) = alone(&problem, start, &flex());
            let difference = difference(&records, &expected);
            assert!(difference < TOLERANCE, "{name}: {difference:e}");
            assert_eq!((status, records.len()), (expected_status, problem.record.at.len()), "{name}");
        }
    }
}

#[test]
fn networks_with_swapped_seeds_are_others() {
    for (name, problem) in problems() {
        let mut swapped = starts();
        swapped.swap(2, 3);
        let (group, others) = (as_a_group(&problem, &starts(), &flex()), as_a_group(&problem, &swapped, &flex()));
        assert!(difference(&group[2].0, &others[2].0) > 1e-3, "{name}");
        assert!(difference(&group[2].0, &others[3].0) < TOLERANCE, "{name}");
    }
}

#[test]
fn batches_are_those_of_the_seed() {
    // The same initial weights, batches of other seeds.
    let problem = problem(descent(0.0, false, Some(3)), Activation::Tanh, true);
    let group = |seeds: &[u64]| {
        let networks = mlp_group(&problem, WIDTH, &[Member::from(1), Member::from(1)], &flex()).unwrap();
        MlpGroup::new(&problem, networks, seeds).unwrap().run(&mut || Control::Continue)
    };
    let (same, other) = (group(&[1, 1]), group(&[1, 2]));
    assert!(difference(&same[0].0, &same[1].0) < TOLERANCE);
    assert!(difference(&same[0].0, &other[0].0) < TOLERANCE);
    assert!(difference(&other[0].0, &other[1].0) > 1e-3);
}

#[test]
fn many_samples_go_through_a_group_in_chunks() {
    let mut problem = problem(descent(0.0, false, Some(3)), Activation::Tanh, true);
    let test = problem.data.test.as_mut().unwrap();
    // 1024 at a time, and 276 more.
    test.inputs = Matrix::from_fn(1300, 5, |i, j| ((5 * i + j) as f64).sin());
    test.targets = Matrix::from_fn(1300, 2, |i, j| ((2 * i + j) as f64).cos());
    for (start, (records, _)) in starts().into_iter().zip(as_a_group(&problem, &starts(), &flex())) {
        let difference = difference(&records, &alone(&problem, start, &flex()).0);
        assert!(difference < TOLERANCE, "{difference:e}");
    }
}

#[test]
fn a_diverged_network_does_not_spoil_the_others() {
    // A learning rate at which one of these networks is unstable.
    let rule = Rule::Descent { learning_rate: 1.8, steps: 100, momentum: 0.0, nesterov: false, batch_size: None };
    let mut problem = problem(rule, Activation::LeakyRelu { negative_slope: 0.1 }, true);
    problem.record.at = vec![0.0, 1.0, 20.0, 100.0];
    let group = as_a_group(&problem, &starts(), &flex());
    for (start, (records, status)) in starts().into_iter().zip(&group) {
        let (expected, expected_status) = alone(&problem, start, &flex());
        assert_eq!((status, records.len()), (&expected_status, expected.len()));
        let difference = difference(records, &expected);
        assert!(difference < 1e-10, "{difference:e}");
    }
    let diverged = group
        .iter()
        .filter(|(records, status)| matches!(status, Status::Diverged { step: 2..20, .. }) && records.len() == 2);
    assert_eq!(diverged.count(), 1);
    assert_eq!(group.iter().filter(|(_, status)| *status == Status::Done).count(), 4);
}

#[test]
fn a_group_records_functions_of_outputs_only() {
    let mut problem = problem(descent(0.0, false, None), Activation::Tanh, true);
    problem.record.quantities.push(Quantity::TangentKernelNorm);
    let networks = mlp_group(&problem, WIDTH, &starts(), &flex()).unwrap();
    let message = MlpGroup::new(&problem, networks, &[0; NETWORKS as usize]).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("tangent_kernel_norm"), "{message}");
}

#[test]
fn a_group_has_moved_as_far_as_its_networks() {
    let mut problem = problem(descent(0.6, false, None), Activation::Tanh, true);
    problem.record.quantities = vec![Quantity::Outputs];
    let mut networks = mlp_group(&problem, WIDTH, &starts(), &flex()).unwrap();
    let at_start: f64 = networks.matrices_mut().map(|matrix| matrix.movement().initial).sum();
    let of_network = |start| {
        let mut network = mlp_with_panels(&problem, WIDTH, start, &flex(), 1 << 12).unwrap();
        network.matrices_mut().map(|matrix| matrix.movement().initial).sum::<f64>()
    };
    let expected: f64 = starts().into_iter().map(of_network).sum();
    assert!((at_start - expected).abs() < TOLERANCE * expected, "{at_start} for {expected}");
    assert!(networks.matrices_mut().all(|matrix| matrix.movement().moved == 0.0));
    assert!(networks.matrices_mut().all(|matrix| matrix.zeros_like().movement().initial == 0.0));
}

#[cfg(feature = "gpu")]
fn assert_device_agrees_with_networks_alone(device: &OpenDevice) {
    // Rounding of `f32` in 40 steps.
    const TOLERANCE: f64 = 1e-4;
    let flex = DeviceChoice::Flex.open().unwrap();
    let on = |device: &OpenDevice| device.placement(Precision::F32).unwrap();
    for (name, mut problem) in problems() {
        let group = as_a_group(&problem, &starts(), &on(device));
        for (start, (records, _)) in starts().into_iter().zip(group) {
            // Accuracies may jump where outputs are close to 0 or to each other.
            let (mut records, mut expected) = (records, alone(&problem, start, &on(&flex)).0);
            for record in records.iter_mut().chain(&mut expected) {
                record.values.retain(|name, _| !matches!(name, Quantity::TrainAccuracy | Quantity::TestAccuracy));
            }
            let difference = difference(&records, &expected);
            assert!(difference < TOLERANCE, "{name}: {difference:e}");
        }
        problem.record.quantities = vec![Quantity::TrainLoss, Quantity::Outputs, Quantity::OutputStd];
        problem.ensemble = Some(widenet_core::problem::Ensemble { networks: 40, antithetic: true });
        let averages = |device| {
            let (precision, checkpoints) = (Precision::F32, None);
            let run = Run {
                matrices: Matrices::Dense,
                problem: &problem,
                width: WIDTH,
                seed: 3,
                device,
                precision,
                checkpoints,
            };
            solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory.records
        };
        let difference = difference(&averages(device), &averages(&flex));
        assert!(difference < TOLERANCE, "averages, {name}: {difference:e}");
    }
}

#[cfg(feature = "gpu")]
#[test]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
fn groups_on_wgpu_agree_with_networks_alone() {
    match DeviceChoice::Wgpu.open() {
        Ok(device) => assert_device_agrees_with_networks_alone(&device),
        Err(error) => println!("SKIPPED (no adapter): groups_on_wgpu_agree_with_networks_alone: {error}"),
    }
}
