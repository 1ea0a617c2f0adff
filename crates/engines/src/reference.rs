//! References are what trajectories are compared with: limits and lazy networks, started where the compared trajectory started. Each is
//! computed once, or taken over from a trajectory of width ∞ that is there.

use std::collections::BTreeMap;

use widenet_core::{
    Problem, Trajectory, Width,
    problem::Quantity,
    trajectory::{Status, Value},
};
use widenet_limits::Regime;

use crate::{
    limit_options::{LimitKey, LimitOptions},
    solver::{InitialFunction, Reference, ReferenceRequest, Solver, Watch},
};

/// A problem whose trajectories are compared.
#[derive(Debug, Clone, Copy)]
pub struct ComparedProblem<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// Tells problems with their data apart.
    pub hash: &'a str,
    /// How exactly a limit by quadrature is evaluated.
    pub limit: LimitOptions,
}

/// Everything a reference depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ReferenceKey {
    reference: Reference,
    /// Of the problem.
    hash: String,
    /// Seed of minibatches, if there are any.
    batches: Option<u64>,
    /// Bits of a random start.
    start: Vec<u64>,
    /// How exactly it is known, of a limit by quadrature.
    limit: Option<LimitKey>,
}

/// Reference trajectories, each computed once.
pub struct References<'s> {
    solver: &'s dyn Solver,
    watch: &'s Watch<'s>,
    known: BTreeMap<ReferenceKey, Result<Trajectory, String>>,
}

/// Says whether the limit's start is random: it is compared given the trial's own start.
pub fn starts_at_random(problem: &Problem) -> bool {
    Regime::of(problem).is_ok_and(|regime| regime.starts_at_random(problem))
}

/// Says whether trajectories of width ∞ differ between seeds: by their start, their minibatches, or the nodes or particles that are drawn.
pub fn limit_depends_on_seed(problem: &Problem) -> bool {
    let is_drawn = |regime: Regime| match regime {
        Regime::DeepLinear | Regime::Kernel => regime.starts_at_random(problem),
        Regime::Classifier(_) | Regime::MeanField => true,
    };
    problem.optimizer.batch_size().is_some() || Regime::of(problem).map_or(true, is_drawn)
}

/// Quantities that say what a network computes at time 0.
pub fn start_quantities(problem: &Problem) -> Vec<Quantity> {
    match (problem.is_solved_as_predictor(), &problem.data.test) {
        (true, _) => vec![Quantity::Predictor],
        (false, None) => vec![Quantity::Outputs],
        (false, Some(_)) => vec![Quantity::Outputs, Quantity::TestOutputs],
    }
}

/// What the network computed at time 0.
fn own_start(problem: &Problem, trajectory: &Trajectory) -> Result<InitialFunction, String> {
    let first = trajectory.records.first().filter(|record| record.time == 0.0);
    let matrix = |quantity: Quantity| match first.and_then(|record| record.values.get(&quantity)) {
        Some(Value::Matrix(matrix)) => Ok(matrix.clone()),
        _ => {
            Err(format!("its limit starts at random and is taken given its own start: record {} at 0", quantity.name()))
        }
    };
    if problem.is_solved_as_predictor() {
        return matrix(Quantity::Predictor).map(InitialFunction::Predictor);
    }
    let regime = Regime::of(problem).map_err(|error| error.to_string())?;
    let outputs = |quantity| Ok::<_, String>(matrix(quantity)? / regime.start_scale(trajectory.width));
    let test = problem.data.test.as_ref().map(|_| outputs(Quantity::TestOutputs)).transpose()?;
    Ok(InitialFunction::Outputs { train: outputs(Quantity::Outputs)?, test })
}

impl<'s> References<'s> {
    /// Makes references of which none is known yet. `watch` may stop the computation of one.
    pub fn new(solver: &'s dyn Solver, watch: &'s Watch<'s>) -> Self {
        Self { solver, watch, known: BTreeMap::new() }
    }

    /// Takes over a limit by quadrature that has been computed, as the limit of its problem.
    pub fn know(&mut self, of: &ComparedProblem<'_>, limit: &Trajectory) {
        let is_limit = limit.width == Width::Infinite && limit.status == Status::Done;
        if is_limit && matches!(Regime::of(of.problem), Ok(Regime::MeanField)) {
            let key = of.key(Reference::Limit, limit.seed, None);
            self.known.entry(key).or_insert_with(|| Ok(limit.clone()));
        }
    }

    /// Says that a limit by quadrature, for this seed, is being computed elsewhere: unless it is known already, there is none until then.
    pub fn expect(&mut self, of: &ComparedProblem<'_>, seed: u64) {
        if matches!(Regime::of(of.problem), Ok(Regime::MeanField)) {
            let key = of.key(Reference::Limit, seed, None);
            self.known.entry(key).or_insert_with(|| Err("its trial of width inf is not done".into()));
        }
    }

    /// Returns the reference of a trajectory of a problem.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn get(
        &mut self,
        reference: Reference,
        of: &ComparedProblem<'_>,
        trajectory: &Trajectory,
    ) -> Result<&Trajectory, String> {
        let ComparedProblem { problem, limit, .. } = *of;
        let initial = if starts_at_random(problem) { Some(own_start(problem, trajectory)?) } else { None };
        let seed = trajectory.seed;
        let key = of.key(reference, seed, initial.as_ref());
        let solve = || {
            let request = ReferenceRequest { reference, problem, seed, initial: initial.as_ref(), limit };
            let solved = self.solver.reference(&request, self.watch).map_err(|error| error.to_string())?;
            match solved.status {
                Status::Done => Ok(solved),
                Status::Stopped(_) | Status::Diverged { .. } | Status::Interrupted { .. } => {
                    Err(format!("its reference {}", solved.status.ending()))
                }
            }
        };
        self.known.entry(key).or_insert_with(solve).as_ref().map_err(Clone::clone)
    }
}

impl ComparedProblem<'_> {
    fn key(&self, reference: Reference, seed: u64, initial: Option<&InitialFunction>) -> ReferenceKey {
        let is_by_quadrature = matches!(Regime::of(self.problem), Ok(Regime::MeanField));
        ReferenceKey {
            reference,
            hash: self.hash.to_owned(),
            batches: self.problem.optimizer.batch_size().map(|_| seed),
            start: initial.map(InitialFunction::bits).unwrap_or_default(),
            limit: is_by_quadrature.then(|| self.limit.key()),
        }
    }
}
