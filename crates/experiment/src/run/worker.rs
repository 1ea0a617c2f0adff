//! A worker runs one trial and stores its result.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use widenet_core::{
    training::{Control, Progress},
    trajectory::Status,
};
use widenet_engines::{Plan, SolveError, Solver};
use widenet_model::DeviceChoice;
use widenet_questions::{AnswerTree, PosteriorQuestion, QuestionError};

use super::reporter::Reporter;
use crate::{
    error::{Error, Result},
    storage::{Answer, Found, Store, TrialDirectory},
    trials::{PreparedTrial, ProblemTask, Task, Trial},
};

/// Tells that a trial has its result, and those that share it.
pub(super) fn finished(reporter: &dyn Reporter, trial: &Trial, sharing: &[&Trial], status: &Status, reused: bool) {
    reporter.finished(trial, status, reused);
    sharing.iter().for_each(|trial| reporter.finished(trial, status, true));
}

/// A trial to run.
pub(super) struct Job<'a> {
    pub(super) prepared: &'a PreparedTrial,
    /// Trials that share its result.
    pub(super) sharing: Vec<&'a Trial>,
    pub(super) plan: Plan,
}

impl<'a> Job<'a> {
    pub(super) fn new(prepared: &'a PreparedTrial, sharing: Vec<&'a Trial>, solver: &dyn Solver) -> Result<Job<'a>> {
        let trial = &prepared.trial;
        let refused = |error: SolveError| Error::Refused { trial: trial.label.clone(), reason: error.to_string() };
        Ok(Job { prepared, sharing, plan: prepared.plan(solver).map_err(refused)? })
    }
}

pub(super) struct Worker<'a> {
    pub(super) solver: &'a dyn Solver,
    pub(super) device: DeviceChoice,
    pub(super) directory: &'a Path,
    pub(super) store: &'a Store<'a>,
    pub(super) stop: &'a AtomicBool,
    /// A trial failed: the others stop too.
    pub(super) failed: AtomicBool,
    pub(super) reporter: &'a dyn Reporter,
}

impl Worker<'_> {
    fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Runs one trial and stores its result; false if it was stopped.
    pub(super) fn run(&self, job: &Job<'_>) -> Result<bool> {
        let Job { prepared, plan, .. } = job;
        let trial = &prepared.trial;
        if self.must_stop() {
            return Ok(false);
        }
        let directory: TrialDirectory = prepared.directory(self.directory);
        if let Found::Done(found) = self.store.find(prepared)? {
            // By another process, since the plan was made.
            finished(self.reporter, trial, &job.sharing, &found.result.status(), true);
            return Ok(true);
        }
        directory.prepare(plan.seconds)?;
        self.reporter.started(trial, plan);
        let start = Instant::now();
        match &prepared.task {
            Task::Problem(task) => self.solve(job, task, &directory, start),
            Task::Prior(question) => {
                let watch = &mut |fraction| self.watch(trial, fraction);
                let answer = question.answer(self.device, trial.precision, watch);
                self.keep(job, answer, &directory, start)
            }
            Task::Posterior(question) => {
                let answer = question.answer(&mut |fraction| self.watch(trial, fraction));
                self.keep(job, answer, &directory, start)
            }
        }
    }

    fn watch(&self, trial: &Trial, fraction: f64) -> Control {
        self.reporter.progress(trial, fraction);
        if self.must_stop() { Control::Stop } else { Control::Continue }
    }

    fn failed(trial: &Trial, error: &dyn std::error::Error) -> Error {
        Error::Failed { trial: trial.label.clone(), reason: error.to_string() }
    }

    /// Stores an answer; a question that was stopped starts again.
    fn keep(
        &self,
        Job { prepared: PreparedTrial { trial, .. }, sharing, plan }: &Job<'_>,
        answer: std::result::Result<AnswerTree, QuestionError>,
        directory: &TrialDirectory,
        start: Instant,
    ) -> Result<bool> {
        let answer = match answer {
            Err(QuestionError::Stopped) => return Ok(false),
            answer => answer.map_err(|error| Self::failed(trial, &error))?,
        };
        let doubt = PosteriorQuestion::unreliable(&answer);
        if let Some(reason) = doubt {
            self.reporter.note(&format!("trial {}: UNRELIABLE: {reason}", trial.label));
        }
        let value = serde_json::to_value(&answer).map_err(|error| Self::failed(trial, &error))?;
        let answer = Answer { value, reliable: doubt.is_none() };
        directory.store_answer(trial.subject, &answer, &plan.reason, start.elapsed().as_secs_f64())?;
        finished(self.reporter, trial, sharing, &Status::Done, false);
        Ok(true)
    }

    fn solve(
        &self,
        Job { prepared, sharing, plan }: &Job<'_>,
        task: &ProblemTask,
        directory: &TrialDirectory,
        start: Instant,
    ) -> Result<bool> {
        let trial = &prepared.trial;
        let watch = |progress: &Progress<'_>| self.watch(trial, progress.fraction);
        let solution = self
            .solver
            .solve(&task.request(trial), plan.engine, Some(&directory.checkpoint()), &watch)
            .map_err(|error| Self::failed(trial, &error))?;
        for note in &solution.notes {
            self.reporter.note(&format!("trial {}: {note}", trial.label));
        }
        let interrupted = matches!(solution.trajectory.status, Status::Interrupted { .. });
        if interrupted && matches!(self.store.find(prepared)?, Found::Done(_)) {
            // Another process was faster; its result stays.
            return Ok(false);
        }
        directory.store(&solution.trajectory, &plan.reason, start.elapsed().as_secs_f64())?;
        if interrupted {
            return Ok(false);
        }
        finished(self.reporter, trial, sharing, &solution.trajectory.status, false);
        Ok(true)
    }
}
