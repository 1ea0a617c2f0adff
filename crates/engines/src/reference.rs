//! References are what trajectories are compared with: limits and lazy networks, started where the compared trajectory started. Each is
//! computed once.

use std::collections::BTreeMap;

use widenet_core::{
    Problem, Trajectory, Width,
    problem::Quantity,
    trajectory::{Status, Value},
};
use widenet_limits::Regime;

use crate::solver::{InitialFunction, Reference, Solver, Watch};

/// Everything a reference depends on: its kind, the problem, the seed of minibatches, the bits of a random start.
type ReferenceKey = (Reference, String, Option<u64>, Vec<u64>);

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
    pub fn know(&mut self, problem: &Problem, hash: &str, limit: &Trajectory) {
        let is_limit = limit.width == Width::Infinite && limit.status == Status::Done;
        if is_limit && matches!(Regime::of(problem), Ok(Regime::MeanField)) {
            let key = key(Reference::Limit, problem, hash, limit.seed, None);
            self.known.entry(key).or_insert_with(|| Ok(limit.clone()));
        }
    }

    /// Returns the reference of a trajectory of a problem. `hash` tells problems with their data apart.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn get(
        &mut self,
        reference: Reference,
        problem: &Problem,
        hash: &str,
        trajectory: &Trajectory,
    ) -> Result<&Trajectory, String> {
        let initial = if starts_at_random(problem) { Some(own_start(problem, trajectory)?) } else { None };
        let seed = trajectory.seed;
        let key = key(reference, problem, hash, seed, initial.as_ref());
        let solve = || {
            let solved = self.solver.reference(reference, problem, seed, initial.as_ref(), self.watch);
            let solved = solved.map_err(|error| error.to_string())?;
            match solved.status {
                Status::Done => Ok(solved),
                _ => Err(format!("its reference {}", solved.status.ending())),
            }
        };
        self.known.entry(key).or_insert_with(solve).as_ref().map_err(Clone::clone)
    }
}

fn key(
    reference: Reference,
    problem: &Problem,
    hash: &str,
    seed: u64,
    initial: Option<&InitialFunction>,
) -> ReferenceKey {
    let of_batches = problem.optimizer.batch_size().map(|_| seed);
    (reference, hash.to_owned(), of_batches, initial.map(InitialFunction::bits).unwrap_or_default())
}
