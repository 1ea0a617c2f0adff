//! Solves classifiers of one hidden layer as trajectories: their limits beyond the kernel regime, and networks of any finite width in Gram
//! space.
//!
//! ```text
//! limit:    F_k = lim f⁽ᵏ⁾/n^B, by particles or with a kernel that stays (module `models`)
//! network:  the projections z = ŵ·X of d neurons instead of their weights, z ~ N(0, σ_w² X Xᵀ): exact in law for Gaussian input weights,
//!           at a cost that does not depend on the input dimension
//! ```
//!
//! (docs/theory/scaling-limits.md §4.)

use std::sync::Mutex;

use widenet_core::extremes::largest;
use widenet_core::{
    Error, Matrix, Problem, Result, Trajectory, Width,
    training::{Batches, Control},
    trajectory::{Engine, Status},
};

use super::{
    classifier::{Classifier, ClassifierLimit},
    models::{
        self, Constants, End, Inputs, KernelRecord, ParticleSystem, Rates, Solution, Source, StartKernels, StepBatches,
        Training, solve_particles, solve_stationary, train_network,
    },
    record::{SolutionRecorder, records_kernels},
};
use crate::{
    finite::finite_records,
    kernel::{self, Start},
};

/// Bytes of the particles of a limit.
const PARTICLE_BYTES: usize = 1 << 27;
/// Fewest and most pairs of particles of a limit, of all sets together.
const PAIRS: (usize, usize) = (1 << 11, 1 << 17);
/// Independent sets that the particles of a limit are drawn in; their spread is the standard error.
const REPLICAS: u32 = 8;
/// Nodes per dimension of the quadrature over initial weights, by input dimension: at most 2e5 particles.
const NODES: [usize; 3] = [40, 32, 20];
/// Two numbers of nodes whose final outputs agree this well, relative to the largest, are trusted; otherwise particles are drawn.
const QUADRATURE_TOLERANCE: f64 = 1e-3;
/// Particles of limits do not depend on the trial's seed: a limit is one.
const PARTICLE_SEED: u64 = 0;
/// Networks take this set of draws; limits number their sets from 0.
const NETWORK_SET: u32 = u32::MAX;

/// Solves a classifier at a width: at ∞ its limit, at finite widths the network itself in Gram space.
///
/// A limit that depends on its initial function takes it from `start`, in units of the limit (`f_0/n^A`), or draws it by `seed`; other
/// limits ignore it. A network draws its weights by `seed`. `watch` is called with the share of the work done; a run that it stops is
/// [`Status::Interrupted`] without records.
///
/// # Errors
/// A problem that is no such classifier; a scaling that has no limit; quantities that are not known of it; a network too wide for
/// [`models::LARGEST_SET`]; a start of the wrong shape.
pub fn solve(
    problem: &Problem,
    width: Width,
    seed: u64,
    start: Option<&Start>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Trajectory> {
    let classifier = Classifier::of(problem)?;
    let inputs = inputs(problem)?;
    let recorder = SolutionRecorder::new(problem, &classifier, width)?;
    let labels = problem.data.train.targets.as_slice();
    let steps = problem.optimizer.horizon() as u64;
    let batches = Batches::of(problem, seed).map(Mutex::new);
    let batches = batches.as_ref().map(StepBatches::Drawn);
    let asked: Vec<u64> = problem.record.at.iter().map(|step| *step as u64).collect();
    // Changes of the kernel are from the start.
    let needs_start = recorder.wants_kernels() && asked.first() != Some(&0);
    let at: Vec<u64> = needs_start.then_some(0).into_iter().chain(asked).collect();
    let kernels = if recorder.wants_kernels() { KernelRecord::Whole } else { KernelRecord::Nothing };
    let training = Training { labels, steps, batches, at: &at, kernels, schedule: problem.optimizer.schedule };
    let solution = match width {
        Width::Finite(m) => network(&classifier, &inputs, m, seed, &training, watch)?,
        Width::Infinite => match limit(&classifier, &inputs, (seed, start), &training, watch) {
            Ok(solution) => solution,
            Err(kernel::Error::Stopped) => stopped(),
            Err(kernel::Error::Invalid(error)) => return Err(error),
        },
    };
    let step_time = |step: u64| problem.optimizer.time(step as f64);
    let status = match solution.end {
        End::Done => Status::Done,
        End::Diverged { step } => Status::Diverged { step, time: step_time(step) },
        End::Stopped { step } => Status::Interrupted { step },
    };
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    let records = match status {
        Status::Interrupted { .. } => Vec::new(),
        _ => recorder.records(&solution).split_off(usize::from(needs_start)),
    };
    let (records, status) = finite_records(records, status);
    let (records, status) = problem.cut_at_stop(records, status);
    Ok(Trajectory { width, engine, seed, status, records })
}

/// Says what a run takes: the bytes of particles (neurons) times inputs and of what is kept for the records, and the floating-point operations
/// of a step.
pub fn cost(problem: &Problem, width: Width) -> Result<(u64, f64)> {
    let classifier = Classifier::of(problem)?;
    let inputs = problem.data.train.inputs.nrows() + problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    let particles = match width {
        Width::Finite(m) => m as f64,
        Width::Infinite if !classifier.limit()?.model.evolves() => inputs as f64,
        Width::Infinite => match source(&classifier, inputs, problem.data.input_dimension()) {
            Source::Quadrature { nodes } => (nodes as f64).powi(problem.data.input_dimension() as i32 + 1),
            Source::Independent { particles, replicas, .. } => particles as f64 * f64::from(replicas),
            Source::Antithetic { pairs, replicas, .. } => 2.0 * pairs as f64 * f64::from(replicas),
        },
    };
    let state = particles * inputs as f64;
    if 8.0 * state > models::LARGEST_SET as f64 {
        return Err(Error::Invalid(format!(
            "{particles:.0} neurons on {inputs} inputs take {:.1e} bytes, more than {:.1e}; at most {} fit",
            8.0 * state,
            models::LARGEST_SET as f64,
            models::LARGEST_SET / 8 / inputs.max(1) as u64
        )));
    }
    // Of every moment the outputs on all inputs, and both parts of the kernel where a quantity needs it; of a limit those of every set, too.
    let kernels = if records_kernels(problem) { inputs as f64 } else { 0.0 };
    let sets = if width == Width::Infinite { f64::from(REPLICAS) } else { 0.0 };
    let kept = inputs as f64 * (1.0 + 2.0 * kernels + sets * (1.0 + kernels));
    let bytes = 8.0 * (state + problem.record.at.len() as f64 * kept);
    Ok((bytes as u64, 2.0 * state * problem.data.train.inputs.nrows() as f64))
}

fn inputs(problem: &Problem) -> Result<Inputs> {
    let data = &problem.data;
    Inputs::new(&data.train.inputs, data.test.as_ref().map(|test| &test.inputs))
}

/// How the particles of a limit are made.
fn source(classifier: &Classifier, inputs: usize, dimension: usize) -> Source {
    // A kink takes the accuracy of a quadrature away.
    match NODES.get(dimension.saturating_sub(1)) {
        Some(nodes) if classifier.activation.is_smooth() => Source::Quadrature { nodes: *nodes },
        _ => drawn(inputs),
    }
}

/// Particles that are drawn.
fn drawn(inputs: usize) -> Source {
    let pairs = (PARTICLE_BYTES / 16 / inputs.max(1)).clamp(PAIRS.0, PAIRS.1);
    Source::Antithetic { pairs: pairs as u64 / u64::from(REPLICAS), replicas: REPLICAS, seed: PARTICLE_SEED }
}

/// Whether two solutions have the same last outputs, to [`QUADRATURE_TOLERANCE`]; what was stopped or diverged is not asked again.
fn agree(one: &Solution, other: &Solution) -> bool {
    let (Some(one), Some(other)) = (one.records.last(), other.records.last()) else { return true };
    let size = largest(other.outputs.iter().map(|output| output.abs())).unwrap_or(0.0);
    let apart = one.outputs.iter().zip(&other.outputs).map(|(one, other)| (one - other).abs());
    largest(apart).is_none_or(|apart| apart <= QUADRATURE_TOLERANCE * size)
}

fn limit(
    classifier: &Classifier,
    inputs: &Inputs,
    (seed, start): (u64, Option<&Start>),
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> kernel::Result<Solution> {
    let ClassifierLimit { model, constants, .. } = classifier.limit()?;
    let given = match start.filter(|_| model.needs_start()) {
        Some(start) => Some(all_inputs(start, inputs)?),
        None => classifier.is_centered.then(|| vec![0.0; inputs.count()]),
    };
    let needs_distribution = model.needs_start() && given.is_none();
    let kernels = if needs_distribution || !model.evolves() {
        Some(StartKernels::new(classifier.activation, inputs, constants, &mut |share| watch(0.2 * share))?)
    } else {
        None
    };
    let start = match (given, &kernels) {
        (None, Some(kernels)) if needs_distribution => Some(kernels.distribution()?.sample(seed, 0)),
        (given, _) => given,
    };
    let mut watch = |share: f64| watch(0.2 + 0.8 * share);
    Ok(match &kernels {
        Some(kernels) if !model.evolves() => solve_stationary(model, kernels, start.as_deref(), training, &mut watch)?,
        _ => {
            let particles = models::ParticleClassifier { unit: &classifier.activation, inputs, constants };
            let source = source(classifier, inputs.count(), inputs.dimension());
            let solve = |source: &Source, watch: &mut dyn FnMut(f64) -> Control| {
                solve_particles(model, &particles, source, start.as_deref(), training, watch)
            };
            let Source::Quadrature { nodes } = source else { return Ok(solve(&source, &mut watch)?) };
            // Nodes do not follow large weights or steps.
            let coarse = solve(&Source::Quadrature { nodes: 3 * nodes / 4 }, &mut |share| watch(0.3 * share))?;
            let fine = solve(&source, &mut |share| watch(0.3 + 0.7 * share))?;
            if agree(&coarse, &fine) { fine } else { solve(&drawn(inputs.count()), &mut watch)? }
        }
    })
}

/// A network of m neurons, by its own constants.
fn network(
    classifier: &Classifier,
    inputs: &Inputs,
    m: u64,
    seed: u64,
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Solution> {
    let at = Width::Finite(m);
    let std = classifier.output_std.at(at);
    let rates = Rates { readout: classifier.readout_rate.at(at) * std, input: classifier.input_rate.at(at) * std };
    let constants = Constants {
        output_scale: std * m as f64,
        readout_rate: rates.readout,
        input_rate: rates.input,
        input_std: classifier.input_std,
        reference_width: m as f64,
    };
    // Equal weights S/m = σ: neurons are drawn as particles are.
    let particles =
        Source::Independent { particles: m, replicas: 1, seed }.particles(inputs, constants, NETWORK_SET)?;
    let mut system = ParticleSystem::new(&classifier.activation, inputs, rates, particles)?;
    // IC-MF (docs/theory/scaling-limits.md §4.4, Eq. correction).
    let corrected = classifier.is_corrected.then(|| (m as f64 / classifier.reference_width).sqrt() - 1.0);
    let share = corrected.or(classifier.is_centered.then_some(-1.0));
    let offset: Option<Vec<f64>> = share.map(|share| system.outputs().iter().map(|output| share * output).collect());
    train_network(&mut system, offset.as_deref(), training, watch)
}

/// One value per input, training inputs first.
fn all_inputs(start: &Start, inputs: &Inputs) -> Result<Vec<f64>> {
    let values: Vec<f64> = start.train.iter().chain(start.test.iter().flat_map(Matrix::iter)).copied().collect();
    if values.len() == inputs.count() {
        Ok(values)
    } else {
        Err(Error::Invalid(format!(
            "the initial function has {} values for {} inputs, training inputs first",
            values.len(),
            inputs.count()
        )))
    }
}

fn stopped() -> Solution {
    Solution { records: Vec::new(), end: End::Stopped { step: 0 }, settled: None }
}
