//! Engines of finite networks run on a device: dense, conditioned and regenerated. This module says what each would take, and which one
//! `auto` chooses.
//!
//! Up to [`DENSE_UP_TO`] neurons real matrices are cheap. Beyond, perceptrons go to the engine with fewer multiply-adds,
//! among those that fit the memory: dense takes 3 m² P per hidden matrix and step, conditioned about 18 m r P for rank r
//! (docs/theory/conditioning.md §2). The counts, not the measured rates, decide, so the choice is the same on every machine with enough
//! memory.

use std::{
    hint::black_box,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use widenet_core::{
    Problem, humanized,
    problem::{EntryLaw, Need, Scope},
    trajectory::Engine,
};
use widenet_model::{
    Calibration, CheckpointPlan, DeviceChoice, DeviceKind, Every, Hidden, HiddenMatrix, Matrices, MemoryEstimate,
    ModelError, OpenDevice, Precision, ResponseStorage, Run, WideEstimate, default_tolerance, guarded,
    seconds_per_step, solve_on_device,
};

use crate::solver::{Alternative, Plan, Request, Solution, SolveError, Watch};

/// Bytes of a network that leaves most of a CPU idle: it fits the caches of a core, and its products are too short for threads.
const SMALL: u64 = 4 << 20;
/// Bytes up to which a conditioned run stores its answers as vectors.
const STORED_UP_TO: u64 = 4 << 30;

/// Widths up to which `auto` takes real matrices.
const DENSE_UP_TO: u64 = 4096;

/// Engines of finite networks on a device.
const ON_DEVICE: [Engine; 3] = [Engine::Dense, Engine::Conditioned, Engine::Regenerated];

/// The engines of a device, which is opened when the first run is planned.
pub(crate) struct DeviceEngines {
    device: DeviceChoice,
    checkpoint_every: Duration,
    /// Counts requests for checkpoints now.
    asked: Option<&'static AtomicU64>,
    opened: OnceLock<Result<OpenDevice, ModelError>>,
    bandwidth: OnceLock<f64>,
    /// In `f32` and `f64`.
    calibrations: [OnceLock<Result<Calibration, String>>; 2],
    notes: Mutex<Vec<String>>,
}

impl DeviceEngines {
    /// A device that is named is opened at once.
    pub(crate) fn new(device: DeviceChoice) -> Result<Self, SolveError> {
        let engines = Self {
            device,
            checkpoint_every: Duration::from_secs(60),
            asked: None,
            opened: OnceLock::new(),
            bandwidth: OnceLock::new(),
            calibrations: [OnceLock::new(), OnceLock::new()],
            notes: Mutex::new(Vec::new()),
        };
        if device != DeviceChoice::Auto {
            engines.open()?;
        }
        Ok(engines)
    }

    pub(crate) fn checkpoint_every(self, interval: Duration) -> Self {
        Self { checkpoint_every: interval, ..self }
    }

    pub(crate) fn checkpoint_when(self, asked: &'static AtomicU64) -> Self {
        Self { asked: Some(asked), ..self }
    }

    fn open(&self) -> Result<&OpenDevice, SolveError> {
        let opened = self.opened.get_or_init(|| {
            let opened = self.device.open();
            if let Ok(device) = &opened {
                self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(device.note.clone());
            }
            opened
        });
        opened.as_ref().map_err(|error| error.clone().into())
    }

    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes per second at which the device reads its memory: measured for the processor, a cautious figure for a GPU.
    fn bandwidth(&self, kind: DeviceKind) -> f64 {
        match kind {
            DeviceKind::Gpu => 200e9,
            DeviceKind::Cpu | DeviceKind::SoftwareGpu => *self.bandwidth.get_or_init(read_bandwidth),
        }
    }

    /// What the device does per second, measured once.
    fn calibration(&self, precision: Precision) -> Result<Calibration, SolveError> {
        let known = match precision {
            Precision::F32 => &self.calibrations[0],
            Precision::F64 => &self.calibrations[1],
        };
        let measured = known.get_or_init(|| {
            let device = self.open().map_err(|error| error.to_string())?;
            let placement = device.placement(precision).map_err(|error| error.to_string())?;
            guarded("calibration", || Calibration::measure(&placement)).map_err(|error| error.to_string())
        });
        measured.clone().map_err(SolveError::Refused)
    }

    /// How an engine makes its hidden matrices on this device; `None` for the dense one.
    pub(crate) fn hidden(&self, request: &Request<'_>, engine: Engine) -> Option<Hidden> {
        let tolerance = request.hidden.tolerance.unwrap_or_else(|| default_tolerance(request.precision));
        let matrix = match engine {
            Engine::Regenerated => HiddenMatrix::Regenerated,
            Engine::Conditioned => HiddenMatrix::Conditioned(request.hidden.answers.unwrap_or_else(|| {
                let stored = HiddenMatrix::Conditioned(ResponseStorage::Stored);
                let width = finite(request);
                let bytes = WideEstimate::new(request.problem, width, stored, request.precision).bytes;
                // Not what happens to be free: a run that is continued keeps its answers as it began.
                if bytes > STORED_UP_TO { ResponseStorage::Recomputed } else { ResponseStorage::Stored }
            })),
            Engine::Dense | Engine::Law | Engine::Limit => return None,
        };
        Some(Hidden { matrix, tolerance })
    }

    /// What an engine of finite networks would take, whether or not it fits.
    fn needs(&self, request: &Request<'_>, engine: Engine) -> Result<Needs, SolveError> {
        let device = self.open()?;
        device.placement(request.precision)?;
        let (problem, width, precision) = (request.problem, finite(request), request.precision);
        let Some(hidden) = self.hidden(request, engine) else {
            check_dense(problem)?;
            let bytes = MemoryEstimate::new(problem, width, precision).bytes();
            let fits = MemoryEstimate::check(problem, width, precision, &device.info).map(drop);
            let hidden_matrices = problem.network.hidden_layers as f64 - 1.0;
            let operations =
                3.0 * hidden_matrices * (width as f64).powi(2) * columns(problem) * problem.optimizer.typical_steps();
            return Ok(Needs { bytes, operations, rank: None, fits });
        };
        hidden.check(problem)?;
        let estimate = WideEstimate::new(problem, width, hidden.matrix, precision);
        let fits = WideEstimate::check(problem, width, hidden.matrix, precision, &device.info).map(drop);
        let numbers = if engine == Engine::Regenerated { estimate.numbers } else { 0.0 };
        let operations = estimate.tall_operations + numbers;
        Ok(Needs { bytes: estimate.bytes, operations, rank: Some(estimate.rank), fits })
    }

    /// Seconds of a run on this device, by its measured rates.
    fn seconds(&self, request: &Request<'_>, engine: Engine) -> Result<f64, SolveError> {
        let (problem, width, precision) = (request.problem, finite(request), request.precision);
        let info = &self.open()?.info;
        Ok(match self.hidden(request, engine) {
            None => {
                seconds_per_step(problem, width, precision, self.bandwidth(info.kind))
                    * problem.optimizer.typical_steps()
            }
            Some(hidden) => {
                let estimate = WideEstimate::new(problem, width, hidden.matrix, precision);
                estimate.seconds(hidden.matrix, &self.calibration(precision)?)
            }
        })
    }

    /// A plan for one engine, or why it cannot run.
    pub(crate) fn plan_on_device(
        &self,
        request: &Request<'_>,
        engine: Engine,
        reason: &str,
    ) -> Result<Plan, SolveError> {
        let needs = self.needs(request, engine)?;
        if let Err(error) = needs.fits {
            let width = finite(request);
            let others = ON_DEVICE.into_iter().filter(|other| *other != engine);
            let fitting = others.filter(|other| self.needs(request, *other).is_ok_and(|needs| needs.fits.is_ok()));
            let mut words: Vec<&str> = fitting.map(Engine::name).collect();
            if request.problem.is_solved_as_predictor() {
                words.insert(0, "law");
            }
            let otherwise = match words.is_empty() {
                true => String::new(),
                false => format!("; at width {width} fit the engines: {}", words.join(", ")),
            };
            return Err(SolveError::Unfit { reason: format!("{error}{otherwise}"), fitting: words });
        }
        let device = self.open()?;
        let rank = needs.rank.map_or_else(String::new, |rank| format!(", rank about {rank}"));
        Ok(Plan {
            engine,
            reason: format!("{reason}{rank}, {} on {}", request.precision, device.info.choice),
            bytes: needs.bytes,
            seconds: self.seconds(request, engine)?,
            exclusive: device.info.kind != DeviceKind::Cpu || needs.bytes > SMALL,
            device: Some(device.info.choice),
        })
    }

    /// See [`crate::Solver::alternatives`].
    pub(crate) fn other_engines(&self, request: &Request<'_>, chosen: Engine) -> Vec<Alternative> {
        let others = ON_DEVICE.into_iter().filter(|engine| *engine != chosen);
        let alternative = |engine: Engine| {
            let cost = self.needs(request, engine).and_then(|needs| Ok((needs, self.seconds(request, engine)?)));
            match cost {
                Ok((needs, seconds)) => Alternative {
                    engine,
                    cost: Some((needs.bytes, seconds)),
                    obstacle: needs.fits.err().map(|error| error.to_string()),
                },
                Err(error) => Alternative { engine, cost: None, obstacle: Some(error.to_string()) },
            }
        };
        others.map(alternative).collect()
    }

    /// The engine of a perceptron of finite width when the choice is `auto`, and why.
    pub(crate) fn choose(&self, request: &Request<'_>) -> Result<(Engine, String), SolveError> {
        let (problem, width) = (request.problem, finite(request));
        let law = problem.network.entry_law;
        if let Some(list) = problem.network.list_in_words() {
            return Ok((Engine::Dense, format!("a network of real matrices that is {list}")));
        }
        if law != EntryLaw::Gaussian {
            return Ok((Engine::Regenerated, format!("entries of the law {} from their counters", law.name())));
        }
        if let Some(quantity) = problem.record.quantities.iter().find(|q| q.scope() == Scope::Explored) {
            let reason = format!("{} is a quantity of matrices known by their answers", quantity.name());
            return Ok((Engine::Conditioned, reason));
        }
        let dense = (Engine::Dense, "a perceptron of real matrices".to_owned());
        let is_refused = problem.ensemble.is_some()
            || problem.optimizer.obstacles().explored_matrices.is_some()
            || problem.record.needs(Need::Tangents);
        if width <= DENSE_UP_TO || problem.network.hidden_layers == 1 || is_refused {
            return Ok(dense);
        }
        let (real, conditioned) = (self.needs(request, Engine::Dense)?, self.needs(request, Engine::Conditioned)?);
        let reason = match (real.fits.is_ok(), conditioned.fits.is_ok()) {
            (true, false) => return Ok(dense),
            (false, false) => "of the engines of a device the widest".to_owned(),
            (false, true) => "hidden matrices known by their answers: real ones do not fit".to_owned(),
            (true, true) if conditioned.operations < real.operations => {
                let ratio = real.operations / conditioned.operations;
                format!("hidden matrices known by their answers: 1/{ratio:.0} of the work of real ones")
            }
            (true, true) => return Ok(dense),
        };
        Ok((Engine::Conditioned, reason))
    }

    /// Trains a finite network on the device.
    pub(crate) fn solve_on_device(
        &self,
        request: &Request<'_>,
        engine: Engine,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let device = self.open()?;
        let Request { problem, seed, precision, .. } = *request;
        let width = finite(request);
        let (every, asked) = (Every::Time(self.checkpoint_every), self.asked);
        let checkpoints = checkpoint.map(|path| CheckpointPlan { path: path.to_owned(), every, asked });
        let matrices = match self.hidden(request, engine) {
            None => {
                check_dense(problem)?;
                Matrices::Dense
            }
            Some(hidden) => Matrices::Explored(hidden),
        };
        let run = Run { problem, width, seed, matrices, device, precision, checkpoints };
        let solved = guarded(engine.name(), || solve_on_device(&run, &mut |progress| watch(progress)));
        let solved = solved.map_err(|failure| self.with_needs(request, engine, &failure.into()))??;
        Ok(Solution { trajectory: solved.trajectory, notes: solved.notes })
    }

    /// A failure of the device with the memory that the run was expected to take, and what takes less: a GPU does not say beforehand how
    /// much it has.
    fn with_needs(&self, request: &Request<'_>, engine: Engine, failure: &SolveError) -> SolveError {
        let Ok(needs) = self.needs(request, engine) else { return failure.clone() };
        let mut text = format!("{failure}; this run was expected to take {}", humanized::bytes(needs.bytes));
        let stored = Some(HiddenMatrix::Conditioned(ResponseStorage::Stored));
        if self.hidden(request, engine).map(|hidden| hidden.matrix) == stored {
            let half = HiddenMatrix::Conditioned(ResponseStorage::Recomputed);
            let bytes = WideEstimate::new(request.problem, finite(request), half, request.precision).bytes;
            text.push_str(&format!(", with answers = \"recomputed\" {}", humanized::bytes(bytes)));
        }
        SolveError::Refused(text)
    }
}

/// What an engine would take.
struct Needs {
    bytes: u64,
    /// Multiply-adds, and entries made.
    operations: f64,
    rank: Option<u64>,
    fits: Result<(), ModelError>,
}

/// m; callers have made sure that it is finite.
fn finite(request: &Request<'_>) -> u64 {
    match request.width {
        widenet_core::Width::Finite(width) => width,
        widenet_core::Width::Infinite => u64::MAX,
    }
}

/// Vectors of a step.
fn columns(problem: &Problem) -> f64 {
    problem.optimizer.batch_size().unwrap_or(problem.data.train.inputs.nrows()) as f64
}

/// Real matrices are Gaussian, and are not known by their answers.
fn check_dense(problem: &Problem) -> Result<(), SolveError> {
    let law = problem.network.entry_law;
    problem.check_records_of_lists()?;
    if let Some(list) = problem.network.list_in_words().filter(|_| law != EntryLaw::Gaussian) {
        return Err(SolveError::Refused(format!(
            "network.entry_law = \"{}\": a network that is {list} has Gaussian entries at finite widths; leave it out",
            law.name()
        )));
    }
    if law != EntryLaw::Gaussian {
        return Err(SolveError::Refused(format!(
            "network.entry_law = \"{}\": the dense engine draws Gaussian entries; use the regenerated engine",
            law.name()
        )));
    }
    match problem.record.quantities.iter().find(|quantity| quantity.scope() == Scope::Explored) {
        Some(quantity) => Err(SolveError::Refused(format!(
            "{} is a quantity of the conditioned and regenerated engines; real matrices do not have it",
            quantity.name()
        ))),
        None => Ok(()),
    }
}

/// Reads 256 MiB four times; the best pass counts.
fn read_bandwidth() -> f64 {
    let data = vec![1u64; 32 << 20];
    let pass = || {
        let start = Instant::now();
        black_box(data.iter().fold(0u64, |sum, x| sum.wrapping_add(*x)));
        start.elapsed().as_secs_f64()
    };
    let best = (0..4).map(|_| pass()).fold(f64::INFINITY, f64::min);
    (data.len() * 8) as f64 / best
}
