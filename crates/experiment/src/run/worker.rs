//! A worker runs one trial and stores its result.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use widenet_core::{training::Control, trajectory::Status};
use widenet_engines::{SolveError, Solver};
use widenet_model::DeviceChoice;
use widenet_output::Seen;

use super::{
    leases::{Held, Leases},
    reporter::Reporter,
};
use crate::{
    error::{Error, Result},
    storage::{Found, Made, ProcessFile, Store, TrialDirectory},
    study::Metric,
    trials::{Answer, Context, PreparedTrial, Trial, TrialPlan, TrialResult},
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
    pub(super) plan: TrialPlan,
}

impl<'a> Job<'a> {
    pub(super) fn new(prepared: &'a PreparedTrial, sharing: Vec<&'a Trial>, solver: &dyn Solver) -> Result<Job<'a>> {
        let trial = &prepared.trial;
        let refused = |error: SolveError| Error::Refused { trial: trial.label.clone(), reason: error.to_string() };
        Ok(Job { prepared, sharing, plan: prepared.plan(solver).map_err(refused)? })
    }
}

pub(super) struct Worker<'a> {
    /// Those of the study.
    pub(super) metrics: &'a [Metric],
    pub(super) solver: &'a dyn Solver,
    pub(super) device: DeviceChoice,
    pub(super) directory: &'a Path,
    pub(super) store: &'a Store<'a>,
    pub(super) stop: &'a AtomicBool,
    /// A trial failed: the others stop too.
    pub(super) failed: AtomicBool,
    pub(super) reporter: &'a dyn Reporter,
    /// Remarks about devices that were said already.
    pub(super) said: Mutex<BTreeSet<String>>,
    /// The trials that this process runs now.
    pub(super) leases: Leases,
    pub(super) process: &'a ProcessFile,
    /// Trials that other processes have, by the number of their jobs, as their leases were last read.
    pub(super) busy: Mutex<BTreeMap<usize, Seen>>,
    /// Those whose holders were found dead.
    pub(super) dead: Mutex<BTreeMap<usize, Seen>>,
}

/// The trial is ours while this lives.
struct Leasing<'a> {
    leases: &'a Leases,
    held: Arc<Held>,
}

impl Drop for Leasing<'_> {
    fn drop(&mut self) {
        self.leases.give_up(&self.held);
    }
}

/// Lets the other workers stop if this one fails or panics.
struct StopOthers<'a> {
    failed: &'a AtomicBool,
    is_needless: bool,
}

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        if !self.is_needless {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker<'_> {
    fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// As [`Worker::run`]; if it fails or panics, the others stop at their next step.
    pub(super) fn run_or_stop_all(&self, number: usize, job: &Job<'_>) -> Result<bool> {
        let mut others = StopOthers { failed: &self.failed, is_needless: false };
        let ran = self.run(number, job);
        others.is_needless = ran.is_ok();
        ran
    }

    /// Whether the trial of a job has its result, made by another process; then it is told.
    pub(super) fn is_done(&self, job: &Job<'_>) -> Result<bool> {
        let Found::Done(found) = self.store.find(job.prepared)? else { return Ok(false) };
        finished(self.reporter, &job.prepared.trial, &job.sharing, &found.result.status(), true);
        Ok(true)
    }

    /// Runs the trial of a job and stores its result, unless another process has it; false if it was stopped.
    fn run(&self, number: usize, job: &Job<'_>) -> Result<bool> {
        if self.must_stop() {
            return Ok(false);
        }
        let directory: TrialDirectory = job.prepared.directory(self.directory);
        // By another process, since the plan was made.
        if self.is_done(job)? {
            return Ok(true);
        }
        directory.create()?;
        let dead = lock(&self.dead).remove(&number);
        let held = match self.leases.lease(directory.path(), dead.as_ref())? {
            Ok(held) => held,
            Err(seen) => {
                lock(&self.busy).insert(number, seen);
                return Ok(true);
            }
        };
        let leasing = Leasing { leases: &self.leases, held };
        // Or just before it was leased.
        if self.is_done(job)? {
            self.leases.finish(&leasing.held)?;
            return Ok(true);
        }
        let ran = self.run_held(job, &directory, &leasing.held);
        if leasing.held.is_lost() {
            lock(&self.busy).insert(number, Seen::unknown());
            return Ok(true);
        }
        match &ran {
            Ok(true) => self.leases.finish(&leasing.held)?,
            Ok(false) => {}
            Err(error) => directory.store_failure(&error.to_string()),
        }
        ran
    }

    /// Runs a trial that is ours; false if it was stopped.
    fn run_held(&self, job: &Job<'_>, directory: &TrialDirectory, held: &Held) -> Result<bool> {
        let Job { prepared, plan, sharing } = job;
        let trial = &prepared.trial;
        directory.prepare(plan.estimate.map_or(0.0, |estimate| estimate.seconds))?;
        self.reporter.started(trial, plan);
        let start = Instant::now();
        let watch = |fraction| self.watch(trial, held, fraction);
        let (solver, checkpoint) = (self.solver, directory.checkpoint());
        let context = Context { solver, device: self.device, checkpoint: &checkpoint, watch: &watch };
        let ran = prepared.run(plan, &context);
        let ran = ran.map_err(|reason| Error::Failed { trial: trial.label.clone(), reason })?;
        for note in &ran.notes {
            self.reporter.note(&format!("trial {}: {note}", trial.label));
        }
        self.say_once(&ran.common_notes);
        let is_interrupted = ran.is_interrupted();
        // A question that was stopped starts again.
        let Some(result) = ran.result else { return Ok(false) };
        if held.check_lost() {
            // It is for who has taken it over to write; the result would be the same.
            return Ok(false);
        }
        if let TrialResult::Answer(answer) = &result {
            self.say_missing(trial, answer);
        }
        let device = ran.device.map(DeviceChoice::name);
        let made = Made { reason: &plan.reason, device, seconds: start.elapsed().as_secs_f64() };
        directory.store(trial.kind, &result, &made)?;
        if is_interrupted {
            return Ok(false);
        }
        self.process.has_finished_trial();
        finished(self.reporter, trial, sharing, &result.status(), false);
        Ok(true)
    }

    fn watch(&self, trial: &Trial, held: &Held, fraction: f64) -> Control {
        self.reporter.progress(trial, fraction);
        if self.must_stop() || held.is_lost() { Control::Stop } else { Control::Continue }
    }

    /// Says of every metric once that the path of its value leads nowhere.
    fn say_missing(&self, trial: &Trial, answer: &Answer) {
        let mut said = lock(&self.said);
        for metric in self.metrics {
            let Some(reason) = metric.missing_path(|path| answer.numbers(path)) else { continue };
            let metric = format!("metric `{}` has no value", metric.name);
            if said.insert(metric.clone()) {
                self.reporter.note(&format!("{metric} in trial {}: {reason}", trial.label));
            }
        }
    }

    fn say_once(&self, notes: &[String]) {
        let mut said = lock(&self.said);
        for note in notes {
            if said.insert(note.clone()) {
                self.reporter.note(note);
            }
        }
    }
}
