//! Solves limits with a stationary kernel, limits of particles, and finite networks in Gram space.

use std::cmp::Ordering;

use widenet_core::{Result, training::Control};

use super::{
    average::ReplicaAverage,
    constants::Constants,
    inputs::Inputs,
    model::Model,
    particles::{ParticleSystem, Rates},
    source::Source,
    start::StartKernels,
    stationary::Stationary,
    training::{End, Solution, Training, View, check_function, run},
    unit::Unit,
};
use crate::error::invalid;

/// A classifier as its particles see it.
#[derive(Debug)]
pub struct ParticleClassifier<'a, U> {
    /// φ.
    pub unit: &'a U,
    /// Training and test inputs.
    pub inputs: &'a Inputs,
    /// What is known of the reference network.
    pub constants: Constants,
}

/// Trains a model whose kernel stays (classes 1–8). `start` is `F_init` on all inputs, M, for models that need it; others ignore it.
/// `watch` is called after every step with the share of the work done.
///
/// # Errors
/// A model whose kernel evolves; no start where one is needed, or one of another length; a training that does not fit the inputs.
pub fn solve_stationary(
    model: Model,
    kernels: &StartKernels,
    start: Option<&[f64]>,
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Solution> {
    if model.evolves() {
        return Err(invalid(format!("the tangent kernel of the limit {} evolves; it needs particles", model.name())));
    }
    training.check(kernels.train())?;
    let view = view(model, start, kernels.count())?;
    Ok(run(&mut Stationary::new(kernels), view, training, watch))
}

/// Trains a model whose kernel evolves (classes 9–13 and IC-MF), on particles of this source. `start` is `F_init` on all inputs, M, for
/// models that need it; others ignore it. Replicas are trained one after the other, each by its own outputs, and averaged. `watch` is
/// called after every step with the share of the work done.
///
/// # Errors
/// A model whose kernel stays; no start where one is needed, or one of another length; a training that does not fit the inputs; as
/// [`Source::particles`]; no replicas.
pub fn solve_particles<U: Unit>(
    model: Model,
    classifier: &ParticleClassifier<'_, U>,
    source: &Source,
    start: Option<&[f64]>,
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Solution> {
    if !model.evolves() {
        return Err(invalid(format!(
            "the tangent kernel of the limit {} stays; it needs the kernels at the start and no particles",
            model.name()
        )));
    }
    let ParticleClassifier { unit, inputs, constants } = *classifier;
    training.check(inputs.train())?;
    let view = view(model, start, inputs.count())?;
    let rates = Rates { readout: constants.readout_rate, input: constants.input_rate };
    let replicas = source.replicas();
    let mut average = ReplicaAverage::default();
    for replica in 0..replicas {
        let particles = source.particles(inputs, constants, replica)?;
        let mut system = ParticleSystem::new(unit, inputs, rates, particles)?;
        let mut watch = |share: f64| watch((f64::from(replica) + share) / f64::from(replicas));
        let solution = run(&mut system, view, training, &mut watch);
        // Of a mean over replicas that was not finished nothing can be kept.
        if let End::Stopped { .. } = solution.end
            && replicas > 1
        {
            return Ok(Solution { records: Vec::new(), ..solution });
        }
        average.add(solution);
    }
    average.finish().ok_or_else(|| invalid("0 replicas: at least one is needed"))
}

/// Trains a finite network: particles with `c = σ` and rates `η̂_a σ`, `η̂_w σ`. `offset` (M) is added to its outputs, for records and
/// for the loss: `(√n − 1) f⁽⁰⁾` makes IC-MF of a network in MF scaling (docs/theory/scaling-limits.md §4.4). `watch` is called after every
/// step with the share of the work done.
///
/// # Errors
/// An offset of another length; a training that does not fit the inputs.
pub fn train_network<U: Unit>(
    network: &mut ParticleSystem<'_, U>,
    offset: Option<&[f64]>,
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Solution> {
    training.check(network.inputs().train())?;
    check_function("offset", offset, network.inputs().count())?;
    // Its loss sees the outputs as they are.
    let signs = (Ordering::Equal, Ordering::Equal);
    Ok(run(network, View { signs, offset, first: None }, training, watch))
}

/// How the loss of a model sees its outputs.
fn view<'a>(model: Model, start: Option<&'a [f64]>, inputs: usize) -> Result<View<'a>> {
    if model.needs_start() && start.is_none() {
        return Err(invalid(format!(
            "the limit {} depends on the initial function F_init; give it, or draw it from its law",
            model.name()
        )));
    }
    let start = start.filter(|_| model.needs_start());
    check_function("initial function", start, inputs)?;
    let (offset, first) = if model.keeps_start() { (start, None) } else { (None, start) };
    Ok(View { signs: model.signs(), offset, first })
}
