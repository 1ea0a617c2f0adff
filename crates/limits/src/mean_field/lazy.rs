//! In lazy dynamics weights hardly move, and the predictor moves linearly with the kernel of the initial network.
//!
//! ```text
//! β = s^L (s β_0 + b),    b ← b − η s^L Θ_0 D  (and decays),    s: what weight decay leaves of the initial weights (1 without)
//! ```
//!
//! (docs/theory/mean-field.md §4, Eq. lazy.) As a network it has one k × d layer that learns at rate Θ_0 and L identities that only decay,
//! so the same training loop runs it.

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width,
    problem::Quantity,
    scaling::Limit,
    seed::{Purpose, stream},
    training::{Control, LinearNetwork, Progress, Step, UpdateRule},
    trajectory::{Record, Value},
};

use super::{coordinate_matrix::CoordinateMatrix, trajectory::run};

/// Returns the kernel regime of a problem: the predictor of the network linearised around its infinitely wide initialisation, started
/// from `initial` (k × d). For lazy scalings this is the infinite-width limit.
///
/// # Errors
/// A scaling without infinite-width limit; an initial predictor of the wrong shape.
pub fn solve_lazy(
    problem: &Problem,
    initial: &Matrix,
    seed: u64,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<Trajectory> {
    let kernel = match problem.scaling().limit()? {
        Limit::Lazy { kernel, .. } => kernel,
        Limit::Network(normalized) => normalized.tangent_kernel(),
    };
    solve(problem, kernel, initial, seed, watch)
}

pub(super) fn solve(
    problem: &Problem,
    kernel: f64,
    initial: &Matrix,
    seed: u64,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<Trajectory> {
    let (k, d) = (problem.data.output_dimension(), problem.data.input_dimension());
    if initial.shape() != (k, d) {
        return Err(Error::Invalid(format!(
            "initial predictor is {} × {}; this problem has {k} outputs and {d} inputs",
            initial.nrows(),
            initial.ncols(),
        )));
    }
    let hidden = problem.network.hidden_layers;
    let mut layers = vec![CoordinateMatrix::known(initial.clone())];
    layers.extend((0..hidden).map(|_| CoordinateMatrix::known(Matrix::identity(k, k))));
    let mut rates = vec![0.0; hidden + 1];
    rates[0] = kernel;
    let network = LinearNetwork { layers, output_scale: 1.0, rates, input_dimension: d, output_dimension: k };
    let mut trajectory = run(problem, Width::Infinite, seed, network, watch)?;
    fill_layers(problem, &mut trajectory.records);
    Ok(trajectory)
}

/// β_0 with iid N(0, std²) entries.
pub(super) fn random_start(problem: &Problem, seed: u64, std: f64) -> Matrix {
    let mut rng = stream(seed, Purpose::InitialPredictor, 0);
    Matrix::from_fn(problem.data.output_dimension(), problem.data.input_dimension(), |_, _| {
        let normal: f64 = StandardNormal.sample(&mut rng);
        std * normal
    })
}

/// `s` at each record.
fn initial_shares(problem: &Problem, records: &[Record]) -> Vec<f64> {
    let rule = UpdateRule::of(&problem.optimizer).zip(problem.optimizer.learning_rates());
    let Some((rule, rates)) = rule else {
        return records.iter().map(|record| (-problem.optimizer.weight_decay * record.time).exp()).collect();
    };
    let (mut share, mut step) = ((1.0, 0.0), 0);
    let advance = |record: &Record| {
        while step < record.step {
            share = rule.at(Step::after(step, &rates)).advance(share, 0.0);
            step += 1;
        }
        share.0
    };
    records.iter().map(advance).collect()
}

/// What the layers of the wide network itself show: their initial covariances, times `s` for every factor.
fn fill_layers(problem: &Problem, records: &mut [Record]) {
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let hidden = problem.network.hidden_layers;
    let variances: Vec<f64> = problem.scaling().layers.iter().map(|layer| layer.init_std.constant.powi(2)).collect();
    let shares = initial_shares(problem, records);
    for (record, share) in records.iter_mut().zip(shares) {
        let scaled = |n: usize, variances: &[f64]| {
            let factor: f64 = variances.iter().map(|variance| variance * share * share).product();
            Matrix::identity(n, n) * factor
        };
        let auto = |n: usize, variance: f64| Matrix::identity(n, n) * (variance * share);
        for &quantity in &problem.record.quantities {
            let value = match quantity {
                Quantity::FeatureGram => {
                    Value::Matrices((1..=hidden).map(|layer| scaled(d, &variances[..layer])).collect())
                }
                Quantity::GradientGram => {
                    Value::Matrices((1..=hidden).map(|layer| scaled(k, &variances[layer..])).collect())
                }
                Quantity::InputCovariance => Value::Matrix(scaled(d, &variances[..1])),
                Quantity::InputAutocovariance => Value::Matrix(auto(d, variances[0])),
                Quantity::OutputCovariance => Value::Matrix(scaled(k, &variances[hidden..])),
                Quantity::OutputAutocovariance => Value::Matrix(auto(k, variances[hidden])),
                Quantity::LearnedSingularValues => Value::Lists(vec![Vec::new(); hidden - 1]),
                Quantity::EffectiveDimensions => Value::List(vec![0.0; hidden]),
                _ => continue,
            };
            record.values.insert(quantity, value);
        }
    }
}
