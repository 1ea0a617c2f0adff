//! One code serves deep linear networks at width ∞ and, exactly in law, at any finite width.
//!
//! ```text
//! h_{l+1} = W_l h_l,   f(x) = C W_L … W_0 x       W_l known only on the directions that training has probed
//! ```
//!
//! (docs/theory/mean-field.md §4, docs/theory/conditioning.md §3(b), §3(c).) The infinitely wide network is a deterministic linear network
//! of a few dozen neurons; a finite one has the same neurons with random lengths and angles. The cost does not depend on the width.
//! Scalings whose limit is lazy (NTK parameterisation) have, at ∞, a predictor that moves linearly from a Gaussian start.

mod coordinate_matrix;
mod coordinates;
mod directions;
mod lazy;
mod trajectory;

pub use coordinate_matrix::CoordinateMatrix;
pub use coordinates::Coordinates;
pub use lazy::solve_lazy;

use coordinate_matrix::{Source, Space};
use trajectory::run;
use widenet_core::problem::Need;
use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width,
    scaling::{Limit, Normalized},
    training::{Control, LinearNetwork, Progress},
};

/// Default of [`Options::tolerance`].
pub const TOLERANCE: f64 = 1e-10;

/// How to solve.
#[derive(Debug, Clone)]
pub struct Options {
    /// A direction is new if the part of it that is not yet explored is longer than this, relative to its length and to
    /// the output scale: the error of the predictor is of this size (docs/theory/mean-field.md §4).
    pub tolerance: f64,
    /// Where a lazy limit starts (k × d), instead of a Gaussian draw: the initial predictor of the finite network it is
    /// compared with (docs/theory/mean-field.md §4).
    pub initial_predictor: Option<Matrix>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tolerance: TOLERANCE, initial_predictor: None }
    }
}

/// Solves a deep linear problem: engine `limit` at width ∞, engine `law` at a finite width.
///
/// `watch` is called after every step and may stop the run.
///
/// # Errors
/// A tolerance outside (0, 1); a scaling without limit at width ∞; a quantity that needs entries at a finite width; an initial
/// predictor of the wrong shape.
pub fn solve(
    problem: &Problem,
    width: Width,
    seed: u64,
    options: &Options,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<Trajectory> {
    let tolerance = options.tolerance;
    if !(tolerance > 0.0 && tolerance < 1.0) {
        return Err(Error::Invalid(format!(
            "tolerance = {tolerance} must lie between 0 and 1; {TOLERANCE:e} is usual"
        )));
    }
    let scaling = problem.scaling();
    match width {
        Width::Finite(m) => {
            if let Some(quantity) = problem.record.quantities.iter().find(|quantity| quantity.needs(Need::Entries)) {
                return Err(Error::Invalid(format!(
                    "{} needs the entries of the weights, which the law engine does not keep; use the dense engine",
                    quantity.name()
                )));
            }
            let normalized = scaling.at(m);
            normalized.check()?;
            let network = random_network(problem, width, normalized, seed, tolerance);
            run(problem, width, seed, network, watch)
        }
        Width::Infinite => match scaling.limit()? {
            Limit::Network(normalized) => {
                let network = random_network(problem, width, normalized, seed, tolerance);
                run(problem, width, seed, network, watch)
            }
            Limit::Lazy { kernel, initial_std } => {
                let initial = match &options.initial_predictor {
                    Some(initial) => initial.clone(),
                    None => lazy::random_start(problem, seed, initial_std),
                };
                lazy::solve(problem, kernel, &initial, seed, watch)
            }
        },
    }
}

fn random_network(
    problem: &Problem,
    width: Width,
    normalized: Normalized,
    seed: u64,
    tolerance: f64,
) -> LinearNetwork<CoordinateMatrix> {
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    // A dropped direction is worth `C` times its size in the predictor; below rounding nothing is gained.
    let tolerance = (tolerance / normalized.output_scale.max(1.0)).max(4.0 * f64::EPSILON);
    let hidden = problem.network.hidden_layers;
    let mut spaces = vec![Space::coordinates(d)];
    spaces.extend((0..hidden).map(|_| Space::hidden(width)));
    spaces.push(Space::coordinates(k));
    let layers = (0..=hidden)
        .map(|layer| {
            let source = Source { seed, layer: layer as u32, width, std: normalized.init_std[layer] };
            CoordinateMatrix::random(source, spaces[layer].clone(), spaces[layer + 1].clone(), tolerance)
        })
        .collect();
    LinearNetwork {
        layers,
        output_scale: normalized.output_scale,
        rates: normalized.rates,
        input_dimension: d,
        output_dimension: k,
    }
}
