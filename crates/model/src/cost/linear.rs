//! Estimates what a run of a deep linear network of stored matrices costs.

use widenet_core::Problem;

use super::need::MemoryEstimate;
use crate::{
    device::Precision,
    matrix::dense::matrix::{DenseMatrix, PENDING_COLUMNS},
};

/// The need of a deep linear network: that of a problem at a width.
pub(super) fn memory(problem: &Problem, width: u64, precision: Precision) -> MemoryEstimate {
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
    MemoryEstimate {
        weights: weights.saturating_mul(bytes),
        pending: pending.saturating_mul(bytes),
        blocks: vectors.saturating_mul(width).saturating_mul(bytes),
    }
}

/// Seconds per step on a device that streams `bytes_per_second`. Of a deep linear network every product reads its matrix once, every
/// flush reads and writes it; perceptrons are bound by arithmetic, and an ensemble takes the time of all its networks.
pub(super) fn seconds_per_step(problem: &Problem, width: u64, precision: Precision, bytes_per_second: f64) -> f64 {
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
        problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule, Schedule},
    };

    use super::*;

    /// L = 3, d = 5, k = 1.
    fn problem(momentum: f64) -> Problem {
        let rule = Rule::Descent { learning_rate: 0.1, steps: 10, momentum, nesterov: false, batch_size: None };
        Problem {
            network: Network {
                hidden_layers: 3,
                activation: Activation::Identity,
                entry_law: EntryLaw::Gaussian,
                centered: false,
                image: None,
            },
            parameterization: Parameterization::ntk(3, 1.0),
            data: Dataset {
                train: Samples { inputs: Matrix::zeros(2, 5), targets: Matrix::zeros(2, 1) },
                test: None,
                provenance: Default::default(),
            },
            loss: Loss::SQUARED,
            optimizer: Optimizer { rule, weight_decay: 0.0, schedule: Schedule::CONSTANT },
            record: RecordPlan { at: vec![], quantities: vec![] },
            ensemble: None,
            stop: None,
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
