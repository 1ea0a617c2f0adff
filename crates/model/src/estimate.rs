//! What a dense run costs, before it starts: memory, and bytes streamed per step.

use widenet_core::Problem;

use crate::{
    ModelError,
    dense::{DenseMatrix, PENDING_COLUMNS},
    device::{DeviceInfo, Precision},
    mlp::estimate as mlp,
};

/// Bytes that a dense run needs on its device; of an ensemble, those of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// Stored matrices, with a stored velocity or second moment where the run will keep one.
    pub weights: u64,
    /// Outer products not yet folded into the matrices.
    pub pending: u64,
    /// Forward and backward chains, features, kernels, and row panels in passing.
    pub blocks: u64,
}

impl MemoryEstimate {
    /// The need of a problem at a width.
    pub fn new(problem: &Problem, width: u64, precision: Precision) -> Self {
        if !problem.is_solved_as_predictor() {
            return mlp::memory(problem, width, precision);
        }
        let (d, k) = (problem.data.input_dimension() as u64, problem.data.output_dimension() as u64);
        let layers = problem.network.hidden_layers as u64 + 1;
        let stages = if problem.optimizer.has_steps() { 1 } else { 6 };
        let lifetime = DenseMatrix::product_lifetime(problem.optimizer.momentum(), precision);
        let (mut weights, mut pending) = (0u64, 0u64);
        for layer in 0..layers {
            let columns = if layer == 0 { d } else { width };
            let rows = if layer + 1 == layers { k } else { width };
            let entries = rows.saturating_mul(columns);
            let alive = lifetime.saturating_mul(k);
            let outgrown = alive > rows.min(columns) / 2;
            weights = weights.saturating_add(if outgrown { entries.saturating_mul(2) } else { entries });
            let kept = PENDING_COLUMNS as u64 + stages * k + if outgrown { 0 } else { alive };
            pending = pending.saturating_add(kept.saturating_mul(rows.saturating_add(columns)));
        }
        let vectors = (layers + 1) * (2 * k * stages + d);
        let bytes = precision.bytes();
        Self {
            weights: weights.saturating_mul(bytes),
            pending: pending.saturating_mul(bytes),
            blocks: vectors.saturating_mul(width).saturating_mul(bytes),
        }
    }

    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.weights.saturating_add(self.pending).saturating_add(self.blocks)
    }

    /// Refuses a width that cannot fit the device's available memory; where that is unknown, nothing is refused.
    ///
    /// # Errors
    /// [`ModelError::TooWide`], with the widest that fits.
    pub fn check(problem: &Problem, width: u64, precision: Precision, info: &DeviceInfo) -> Result<Self, ModelError> {
        refuse_too_wide(width, info, |width| Self::new(problem, width, precision).bytes())?;
        Ok(Self::new(problem, width, precision))
    }
}

/// Refuses a width whose need, in bytes, is more than the device has available.
pub(crate) fn refuse_too_wide(width: u64, info: &DeviceInfo, need: impl Fn(u64) -> u64) -> Result<(), ModelError> {
    let needed = need(width);
    let Some(available) = info.available_memory.filter(|available| needed > *available) else { return Ok(()) };
    let (mut widest, mut too_wide) = (0, width);
    while too_wide - widest > 1 {
        let middle = widest + (too_wide - widest) / 2;
        if need(middle) <= available { widest = middle } else { too_wide = middle }
    }
    Err(ModelError::TooWide { width, needed, available, widest, adapter: info.adapter.clone() })
}

/// Seconds per step on a device that streams `bytes_per_second`. Of a deep linear network every product reads its matrix once, every
/// flush reads and writes it; perceptrons are bound by arithmetic, and an ensemble takes the time of all its networks.
pub fn seconds_per_step(problem: &Problem, width: u64, precision: Precision, bytes_per_second: f64) -> f64 {
    if !problem.is_solved_as_predictor() {
        return mlp::seconds_per_step(problem, width, precision, bytes_per_second);
    }
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let hidden = (problem.network.hidden_layers - 1) as f64 * (width as f64).powi(2);
    let outer = width as f64 * (d + k) as f64;
    // A Runge–Kutta step is six stages and two trial predictors.
    let (products, columns) = if problem.optimizer.has_steps() { (2.0, k) } else { (14.0, 6 * k) };
    let rows = usize::try_from(width).unwrap_or(usize::MAX);
    let flushes = (columns as f64 / DenseMatrix::flush_limit(rows, rows) as f64).min(1.0);
    (hidden + outer) * precision.bytes() as f64 * (products + 2.0 * flushes) / bytes_per_second
}

#[cfg(test)]
mod tests {
    use widenet_core::{
        Matrix,
        data::{Dataset, Samples},
        problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule},
    };

    use super::*;

    /// L = 3, d = 5, k = 1.
    fn problem(momentum: f64) -> Problem {
        let rule = Rule::Descent { learning_rate: 0.1, steps: 10, momentum, nesterov: false, batch_size: None };
        Problem {
            network: Network { hidden_layers: 3, activation: Activation::Identity, entry_law: EntryLaw::Gaussian },
            parameterization: Parameterization::ntk(3, 1.0),
            data: Dataset { train: Samples { inputs: Matrix::zeros(2, 5), targets: Matrix::zeros(2, 1) }, test: None },
            loss: Loss::SQUARED,
            optimizer: Optimizer { rule, weight_decay: 0.0 },
            record: RecordPlan { at: vec![], quantities: vec![] },
            ensemble: None,
        }
    }

    #[test]
    fn a_wide_run_needs_little_more_than_one_copy_of_its_weights_even_with_momentum() {
        let m = 20_000;
        let one_copy = 4 * (2 * m * m + 5 * m + m);
        let plain = MemoryEstimate::new(&problem(0.0), m, Precision::F32);
        assert_eq!(plain.weights, one_copy);
        assert!(plain.bytes() < one_copy * 101 / 100);
        // Only the input and readout matrices, 5 × m and m × 1, keep their velocity: μ^151 = ε.
        let momentum = MemoryEstimate::new(&problem(0.9), m, Precision::F32);
        assert_eq!(momentum.weights, one_copy + 4 * 6 * m);
        // Two hidden matrices hold up to 184 products of 2 × 20 000 numbers: 1.8 %.
        assert!(momentum.bytes() < one_copy * 103 / 100);
        // A narrow matrix keeps its velocity whole rather than 151 products of it.
        assert_eq!(MemoryEstimate::new(&problem(0.9), 100, Precision::F32).weights, 2 * 4 * (20_000 + 600));
    }

    #[test]
    fn a_step_reads_every_matrix_twice_and_flushes_now_and_then() {
        let m = 10_000;
        let one_copy = 8.0 * (2e8 + 6e4);
        let seconds = seconds_per_step(&problem(0.0), m, Precision::F64, 1e9);
        assert!((seconds - one_copy * (2.0 + 2.0 / 32.0) / 1e9).abs() < 1e-12, "{seconds}");
    }
}
