//! The mean-field limit of perceptrons by quadrature: its estimate and its solution.

use widenet_core::{Problem, Width, humanized, training::Progress, trajectory::Engine};
use widenet_limits::{
    Regime, Theory,
    nonlinear::{self, Options},
};
use widenet_system::memory;

use crate::solver::{Plan, Solution, SolveError, Watch};

/// How exactly mean-field limits of perceptrons are evaluated. `None` is the usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LimitOptions {
    /// Half-width of 95 % intervals, relative to the largest number of each recorded quantity, in (0, 1); usually 1e-3.
    pub accuracy: Option<f64>,
    /// Independent draws of the nodes, 2 at least; usually 8.
    pub replicates: Option<usize>,
}

impl LimitOptions {
    /// With the usual where nothing is said.
    pub(crate) fn resolved(self) -> Options {
        let usual = Options::default();
        Options {
            accuracy: self.accuracy.unwrap_or(usual.accuracy),
            replicates: self.replicates.unwrap_or(usual.replicates),
            memory: memory::available().unwrap_or(usual.memory),
            ..usual
        }
    }

    /// Refuses numbers out of range, and options where none of the widths has a limit by quadrature.
    ///
    /// # Errors
    /// [`SolveError`] with the option, its value, and what would be right.
    pub fn check(&self, problem: &Problem, widths: &[Width]) -> Result<(), SolveError> {
        self.resolved().check()?;
        let given = [
            self.accuracy.map(|accuracy| format!("accuracy = {accuracy:?}")),
            self.replicates.map(|replicates| format!("replicates = {replicates}")),
        ];
        let has_quadrature = widths.contains(&Width::Infinite) && matches!(Regime::of(problem), Ok(Regime::MeanField));
        match given.into_iter().flatten().next().filter(|_| !has_quadrature) {
            Some(option) => Err(SolveError::Refused(format!(
                "{option}: this is an option of limits by quadrature, at width inf of perceptrons in mean-field scaling, and none is asked for; \
                 leave it out"
            ))),
            None => Ok(()),
        }
    }
}

/// The estimate of a limit.
pub(crate) fn plan_mean_field(problem: &Problem, options: &Options) -> Result<Plan, SolveError> {
    options.check()?;
    let cost = nonlinear::cost(problem, options);
    Ok(Plan {
        engine: Engine::Limit,
        reason: format!(
            "{} ({}), to {} with 95 % confidence: about {} nodes per layer, {} replicates",
            Theory::MEAN_FIELD.name,
            Theory::MEAN_FIELD.page,
            humanized::number(options.accuracy),
            cost.nodes,
            options.replicates
        ),
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
