//! A problem is solved at several widths and seeds: all of it is planned before anything runs, and what was solved is compared with the limit.

use std::{borrow::Cow, path::Path, sync::Arc};

use widenet_core::{
    Problem, Trajectory, Width, humanized,
    problem::{Need, Quantity, Rule},
    scaling::Limit,
    training::stable_learning_rate,
    trajectory::{Engine, Status},
};
use widenet_engines::{
    ComparedProblem, EngineChoice, EngineRule, Engines, HiddenOptions, LimitOptions, Reference, References, Request,
    Solution, SolveError, Solver, Watch, rate_warning, stable_rate, trajectory_warnings,
};
use widenet_model::Precision;
use widenet_system::memory;

/// At which widths a problem is solved, and how.
#[derive(Debug, Clone, Copy)]
pub struct SolveOptions<'a> {
    /// Distinct widths, ∞ among them or not.
    pub widths: &'a [Width],
    /// How finite widths find their engine.
    pub rule: EngineRule,
    /// Float type of the engines on a device.
    pub precision: Precision,
    /// Options of the engines that have them.
    pub hidden: HiddenOptions,
    /// How exactly limits by quadrature are evaluated.
    pub limit: LimitOptions,
}

impl<'a> SolveOptions<'a> {
    /// Returns the usual options: the cheapest engine that takes the problem at each of the widths, and single precision where networks are
    /// on a device.
    pub fn new(widths: &'a [Width]) -> Self {
        SolveOptions {
            widths,
            rule: EngineRule::All(EngineChoice::Auto),
            precision: Precision::F32,
            hidden: HiddenOptions::default(),
            limit: LimitOptions::default(),
        }
    }
}

/// One of the widths, with the engine that takes it.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// What is asked of it, with seed 0.
    pub request: Request<'a>,
    /// The engine.
    pub engine: Engine,
}

/// A problem at several widths, each with its engine.
pub struct Solving<'a> {
    engines: &'a Engines,
    problem: &'a Problem,
    limit: LimitOptions,
    planned: Vec<Planned<'a>>,
    notes: Vec<String>,
}

/// Distances of trajectories to their limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    /// One for each trajectory; none where it is not known.
    pub values: Vec<Option<f64>>,
    /// Why some are not known, in sentences, each once.
    pub obstacles: Vec<String>,
}

impl<'a> Solving<'a> {
    /// Plans all widths.
    ///
    /// # Errors
    /// A width that is given twice, or [`SolveError`] for one that no engine takes.
    pub fn new(engines: &'a Engines, problem: &'a Problem, options: &SolveOptions<'_>) -> Result<Self, SolveError> {
        let SolveOptions { widths, rule, precision, hidden, limit } = *options;
        limit.check(problem, widths)?;
        if let Some((_, width)) = widths.iter().enumerate().find(|(i, width)| widths[..*i].contains(width)) {
            return Err(SolveError::Refused(format!("width {width} is given twice; give distinct widths")));
        }
        let plan = |width: &Width| {
            let hidden = hidden.at(*width, widths, problem);
            let request = Request { problem, width: *width, seed: 0, precision, hidden, limit };
            let engine = engines.plan(&request, rule.at(problem, *width))?.engine;
            Ok(Planned { request, engine })
        };
        let planned: Vec<_> = widths.iter().map(plan).collect::<Result<_, SolveError>>()?;
        let notes = engines.take_notes().into_iter().chain(problem.warnings()).chain(rate_warning(problem)).collect();
        Ok(Solving { engines, problem, limit, planned, notes })
    }

    /// Returns the widths with their engines, in the order of the options.
    pub fn planned(&self) -> &[Planned<'a>] {
        &self.planned
    }

    /// Returns what should be said before anything runs.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Refuses more seeds than their records can be kept of in memory; `option` is what the caller has for their number.
    ///
    /// # Errors
    /// [`SolveError::Refused`] with what the records need, and how many seeds fit.
    pub fn check_memory(&self, seeds: u64, option: &str) -> Result<(), SolveError> {
        let bytes: u64 = self.planned.iter().map(|planned| self.problem.record_bytes(planned.request.width).0).sum();
        let needed = bytes.saturating_mul(seeds);
        let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
        let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
        let fit = available / bytes.max(1);
        Err(SolveError::Refused(format!(
            "the records of {seeds} seeds need {needs}, and {has} are available; {fit} seeds fit ({option}), or set record.at or \
             record.quantities to less"
        )))
    }

    /// Solves one of the widths. With a `checkpoint` path a run that is stopped is continued from there ([`Solver::solve`]). What should be
    /// said of the solution stands in its notes.
    ///
    /// # Errors
    /// [`SolveError`] if the engine cannot run. A diverged run is a solution.
    pub fn solve(
        &self,
        planned: &Planned<'_>,
        seed: u64,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let request = Request { seed, ..planned.request };
        let Solution { trajectory, mut notes } = self.engines.solve(&request, planned.engine, checkpoint, watch)?;
        notes.extend(divergence_hint(self.problem, &trajectory));
        notes.extend(trajectory_warnings(self.problem, &trajectory));
        Ok(Solution { trajectory, notes })
    }

    /// Returns the largest distances, over the records, of a quantity that is a matrix to that of the limit. Limits are computed once for all
    /// trajectories that have the same.
    pub fn distances(&self, quantity: Quantity, trajectories: &[Arc<Trajectory>], watch: &Watch<'_>) -> Distances {
        let problem = on_training_inputs(self.problem, quantity);
        let of = ComparedProblem { problem: &problem, hash: "", limit: self.limit };
        let mut references = References::new(self.engines, watch);
        trajectories.iter().for_each(|limit| references.know(&of, limit));
        let mut obstacles: Vec<String> = Vec::new();
        let measure = |trajectory: &Arc<Trajectory>| match references.get(Reference::Limit, &of, trajectory) {
            Ok(limit) => trajectory.distance(quantity, limit),
            Err(reason) => {
                let obstacle = format!("no distance to the limit at width {}: {reason}", trajectory.width);
                if !obstacles.contains(&obstacle) {
                    obstacles.push(obstacle);
                }
                None
            }
        };
        let values = trajectories.iter().map(measure).collect();
        Distances { values, obstacles }
    }
}

/// The problem without its test set, where a quantity of the training inputs is compared: a limit of random start then needs to be told the
/// network's start on those alone.
fn on_training_inputs(problem: &Problem, quantity: Quantity) -> Cow<'_, Problem> {
    if quantity != Quantity::Outputs || problem.data.test.is_none() {
        return Cow::Borrowed(problem);
    }
    let mut reduced = problem.clone();
    reduced.data.test = None;
    reduced.record.quantities.retain(|quantity| !quantity.needs(Need::TestOutputs));
    Cow::Owned(reduced)
}

/// Returns the quantity in which the solutions of a problem are compared with its limit: the predictor of deep linear networks, and the outputs
/// of all others.
pub fn compared_quantity(problem: &Problem) -> Quantity {
    if problem.is_solved_as_predictor() { Quantity::Predictor } else { Quantity::Outputs }
}

/// What to do about a diverged run, and nothing about any other.
fn divergence_hint(problem: &Problem, trajectory: &Trajectory) -> Option<String> {
    if !matches!(trajectory.status, Status::Diverged { .. }) {
        return None;
    }
    let width = trajectory.width;
    let mut hint = format!("width {width}, seed {} {}", trajectory.seed, trajectory.status.ending());
    if !problem.is_solved_as_predictor() {
        if let Ok(bound) = stable_rate(problem) {
            hint.push_str(&format!("; infinitely wide networks are stable for learning rates below {bound:.3e}"));
        }
        return Some(hint);
    }
    let kernel = match (width, problem.scaling().limit()) {
        (Width::Finite(m), _) => problem.scaling().at(m).tangent_kernel(),
        (Width::Infinite, Ok(Limit::Network(network))) => network.tangent_kernel(),
        (Width::Infinite, Ok(Limit::Lazy { kernel, .. })) => kernel,
        (Width::Infinite, Err(_)) => return Some(hint),
    };
    let bound = stable_learning_rate(problem, kernel);
    if matches!(problem.optimizer.rule, Rule::Descent { .. }) && bound.is_normal() {
        hint.push_str(&format!(
            "; gradient descent is stable at initialisation for learning rates below 2/(λ_max(Σ) Θ_0 + weight_decay) = {bound:.3e}, \
             and rich training needs less"
        ));
    }
    Some(hint)
}

#[cfg(test)]
mod tests {
    use widenet_core::{document::Document, training::Control};
    use widenet_model::DeviceChoice;

    use super::*;

    fn problem(quantities: &str) -> Problem {
        let text = format!(
            "[network]\nhidden_layers = 1\nactivation = \"tanh\"\n[parameterization]\nkind = \"ntk\"\n[data]\nkind = \"inline\"\n\
             inputs = [[1, 0], [0, 1]]\ntargets = [[1], [-1]]\ntest_inputs = [[1, 1]]\ntest_targets = [[0.5]]\n[optimizer]\nkind = \"gd\"\n\
             learning_rate = 0.5\nsteps = 10\n[record]\nquantities = [{quantities}]\n"
        );
        let document = Document::from_toml("problem.toml", &text).expect("a document");
        Problem::from_document(&document, Path::new("")).expect("a problem")
    }

    fn distances(quantities: &str) -> Distances {
        let problem = problem(quantities);
        let engines = Engines::new(DeviceChoice::Flex).expect("a device");
        let widths = [Width::Finite(256), Width::Infinite];
        let solving = Solving::new(&engines, &problem, &SolveOptions::new(&widths)).expect("a plan");
        let watch = |_: &widenet_core::training::Progress<'_>| Control::Continue;
        let solve = |planned| solving.solve(planned, 1, None, &watch).expect("a solution").trajectory.into();
        solving.distances(Quantity::Outputs, &solving.planned().iter().map(solve).collect::<Vec<_>>(), &watch)
    }

    /// They were unknown unless outputs on test inputs were recorded too.
    #[test]
    fn distances_of_training_outputs_need_no_test_outputs() {
        let alone = distances("\"test_loss\", \"outputs\"");
        assert_eq!(alone, distances("\"test_loss\", \"outputs\", \"test_outputs\""));
        assert!(alone.values[0].is_some_and(|distance| distance > 0.0 && distance < 1.0), "{alone:?}");
    }

    #[test]
    fn what_cannot_be_compared_is_told_once() {
        let Distances { values, obstacles } = distances("\"test_loss\"");
        assert_eq!((values, obstacles.len()), (vec![None, None], 2), "{obstacles:?}");
        assert!(obstacles[0].contains("record outputs at 0"), "{obstacles:?}");
    }

    #[test]
    fn widths_that_are_given_twice_are_refused() {
        let problem = problem("\"train_loss\"");
        let engines = Engines::new(DeviceChoice::Flex).expect("a device");
        let widths = [Width::Finite(8), Width::Finite(8)];
        let refused =
            Solving::new(&engines, &problem, &SolveOptions::new(&widths)).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("width 8 is given twice; give distinct widths"));
    }
}
