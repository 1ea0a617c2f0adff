//! A task is what a trial asks; it is planned and run here.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use widenet_core::{
    Problem, Width,
    document::Document,
    training::{Control, Progress},
    trajectory::{Engine, Status},
};
use widenet_engines::{
    ComparedProblem, EngineChoice, HiddenOptions, LimitOptions, Plan, Request, SolveError, Solver, is_integrated,
    trajectory_warnings,
};
use widenet_model::DeviceChoice;
use widenet_questions::{Kind, Question, QuestionError, QuestionPlan, Run};

use super::{
    data::DataSets,
    result::{Answer, TrialResult},
    trial::Trial,
};

/// A trial with what it asks.
#[derive(Debug, Clone)]
pub(crate) struct PreparedTrial {
    pub(crate) trial: Trial,
    pub(crate) task: Task,
    /// Everything the result depends on, as written to `trial.toml`.
    pub(crate) text: String,
    /// The first trial with the same text, which may be this one: theirs is one result, kept in its directory.
    pub(crate) solved_as: SolvedAs,
}

/// The trial that has a result for itself and for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SolvedAs {
    pub(crate) index: usize,
    pub(crate) label: String,
    pub(crate) directory: String,
}

/// What a trial asks.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    Problem(ProblemTask),
    Question(QuestionTask),
}

/// A problem to be solved at a width.
#[derive(Debug, Clone)]
pub(crate) struct ProblemTask {
    pub(crate) problem: Arc<Problem>,
    /// SHA-256 of the resolved problem and its data: equal for trials that differ in width and seed only.
    pub(crate) hash: Arc<str>,
    pub(crate) width: Width,
    pub(crate) choice: EngineChoice,
    pub(crate) hidden: HiddenOptions,
    /// How exactly the limit that it is compared with is known, and its own at width ∞.
    pub(crate) limit: LimitOptions,
}

/// A question, read again when it is asked: what it holds while it waits is its text.
#[derive(Debug, Clone)]
pub(crate) struct QuestionTask {
    pub(crate) kind: &'static Kind,
    pub(crate) document: Document,
    pub(crate) base: PathBuf,
    pub(crate) data: Arc<DataSets>,
    pub(crate) plan: QuestionPlan,
}

/// How a trial would run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialPlan {
    /// The engine of a problem, the word of a question.
    pub runner: &'static str,
    /// Why that one, or by what.
    pub reason: String,
    /// What it would take; questions have no estimate.
    pub estimate: Option<Estimate>,
    /// Others that are exclusive wait while it runs.
    pub exclusive: bool,
    /// The engine of a problem.
    pub engine: Option<Engine>,
    /// The device of that engine, if it has one.
    pub device: Option<DeviceChoice>,
}

/// What an engine would take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Peak memory in bytes.
    pub bytes: u64,
    /// Time in seconds on this machine.
    pub seconds: f64,
    /// The time is a lower bound: how many evaluations a flow needs shows when it runs.
    pub is_least: bool,
}

impl TrialPlan {
    /// Returns the plan of a problem at a width.
    pub fn of_problem(plan: Plan, problem: &Problem, width: Width) -> Self {
        TrialPlan {
            runner: plan.engine.name(),
            reason: plan.reason,
            estimate: Some(Estimate {
                bytes: plan.bytes,
                seconds: plan.seconds,
                is_least: is_integrated(problem, width),
            }),
            exclusive: plan.exclusive,
            engine: Some(plan.engine),
            device: plan.device,
        }
    }
}

/// Where and for whom a trial runs.
pub(crate) struct Context<'a> {
    pub(crate) solver: &'a dyn Solver,
    /// Where questions multiply weight matrices.
    pub(crate) device: DeviceChoice,
    /// Where an engine keeps its checkpoint.
    pub(crate) checkpoint: &'a Path,
    /// Told the share of the work done, in [0, 1].
    pub(crate) watch: &'a (dyn Fn(f64) -> Control + Sync),
}

/// What came of a trial.
pub(crate) struct Ran {
    /// The result; a trajectory that was stopped is one, a question that was stopped has none.
    pub(crate) result: Option<TrialResult>,
    /// Remarks for the user about this trial.
    pub(crate) notes: Vec<String>,
    /// Remarks for the user that many trials have in common, about the device or the problem: each is said once.
    pub(crate) common_notes: Vec<String>,
    /// The device that computed, if one did.
    pub(crate) device: Option<DeviceChoice>,
}

impl Ran {
    /// Whether the trial was stopped.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.result.as_ref().is_none_or(|result| matches!(result.status(), Status::Interrupted { .. }))
    }
}

impl ProblemTask {
    fn request(&self, trial: &Trial) -> Request<'_> {
        let Trial { seed, precision, .. } = *trial;
        let (hidden, limit) = (self.hidden, self.own_limit());
        Request { problem: &self.problem, width: self.width, seed, precision, hidden, limit }
    }

    /// What its own result depends on of the options of limits.
    pub(super) fn own_limit(&self) -> LimitOptions {
        self.limit.at(self.width, &self.problem)
    }

    /// What its trajectory is compared with is the reference of this.
    pub(crate) fn compared(&self) -> ComparedProblem<'_> {
        ComparedProblem { problem: &self.problem, hash: &self.hash, limit: self.limit }
    }

    fn run(&self, trial: &Trial, plan: &TrialPlan, context: &Context<'_>) -> Result<Ran, SolveError> {
        let engine = plan.engine.ok_or_else(|| SolveError::Refused("a problem is solved by an engine".into()))?;
        let watch = |progress: &Progress<'_>| (context.watch)(progress.fraction);
        let solution = context.solver.solve(&self.request(trial), engine, Some(context.checkpoint), &watch)?;
        let problem_notes = self.problem.warnings().into_iter();
        let common_notes = problem_notes.chain(trajectory_warnings(&self.problem, &solution.trajectory)).collect();
        Ok(Ran {
            result: Some(TrialResult::Trajectory(solution.trajectory)),
            notes: solution.notes,
            common_notes,
            device: plan.device,
        })
    }
}

impl QuestionTask {
    /// Reads the question.
    pub(crate) fn read(&self) -> widenet_core::Result<Arc<dyn Question>> {
        Ok(read_question(self.kind, &self.document, &self.base, &self.data)?.0)
    }

    fn run(&self, trial: &Trial, context: &Context<'_>) -> Result<Ran, QuestionError> {
        let mut watch = |fraction| (context.watch)(fraction);
        let mut run = Run::new(context.device, trial.precision, &mut watch);
        let answered = match self.read()?.answer(&mut run) {
            Err(QuestionError::Stopped) => None,
            answered => Some(answered?),
        };
        let (common_notes, device) = (run.take_notes(), run.device());
        let doubt = answered.as_ref().and_then(|answered| answered.unreliable.as_ref());
        let notes = doubt.map(|reason| format!("UNRELIABLE: {reason}")).into_iter().collect();
        let result = answered.map(|answered| {
            TrialResult::Answer(Answer { reliable: answered.unreliable.is_none(), value: answered.tree.into_value() })
        });
        Ok(Ran { result, notes, common_notes, device })
    }
}

/// Reads a question whose data are shared, and the fingerprint of its data, empty without any.
pub(crate) fn read_question(
    kind: &Kind,
    document: &Document,
    base: &Path,
    data: &DataSets,
) -> widenet_core::Result<(Arc<dyn Question>, String)> {
    let mut fingerprint = String::new();
    let question = (kind.parse)(document, base, &mut |source| {
        let (inputs, found) = data.of_question(source, base)?;
        fingerprint = found;
        Ok(inputs)
    })?;
    Ok((question, fingerprint))
}

impl PreparedTrial {
    /// What runs it.
    ///
    /// # Errors
    /// No engine takes the problem.
    pub(crate) fn plan(&self, solver: &dyn Solver) -> Result<TrialPlan, SolveError> {
        match &self.task {
            Task::Problem(task) => {
                let plan = solver.plan(&task.request(&self.trial), task.choice)?;
                Ok(TrialPlan::of_problem(plan, &task.problem, task.width))
            }
            Task::Question(task) => Ok(TrialPlan {
                runner: task.kind.name,
                reason: task.plan.reason.clone(),
                estimate: None,
                exclusive: task.plan.exclusive,
                engine: None,
                device: None,
            }),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Why it failed, in words. A diverged run is a result.
    pub(crate) fn run(&self, plan: &TrialPlan, context: &Context<'_>) -> Result<Ran, String> {
        match &self.task {
            Task::Problem(task) => task.run(&self.trial, plan, context).map_err(|error| error.to_string()),
            Task::Question(task) => task.run(&self.trial, context).map_err(|error| error.to_string()),
        }
    }

    /// The problem, if it is one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match &self.task {
            Task::Problem(task) => Some(&task.problem),
            Task::Question(_) => None,
        }
    }

    /// The trial has a result of its own; others share it.
    pub(crate) fn is_solved(&self) -> bool {
        self.solved_as.index == self.trial.index
    }
}
