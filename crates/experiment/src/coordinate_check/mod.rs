//! A coordinate check measures what grows with the width in the first steps of training, and whether it does so as power counting says.
//!
//! ```text
//! rms h_l(t),  rms (h_l(t) − h_l(0)),  ‖W_l(t) − W_l(0)‖/‖W_l(0)‖,  ‖Θ_0‖,  ‖Θ_t − Θ_0‖/‖Θ_0‖   ∝   m^exponent
//! ```
//!
//! (docs/theory/scaling-limits.md §2, §5.3, §7.1.) Networks of several widths and seeds are trained for a few steps, a number that does not
//! depend on the width. Every quantity in every layer after every step is a power law in the width, judged by the rules of
//! [`crate::study::check`] for `power_law`, without R²: against its prediction, or, where there is none, against exponents
//! that say that it does not grow. Measurements of networks of any other framework are judged alike ([`CoordinateReport::of_table`]).

mod figure;
mod options;
mod predictions;
mod report;
mod sizes;
mod table;

use std::path::Path;

use widenet_core::{
    Error, Problem, Trajectory, Width,
    problem::{Quantity, RecordPlan, Schedule},
    training::{Control, Progress},
    trajectory::{Engine, Status},
};
use widenet_engines::{EngineChoice, HiddenOptions, LimitOptions, Plan, Request, SolveError, Solver};
use widenet_output::create_directory;

pub use options::{CoordinateOptions, MIN_WIDTHS};
pub use predictions::{Prediction, predicted};
pub use report::{CoordinateReport, Origin, Row};
pub use table::TableOptions;

/// Makes a folder for figures: found out now, not after hours of work, if it cannot be.
///
/// # Errors
/// [`widenet_output::Error`].
pub fn make_folder(path: &Path) -> widenet_output::Result<()> {
    create_directory(path)
}

/// Most rows of a tangent kernel that is measured, samples times outputs.
const MAX_KERNEL_SIDE: usize = 1000;

/// A problem to be checked.
#[derive(Debug, Clone)]
pub struct CoordinateCheck {
    /// With what is recorded instead of its own plan.
    problem: Problem,
    options: CoordinateOptions,
    notes: Vec<String>,
}

impl CoordinateCheck {
    /// Prepares a check of a problem with its own scaling, loss and optimiser; its steps, its schedule and its records are replaced.
    ///
    /// # Errors
    /// [`Error::Invalid`]: too few widths, width ∞, a width given twice, a tolerance that is not > 0, an optimiser without steps.
    pub fn new(mut problem: Problem, options: CoordinateOptions) -> Result<Self, Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        let widths = &options.widths;
        if widths.contains(&Width::Infinite) {
            return invalid("width inf has no place in a power law of the width; give finite widths".into());
        }
        if let Some((_, twice)) = widths.iter().enumerate().find(|(i, width)| widths[..*i].contains(width)) {
            return invalid(format!("width {twice} is given twice; give distinct widths"));
        }
        if widths.len() < MIN_WIDTHS {
            return invalid(format!(
                "a coordinate check needs at least {MIN_WIDTHS} widths to tell a power law, not {}; give for example 256,512,1024",
                widths.len()
            ));
        }
        let tolerance = options.tolerance;
        if !(tolerance > 0.0 && tolerance.is_finite()) {
            return invalid(format!("the tolerance of exponents is {tolerance}; it must be a number > 0"));
        }
        if problem.optimizer.set_steps(options.steps).is_err() {
            return invalid(
                "a coordinate check counts steps, and the optimizer is a flow; set optimizer.kind to \"gd\", \"momentum\", \"sgd\", \"rmsprop\" or \"adam\""
                    .into(),
            );
        }
        let mut quantities = vec![Quantity::ActivationNorms, Quantity::ActivationChanges, Quantity::WeightChange];
        let mut notes = Vec::new();
        // Shares of the learning rate are the same at every width, and those of the first steps may be tiny.
        if !problem.optimizer.schedule.is_constant() {
            notes.push("optimizer.schedule is left out: every step is taken with the peak learning rate".into());
            problem.optimizer.schedule = Schedule::CONSTANT;
        }
        let (samples, outputs) = problem.data.train.targets.shape();
        if samples * outputs <= MAX_KERNEL_SIDE {
            quantities.extend([Quantity::TangentKernelNorm, Quantity::TangentKernelChange]);
        } else {
            notes.push(format!(
                "the tangent kernel of {samples} training samples and {outputs} outputs is left out; it is measured for up to {} samples \
                 (data.train_samples)",
                MAX_KERNEL_SIDE / outputs
            ));
        }
        quantities.sort();
        // It compares networks after the same steps.
        problem.stop = None;
        problem.record = RecordPlan { at: (0..=options.steps).map(|step| step as f64).collect(), quantities };
        Ok(Self { problem, options, notes })
    }

    /// Trains all networks and judges; `None` if `watch`, which is told the share of the work done, stopped it.
    ///
    /// # Errors
    /// [`SolveError`] at the first width that no engine takes, before anything has run.
    pub fn run(
        &self,
        solver: &dyn Solver,
        watch: &(dyn Fn(f64) -> Control + Sync),
    ) -> Result<Option<CoordinateReport>, SolveError> {
        let CoordinateOptions { widths, seeds, precision, .. } = &self.options;
        let (precision, hidden, limit) = (*precision, HiddenOptions::default(), LimitOptions::default());
        let request = |width, seed| Request { problem: &self.problem, width, seed, precision, hidden, limit };
        let plans: Vec<Plan> = widths
            .iter()
            .map(|&width| solver.plan(&request(width, 0), EngineChoice::Dense))
            .collect::<Result<_, _>>()?;
        let total = plans.iter().map(|plan| plan.seconds).sum::<f64>() * *seeds as f64;
        let mut notes = self.notes.clone();
        notes.extend(solver.take_notes());
        let mut trajectories: Vec<Trajectory> = Vec::new();
        let mut done = 0.0;
        for (&width, plan) in widths.iter().zip(&plans) {
            for seed in 1..=*seeds {
                let progress = |progress: &Progress<'_>| watch((done + progress.fraction * plan.seconds) / total);
                let solution = solver.solve(&request(width, seed), Engine::Dense, None, &progress)?;
                done += plan.seconds;
                notes.extend(solution.notes);
                if let Status::Interrupted { .. } = solution.trajectory.status {
                    return Ok(None);
                }
                trajectories.push(solution.trajectory);
            }
        }
        notes.extend(sizes::divergences(&trajectories));
        Ok(Some(CoordinateReport::new(&self.problem, &self.options, &trajectories, notes)))
    }
}
