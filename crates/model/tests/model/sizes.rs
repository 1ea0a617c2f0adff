//! Sizes of activations and of what training adds to them, against plain matrices.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Parameterization, Quantity, Rule},
    training::{
        Control, Start, Training,
        mlp::{Mlp, MlpTraining},
    },
    trajectory::{Record, Status},
};
use widenet_model::{
    CheckpointPlan, DenseMatrix, DeviceChoice, Every, Matrices, Precision, Run, mlp_with_panels, solve_on_device,
};

use crate::common::{
    self,
    perceptrons::{self, entries, scalars},
};

const WIDTH: u64 = 40;
const SEED: u64 = 4;

/// The network at its start and at the end of training, with the records in between.
fn trained(problem: &Problem) -> (Mlp<DenseMatrix>, Mlp<DenseMatrix>, Vec<Record>) {
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
    let start = mlp_with_panels(problem, WIDTH, SEED.into(), &placement, 1 << 12).unwrap();
    let mut training = MlpTraining::new(problem, start.clone(), SEED).unwrap();
    let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
    (start, training.network, records)
}

/// `h_1 … h_{L+1}` on inputs (P × d), neurons × P, by plain products.
fn pre_activations(network: &mut Mlp<DenseMatrix>, activation: Activation, inputs: &Matrix) -> Vec<Matrix> {
    let mut matrices = entries(network).into_iter();
    let mut a = inputs.transpose();
    let mut pre_activations = Vec::new();
    for layer in &network.layers {
        let mut h = matrices.next().unwrap() * a * layer.weights.multiplier;
        if let Some(biases) = &layer.biases {
            let shift = matrices.next().unwrap() * biases.multiplier;
            h.column_iter_mut().for_each(|mut column| column += shift.column(0));
        }
        a = h.map(|u| activation.value(u));
        pre_activations.push(h);
    }
    pre_activations
}

fn rms(values: &Matrix) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected.abs(), "{found:e} for {expected:e}");
    }
}

fn minibatches() -> Rule {
    Rule::Descent { learning_rate: 0.1, steps: 12, momentum: 0.5, nesterov: false, batch_size: Some(3) }
}

#[test]
fn activations_are_measured_on_all_neurons_and_training_samples() {
    for (rule, biases) in [(common::descent(12, 0.0, false), true), (minibatches(), false)] {
        let mut problem = perceptrons::problem(3, 2, rule, Activation::Gelu, biases);
        problem.record.at = vec![0.0, 12.0];
        problem.record.quantities =
            vec![Quantity::ActivationNorms, Quantity::ActivationChanges, Quantity::OutputChange];
        let (mut start, mut end, records) = trained(&problem);
        let inputs = &problem.data.train.inputs;
        let (before, after) = (
            pre_activations(&mut start, Activation::Gelu, inputs),
            pre_activations(&mut end, Activation::Gelu, inputs),
        );
        let changes: Vec<f64> = before.iter().zip(&after).map(|(before, after)| rms(&(after - before))).collect();
        assert!(changes.len() == 4 && changes.iter().all(|change| *change > 1e-3), "{changes:?}");

        let of = |record: usize, quantity| scalars(&records[record..=record], quantity);
        close(&of(0, Quantity::ActivationNorms), &before.iter().map(rms).collect::<Vec<_>>(), 1e-12);
        close(&of(1, Quantity::ActivationNorms), &after.iter().map(rms).collect::<Vec<_>>(), 1e-12);
        assert_eq!(of(0, Quantity::ActivationChanges), [0.0; 4]);
        close(&of(1, Quantity::ActivationChanges), &changes, 1e-11);
        assert_eq!(of(0, Quantity::OutputChange), [0.0]);
        // The outputs are the last layer.
        close(&of(1, Quantity::OutputChange), &changes[3..], 1e-11);
    }
}

/// One hidden layer, one output, no biases, mean-field scaling.
fn shallow(activation: Activation) -> Problem {
    let mut problem = perceptrons::problem(1, 1, common::descent(12, 0.0, false), activation, false);
    problem.parameterization =
        Parameterization::MeanField { richness: 0.8, sigma_in: 1.1, sigma_out: 0.9, sigma_b: None };
    problem.record.at = vec![0.0, 12.0];
    problem.record.quantities = vec![Quantity::Decomposition, Quantity::TestOutputs];
    problem
}

#[test]
fn the_output_is_decomposed_under_the_trained_masks() {
    for activation in
        [Activation::Relu, Activation::LeakyRelu { negative_slope: 0.1 }, Activation::Abs, Activation::Identity]
    {
        for test in [true, false] {
            let mut problem = shallow(activation);
            if !test {
                problem.data.test = None;
                problem.record.quantities.pop();
            }
            let (mut start, mut end, records) = trained(&problem);
            let inputs = &problem.data.test.as_ref().unwrap_or(&problem.data.train).inputs;
            let (before, after) = (entries(&mut start), entries(&mut end));
            let scale = start.layers[1].weights.multiplier;
            let masks = (&after[0] * inputs.transpose()).map(|z| activation.derivative(z));
            let part = |a: &Matrix, w: &Matrix| (a * masks.component_mul(&(w * inputs.transpose()))) * scale;
            let (moved_w, moved_a) = (&after[0] - &before[0], &after[1] - &before[1]);
            let parts = [
                part(&before[1], &before[0]),
                part(&moved_a, &before[0]),
                part(&before[1], &moved_w),
                part(&moved_a, &moved_w),
            ];
            let total = parts.iter().fold(Matrix::zeros(1, inputs.nrows()), |sum, part| sum + part);
            let outputs = end.outputs(inputs);
            assert!((total.transpose() - outputs).amax() < 1e-12, "the parts are all there is");
            let deviation = |part: &Matrix| {
                let mean = part.mean();
                rms(&part.map(|value| value - mean))
            };
            let expected: Vec<f64> = parts.iter().map(deviation).collect();
            assert!(expected.iter().all(|size| *size > 1e-5), "{expected:?}");
            close(&scalars(&records[1..], Quantity::Decomposition), &expected, 1e-10);
            // Nothing has moved at the start.
            let at_start = scalars(&records[..1], Quantity::Decomposition);
            assert!(at_start[0] > 1e-3 && at_start[1..] == [0.0; 3], "{at_start:?}");
        }
    }
}

/// What records compare with is the network at time 0, not the one that a run goes on from.
#[test]
fn sizes_of_a_resumed_run_are_those_of_an_undisturbed_one() {
    let mut deep = perceptrons::problem(2, 2, minibatches(), Activation::Erf, true);
    deep.record.quantities = vec![Quantity::ActivationNorms, Quantity::ActivationChanges, Quantity::OutputChange];
    deep.record.at = vec![0.0, 6.0, 12.0];
    let device = DeviceChoice::Flex.open().unwrap();
    for problem in [deep, shallow(Activation::Relu)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let run = |checkpoint: bool, last: u64| {
            let checkpoints =
                checkpoint.then(|| CheckpointPlan { path: path.clone(), every: Every::Steps(100), asked: None });
            let run = Run {
                matrices: Matrices::Dense,
                problem: &problem,
                width: WIDTH,
                seed: SEED,
                device: &device,
                precision: Precision::F32,
                checkpoints,
            };
            let stop = |step| if step == last { Control::Stop } else { Control::Continue };
            solve_on_device(&run, &mut |progress| stop(progress.step)).unwrap().trajectory
        };
        let undisturbed = run(false, u64::MAX);
        assert_eq!(run(true, 5).status, Status::Interrupted { step: 5 });
        assert_eq!(run(true, u64::MAX), undisturbed);
    }
}
