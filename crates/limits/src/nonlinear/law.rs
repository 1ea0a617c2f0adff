//! Solves networks of one hidden layer at any finite width, exactly in law, by what their neurons do on the data.
//!
//! ```text
//! h_r = Ω_r B x + b_r,    f(x) = A Σ_r V_r φ(h_r),        Ω (m × r), V, b: independent normals;   B: an orthonormal basis of all inputs
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §2: the functional F at the empirical measure of m independent neurons.) Training moves input weights inside
//! the span of the inputs only, and Gaussian weights have independent normal coordinates along any orthonormal basis of it, so the rest of
//! the d input weights of a neuron is never drawn. This holds in every scaling, for every loss, and for rules linear in past gradients.

use widenet_core::{
    Error, Problem, Result, Trajectory, Width, humanized,
    problem::{EntryLaw, Need, Quantity, Scope},
    training::Control,
    trajectory::Engine,
};

use super::{
    cost::Cost,
    network::input_basis,
    replicate::{Nodes, train},
};

/// Most bytes of the state of a network.
const LARGEST: u64 = 1 << 32;
/// Seconds per floating-point operation, activations included.
const SECONDS: f64 = 1e-9;
/// Copies of the weights: drawn, at the start, now, and their velocity.
const COPIES: f64 = 4.0;
/// Values per neuron and input that a step and its records hold: pre-activations, activations, signals, before and after.
const BLOCKS: f64 = 8.0;

/// Refuses problems whose law this module does not have.
///
/// # Errors
/// [`Error::Invalid`] with the key, its value, and what would be right.
pub fn check_law(problem: &Problem) -> Result<()> {
    let invalid = |text: String| Err(Error::Invalid(text));
    let obstacles = problem.optimizer.obstacles();
    if let Some(reason) = obstacles.explored_matrices.or(obstacles.perceptron) {
        return invalid(format!("optimizer.kind = \"{}\"{reason}", obstacles.kind));
    }
    problem.network.check_fully_connected("the law by neurons on the data")?;
    let layers = problem.network.hidden_layers;
    if layers != 1 {
        return invalid(format!(
            "network.hidden_layers = {layers}: the law by neurons on the data is that of 1 hidden layer; use the conditioned engine, which is \
             exact in law too"
        ));
    }
    let law = problem.network.entry_law;
    if law != EntryLaw::Gaussian {
        return invalid(format!(
            "network.entry_law = \"{}\": the law engine is that of Gaussian entries; use \"gaussian\"",
            law.name()
        ));
    }
    if problem.ensemble.is_some() {
        return invalid("[ensemble]: the law engine trains one network; give a study several seeds instead".into());
    }
    if problem.parameterization.corrects_initial_function() {
        return invalid(
            "parameterization.initial_correction = true: the law engine has no initial_correction here; use the dense engine".into(),
        );
    }
    let is_unknown = |quantity: &&Quantity| {
        let needs = [Need::Weights, Need::InitialWeights, Need::Entries].into_iter().any(|need| quantity.needs(need));
        needs || !matches!(quantity.scope(), Scope::Any | Scope::Mlp)
    };
    match problem.record.quantities.iter().find(is_unknown) {
        Some(quantity) => invalid(format!(
            "record.quantities: `{}` is not recorded by the law engine, which knows what neurons do on the data; use the dense engine",
            quantity.name()
        )),
        None => Ok(()),
    }
}

/// Estimates a network of `width` neurons: its bytes, and its seconds on one core.
///
/// # Errors
/// [`Error::Invalid`] for networks of more than 4 GiB, with the widest that fits.
pub fn law_cost(problem: &Problem, width: u64) -> Result<Cost> {
    let data = &problem.data;
    let (samples, dimension) = data.train.inputs.shape();
    let test = data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    let (inputs, outputs) = ((samples + test) as f64, data.output_dimension() as f64);
    let coordinates = dimension.min(samples + test) as f64 + outputs + 1.0;
    let has_kernels = problem.record.needs(Need::OutputKernel);
    let signals = if has_kernels { 2.0 * samples as f64 * outputs } else { 0.0 };
    let per_neuron = 8.0 * (COPIES * coordinates + BLOCKS * inputs + signals);
    let bytes = per_neuron * width as f64;
    if bytes > LARGEST as f64 {
        return Err(Error::Invalid(format!(
            "{width} neurons on {inputs} inputs take {}, and the law engine takes at most {}: {} neurons; use fewer samples, a smaller width, \
             or the dense engine",
            humanized::bytes(bytes as u64),
            humanized::bytes(LARGEST),
            (LARGEST as f64 / per_neuron) as u64
        )));
    }
    let batch = problem.optimizer.batch_size().unwrap_or(samples) as f64;
    let passes = problem.optimizer.typical_steps() * batch + problem.record.at.len() as f64 * (inputs + signals);
    let seconds = passes * width as f64 * (4.0 * coordinates + 60.0) * SECONDS;
    Ok(Cost { nodes: width, bytes: bytes as u64, seconds, in_reach: 0.0 })
}

/// Trains a network of `width` neurons whose weights `seed` draws. `watch` is called with the share of the work done.
///
/// # Errors
/// As [`check_law`] and [`law_cost`].
pub fn solve_law(problem: &Problem, width: u64, seed: u64, watch: &dyn Fn(f64) -> Control) -> Result<Trajectory> {
    check_law(problem)?;
    law_cost(problem, width)?;
    // No hidden matrix asks about directions.
    let tolerance = 0.0;
    let found = train(problem, &input_basis(problem), &Nodes::Neurons { width, seed }, tolerance, seed, watch)?;
    Ok(Trajectory {
        width: Width::Finite(width),
        engine: Engine::Law,
        seed,
        status: found.status,
        records: found.records,
    })
}
