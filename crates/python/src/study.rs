//! Studies: run, continued, reported.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use pyo3::{prelude::*, types::PyDict};
use widenet::{
    Engines,
    core::trajectory::Status,
    experiment::{self, Outcome, Report, Reporter, RunOptions, Study, Trial, TrialPlan},
    statistics::Finding,
};

use crate::{
    errors::{EngineError, Exception},
    solutions::{device, engines},
    work::{Running, Watcher, run},
};

/// How often runs keep a checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(60);

/// Tells a watcher how far a run is.
struct Told<'w> {
    watcher: &'w Watcher,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trials: usize,
    finished: usize,
    running: BTreeMap<String, f64>,
    notes: Vec<String>,
}

impl Told<'_> {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let done = state.finished as f64 + state.running.values().sum::<f64>();
        self.watcher.begin(format!("{} of {} trials", state.finished, state.trials));
        self.watcher.tell((done / state.trials.max(1) as f64).min(1.0));
    }
}

impl Reporter for Told<'_> {
    fn begins(&self, trials: usize) {
        self.change(|state| state.trials = trials);
    }

    fn progress(&self, trial: &Trial, fraction: f64) {
        self.change(|state| {
            state.running.insert(trial.label.clone(), fraction);
        });
    }

    fn started(&self, _: &Trial, _: &TrialPlan) {}

    fn finished(&self, trial: &Trial, _: &Status, _: bool) {
        self.change(|state| {
            state.running.remove(&trial.label);
            state.finished += 1;
        });
    }

    fn note(&self, message: &str) {
        self.change(|state| state.notes.push(message.to_owned()));
    }
}

/// What a run directory says: its place, findings, what is missing, and what should be said.
fn told<'py>(py: Python<'py>, report: &Report, notes: Vec<String>) -> PyResult<Bound<'py, PyDict>> {
    let finding = |finding: &Finding| {
        let found = PyDict::new(py);
        found.set_item("check", &finding.check)?;
        found.set_item("group", &finding.group)?;
        found.set_item("predicted", &finding.predicted)?;
        found.set_item("found", finding.found)?;
        found.set_item("low", finding.interval.map(|(low, _)| low))?;
        found.set_item("high", finding.interval.map(|(_, high)| high))?;
        found.set_item("verdict", finding.verdict.word())?;
        found.set_item("reason", &finding.reason)?;
        Ok(found)
    };
    let said = PyDict::new(py);
    said.set_item("directory", &report.directory)?;
    said.set_item("verdicts", report.findings.iter().map(finding).collect::<PyResult<Vec<_>>>()?)?;
    said.set_item("partial", report.partial.as_ref())?;
    let missing =
        report.unanswered.iter().map(|of| format!("metric `{}` has no value in any answer: {}", of.metric, of.reason));
    let not_drawn =
        report.not_drawn.iter().map(|of| format!("figure `{}` could not be drawn: {}", of.figure, of.reason));
    let all: Vec<String> =
        notes.into_iter().chain(report.notes.iter().cloned()).chain(missing).chain(not_drawn).collect();
    said.set_item("notes", all)?;
    Ok(said)
}

/// Runs a study or continues it.
#[pyfunction]
pub(crate) fn study<'py>(
    py: Python<'py>,
    asked: (PathBuf, bool, Vec<(String, String)>),
    place: (PathBuf, Option<usize>, String),
    running: Running<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let (path, full, overrides) = asked;
    let (out, jobs, device_name) = place;
    let study = Study::load(&path, full, &overrides).map_err(Exception::exception)?;
    let device = device(&device_name)?;
    let jobs = jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)).max(1);
    let ended = run(py, &running, move |watcher| -> Result<_, PyErr> {
        let engines = Engines::new(device).map_err(Exception::exception)?.checkpoint_every(CHECKPOINT);
        let options = RunOptions { out, jobs, device, ..RunOptions::default() };
        let told = Told { watcher, state: Mutex::default() };
        let outcome =
            experiment::run(&study, &engines, &options, watcher.flag(), &told).map_err(Exception::exception)?;
        let state = told.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((outcome, state.notes))
    })??;
    match ended {
        (Outcome::Finished(report), notes) => told(py, &report, notes),
        (Outcome::ShardFinished { directory, remaining } | Outcome::Interrupted { directory, remaining, .. }, _) => {
            Err(EngineError::new_err(format!(
                "{remaining} trials are not done; the same call continues in {}",
                directory.display()
            )))
        }
    }
}

/// Makes tables, figures and verdicts of a run directory again.
#[pyfunction]
pub(crate) fn report<'py>(py: Python<'py>, directory: PathBuf, running: Running<'py>) -> PyResult<Bound<'py, PyDict>> {
    let made = run(py, &running, move |watcher| -> Result<_, PyErr> {
        let engines = engines(widenet::DeviceChoice::Auto).map_err(Exception::exception)?;
        experiment::report(&directory, &*engines, watcher.flag()).map_err(Exception::exception)
    })??;
    match made {
        Some(report) => told(py, &report, Vec::new()),
        None => Err(EngineError::new_err("the report was stopped")),
    }
}
