//! Deep linear networks at width ∞, and at any finite width exactly in law, by one code.
//!
//! ```text
//! h_{l+1} = W_l h_l,   f(x) = C W_L … W_0 x       W_l known only on the directions that training has asked about
//! ```
//!
//! (mean-field page §4, conditioning page §3 b–c.) The infinitely wide network is a deterministic linear network of a few
//! dozen neurons; a finite one has the same neurons with random lengths and angles. The cost does not depend on the width.
//! Scalings whose limit is lazy (NTK parameterisation) have, at ∞, a predictor that moves linearly from a Gaussian start.

mod basis;
mod conditioned;
mod coordinates;

pub use conditioned::ConditionedMatrix;
pub use coordinates::Coordinates;

use conditioned::{Source, Space};
use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width,
    problem::Quantity,
    scaling::{Limit, Normalized},
    seed::{Purpose, stream},
    training::{Control, LinearNetwork, Observer, Progress, Recorder, Start, train},
    trajectory::{Engine, Value},
};

/// Default of [`Options::tolerance`].
pub const TOLERANCE: f64 = 1e-10;

/// How to solve.
#[derive(Debug, Clone)]
pub struct Options {
    /// A direction is new if the part of it that is not yet explored is longer than this, relative to its length and to
    /// the output scale: the error of the predictor is of this size (mean-field page §4).
    pub tolerance: f64,
    /// Where a lazy limit starts (k × d), instead of a Gaussian draw: the initial predictor of the finite network it is
    /// compared with (mean-field page §4).
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
/// A tolerance outside (0, 1); a scaling without limit at width ∞; `input_kurtosis` at a finite width; an initial
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
        return Err(Error::Invalid(format!("tolerance = {tolerance} must lie between 0 and 1; {TOLERANCE:e} is usual")));
    }
    let scaling = problem.scaling();
    match width {
        Width::Finite(m) => {
            if problem.record.quantities.contains(&Quantity::InputKurtosis) {
                return Err(Error::Invalid(
                    "input_kurtosis needs the entries of the weights, which the law engine does not keep; use the dense \
                     engine"
                        .into(),
                ));
            }
            let network = random_network(problem, width, scaling.at(m), seed, tolerance);
            Ok(run(problem, width, seed, network, watch))
        }
        Width::Infinite => match scaling.limit()? {
            Limit::Network(normalized) => {
                let network = random_network(problem, width, normalized, seed, tolerance);
                Ok(run(problem, width, seed, network, watch))
            }
            Limit::Lazy { kernel, initial_std } => {
                let initial = lazy_start(problem, seed, initial_std, options.initial_predictor.as_ref())?;
                let network = LinearNetwork {
                    input_dimension: initial.ncols(),
                    output_dimension: initial.nrows(),
                    layers: vec![ConditionedMatrix::known(initial)],
                    output_scale: 1.0,
                    rates: vec![kernel],
                };
                let mut trajectory = run(problem, width, seed, network, watch);
                fill_constants(&mut trajectory, problem);
                Ok(trajectory)
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
) -> LinearNetwork<ConditionedMatrix> {
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
            ConditionedMatrix::random(source, spaces[layer].clone(), spaces[layer + 1].clone(), tolerance)
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

struct Watch<'a>(&'a mut dyn FnMut(&Progress<'_>) -> Control);

impl Observer<ConditionedMatrix> for Watch<'_> {
    fn after_step(&mut self, progress: &Progress<'_>, _: &mut LinearNetwork<ConditionedMatrix>) -> Control {
        (self.0)(progress)
    }
}

fn run(
    problem: &Problem,
    width: Width,
    seed: u64,
    mut network: LinearNetwork<ConditionedMatrix>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Trajectory {
    let recorder = Recorder::new(problem, &mut network);
    let (records, status) = train(&mut network, &recorder, problem, seed, Start::default(), &mut Watch(watch));
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    Trajectory { width, engine, seed, status, records }
}

/// β_0 of a lazy limit: given, or iid N(0, std²).
fn lazy_start(problem: &Problem, seed: u64, std: f64, given: Option<&Matrix>) -> Result<Matrix> {
    let shape = (problem.data.output_dimension(), problem.data.input_dimension());
    match given {
        Some(initial) if initial.shape() == shape => Ok(initial.clone()),
        Some(initial) => Err(Error::Invalid(format!(
            "initial predictor is {} × {}; this problem has {} outputs and {} inputs",
            initial.nrows(),
            initial.ncols(),
            shape.0,
            shape.1
        ))),
        None => {
            let mut rng = stream(seed, Purpose::InitialPredictor, 0);
            Ok(Matrix::from_fn(shape.0, shape.1, |_, _| {
                let normal: f64 = StandardNormal.sample(&mut rng);
                std * normal
            }))
        }
    }
}

/// In a lazy limit the weights and features of every layer stay at their initial covariances.
fn fill_constants(trajectory: &mut Trajectory, problem: &Problem) {
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let hidden = problem.network.hidden_layers;
    let variances: Vec<f64> = problem.scaling().layers.iter().map(|layer| layer.init_std.constant.powi(2)).collect();
    let scaled = |n: usize, variance: f64| Matrix::identity(n, n) * variance;
    let features = |l: usize| scaled(d, variances[..l].iter().product());
    let gradients = |l: usize| scaled(k, variances[l..].iter().product());
    for record in &mut trajectory.records {
        for &quantity in &problem.record.quantities {
            let value = match quantity {
                Quantity::FeatureGram => Value::Matrices((1..=hidden).map(features).collect()),
                Quantity::GradientGram => Value::Matrices((1..=hidden).map(gradients).collect()),
                Quantity::InputCovariance | Quantity::InputAutocovariance => Value::Matrix(scaled(d, variances[0])),
                Quantity::OutputCovariance | Quantity::OutputAutocovariance => {
                    Value::Matrix(scaled(k, variances[hidden]))
                }
                Quantity::LearnedSingularValues => Value::Lists(vec![Vec::new(); hidden - 1]),
                Quantity::EffectiveDimensions => Value::List(vec![0.0; hidden]),
                _ => continue,
            };
            record.values.insert(quantity, value);
        }
    }
}
