//! A task is what a trial asks; it says what runs it.

use std::sync::Arc;

use widenet_core::{Problem, Width, document::Value, trajectory::Engine};
use widenet_engines::{Plan, Request, SolveError, Solver};
use widenet_questions::{PosteriorQuestion, PriorQuestion};

use super::trial::Trial;
use crate::study::Subject;

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
    Prior(Box<PriorQuestion>),
    Posterior(Box<PosteriorQuestion>),
}

/// A problem to be solved at a width.
#[derive(Debug, Clone)]
pub(crate) struct ProblemTask {
    pub(crate) problem: Arc<Problem>,
    /// SHA-256 of the resolved problem and its data: equal for trials that differ in width and seed only.
    pub(crate) hash: Arc<str>,
    pub(crate) width: Width,
}

impl ProblemTask {
    pub(crate) fn request(&self, trial: &Trial) -> Request<'_> {
        let Trial { seed, precision, hidden, .. } = *trial;
        Request { problem: &self.problem, width: self.width, seed, precision, hidden }
    }
}

impl PreparedTrial {
    /// What runs it. Questions that multiply weight matrices count as dense: they use all cores, or the device.
    pub(crate) fn plan(&self, solver: &dyn Solver) -> std::result::Result<Plan, SolveError> {
        let question = match &self.task {
            Task::Problem(task) => return solver.plan(&task.request(&self.trial), self.trial.engine),
            Task::Prior(_) => Subject::Prior,
            Task::Posterior(_) => Subject::Posterior,
        };
        let document = &self.trial.specification;
        let is_dense = question.seeded().iter().any(|section| {
            let by = document.get(&format!("{section}.by")).map(|node| &node.value);
            by == Some(&Value::String("network".into()))
        });
        let engine = if is_dense { Engine::Dense } else { Engine::Law };
        let fields = document.reader().fields();
        let sections =
            fields.iter().map(|field| field.key()).filter(|key| !["network", "data", "kernel"].contains(key));
        let sections: Vec<_> = sections.collect();
        let by = if is_dense { "networks with all their weights" } else { "laws of random networks" };
        Ok(Plan { engine, reason: format!("{by}: {}", sections.join(", ")), bytes: 0, seconds: 0.0, alone: false })
    }

    /// The trial has a result of its own; others share it.
    pub(crate) fn is_solved(&self) -> bool {
        self.solved_as.index == self.trial.index
    }
}
