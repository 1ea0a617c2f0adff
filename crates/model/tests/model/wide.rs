//! Matrices known by their answers against stored ones with the same entries: the algebra, to round-off; and what must not change a
//! run.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Annealing, EntryLaw, Parameterization, Quantity, Rule, Schedule},
    training::{
        Block, Control, EntryMatrix, LinearLayer, LinearNetwork, LinearTraining, Progress, Start, Training,
        WeightMatrix,
        mlp::{Mlp, MlpLayer, MlpTraining, Parameters},
    },
    trajectory::Record,
};
use widenet_model::{
    CheckpointPlan, DenseMatrix, DeviceChoice, Every, Hidden, HiddenMatrix, Matrices, OpenDevice, Placement, Precision,
    ResponseStorage, Run, WideMatrix, default_tolerance, solve_on_device, wide_linear_network, wide_mlp,
};

use crate::common::{self, perceptrons};

const REGENERATED: Hidden = Hidden { matrix: HiddenMatrix::Regenerated, tolerance: 1e-13 };
const STORED: Hidden = Hidden { matrix: HiddenMatrix::Conditioned(ResponseStorage::Stored), tolerance: 1e-9 };
const HALF_MEMORY: Hidden = Hidden { matrix: HiddenMatrix::Conditioned(ResponseStorage::Recomputed), tolerance: 1e-9 };

/// Rates that grow and fall.
const SCHEDULE: Schedule = Schedule { warmup: 5, annealing: Annealing::Cosine { end_factor: 0.1 } };

fn flex() -> (OpenDevice, Placement) {
    let device = DeviceChoice::Flex.open().unwrap();
    let placement = device.placement(Precision::F64).unwrap();
    (device, placement)
}

/// All entries of a matrix, by asking about every direction.
fn entries(matrix: &WideMatrix) -> Matrix {
    let mut matrix = matrix.clone();
    let identity = matrix.input_block(&Matrix::identity(matrix.columns(), matrix.columns()));
    matrix.apply(&identity).to_matrix()
}

/// The perceptron of stored matrices with the entries of a regenerated one.
fn stored_twin(network: &Mlp<WideMatrix>, placement: &Placement) -> Mlp<DenseMatrix> {
    let twin = |parameters: &Parameters<WideMatrix>| Parameters {
        matrix: DenseMatrix::of_entries(&entries(&parameters.matrix), placement.clone()),
        multiplier: parameters.multiplier,
        init_std: parameters.init_std,
        learning_rate: parameters.learning_rate,
    };
    let layers = network
        .layers
        .iter()
        .map(|layer| MlpLayer { weights: twin(&layer.weights), biases: layer.biases.as_ref().map(twin) });
    Mlp { layers: layers.collect(), graph: network.graph.clone() }
}

fn perceptron(problem: &Problem, width: u64, hidden: Hidden) -> Mlp<WideMatrix> {
    let (device, placement) = flex();
    wide_mlp(problem, width, 7, hidden, &placement, &device.info).unwrap()
}

fn run<W: EntryMatrix>(problem: &Problem, network: Mlp<W>) -> Vec<Record> {
    let mut training = MlpTraining::linear(problem, network, 7).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue).0
}

/// Largest difference of two lists of records, relative to the largest number of the second.
fn difference(left: &[Record], right: &[Record], quantity: Quantity) -> f64 {
    assert_eq!(left.len(), right.len());
    let numbers = |records: &[Record]| -> Vec<f64> {
        records.iter().flat_map(|record| record.values[&quantity].flatten()).collect()
    };
    let (left, right) = (numbers(left), numbers(right));
    let size = right.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    let pairs = left.iter().zip(&right);
    assert_eq!(left.len(), right.len());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size
}

fn minibatches(momentum: f64) -> Rule {
    Rule::Descent { learning_rate: 0.2, steps: 30, momentum, nesterov: momentum > 0.0, batch_size: Some(3) }
}

/// What every perceptron records here.
const OF_PERCEPTRONS: [Quantity; 2] = [Quantity::Outputs, Quantity::TestOutputs];

/// Largest difference between training with hidden matrices that are regenerated and with stored twins.
fn difference_to_twin(problem: &Problem, width: u64, quantities: &[Quantity]) -> f64 {
    let (_, placement) = flex();
    let twin = stored_twin(&perceptron(problem, width, REGENERATED), &placement);
    let expected = run(problem, twin);
    let records = run(problem, perceptron(problem, width, REGENERATED));
    quantities.iter().map(|quantity| difference(&records, &expected, *quantity)).fold(0.0, f64::max)
}

#[test]
fn for_given_weights_perceptrons_train_as_stored_ones() {
    let rules = [
        (common::descent(30, 0.0, false), Schedule::CONSTANT),
        (common::descent(30, 0.0, false), SCHEDULE),
        (common::descent(30, 0.9, false), Schedule::CONSTANT),
        (minibatches(0.8), Schedule::CONSTANT),
        (minibatches(0.8), SCHEDULE),
    ];
    let cases = [
        (2, 1, Activation::Tanh, false, 0.0, EntryLaw::Gaussian),
        (3, 2, Activation::Relu, true, 0.05, EntryLaw::Rademacher),
        (4, 2, Activation::Gelu, true, 0.0, EntryLaw::C8),
    ];
    for (hidden_layers, outputs, activation, biases, weight_decay, entry_law) in cases {
        for (rule, schedule) in &rules {
            // One neuron, fewer neurons than samples, and more.
            for width in [1, 3, 40] {
                let mut problem = perceptrons::problem(hidden_layers, outputs, rule.clone(), activation, biases);
                problem.optimizer.weight_decay = weight_decay;
                problem.optimizer.schedule = *schedule;
                problem.network.entry_law = entry_law;
                let difference = difference_to_twin(&problem, width, &OF_PERCEPTRONS);
                let what = format!("L = {hidden_layers}, {activation:?}, m = {width}, {rule:?}");
                assert!(difference < 1e-11, "{what}: outputs differ by {difference:e}");
            }
        }
    }
}

#[test]
fn so_do_linearised_networks_kernels_and_weights() {
    let quantities = [
        Quantity::LinearisedOutputs,
        Quantity::LinearisedTestOutputs,
        Quantity::TangentKernel,
        Quantity::NngpKernel,
        Quantity::ActivationNorms,
        Quantity::ActivationChanges,
        Quantity::ParameterDistance,
    ];
    let mut problem = perceptrons::problem(3, 2, common::descent(20, 0.5, true), Activation::Erf, true);
    problem.record.quantities.extend(quantities);
    problem.record.quantities.sort();
    let difference = difference_to_twin(&problem, 30, &quantities);
    assert!(difference < 1e-10, "{difference:e}");
    // Where all of W_0 is explored, its norm is exact; elsewhere what is unknown counts by its mean.
    problem.record.quantities = vec![Quantity::WeightChange];
    let difference = difference_to_twin(&problem, 3, &[Quantity::WeightChange]);
    assert!(difference < 1e-10, "{difference:e}");
    let difference = difference_to_twin(&problem, 60, &[Quantity::WeightChange]);
    assert!(difference < 0.1, "{difference:e}");
}

#[test]
fn for_given_weights_linear_networks_train_as_stored_ones() {
    let rules = [
        (common::descent(40, 0.0, false), Schedule::CONSTANT),
        (common::descent(40, 0.0, false), SCHEDULE),
        (common::descent(40, 0.9, true), Schedule::CONSTANT),
        (common::descent(40, 0.9, true), SCHEDULE),
        (minibatches(0.8), Schedule::CONSTANT),
        (Rule::Flow { time: 3.0, tolerance: 1e-7 }, Schedule::CONSTANT),
    ];
    let quantities = [
        Quantity::Predictor,
        Quantity::FeatureGram,
        Quantity::GradientGram,
        Quantity::TangentKernelChange,
        Quantity::InputAutocovariance,
        Quantity::OutputCovariance,
    ];
    for (rule, schedule) in rules {
        for width in [1, 4, 30] {
            let mut problem = common::problem(3, 2, rule.clone(), 0.02);
            problem.optimizer.schedule = schedule;
            problem.record.quantities = quantities.to_vec();
            problem.record.quantities.sort();
            let (device, placement) = flex();
            let fresh = || wide_linear_network(&problem, width, 7, REGENERATED, &placement, &device.info);
            let network = fresh();
            let twin = |matrix: &WideMatrix| DenseMatrix::of_entries(&entries(matrix), placement.clone());
            let layers = network.layers.iter().map(twin).collect();
            let (output_scale, rates) = (network.output_scale, network.rates.clone());
            let (input_dimension, output_dimension) = (network.input_dimension, network.output_dimension);
            let stored = LinearNetwork { layers, output_scale, rates, input_dimension, output_dimension };
            let (expected, records) = (trained(&problem, stored), trained(&problem, fresh()));
            for quantity in &quantities {
                let difference = difference(&records, &expected, *quantity);
                let name = quantity.name();
                assert!(difference < 1e-10, "m = {width}, {rule:?}: {name} differ by {difference:e}");
            }
        }
    }
}

fn trained<W: LinearLayer>(problem: &Problem, network: LinearNetwork<W>) -> Vec<Record> {
    let mut training = LinearTraining::new(problem, network, 7).unwrap();
    training.run(Start::default(), &mut |_, _| Control::Continue).0
}

#[test]
fn stored_and_recomputed_responses_give_the_same_numbers() {
    for (rule, weight_decay) in [(common::descent(25, 0.0, false), 0.0), (minibatches(0.7), 0.03)] {
        let mut problem = perceptrons::problem(3, 2, rule, Activation::Tanh, true);
        problem.optimizer.weight_decay = weight_decay;
        problem.record.quantities.push(Quantity::WeightChange);
        let stored = run(&problem, perceptron(&problem, 50, STORED));
        let half = run(&problem, perceptron(&problem, 50, HALF_MEMORY));
        for quantity in OF_PERCEPTRONS.into_iter().chain([Quantity::WeightChange]) {
            let difference = difference(&half, &stored, quantity);
            assert!(difference < 1e-10, "{}: {difference:e}", quantity.name());
        }
    }
}

#[test]
fn what_is_dropped_shows_by_its_size() {
    let mut problem = perceptrons::problem(3, 1, common::descent(60, 0.0, false), Activation::Tanh, false);
    problem.record.quantities =
        vec![Quantity::Outputs, Quantity::ExploredRanks, Quantity::OrthogonalityLoss, Quantity::TruncationError];
    let with = |tolerance| run(&problem, perceptron(&problem, 200, Hidden { tolerance, ..REGENERATED }));
    let exact = with(1e-13);
    let last = |records: &[Record], quantity| records[records.len() - 1].values[&quantity].flatten();
    let mut rank = f64::INFINITY;
    let mut errors = Vec::new();
    for tolerance in [1e-8, 1e-6, 1e-4, 1e-2] {
        let records = with(tolerance);
        let error = difference(&records, &exact, Quantity::Outputs);
        // What is dropped is of the tolerance's size, and so is what it does, amplified a little by training.
        assert!(error < 30.0 * tolerance, "tolerance {tolerance:e}: error {error:e}");
        assert!(last(&records, Quantity::TruncationError)[0] <= tolerance);
        assert!(last(&records, Quantity::OrthogonalityLoss)[0] < 1e-13);
        let now: f64 = last(&records, Quantity::ExploredRanks).iter().sum();
        assert!(now <= rank, "tolerance {tolerance:e} explores {now} directions, a finer one {rank}");
        rank = now;
        errors.push(error);
    }
    assert!(errors[3] > 1e3 * errors[0], "errors grow with the tolerance: {errors:?}");
    // Ranks never fall, and settle: 8 training and 3 test inputs a record against 60 steps.
    let ranks: Vec<f64> = exact.iter().map(|record| record.values[&Quantity::ExploredRanks].flatten()[0]).collect();
    assert!(ranks.windows(2).all(|pair| pair[0] <= pair[1]) && ranks[5] <= 200.0, "{ranks:?}");
}

#[test]
fn pieces_and_threads_change_only_round_off_and_no_bit() {
    let problem = perceptrons::problem(3, 2, common::descent(20, 0.9, false), Activation::Tanh, true);
    let (mut device, placement) = flex();
    let with = |device: &OpenDevice, hidden| {
        run(&problem, wide_mlp(&problem, 100, 7, hidden, &placement, &device.info).unwrap())
    };
    for hidden in [STORED, HALF_MEMORY, REGENERATED] {
        device.info.largest_buffer = None;
        let whole = with(&device, hidden);
        // Pieces of 64 vectors with 13 rows of 8 bytes.
        device.info.largest_buffer = Some(2 * 64 * 13 * 8);
        let pieces = with(&device, hidden);
        let difference = difference(&pieces, &whole, Quantity::Outputs);
        assert!(difference < 1e-9, "{hidden:?}: {difference:e}");
        let threads = |count| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
            pool.install(|| with(&device, hidden))
        };
        assert_eq!(threads(1), threads(3));
    }
}

#[test]
fn single_precision_follows_double_precision_with_the_same_draws() {
    let problem = perceptrons::problem(3, 1, common::descent(20, 0.0, false), Activation::Tanh, true);
    let (device, _) = flex();
    let with = |precision| {
        let placement = device.placement(precision).unwrap();
        let matrix = HiddenMatrix::Conditioned(ResponseStorage::Stored);
        // The same directions in both: their number decides which numbers are drawn.
        let hidden = Hidden { matrix, tolerance: 1e-3 };
        run(&problem, wide_mlp(&problem, 300, 7, hidden, &placement, &device.info).unwrap())
    };
    let difference = difference(&with(Precision::F32), &with(Precision::F64), Quantity::Outputs);
    assert!(difference < 1e-4, "{difference:e}");
    assert!(default_tolerance(Precision::F32) > default_tolerance(Precision::F64));
}

/// Gradients of sixty sigmoid layers, and signals of twenty layers with σ_w = 0.01, are below the smallest normal number of single precision,
/// where a reciprocal is infinite. They are a small share of the change of this run, which was taken for a diverged one. Numbers near 10⁻⁴³
/// have six bits.
#[test]
fn vectors_that_underflow_do_not_end_a_run() {
    let mut sigmoid = perceptrons::problem(60, 1, common::descent(3, 0.0, false), Activation::Sigmoid, false);
    sigmoid.parameterization =
        Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
    let mut linear = common::problem(20, 1, common::descent(3, 0.0, false), 0.0);
    linear.parameterization =
        Parameterization::Standard { sigma_w: vec![0.01; 21], sigma_b: None, learning_rate_exponent: 0.0 };
    linear.record.quantities = vec![Quantity::Outputs];
    let device = DeviceChoice::Flex.open().unwrap();
    for (problem, tolerance) in [(sigmoid, 1e-4), (linear, 0.15)] {
        for hidden in [STORED, HALF_MEMORY, REGENERATED].map(|hidden| Hidden { tolerance: 1e-3, ..hidden }) {
            let [single, double] = [Precision::F32, Precision::F64].map(|precision| {
                let run = Run { precision, ..wide_run(&problem, hidden, &device) };
                let trajectory = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
                assert_eq!(trajectory.status.word(), "done", "{hidden:?}, {precision:?}");
                trajectory.records
            });
            let difference = difference(&single, &double, Quantity::Outputs);
            assert!(difference < tolerance, "{hidden:?}: {difference:e}");
        }
    }
}

#[test]
fn inputs_of_more_dimensions_than_samples_are_kept_by_their_products() {
    let mut problem = perceptrons::problem(2, 1, common::descent(15, 0.6, false), Activation::Tanh, false);
    let wave = |rows: usize, shift: f64| {
        Matrix::from_fn(rows, 40, |i, j| (((i * 40 + j) * (i + 2 * j)) as f64 * 1.3 + shift).sin())
    };
    problem.data.train.inputs = wave(8, 0.0);
    problem.data.test.as_mut().unwrap().inputs = wave(3, 0.5);
    problem.optimizer.weight_decay = 0.1;
    problem.record.quantities.push(Quantity::WeightChange);
    let network = perceptron(&problem, 25, REGENERATED);
    let WideMatrix::Thin(input) = &network.layers[0].weights.matrix else { panic!("input weights are thin") };
    assert_eq!(input.stored_vectors(), 11);
    // The twin has the same products with the data, and zeros elsewhere.
    let difference = difference_to_twin(&problem, 25, &OF_PERCEPTRONS);
    assert!(difference < 1e-11, "{difference:e}");
}

#[test]
fn a_diverging_run_is_a_result() {
    let rule = Rule::Descent { learning_rate: 1e6, steps: 50, momentum: 0.0, nesterov: false, batch_size: None };
    let device = DeviceChoice::Flex.open().unwrap();
    for problem in [common::problem(3, 1, rule.clone(), 0.0), perceptrons::problem(3, 1, rule, Activation::Relu, true)]
    {
        for hidden in [STORED, HALF_MEMORY, REGENERATED] {
            let run = wide_run(&problem, hidden, &device);
            let trajectory = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
            assert_eq!(trajectory.status.word(), "diverged", "{hidden:?}");
            assert!(!trajectory.records.is_empty());
        }
    }
}

fn wide_run<'a>(problem: &'a Problem, hidden: Hidden, device: &'a OpenDevice) -> Run<'a> {
    Run {
        problem,
        width: 20,
        seed: 3,
        matrices: Matrices::Explored(hidden),
        device,
        precision: Precision::F32,
        checkpoints: None,
    }
}

#[test]
fn what_cannot_be_conditioned_is_refused_with_what_would_be_right() {
    let device = DeviceChoice::Flex.open().unwrap();
    let refusal = |problem: &Problem, hidden: Hidden| {
        let run = wide_run(problem, hidden, &device);
        solve_on_device(&run, &mut |_| Control::Continue).unwrap_err().to_string()
    };
    let plain = perceptrons::problem(2, 1, common::descent(2, 0.0, false), Activation::Tanh, false);
    let mut problem = plain.clone();
    problem.optimizer.rule =
        Rule::RmsProp { learning_rate: 0.1, steps: 2, decay: 0.9, epsilon: 1e-8, batch_size: None };
    assert!(refusal(&problem, STORED).contains("rmsprop"));
    let mut problem = plain.clone();
    problem.network.entry_law = EntryLaw::Rademacher;
    let text = refusal(&problem, STORED);
    assert!(text.contains("rademacher") && text.contains("regenerated engine"), "{text}");
    assert!(refusal(&plain, Hidden { tolerance: 2.0, ..STORED }).contains("tolerance = 2"));
    let mut poor = DeviceChoice::Flex.open().unwrap();
    poor.info.available_memory = Some(10_000);
    let run = wide_run(&plain, STORED, &poor);
    let text = solve_on_device(&run, &mut |_| Control::Continue).unwrap_err().to_string();
    assert!(text.contains("width 20 needs") && text.contains("widest that fits"), "{text}");
}

#[test]
fn answers_less_exact_than_asked_for_are_told() {
    let problem = perceptrons::problem(3, 1, common::descent(60, 0.0, false), Activation::Tanh, false);
    let (device, _) = flex();
    let notes = |tolerance, precision| {
        let run = Run { width: 200, precision, ..wide_run(&problem, Hidden { tolerance, ..STORED }, &device) };
        solve_on_device(&run, &mut |_| Control::Continue).unwrap().notes
    };
    let told = notes(1e-9, Precision::F32).join("\n");
    for part in ["truncation_error ", "e-", "is above tolerance = 1e-9", "f32 does not tell", "use --precision f64"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!((notes(1e-3, Precision::F32), notes(1e-9, Precision::F64)), (Vec::new(), Vec::new()));
}

/// Stopped once in the warm-up and once after it.
fn scheduled(mut problem: Problem) -> Problem {
    problem.optimizer.schedule = SCHEDULE;
    problem
}

#[test]
fn a_resumed_run_is_an_undisturbed_one_bit_for_bit() {
    let device = DeviceChoice::Flex.open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut linearised = perceptrons::problem(3, 2, common::descent(12, 0.9, false), Activation::Tanh, true);
    linearised.record.quantities.push(Quantity::LinearisedOutputs);
    let problems = [
        perceptrons::problem(3, 1, minibatches(0.8), Activation::Relu, true),
        linearised,
        common::problem(3, 2, common::descent(12, 0.9, true), 0.02),
        common::problem(2, 1, Rule::Flow { time: 3.0, tolerance: 1e-7 }, 0.0),
        scheduled(perceptrons::problem(3, 1, minibatches(0.8), Activation::Tanh, true)),
        scheduled(common::problem(3, 2, common::descent(12, 0.9, true), 0.02)),
    ];
    for (index, problem) in problems.iter().enumerate() {
        for hidden in [STORED, HALF_MEMORY, REGENERATED] {
            let undisturbed = solve_on_device(&wide_run(problem, hidden, &device), &mut |_| Control::Continue).unwrap();
            let path = folder.path().join(format!("{index}.safetensors"));
            let checkpoints = Some(CheckpointPlan { path: path.clone(), every: Every::Steps(4), asked: None });
            let run = Run { checkpoints, ..wide_run(problem, hidden, &device) };
            let stop_at = |step| {
                move |progress: &Progress<'_>| if progress.step == step { Control::Stop } else { Control::Continue }
            };
            for step in [3, 7] {
                let stopped = solve_on_device(&run, &mut stop_at(step)).unwrap();
                assert_eq!(stopped.trajectory.status.word(), "interrupted");
            }
            let resumed = solve_on_device(&run, &mut |_| Control::Continue).unwrap();
            assert!(resumed.notes[0].contains("resumed at step 7"), "{:?}", resumed.notes);
            assert_eq!(resumed.trajectory, undisturbed.trajectory, "{hidden:?}, problem {index}");

            // A damaged file is told, and the run starts anew.
            let mut bytes = std::fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let anew = solve_on_device(&run, &mut |_| Control::Continue).unwrap();
            assert!(anew.notes[0].contains("SHA-256"), "{:?}", anew.notes);
            assert_eq!(anew.trajectory, undisturbed.trajectory);
            std::fs::remove_file(&path).unwrap();
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
#[expect(clippy::print_stdout, reason = "CI looks for this line")]
fn wgpu_trains_the_network_that_flex_trains() {
    let mut device = match DeviceChoice::Wgpu.open() {
        Ok(device) => device,
        Err(error) => return println!("SKIPPED (no adapter): wgpu_trains_the_network_that_flex_trains: {error}"),
    };
    let problem = perceptrons::problem(3, 2, common::descent(10, 0.5, false), Activation::Tanh, true);
    let flex = DeviceChoice::Flex.open().unwrap();
    // Pieces of 64 vectors with 100 rows of 4 bytes.
    device.info.largest_buffer = Some(2 * 64 * 100 * 4);
    for matrix in [
        HiddenMatrix::Conditioned(ResponseStorage::Stored),
        HiddenMatrix::Conditioned(ResponseStorage::Recomputed),
        HiddenMatrix::Regenerated,
    ] {
        // The same directions on both: their number decides which numbers are drawn.
        let hidden = Hidden { matrix, tolerance: 1e-3 };
        let with = |device: &OpenDevice| {
            let placement = device.placement(Precision::F32).unwrap();
            run(&problem, wide_mlp(&problem, 260, 7, hidden, &placement, &device.info).expect("a chain"))
        };
        let (expected, records) = (with(&flex), with(&device));
        for quantity in OF_PERCEPTRONS {
            let difference = difference(&records, &expected, quantity);
            assert!(difference < 2e-3, "{matrix:?}: {} differ by {difference:e}", quantity.name());
        }
        assert_eq!(with(&device), records, "sums on a device have a fixed order");
    }
}
