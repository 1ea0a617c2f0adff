//! Estimates what a very wide run costs before it starts.
//!
//! ```text
//! memory ≈ (4 or 2) m r per hidden matrix + (d + k + biases) m + blocks,      a probe 8 to 10 tall-skinny products of m r P multiply-adds
//! ```
//!
//! (docs/theory/conditioning.md §2, Eq. cost.) The rank r is a prediction: a smooth trajectory stops bringing new directions; minibatches
//! and test inputs bring their own.

use widenet_core::Problem;
use widenet_core::problem::Need;
use widenet_kernels::Basis;

use super::need::refuse_too_wide;
use crate::{
    bench::calibration::Calibration,
    device::{DeviceInfo, Precision},
    error::ModelError,
    matrix::explored::kind::{HiddenMatrix, ResponseStorage},
};

/// Directions per training sample (or output of a deep linear network) that full-batch training has explored when it settles, in `f32` and
/// in `f64`: of two and three hidden layers of tanh and ReLU neurons 40 in 50 steps, 50 to 80 in 1000 in `f32`, 90 to 125 in 400 in `f64`.
const SETTLED: [u64; 2] = [80, 130];
/// Passes of a step of gradient flow: six stages, and two trial predictors, which are half of one each.
const STAGES: f64 = 7.0;
/// Tall-skinny passes over a basis per probe: four with the probe, four with what is new of it.
const PASSES: f64 = 8.0;
/// Blocks of P vectors that a run holds at once beside the blocks of the training loop.
const BLOCKS_IN_PASSING: u64 = 6;
/// Vectors held twice while a basis grows: a stored block before and after.
const GROWING: u64 = Basis::BLOCK as u64;
/// Room for more in the last block of every list of vectors: a third of it at most, half of that on average.
const ROOM: u64 = GROWING / 6;

/// What a very wide run costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WideEstimate {
    /// Bytes at the end of training, when the ranks are largest.
    pub bytes: u64,
    /// Multiply-adds of tall-skinny products, all steps together.
    pub tall_operations: f64,
    /// Random numbers made, all steps together: normals, or entries of regenerated matrices.
    pub numbers: f64,
    /// Predicted rank of a side of a hidden matrix at the end.
    pub rank: u64,
}

/// Directions that a side of a hidden matrix is expected to be probed with in a whole run.
pub fn predicted_rank(problem: &Problem, width: u64, precision: Precision) -> u64 {
    let settled = match precision {
        Precision::F32 => SETTLED[0],
        Precision::F64 => SETTLED[1],
    };
    let data = &problem.data;
    let samples = data.train.inputs.nrows() as u64;
    let tests = data.test.as_ref().map_or(0, |test| test.inputs.nrows() as u64);
    let (columns, all) = if problem.is_solved_as_predictor() {
        let columns = data.output_dimension().min(data.input_dimension()) as u64;
        (columns, columns)
    } else {
        (problem.optimizer.batch_size().unwrap_or(data.train.inputs.nrows()) as u64, samples)
    };
    let of_training = columns.saturating_mul(passes(problem) as u64).min(all.saturating_mul(settled));
    let probes_tests = !problem.is_solved_as_predictor() && problem.record.needs(Need::TestOutputs);
    let records = (problem.record.at.len() as u64).min(settled);
    let of_tests = if probes_tests { tests.saturating_mul(records) } else { 0 };
    let features = problem.is_solved_as_predictor() && problem.record.needs(Need::Features);
    let of_features = if features { data.input_dimension() as u64 * records } else { 0 };
    of_training.saturating_add(of_tests).saturating_add(of_features).clamp(1, width.max(1))
}

/// Passes that training sends through the network.
fn passes(problem: &Problem) -> f64 {
    let steps = problem.optimizer.typical_steps();
    if problem.optimizer.has_steps() { steps + 1.0 } else { STAGES * steps }
}

impl WideEstimate {
    /// Estimates a problem at a width.
    pub fn new(problem: &Problem, width: u64, matrix: HiddenMatrix, precision: Precision) -> Self {
        let data = &problem.data;
        let (d, k) = (data.input_dimension() as u64, data.output_dimension() as u64);
        let samples = data.train.inputs.nrows() as u64;
        let tests = data.test.as_ref().map_or(0, |test| test.inputs.nrows() as u64);
        let hidden = problem.network.hidden_layers as u64;
        let matrices = hidden - 1;
        let rank = predicted_rank(problem, width, precision);
        let columns = match (problem.is_solved_as_predictor(), problem.optimizer.batch_size()) {
            (true, _) => k,
            (false, size) => size.unwrap_or(data.train.inputs.nrows()) as u64,
        };
        let vectors_per_direction = match matrix {
            HiddenMatrix::Conditioned(ResponseStorage::Recomputed) => 2,
            HiddenMatrix::Conditioned(ResponseStorage::Stored) | HiddenMatrix::Regenerated => 4,
        };
        let inputs = if problem.is_solved_as_predictor() { d } else { d.min(samples + tests) };
        let velocity = if problem.optimizer.momentum() > 0.0 { 2 } else { 1 };
        let biases = problem.scaling().biases.iter().flatten().count() as u64;
        let signals = if problem.record.needs(Need::OutputKernel) { samples * k * hidden } else { 0 };
        let largest = columns.max(if problem.is_solved_as_predictor() { 0 } else { tests });
        let blocks = (3 * hidden + 2 + BLOCKS_IN_PASSING).saturating_mul(largest) + signals;
        let vectors = matrices
            .saturating_mul(vectors_per_direction)
            .saturating_mul(rank)
            .saturating_add((inputs + k + biases) * velocity)
            .saturating_add(matrices.saturating_mul(vectors_per_direction) * ROOM.min(rank / 4))
            .saturating_add(if matrices > 0 { GROWING.min(2 * rank) } else { 0 })
            .saturating_add(blocks);
        let bytes = vectors.saturating_mul(width).saturating_mul(precision.bytes());

        // The rank grows from the first step on and is at its end half the time.
        let (m, steps) = (width as f64, passes(problem));
        let probes = 2.0 * matrices as f64 * steps;
        let tall = probes * PASSES * m * rank as f64 * columns as f64;
        let numbers = match matrix {
            HiddenMatrix::Conditioned(ResponseStorage::Stored) => 2.0 * matrices as f64 * m * rank as f64,
            HiddenMatrix::Conditioned(ResponseStorage::Recomputed) => probes * 2.0 * m * rank as f64,
            // One pass over all entries for every query that brings something new.
            HiddenMatrix::Regenerated => {
                let passes = (rank as f64 / columns as f64).ceil().min(steps);
                2.0 * matrices as f64 * passes * m * m
            }
        };
        let thin = steps * 3.0 * m * (inputs + k) as f64 * columns as f64;
        Self { bytes, tall_operations: tall + thin, numbers, rank }
    }

    /// Refuses a width that cannot fit the device's available memory; where that is unknown, nothing is refused.
    ///
    /// # Errors
    /// [`ModelError::TooWide`], with the widest that fits.
    pub fn check(
        problem: &Problem,
        width: u64,
        matrix: HiddenMatrix,
        precision: Precision,
        info: &DeviceInfo,
    ) -> Result<Self, ModelError> {
        let need = |width| Self::new(problem, width, matrix, precision).bytes;
        refuse_too_wide(width, info, need)?;
        Ok(Self::new(problem, width, matrix, precision))
    }

    /// Seconds of the whole run on a device that does so much per second.
    pub fn seconds(&self, matrix: HiddenMatrix, calibration: &Calibration) -> f64 {
        let numbers = match matrix {
            HiddenMatrix::Conditioned(_) => calibration.normals,
            HiddenMatrix::Regenerated => calibration.entries,
        };
        self.tall_operations / calibration.tall + self.numbers / numbers
    }
}
