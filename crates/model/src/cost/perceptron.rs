//! Estimates what a run of perceptrons costs before it starts.

use widenet_core::{
    Matrix, Problem,
    problem::{Architecture, Need, Untrained},
    training::{StepRule, mlp::SAMPLES_AT_A_TIME},
};

use super::{convolution::Passes, need::MemoryEstimate};
use crate::{
    device::{DeviceInfo, DeviceKind, LARGEST_PANEL, Precision},
    matrix::dense::{
        averages,
        matrix::{DenseMatrix, PENDING_COLUMNS},
    },
};

/// Multiplications and additions in `f32` that a device does while it reads one byte of memory: of a CPU with two cores, where
/// products of matrices reach 100 GFLOP/s at 25 GB/s. Half as many in `f64`.
const OPERATIONS_PER_BYTE: f64 = 4.0;

/// Samples of a step.
fn batch(problem: &Problem) -> u64 {
    problem.optimizer.batch_size().unwrap_or(problem.data.train.inputs.nrows()) as u64
}

/// Averages of the gradient that every matrix which learns keeps: of its squares, and of Adam of itself.
fn kept_averages(problem: &Problem) -> u64 {
    match StepRule::of(&problem.optimizer) {
        Some(StepRule::Normalized(rule)) => rule.averages(),
        Some(StepRule::Linear(_)) | None => 0,
    }
}

fn is_linearised(problem: &Problem) -> bool {
    problem.record.needs(Need::Linearization)
}

/// A matrix of weights or biases.
struct MatrixSize {
    rows: u64,
    columns: u64,
    /// How many columns of every sample it acts on.
    positions: u64,
}

impl MatrixSize {
    fn entries(&self) -> u64 {
        self.rows.saturating_mul(self.columns)
    }
}

/// Every matrix of weights and biases; none where a layer has no channels, which is refused when the network is made.
fn matrices(architecture: Architecture<'_>, width: u64, passes: Option<&Passes>) -> Vec<MatrixSize> {
    let biases = architecture.scaling().biases;
    let shapes = architecture.shapes(width).unwrap_or_default();
    let of_layer = |(l, [rows, columns]): (usize, [usize; 2])| {
        let positions = passes.map_or(1, |passes| passes.positions[l]);
        let size = |columns: usize| MatrixSize { rows: rows as u64, columns: columns as u64, positions };
        [Some(size(columns)), biases[l].map(|_| size(1))].into_iter().flatten()
    };
    shapes.into_iter().enumerate().flat_map(of_layer).collect()
}

/// The need of one network at its start: its weights, and the pre-activations, activations and backward signals of all inputs.
pub(crate) fn memory_untrained(untrained: &Untrained, width: u64, precision: Precision) -> MemoryEstimate {
    let passes = Passes::of(untrained.architecture(), width);
    let matrices = matrices(untrained.architecture(), width, passes.as_ref());
    let tests = untrained.test_inputs.as_ref().map_or(0, Matrix::nrows);
    let samples = (untrained.inputs.nrows() + tests) as u64;
    let vectors = (3 * untrained.network.hidden_layers as u64 + 2).saturating_mul(samples);
    let bytes = precision.bytes();
    let numbers = passes.map_or_else(|| vectors.saturating_mul(width), |passes| passes.untrained(samples));
    MemoryEstimate {
        weights: matrices.iter().map(MatrixSize::entries).fold(0, u64::saturating_add).saturating_mul(bytes),
        pending: 0,
        blocks: numbers.saturating_mul(bytes),
    }
}

/// The need of one network; of an ensemble as many are trained at once, or as one, as fit.
pub(crate) fn memory(problem: &Problem, width: u64, precision: Precision) -> MemoryEstimate {
    let (k, columns) = (problem.data.output_dimension() as u64, batch(problem));
    let (mut weights, mut pending, mut largest) = (0u64, 0u64, 0u64);
    let lifetime = DenseMatrix::product_lifetime(problem.optimizer.momentum(), precision);
    let record_plan = &problem.record;
    // θ and, for the linearised network, θ_0 and δ; θ and δ may have a velocity or a second moment. Another θ_0 where the output is
    // decomposed.
    let (trained, fixed) = if is_linearised(problem) { (2, 1) } else { (1, 0) };
    let beside = [Need::InitialWeights, Need::Tangents].into_iter().filter(|need| record_plan.needs(*need)).count();
    let copies = trained + fixed + beside as u64;
    let of_images = Passes::of(problem.architecture(), width);
    for matrix in matrices(problem.architecture(), width, of_images.as_ref()) {
        let (entries, MatrixSize { rows, columns: row_length, positions }) = (matrix.entries(), matrix);
        let columns = columns.saturating_mul(positions);
        let alive = lifetime.saturating_mul(columns);
        let outgrown = alive > rows.min(row_length) / 2;
        let kept_beside = trained * if outgrown { 1 } else { kept_averages(problem) };
        weights = weights.saturating_add(entries.saturating_mul(copies + kept_beside));
        largest = largest.max(entries);
        if kept_averages(problem) > 0 {
            continue;
        }
        let kept = PENDING_COLUMNS as u64 + columns + if outgrown { 0 } else { alive };
        pending = pending.saturating_add(kept.saturating_mul(rows.saturating_add(row_length)));
    }
    let hidden = problem.network.hidden_layers as u64;
    let passes = if is_linearised(problem) { 2 } else { 1 };
    // Pre-activations, activations, and backward signals.
    let step = passes * (3 * hidden + 2) * columns;
    let samples = problem.data.train.inputs.nrows() as u64;
    // A record sends what a step does not through one network after the other, without backward signals.
    let tests = problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows() as u64);
    let trains = if columns == samples { 0 } else { samples };
    let record = (2 * hidden + 4) * trains.max(tests).min(SAMPLES_AT_A_TIME as u64);
    let signals = if record_plan.needs(Need::OutputKernel) {
        samples * k
    } else if record_plan.needs(Need::SampleKernel) {
        samples
    } else {
        0
    };
    let bytes = precision.bytes();
    let panel = if kept_averages(problem) > 0 { largest.saturating_mul(bytes).min(LARGEST_PANEL) } else { 0 };
    let estimate = |blocks: u64| MemoryEstimate {
        weights: weights.saturating_mul(bytes),
        pending: pending.saturating_mul(bytes),
        blocks: blocks.saturating_add(averages::PANELS_IN_PASSING * panel),
    };
    if let Some(of_images) = of_images {
        let numbers = of_images.step_and_record((columns, passes), (samples, tests), (record_plan, k));
        return estimate(numbers.saturating_mul(bytes));
    }
    // Signals of all layers on the device, those of one layer on the host in f64; their Gram matrix (three times while it is read from
    // the product), the kernel and the one before.
    let kernels = signals.saturating_mul(width).saturating_mul(hidden * bytes + 16);
    let kernels = kernels.saturating_add(signals.saturating_mul(signals).saturating_mul(5 * 8));
    // Pre-activations at the start, their difference to a pass of all samples, and one layer on the host in f64.
    let changes = record_plan.needs(Need::InitialActivations);
    let sizes = record_plan.needs(Need::Activations);
    // A pass of all samples in forward mode and its signals, beside those of the network.
    let tangents = if record_plan.needs(Need::Tangents) { 10 * hidden } else { 0 };
    let kept = tangents + if changes { hidden + 1 } else { 0 } + if sizes && trains > 0 { 2 * hidden } else { 0 };
    let sizes = (kept * bytes + if sizes { 8 } else { 0 }).saturating_mul(samples).saturating_mul(width);
    let blocks = (step + record).saturating_mul(width).saturating_mul(bytes).saturating_add(kernels + sizes);
    estimate(blocks)
}

/// Multiplications and additions that are worth a launch on a graphics processor: what 10 TFLOP/s do in the 10 µs that a launch takes.
const OPERATIONS_PER_LAUNCH: f64 = 1e8;

/// Entries of the stacked matrices of a layer, and of the stacked vectors, up to which a group of networks takes less time on a CPU than
/// the networks alone: they stay in the second-level cache. In `f32`, three hidden layers of 64 neurons take half the processor time
/// with 10 samples, the same with 40, and with 100 are no group; those of 16 neurons take a quarter with 10 samples and three quarters
/// with 100 (`cargo bench --bench mlp_step`).
const STACKED_WEIGHTS: u64 = 1 << 15;
const STACKED_VECTORS: u64 = 1 << 13;

/// Networks of an ensemble of this problem that are trained as one. On the CPU as many as stay in its cache and leave no thread
/// without work; on other devices so many that the largest product of a step is worth its launch and that all they need, each the
/// `memory` of one, fits one buffer. None where it is no gain, or where a quantity is no function of the outputs.
pub(crate) fn group_size(
    problem: &Problem,
    width: u64,
    networks: u64,
    memory: MemoryEstimate,
    info: &DeviceInfo,
) -> Option<u64> {
    if !problem.record.quantities.iter().all(|quantity| quantity.is_of_outputs()) {
        return None;
    }
    let passes = Passes::of(problem.architecture(), width);
    let entries = matrices(problem.architecture(), width, passes.as_ref()).iter().map(MatrixSize::entries).max()?;
    let of_sample = passes.map_or(width, |passes| passes.largest());
    let bytes = info.available_memory.map_or(info.panel_bytes(), |available| available.min(info.panel_bytes()));
    let on_device = match info.kind {
        DeviceKind::Cpu => {
            let vectors = of_sample.saturating_mul(batch(problem));
            (STACKED_WEIGHTS / entries).min(STACKED_VECTORS / vectors)
        }
        DeviceKind::Gpu | DeviceKind::SoftwareGpu => {
            (OPERATIONS_PER_LAUNCH / (2.0 * entries as f64 * batch(problem) as f64)) as u64
        }
    };
    let most = on_device.min(bytes / memory.bytes().max(1));
    let threads = if info.kind == DeviceKind::Cpu { rayon::current_num_threads() as u64 } else { 1 };
    // Groups of one size, or nearly.
    let groups = networks.div_ceil(most.max(1)).max(threads);
    (most > 1).then(|| networks.div_ceil(groups))
}

/// Seconds per step of all networks, on a device that streams `bytes_per_second`: three products of 2 P operations for every weight
/// (seven with the linearised network), and every weight read as often. Adam and RMSProp stream the matrices again, entry by entry.
pub(crate) fn seconds_per_step(problem: &Problem, width: u64, precision: Precision, bytes_per_second: f64) -> f64 {
    let passes = Passes::of(problem.architecture(), width);
    let matrices = matrices(problem.architecture(), width, passes.as_ref());
    let entries: f64 = matrices.iter().map(|matrix| matrix.rows as f64 * matrix.columns as f64).sum();
    let at_positions: f64 =
        matrices.iter().map(|matrix| matrix.rows as f64 * matrix.columns as f64 * matrix.positions as f64).sum();
    let products = if is_linearised(problem) { 7.0 } else { 3.0 };
    let networks = problem.ensemble.map_or(1.0, |ensemble| ensemble.networks as f64);
    let operations = 2.0 * products * at_positions * batch(problem) as f64;
    let per_byte = OPERATIONS_PER_BYTE * 4.0 / precision.bytes() as f64;
    let updated = if is_linearised(problem) { 2.0 } else { 1.0 };
    let normalising = updated * kept_averages(problem) as f64 * averages::PASSES;
    let stream = |passes: f64| passes * entries * precision.bytes() as f64;
    networks * (stream(products + 1.0).max(operations / per_byte) + stream(normalising)) / bytes_per_second
}

#[cfg(test)]
mod tests {
    use widenet_core::{
        Matrix,
        data::{Dataset, Samples},
        problem::{
            Activation, Ensemble, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule,
            Schedule,
        },
    };

    use super::*;

    /// L = 2, d = 5, k = 1, P = 100, biases everywhere.
    fn problem(quantities: Vec<Quantity>) -> Problem {
        let rule = Rule::Descent { learning_rate: 0.1, steps: 10, momentum: 0.0, nesterov: false, batch_size: None };
        Problem {
            network: Network {
                hidden_layers: 2,
                activation: Activation::Erf,
                entry_law: EntryLaw::Gaussian,
                centered: false,
                image: None,
            },
            parameterization: Parameterization::Standard {
                sigma_w: vec![1.0; 3],
                sigma_b: Some(vec![0.1; 3]),
                learning_rate_exponent: -1.0,
            },
            data: Dataset {
                train: Samples { inputs: Matrix::zeros(100, 5), targets: Matrix::zeros(100, 1) },
                test: None,
                provenance: Default::default(),
            },
            loss: Loss::SQUARED,
            optimizer: Optimizer { rule, weight_decay: 0.0, schedule: Schedule::CONSTANT },
            record: RecordPlan { at: vec![], quantities },
            ensemble: None,
            stop: None,
        }
    }

    #[test]
    fn the_linearised_network_takes_three_copies() {
        let m = 10_000;
        let entries = m * m + 5 * m + m + 2 * m + 1;
        assert_eq!(memory(&problem(vec![]), m, Precision::F32).weights, 4 * entries);
        let linearised = problem(vec![Quantity::LinearisationDistance]);
        assert_eq!(memory(&linearised, m, Precision::F32).weights, 3 * 4 * entries);
        assert!(memory(&linearised, m, Precision::F32).bytes() < 3 * 4 * entries * 110 / 100);
    }

    #[test]
    fn rmsprop_keeps_a_second_moment_of_every_matrix_that_learns_and_nothing_pending() {
        let m = 10_000;
        let entries = m * m + 5 * m + m + 2 * m + 1;
        let normalised = |quantities| {
            let mut problem = problem(quantities);
            problem.optimizer.rule =
                Rule::RmsProp { learning_rate: 0.1, steps: 10, decay: 0.99, epsilon: 1e-8, batch_size: None };
            problem
        };
        let (plain, descent) =
            (memory(&normalised(vec![]), m, Precision::F32), memory(&problem(vec![]), m, Precision::F32));
        assert_eq!((plain.weights, plain.pending), (2 * 4 * entries, 0));
        assert_eq!(plain.blocks, descent.blocks + 2 * 4 * m * m);
        // Adam keeps an average of the gradient too, unless it is of the last one alone.
        let adam = |beta1| {
            let mut problem = problem(vec![]);
            problem.optimizer.rule =
                Rule::Adam { learning_rate: 0.1, steps: 10, beta1, beta2: 0.99, epsilon: 1e-8, batch_size: None };
            memory(&problem, m, Precision::F32).weights
        };
        assert_eq!([0.9, 0.0].map(adam), [3 * 4 * entries, 2 * 4 * entries]);
        let linearised = normalised(vec![Quantity::LinearisationDistance]);
        assert_eq!(memory(&linearised, m, Precision::F32).weights, 5 * 4 * entries);
        // Panels in passing are no larger than panels are.
        assert_eq!(memory(&normalised(vec![]), 10 * m, Precision::F32).blocks, (2 << 30) + 10 * descent.blocks);
    }

    #[test]
    fn a_record_of_many_test_samples_takes_a_chunk_of_them_at_a_time() {
        let m = 10_000;
        let plain = problem(vec![]);
        let with_tests = |count| {
            let test = Samples { inputs: Matrix::zeros(count, 5), targets: Matrix::zeros(count, 1) };
            Problem { data: Dataset { test: Some(test), ..plain.data.clone() }, ..plain.clone() }
        };
        let blocks = |problem: &Problem| memory(problem, m, Precision::F32).blocks;
        assert!(blocks(&with_tests(500)) > blocks(&plain));
        assert_eq!(blocks(&with_tests(1024)), blocks(&with_tests(5000)));
    }

    #[test]
    fn a_step_takes_six_operations_per_weight_and_sample_and_an_ensemble_all_of_its_networks() {
        let mut problem = problem(vec![]);
        let entries = 1e8 + 8e4 + 1.0;
        let one = seconds_per_step(&problem, 10_000, Precision::F32, 1e10);
        assert!((one / (6.0 * 100.0 * entries / 4e10) - 1.0).abs() < 1e-12, "{one}");
        problem.ensemble = Some(Ensemble { networks: 8, antithetic: true });
        assert!((seconds_per_step(&problem, 10_000, Precision::F32, 1e10) - 8.0 * one).abs() < 1e-12 * one);
    }
}
