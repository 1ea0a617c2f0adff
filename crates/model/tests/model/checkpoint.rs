//! A run that is stopped and resumed gives the records of an undisturbed one, bit for bit.

use std::{fs, path::Path};

use safetensors::SafeTensors;
use widenet_core::{
    Problem,
    problem::{
        Activation, Annealing, ImageNetwork, ImageShape, Layer, Padding, Parameterization, PixelOrder, Quantity, Rule,
        Schedule, Stop, Window,
    },
    training::{Control, Progress},
    trajectory::{Status, Value},
};
use widenet_model::{
    CheckpointPlan, DeviceChoice, DeviceSolution, Every, Hidden, HiddenMatrix, Matrices, Precision, ResponseStorage,
    Run, solve_on_device,
};

use crate::common;

fn solve(problem: &Problem, path: Option<&Path>, watch: &mut dyn FnMut(&Progress<'_>) -> Control) -> DeviceSolution {
    let device = DeviceChoice::Flex.open().unwrap();
    let checkpoints = path.map(|path| CheckpointPlan { path: path.to_owned(), every: Every::Steps(1000), asked: None });
    let run = Run {
        matrices: Matrices::Dense,
        problem,
        width: 48,
        seed: 2,
        device: &device,
        precision: Precision::F32,
        checkpoints,
    };
    solve_on_device(&run, watch).unwrap()
}

fn stop_at(step: u64) -> impl FnMut(&Progress<'_>) -> Control {
    move |progress| if progress.step == step { Control::Stop } else { Control::Continue }
}

fn cases() -> Vec<Problem> {
    let batches = Rule::Descent { learning_rate: 0.05, steps: 60, momentum: 0.0, nesterov: false, batch_size: Some(3) };
    let rules = [
        (common::descent(60, 0.0, false), 0.0),
        (common::descent(60, 0.3, false), 0.05),
        (common::descent(60, 0.9, true), 0.05),
        (batches, 0.0),
        (Rule::Flow { time: 2.0, tolerance: 1e-6 }, 0.01),
    ];
    let linear = rules.into_iter().map(|(rule, decay)| {
        let mut problem = common::problem(3, 2, rule, decay);
        problem.record.quantities = vec![
            Quantity::TrainLoss,
            Quantity::Predictor,
            Quantity::TangentKernelChange,
            Quantity::OutputAutocovariance,
            Quantity::LearnedSingularValues,
        ];
        problem
    });
    let all: Vec<Problem> = linear.chain(perceptrons()).collect();
    // With momentum, Nesterov's momentum, minibatches and Adam: in the warm-up, at its end and after it.
    let scheduled: Vec<Problem> = [1, 2, 7, 10].into_iter().map(|i| scheduled(&all[i])).collect();
    [all, scheduled].concat()
}

fn scheduled(problem: &Problem) -> Problem {
    let mut problem = problem.clone();
    problem.optimizer.schedule = Schedule { warmup: 5, annealing: Annealing::Cosine { end_factor: 0.1 } };
    problem
}

fn perceptrons() -> Vec<Problem> {
    let minibatches =
        Rule::Descent { learning_rate: 0.05, steps: 60, momentum: 0.7, nesterov: false, batch_size: Some(3) };
    let rms_prop = |batch_size| Rule::RmsProp { learning_rate: 0.01, steps: 60, decay: 0.9, epsilon: 1e-8, batch_size };
    let rules = [
        common::descent(60, 0.0, false),
        common::descent(60, 0.9, true),
        minibatches,
        rms_prop(None),
        rms_prop(Some(3)),
        Rule::Adam { learning_rate: 0.01, steps: 60, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, batch_size: Some(3) },
    ];
    let corrected = |mut problem: Problem| {
        problem.network.hidden_layers = 1;
        problem.parameterization = Parameterization::Scaling {
            q_sigma: -1.0,
            q_a: 1.0,
            q_w: 1.0,
            reference_width: 12.0,
            sigma_w: 1.0,
            initial_correction: true,
        };
        problem
    };
    let trained: Vec<Problem> = rules
        .into_iter()
        .map(|rule| {
            let mut problem = common::perceptrons::problem(2, 2, rule, Activation::Erf, true);
            problem.record.quantities = vec![
                Quantity::TrainLoss,
                Quantity::TestOutputs,
                Quantity::TangentKernelChange,
                Quantity::WeightChange,
                Quantity::LinearisedTestOutputs,
            ];
            problem
        })
        .collect();
    let corrected: Vec<Problem> = trained.iter().skip(2).cloned().map(corrected).collect();
    let convolutional: Vec<Problem> = trained.iter().skip(1).cloned().map(on_images).collect();
    [trained, corrected, convolutional].concat()
}

/// A residual network on images of one row.
fn on_images(mut problem: Problem) -> Problem {
    let window = |columns| Window { size: [1, columns], stride: [1, 1], padding: Padding::Same };
    let convolution = |columns| Layer::Convolution { window: window(columns), channels: 1.0 };
    let erf = || Layer::Activation(Activation::Erf);
    let residual = Layer::Residual { main: vec![erf(), convolution(3)], skip: vec![convolution(1)] };
    problem.network.image = Some(ImageNetwork {
        shape: ImageShape { rows: 1, columns: 5, channels: 1 },
        pixel_order: PixelOrder::Planes,
        layers: vec![convolution(3), residual, erf(), Layer::Flatten],
    });
    problem.network.hidden_layers = 3;
    problem.parameterization = Parameterization::ntk(3, 1.2);
    problem
}

#[test]
fn resumed_runs_are_bit_identical() {
    for problem in cases() {
        let undisturbed = solve(&problem, None, &mut |_| Control::Continue).trajectory;
        assert_eq!(undisturbed.status.word(), "done");
        // Before the first flush, after it, and twice in one run.
        for stops in [vec![3], vec![37], vec![5, 29]] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("checkpoint.safetensors");
            for stop in stops {
                let status = solve(&problem, Some(&path), &mut stop_at(stop)).trajectory.status;
                // Flow needs fewer steps than the later stops.
                assert!(status.word() == "done" || path.exists(), "a stopped run leaves a checkpoint");
            }
            let was_stopped = path.exists();
            let resumed = solve(&problem, Some(&path), &mut |_| Control::Continue);
            assert_eq!(resumed.notes.len(), usize::from(was_stopped), "{:?}", resumed.notes);
            assert_eq!(resumed.trajectory, undisturbed);
        }
    }
}

/// Of every rule: a run that is interrupted before its goal stops at the same record, with the same numbers.
#[test]
fn resumed_runs_stop_where_undisturbed_ones_do() {
    for mut problem in cases() {
        let horizon = problem.optimizer.horizon();
        problem.record.at = (0..=20).map(|i| horizon * f64::from(i) / 20.0).collect();
        let whole = solve(&problem, None, &mut |_| Control::Continue).trajectory;
        let loss = |i: usize| match whole.records[i].values[&Quantity::TrainLoss] {
            Value::Scalar(loss) => loss,
            _ => panic!("a loss is a number"),
        };
        let goal = 0.5 * (loss(13) + loss(14));
        problem.stop = Some(Stop { train_loss: Some(goal), train_accuracy: None });
        let undisturbed = solve(&problem, None, &mut |_| Control::Continue).trajectory;
        let first = (0..=20).find(|i| loss(*i) <= goal).unwrap();
        assert!(first > 0 && first < 20, "{first}");
        assert_eq!(undisturbed.records, whole.records[..=first]);
        let Status::Stopped(stopped) = undisturbed.status else { panic!("{:?}", undisturbed.status) };
        assert_eq!((stopped.step, stopped.value), (whole.records[first].step, loss(first)));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        solve(&problem, Some(&path), &mut stop_at(3));
        assert!(path.exists());
        let resumed = solve(&problem, Some(&path), &mut |_| Control::Continue);
        assert!(resumed.notes[0].contains("resumed at step 3"), "{:?}", resumed.notes);
        assert_eq!(resumed.trajectory, undisturbed);
        // The checkpoint of a run without the target is another run's.
        let other = Problem { stop: None, ..problem.clone() };
        let notes = solve(&other, Some(&path), &mut stop_at(3)).notes;
        assert!(notes[0].contains("another run"), "{notes:?}");
    }
}

/// Rates of other steps are another run, also where they are the same up to the checkpoint.
#[test]
fn a_checkpoint_of_another_schedule_is_not_resumed() {
    let problem = scheduled(&common::problem(2, 1, common::descent(20, 0.5, false), 0.0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut other = problem.clone();
    other.optimizer.schedule.annealing = Annealing::Cosine { end_factor: 0.2 };
    let mut constant = problem.clone();
    constant.optimizer.schedule = Schedule::CONSTANT;
    for other in [other, constant] {
        solve(&problem, Some(&path), &mut stop_at(4));
        assert!(path.exists());
        let undisturbed = solve(&other, None, &mut |_| Control::Continue).trajectory;
        let anew = solve(&other, Some(&path), &mut |_| Control::Continue);
        assert!(anew.notes[0].contains("another run"), "{:?}", anew.notes);
        assert_eq!(anew.trajectory, undisturbed);
    }
}

#[test]
fn a_damaged_or_foreign_checkpoint_is_reported_and_the_run_starts_anew() {
    let problem = common::problem(2, 1, common::descent(20, 0.0, false), 0.0);
    let undisturbed = solve(&problem, None, &mut |_| Control::Continue).trajectory;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    solve(&problem, Some(&path), &mut stop_at(7));
    let good = fs::read(&path).unwrap();

    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let damages = [
        (flipped, "SHA-256"),
        (good[..good.len() - 100].to_vec(), "SHA-256"),
        (good[..50].to_vec(), "header"),
        (b"nonsense that is no safetensors file".to_vec(), "header"),
        (Vec::new(), "not used"),
    ];
    for (bytes, word) in damages {
        fs::write(&path, bytes).unwrap();
        let solution = solve(&problem, Some(&path), &mut |_| Control::Continue);
        assert!(solution.notes.len() == 1 && solution.notes[0].contains(word), "{:?} lacks {word}", solution.notes);
        assert_eq!(solution.trajectory, undisturbed);
    }

    fs::write(&path, good).unwrap();
    let other = common::problem(2, 1, common::descent(21, 0.0, false), 0.0);
    let solution = solve(&other, Some(&path), &mut |_| Control::Continue);
    assert!(solution.notes[0].contains("another run"), "{:?}", solution.notes);
}

/// A disk that is full for a moment ends no run; a run that is stopped would lose what it has done since its last checkpoint.
#[test]
fn a_checkpoint_that_cannot_be_written_ends_no_run_but_one_that_stops() {
    let problem = common::problem(2, 1, common::descent(20, 0.0, false), 0.0);
    let undisturbed = solve(&problem, None, &mut |_| Control::Continue).trajectory;
    let device = DeviceChoice::Flex.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/checkpoint.safetensors");
    let run = || Run {
        matrices: Matrices::Dense,
        problem: &problem,
        width: 48,
        seed: 2,
        device: &device,
        precision: Precision::F32,
        checkpoints: Some(CheckpointPlan { path: path.clone(), every: Every::Steps(2), asked: None }),
    };
    let found = solve_on_device(&run(), &mut |_| Control::Continue).unwrap();
    assert_eq!(found.trajectory, undisturbed);
    let [note] = &found.notes[..] else { panic!("{:?}", found.notes) };
    assert!(note.contains("later/checkpoint") && note.contains("(10 times); the run went on"), "{note}");
    let error = solve_on_device(&run(), &mut stop_at(7)).unwrap_err().to_string();
    assert!(error.contains("later/checkpoint"), "{error}");
    // The folder is there again in the middle of the run.
    let watch = &mut |progress: &Progress<'_>| {
        if progress.step == 5 {
            fs::create_dir(path.parent().unwrap()).unwrap();
        }
        Control::Continue
    };
    let found = solve_on_device(&run(), watch).unwrap();
    assert!(found.notes[0].contains("(2 times)") && path.exists(), "{:?}", found.notes);
}

/// A step after which the weights have left the range of `f32` leaves the checkpoint of a step before.
#[test]
fn no_checkpoint_holds_a_number_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let device = DeviceChoice::Flex.open().unwrap();
    let path = folder.path().join("checkpoint");
    let rule = || Rule::Descent { learning_rate: 40.0, steps: 400, momentum: 0.0, nesterov: false, batch_size: None };
    let hidden = Hidden { matrix: HiddenMatrix::Conditioned(ResponseStorage::Stored), tolerance: 1e-5 };
    let problems =
        [common::problem(2, 1, rule(), 0.0), common::perceptrons::problem(2, 1, rule(), Activation::Relu, true)];
    for (problem, matrices) in problems
        .iter()
        .flat_map(|problem| [Matrices::Dense, Matrices::Explored(hidden)].map(|matrices| (problem, matrices)))
    {
        let run = Run {
            problem,
            width: 30,
            seed: 3,
            matrices,
            device: &device,
            precision: Precision::F32,
            checkpoints: Some(CheckpointPlan { path: path.clone(), every: Every::Steps(1), asked: None }),
        };
        let first = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
        let Status::Diverged { step, .. } = first.status else { panic!("{matrices:?}: {:?}", first.status) };
        assert!(step > 1, "{matrices:?} diverged at once");
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for (name, tensor) in file.tensors() {
            let numbers = tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            assert!(numbers.into_iter().all(f32::is_finite), "{matrices:?}: tensor {name}");
        }
        // It can be resumed from, and diverges at the same step.
        let resumed = solve_on_device(&run, &mut |_| Control::Continue).unwrap();
        assert!(resumed.notes[0].contains("resumed at step"), "{matrices:?}: {:?}", resumed.notes);
        assert_eq!(resumed.trajectory, first, "{matrices:?}");
        fs::remove_file(&path).unwrap();
    }
}
