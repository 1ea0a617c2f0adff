//! The mean-field limit of perceptrons by quadrature: its estimate and its solution.

use widenet_core::{Problem, Width, humanized, training::Progress, trajectory::Engine};
use widenet_limits::{
    Regime, Theory,
    nonlinear::{self, Options},
};

use crate::{
    limit_options::LimitOptions,
    solver::{Plan, Solution, SolveError, Watch},
};

/// Smallest and largest exponent of 2 of a number of nodes that is given.
const LOG2_NODES: (u32, u32) = (4, 22);

impl LimitOptions {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`SolveError`] with the option, its value, and what would be right.
    pub fn check_ranges(&self) -> Result<(), SolveError> {
        if let Some(nodes) = self.nodes {
            let (least, most) = LOG2_NODES;
            if !nodes.is_power_of_two() || !(least..=most).contains(&nodes.ilog2()) {
                return Err(SolveError::Refused(format!(
                    "nodes = {nodes} must be a power of two from 2^{least} to 2^{most}, as Sobol points are even in such numbers only"
                )));
            }
            if let Some(accuracy) = self.accuracy {
                return Err(SolveError::Refused(format!(
                    "accuracy = {accuracy:?} chooses the number of nodes, and nodes = {nodes} is given too; give one of the two"
                )));
            }
        }
        Ok(self.resolved().check()?)
    }

    /// Refuses numbers out of range, and options where none of the widths has a limit by quadrature.
    ///
    /// # Errors
    /// [`SolveError`] with the option, its value, and what would be right.
    pub fn check(&self, problem: &Problem, widths: &[Width]) -> Result<(), SolveError> {
        self.check_ranges()?;
        if widths.contains(&Width::Infinite) && !self.is_usual() {
            // Why there is no limit says more than that this one has no options.
            Regime::of(problem)?;
        }
        let is_used = widths.iter().any(|width| !self.at(*width, problem).is_usual());
        if is_used || self.is_usual() { Ok(()) } else { Err(self.unused()) }
    }

    /// The error that no limit by quadrature is asked for.
    pub fn unused(&self) -> SolveError {
        let given = [
            self.accuracy.map(|accuracy| format!("accuracy = {accuracy:?}")),
            self.replicates.map(|replicates| format!("replicates = {replicates}")),
            self.nodes.map(|nodes| format!("nodes = {nodes}")),
        ];
        let given: Vec<String> = given.into_iter().flatten().collect();
        SolveError::Refused(format!(
            "{}: this is an option of limits by quadrature, at width inf of perceptrons in mean-field scaling, and none is asked for; leave it \
             out",
            given.join(", ")
        ))
    }
}

/// The estimate of a limit, whose `asked` options are resolved to `options`.
pub(crate) fn plan_mean_field(problem: &Problem, asked: LimitOptions, options: &Options) -> Result<Plan, SolveError> {
    asked.check_ranges()?;
    options.check()?;
    let cost = nonlinear::cost(problem, options);
    let (name, page, replicates) = (Theory::MEAN_FIELD.name, Theory::MEAN_FIELD.page, options.replicates);
    let how = match asked.nodes {
        Some(nodes) => format!("{nodes} nodes per layer, {replicates} replicates"),
        None if options.accuracy < cost.in_reach => format!(
            "accuracy {} is likely out of reach: about {} is in reach, with {} nodes per layer, the most, and {replicates} replicates",
            humanized::exact(options.accuracy),
            format_args!("{:.0e}", cost.in_reach),
            cost.nodes
        ),
        None => format!(
            "to {} with 95 % confidence: about {} nodes per layer, {replicates} replicates",
            humanized::number(options.accuracy),
            cost.nodes
        ),
    };
    Ok(Plan {
        engine: Engine::Limit,
        reason: format!("{name} ({page}), {how}"),
        bytes: cost.bytes,
        seconds: cost.seconds,
        exclusive: false,
        device: None,
    })
}

/// The limit with its standard errors, stopped by `watch`.
pub(crate) fn solve_mean_field(
    problem: &Problem,
    seed: u64,
    options: &Options,
    watch: &Watch<'_>,
) -> Result<Solution, SolveError> {
    let watch = |fraction| watch(&Progress { step: 0, time: 0.0, fraction, step_size: None, records: &[] });
    let nonlinear::Solution { trajectory, notes, .. } = nonlinear::solve(problem, seed, options, &watch)?;
    Ok(Solution { trajectory, notes })
}
