//! A solver with known answers: `β_m(t) = β_∞(t) + ξ m^(-1/2)`, with ξ from the seed and the width; and how tests run studies with it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use rand::RngExt;
use widenet_core::{
    Matrix, Problem, Trajectory, Width,
    problem::{Quantity, Rule},
    seed::{Purpose, stream},
    training::{Control, Progress},
    trajectory::{Engine, Record, Status, Value},
};
use widenet_engines::{
    EngineChoice, HiddenOptions, InitialFunction, LimitOptions, Plan, ReferenceRequest, Request, Solution, SolveError,
    Solver, Watch,
};
use widenet_experiment::{Outcome, Report, Reporter, RunOptions, Study, Trial, run};

/// Counts its work; may diverge or refuse at one width.
#[derive(Default)]
pub(crate) struct FakeSolver {
    pub(crate) diverging: Option<Width>,
    /// Only this seed diverges there.
    pub(crate) diverging_seed: Option<u64>,
    pub(crate) refused: Option<Width>,
    /// Records of this width are not of the shape of their quantities.
    pub(crate) misshapen: Option<Width>,
    /// Standard error of all single numbers of the limit.
    pub(crate) error: f64,
    /// A trial of this width fails when it runs.
    pub(crate) failing: Option<Width>,
    /// A trial of this width panics when it runs.
    pub(crate) panicking: Option<Width>,
    /// What was planned, in order.
    pub(crate) asked: Mutex<Vec<(Width, EngineChoice, HiddenOptions)>>,
    /// Options of limits that were planned, and of references that were computed.
    pub(crate) limits: Mutex<Vec<(Width, LimitOptions)>>,
    /// References that were computed.
    pub(crate) references: AtomicUsize,
    pub(crate) steps: AtomicU64,
    pub(crate) dense_running: AtomicUsize,
    pub(crate) dense_at_once: AtomicUsize,
}

const RATE: f64 = 2.0;

fn record(problem: &Problem, step: u64, learning_rate: f64, noise: f64) -> Record {
    let time = learning_rate * step as f64;
    let decay = (-RATE * time).exp();
    let value = |quantity: &Quantity| match quantity {
        Quantity::Predictor => {
            Value::Matrix(Matrix::from_row_slice(1, 2, &[1.0 - decay + noise, 2.0 - 2.0 * decay - noise]))
        }
        Quantity::TangentKernelChange => Value::Scalar(noise),
        _ => Value::Scalar(2.5 * decay * decay),
    };
    Record::new(step, time, problem.record.quantities.iter().map(|q| (*q, value(q))).collect())
}

impl FakeSolver {
    fn make_estimates(&self, records: &mut [Record]) {
        for record in records.iter_mut().filter(|_| self.error > 0.0) {
            let numbers = record.values.iter().filter(|(_, value)| matches!(value, Value::Scalar(_)));
            record.errors = numbers.map(|(quantity, _)| (*quantity, Value::Scalar(self.error))).collect();
        }
    }

    fn noise(width: Width, seed: u64) -> f64 {
        match width {
            Width::Infinite => 0.0,
            Width::Finite(m) => {
                let uniform: f64 = stream(seed, Purpose::Weights(0), m).random();
                (0.8 + 0.4 * uniform) / (m as f64).sqrt()
            }
        }
    }
}

impl Solver for FakeSolver {
    fn plan(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        self.asked.lock().unwrap().push((request.width, choice, request.hidden));
        self.limits.lock().unwrap().push((request.width, request.limit));
        if self.refused == Some(request.width) {
            return Err(SolveError::Refused(format!("width {} needs more memory than there is", request.width)));
        }
        let engine = match (request.width, choice) {
            (Width::Infinite, _) => Engine::Limit,
            (_, EngineChoice::Dense) => Engine::Dense,
            _ => Engine::Law,
        };
        Ok(Plan {
            engine,
            reason: format!("the fake's {} engine", engine.name()),
            bytes: 1000,
            seconds: 0.1,
            exclusive: engine.is_on_device(),
            device: None,
        })
    }

    fn solve(
        &self,
        request: &Request<'_>,
        engine: Engine,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let Request { problem, width, seed, .. } = *request;
        let Rule::Descent { learning_rate, steps, .. } = problem.optimizer.rule else { unreachable!() };
        assert!(self.panicking != Some(width), "the fake engine panics");
        if self.failing == Some(width) {
            return Err(SolveError::Refused("the device is gone".into()));
        }
        if engine == Engine::Dense {
            let running = self.dense_running.fetch_add(1, Ordering::SeqCst) + 1;
            self.dense_at_once.fetch_max(running, Ordering::SeqCst);
        }
        let noise = FakeSolver::noise(width, seed);
        let saved = checkpoint.and_then(|path| fs::read_to_string(path).ok());
        let mut notes = Vec::new();
        let start = saved.map_or(0, |text| {
            text.parse().unwrap_or_else(|_| {
                notes.push("the checkpoint is damaged; starting anew".into());
                0
            })
        });
        let (mut records, mut status) = (Vec::new(), Status::Done);
        for step in 0..=steps {
            let diverges = self.diverging == Some(width) && self.diverging_seed.is_none_or(|only| only == seed);
            if diverges && step == 7 {
                status = Status::Diverged { step, time: learning_rate * step as f64 };
                break;
            }
            if problem.record.at.contains(&(step as f64)) {
                records.push(record(problem, step, learning_rate, noise));
            }
            if self.misshapen == Some(width) {
                records.iter_mut().for_each(|record| {
                    record.values.insert(Quantity::Predictor, Value::Scalar(0.0));
                });
            }
            if step < start {
                continue;
            }
            self.steps.fetch_add(1, Ordering::SeqCst);
            if self.panicking.is_some() {
                // Slow enough for the panic of another trial to come first.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            let fraction = step as f64 / steps as f64;
            let progress = Progress { step, time: 0.0, fraction, step_size: None, records: &records };
            if step < steps && watch(&progress) == Control::Stop {
                if let Some(path) = checkpoint {
                    fs::write(path, (step + 1).to_string()).unwrap();
                }
                status = Status::Interrupted { step: step + 1 };
                break;
            }
        }
        if engine == Engine::Dense {
            self.dense_running.fetch_sub(1, Ordering::SeqCst);
        }
        if width == Width::Infinite {
            self.make_estimates(&mut records);
        }
        Ok(Solution { trajectory: Trajectory { width, engine, seed, status, records }, notes })
    }

    fn reference(&self, request: &ReferenceRequest<'_>, watch: &Watch<'_>) -> Result<Trajectory, SolveError> {
        let ReferenceRequest { problem, seed, initial, limit, .. } = *request;
        self.references.fetch_add(1, Ordering::SeqCst);
        self.limits.lock().unwrap().push((Width::Infinite, limit));
        let Rule::Descent { learning_rate, .. } = problem.optimizer.rule else { unreachable!() };
        // The lazy fake keeps the noise of its start for ever.
        let noise = match initial {
            Some(InitialFunction::Predictor(initial)) => initial[(0, 0)],
            _ => 0.0,
        };
        let mut records: Vec<Record> =
            problem.record.at.iter().map(|at| record(problem, *at as u64, learning_rate, noise)).collect();
        self.make_estimates(&mut records);
        let progress = Progress { step: 0, time: 0.0, fraction: 0.0, step_size: None, records: &[] };
        let status = match watch(&progress) {
            Control::Continue => Status::Done,
            Control::Stop => Status::Interrupted { step: 0 },
        };
        Ok(Trajectory { width: Width::Infinite, engine: Engine::Limit, seed, status, records })
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) notes: Mutex<Vec<String>>,
    pub(crate) begun: AtomicUsize,
    pub(crate) reused: AtomicUsize,
    pub(crate) ran: AtomicUsize,
}

impl Reporter for Log {
    fn begins(&self, trials: usize) {
        self.begun.store(trials, Ordering::SeqCst);
    }

    fn finished(&self, _: &Trial, _: &Status, reused: bool) {
        if reused { &self.reused } else { &self.ran }.fetch_add(1, Ordering::SeqCst);
    }

    fn note(&self, message: &str) {
        self.notes.lock().unwrap().push(message.into());
    }
}

pub(crate) const STUDY: &str = r#"
[study]
name = "fake"
claim = "The predictor of width m is within O(m^-1/2) of the limit's."
expected = "exponent -1/2"
dense_up_to = 100

[problem.network]
hidden_layers = 2
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1, 0], [0, 1]]
targets = [[1], [2]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 20
[problem.record]
at = [0, 1, 2, 5, 10, 20]
quantities = ["train_loss", "predictor"]

[axes]
width = [64, 1e3, 1e5, 1e7, "inf"]
seed = { count = 5 }
network.hidden_layers = [1, 3]

[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"

[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
exponent = -0.5
tolerance = 0.05

[[check]]
name = "decay"
kind = "exponential"
quantity = "train_loss"

[[check]]
name = "exact"
kind = "below"
metric = "distance"
value = 1e-12
width = "inf"

[[figure]]
name = "convergence"
kind = "scaling"
metric = "distance"

[[figure]]
name = "loss"
kind = "curves"
quantity = "train_loss"
"#;

/// Writes a study file into a folder.
pub(crate) fn study_file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("fake.toml");
    fs::write(&path, text).unwrap();
    path
}

/// The study above with replacements.
pub(crate) fn study(folder: &Path, replacements: &[(&str, &str)]) -> Study {
    let text = replacements.iter().fold(STUDY.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the study does not contain `{from}`");
        text.replace(from, to)
    });
    Study::load(&study_file(folder, &text), false, &[]).unwrap()
}

pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);

pub(crate) fn options(out: &Path) -> RunOptions {
    RunOptions { out: out.into(), ..RunOptions::default() }
}

pub(crate) fn finish(study: &Study, solver: &FakeSolver, options: &RunOptions, reporter: &dyn Reporter) -> Report {
    match run(study, solver, options, &NEVER, reporter).unwrap() {
        Outcome::Finished(report) => report,
        other => panic!("{other:?}"),
    }
}

/// The files that must not depend on how a run went.
pub(crate) fn results(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<_> =
        ["table.csv", "metrics.csv", "fits.csv", "report.md"].map(|name| directory.join(name)).into();
    names.extend(fs::read_dir(directory.join("figures")).unwrap().map(|entry| entry.unwrap().path()));
    for trial in fs::read_dir(directory.join("trials")).unwrap() {
        names.extend(fs::read_dir(trial.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    names.sort();
    names
        .iter()
        .map(|path| (path.strip_prefix(directory).unwrap().display().to_string(), fs::read(path).unwrap()))
        .collect()
}
