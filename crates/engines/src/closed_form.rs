//! Engines in closed form need no real matrices: this module has their estimates and their solutions.

use widenet_core::{
    Problem, Trajectory, Width,
    problem::{Need, Quantity},
    scaling::power_of_width,
    training::Progress,
    trajectory::Engine,
};
use widenet_limits::{
    Regime, classifiers,
    kernel::{self, convolution_cost},
    nonlinear,
};

use crate::{
    law, memory,
    solver::{Plan, SolveError, Watch},
};

/// Directions per output that a smooth trajectory explores before it settles: at most 170 in 2,000 steps of full-batch
/// descent on the digits.
const SETTLED: f64 = 200.0;
/// Seconds per layer, step and squared dimension: 2,000 steps of minibatches in 900 dimensions took 8 s on one core.
const COORDINATE_SECONDS: f64 = 1.5e-9;

/// Law and limit, at most: a step explores two directions per output in every space. Full-batch training settles;
/// minibatches bring new directions to the end.
pub(crate) fn plan_coordinates(problem: &Problem, width: Width, reason: &str) -> Result<Plan, SolveError> {
    let layers = problem.network.hidden_layers as f64 + 1.0;
    let (d, k) = (problem.data.input_dimension() as f64, problem.data.output_dimension() as f64);
    let features = problem.record.needs(Need::Features);
    let minibatches = problem.optimizer.batch_size().is_some();
    let settled = if minibatches { f64::INFINITY } else { SETTLED };
    let explored = k * (2.0 * problem.optimizer.typical_steps()).min(settled) + if features { d * layers } else { 0.0 };
    let dimension = explored.max(d).min(width.as_f64());
    // Features ask the input layer about all of R^d: a basis of its own, and products with d columns at every record.
    let (input_basis, feature_products) = if features {
        (d * d, problem.record.at.len() as f64 * layers * dimension * d * dimension.max(d))
    } else {
        (0.0, 0.0)
    };
    let bases = (8.0 * 3.0 * input_basis) as u64;
    memory::check(&format!("features of {d} input dimensions"), bases, |available| {
        let fitting = (available as f64 / 24.0).sqrt() as u64;
        format!("use at most {fitting} input dimensions, or record.quantities without features and tangent kernels")
    })?;
    Ok(Plan {
        engine: if width == Width::Infinite { Engine::Limit } else { Engine::Law },
        reason: reason.into(),
        bytes: (8.0 * (layers * 4.0 * dimension * dimension + 3.0 * input_basis)) as u64,
        seconds: (problem.optimizer.typical_steps() * layers * dimension * dimension + feature_products)
            * COORDINATE_SECONDS,
        exclusive: false,
        device: None,
    })
}

/// Seconds per entry of a kernel, layer and core; and per cubed sample of an eigendecomposition (measured: N = 4000 in a minute).
const KERNEL_SECONDS: f64 = 2e-9;
const SPECTRUM_SECONDS: f64 = 1e-9;

/// Kernels among all samples (of convolutional networks by their dual activations), their spectrum, and the answers at every record.
pub(crate) fn plan_kernels(problem: &Problem, reason: &str) -> Result<Plan, SolveError> {
    kernel::check_stop(problem)?;
    let (samples, d) = problem.data.train.inputs.shape();
    let test = problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    let (n, all) = (samples as f64, (samples + test) as f64);
    let layers = problem.network.hidden_layers as f64 + 1.0;
    let convolution = convolution_cost(&problem.kernel_regime()?, samples + test)
        .map_err(|error| SolveError::Refused(error.to_string()))?;
    let (kernels, own_bytes) = match convolution {
        Some(cost) => (cost.seconds, cost.bytes),
        None => (all * all * (layers * KERNEL_SECONDS + d as f64 * 1e-10), 0),
    };
    let answers = problem.record.at.len() as f64 * n * all * problem.data.output_dimension() as f64 * 1e-9;
    // Both kernels among all samples, and three more matrices of the training samples.
    let bytes = (8.0 * (2.0 * all * all + 3.0 * n * n)) as u64 + own_bytes;
    memory::check(&format!("the kernels of {samples} training and {test} test inputs"), bytes, |available| {
        let share = (available as f64 / bytes as f64).sqrt();
        let [train, test] = [samples, test].map(|samples| (share * samples as f64) as u64);
        format!("set data.train_samples and data.test_samples: {train} and {test} inputs fit")
    })?;
    Ok(Plan {
        engine: Engine::Limit,
        reason: match convolution {
            Some(cost) => format!("{reason}; {:.2e} dual activations of pairs of positions", cost.duals),
            None => reason.into(),
        },
        bytes,
        seconds: kernels + SPECTRUM_SECONDS * n.powi(3) + answers,
        exclusive: false,
        device: None,
    })
}

/// Seconds per floating-point operation of particles, twice what was measured: 2^20 neurons on 300 inputs, 200 of them for training, take
/// 5 s a step on two cores. A quadrature is asked twice.
const PARTICLE_SECONDS: f64 = 1e-10;

/// Particles on all inputs, at every step.
pub(crate) fn plan_classifier(problem: &Problem, width: Width, reason: &str) -> Result<Plan, SolveError> {
    let left_out = not_recorded(problem, width);
    let undecided = problem.stop.and_then(|stop| stop.quantities().find(|quantity| left_out.contains(quantity)));
    if let Some(quantity) = undecided {
        let name = quantity.name();
        return Err(SolveError::Refused(format!(
            "stop.{name}: `{name}` has no limit in this scaling and could not end its training; leave it out, or give finite widths"
        )));
    }
    let (bytes, per_step) = classifiers::cost(problem, width)?;
    memory::check("the neurons on all inputs and the recorded kernels", bytes, |_| {
        "use fewer samples (data.train_samples, data.test_samples), fewer moments (record.at), or a smaller width"
            .into()
    })?;
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    Ok(Plan {
        engine,
        reason: reason.into(),
        bytes,
        seconds: problem.optimizer.typical_steps() * per_step * PARTICLE_SECONDS,
        exclusive: false,
        device: None,
    })
}

/// Neurons on the span of all inputs, at every step.
pub(crate) fn plan_neurons(problem: &Problem, width: u64) -> Result<Plan, SolveError> {
    let nonlinear::Cost { bytes, seconds, .. } = nonlinear::law_cost(problem, width)?;
    memory::check("the neurons on all inputs", bytes, |_| {
        "use fewer samples (data.train_samples, data.test_samples) or a smaller width".into()
    })?;
    Ok(Plan {
        engine: Engine::Law,
        reason: "exact in law, by the coordinates of neurons on the span of the data".into(),
        bytes,
        seconds,
        exclusive: false,
        device: None,
    })
}

/// What the limit of a classifier does not record though it is asked for.
fn not_recorded(problem: &Problem, width: Width) -> Vec<Quantity> {
    match (width, Regime::of(problem)) {
        (Width::Infinite, Ok(Regime::Classifier(limit))) => classifiers::left_out(problem, &limit),
        _ => Vec::new(),
    }
}

/// The same in words.
pub(crate) fn left_out(problem: &Problem, width: Width) -> Option<String> {
    let (Width::Infinite, Ok(Regime::Classifier(limit))) = (width, Regime::of(problem)) else { return None };
    let names: Vec<&str> = not_recorded(problem, width).into_iter().map(Quantity::name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} of order {} in this scaling: they have no limit and are left out; normalised_outputs have one",
            names.join(", "),
            power_of_width(limit.kernels)
        )
    })
}

/// The limit of perceptrons, classifiers in Gram space, and neurons on the data, stopped by `watch`.
pub(crate) fn solve_perceptron(
    problem: &Problem,
    width: Width,
    seed: u64,
    start: Option<&kernel::Start>,
    watch: &Watch<'_>,
) -> Result<Trajectory, SolveError> {
    let watch = |fraction| watch(&Progress { step: 0, time: 0.0, fraction, step_size: None, records: &[] });
    if let (Width::Finite(m), true) = (width, law::is_by_neurons(problem)) {
        return Ok(nonlinear::solve_law(problem, m, seed, &watch)?);
    }
    let mut watch = watch;
    Ok(match width {
        Width::Infinite if matches!(Regime::of(problem)?, Regime::Kernel) => {
            kernel::solve(problem, seed, start, &mut watch)?
        }
        _ => classifiers::solve(problem, width, seed, start, &mut watch)?,
    })
}
