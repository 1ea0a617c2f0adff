//! Says what the limit of a problem takes, by measured rates.
//!
//! ```text
//! operations of a replicate ≈ Σ_t 10 m r_t (P + T),    nodes for an accuracy ε: 2^11 (smooth), 2^15 (kinked) at 10^-3, and 32 times more per digit
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3, §4.)

use widenet_core::{Problem, problem::Need};

use super::{grid::grid_of, solve::Options};

/// Seconds per floating-point operation of a replicate on one core, products and activations together.
const SECONDS: f64 = 1e-9;
/// Directions of a smooth activation per sample, after which a trajectory finds hardly any new ones.
const SETTLED: f64 = 12.0;

/// What the limit of a problem takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Nodes per layer that the accuracy is expected to need.
    pub nodes: u64,
    /// Bytes of the replicates that run at once.
    pub bytes: u64,
    /// Seconds on one core.
    pub seconds: f64,
}

/// Estimates the cost of the limit.
pub fn cost(problem: &Problem, options: &Options) -> Cost {
    let data = &problem.data;
    let steps = problem.optimizer.typical_steps();
    let train = problem.optimizer.batch_size().unwrap_or(data.train.inputs.nrows()) as f64;
    let test = data.test.as_ref().map_or(0, |test| test.inputs.nrows()) as f64;
    let is_smooth = problem.network.activation.slopes().is_none_or(|(below, above)| below == above);
    let layers = problem.network.hidden_layers as f64;
    let records = problem.record.at.len() as f64;
    let kernels = problem.record.quantities.iter().filter(|quantity| quantity.needs(Need::OutputKernel)).count() as f64;
    let asked = train * (steps + 1.0) + records * (test + kernels * train * data.output_dimension() as f64);
    let settled = if is_smooth { SETTLED * (train + test) } else { f64::INFINITY };
    let rank = asked.min(settled);
    let grid = grid_of(problem).filter(|_| options.grids);
    let (first, last) = options.log2_nodes;
    let (nodes, replicates) = match &grid {
        Some(grid) => {
            let axes = grid.axes.iter().copied().max().unwrap_or(1) as i32;
            ((grid.points[0] as f64).powi(axes), 2.0)
        }
        None => {
            let at_thousandth = if is_smooth { 11.0 } else { 15.0 };
            let log2 = at_thousandth + 5.0 * (1e-3 / options.accuracy).log10();
            (log2.ceil().clamp(f64::from(first), f64::from(last)).exp2(), options.replicates as f64)
        }
    };
    let columns = if layers > 1.0 { (layers - 1.0) * 4.0 * rank } else { 0.0 } + layers * 8.0 * (train + test);
    let passes = asked * ((layers - 1.0) * 20.0 * rank + layers * 60.0);
    // Fewer nodes come before, at most as expensive together.
    Cost {
        nodes: nodes as u64,
        bytes: (8.0 * nodes * columns * replicates.min(rayon::current_num_threads() as f64)) as u64,
        seconds: 2.0 * nodes * passes * replicates * SECONDS,
    }
}
