//! The engines behind [`Solver`]: limit and law from the limits crate, dense from the model crate.
//!
//! Deep linear networks have all three, and so have classifiers of one hidden layer, whose law is by projections on the data. Other
//! perceptrons have the dense engine at finite widths and, in the kernel regime, the limit.

use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use widenet_core::{
    Matrix, Problem, Trajectory, Width,
    problem::{DEEP_LINEAR, Quantity, Rule},
    training::{Control, Progress},
    trajectory::Engine,
};
use widenet_limits::{Regime, kernel, mean_field, records_as_classifier, scaling};
use widenet_model::{
    CheckpointPlan, DenseRun, DeviceChoice, DeviceKind, Every, MemoryEstimate, ModelError, OpenDevice,
    seconds_per_step, solve_dense,
};

use crate::solver::{EngineChoice, InitialFunction, Plan, Reference, Request, Solution, SolveError, Solver, Watch};

/// All engines, with a device for the dense one.
pub struct Engines {
    device: DeviceChoice,
    checkpoint_every: Duration,
    tolerance: f64,
    opened: OnceLock<Result<OpenDevice, ModelError>>,
    bandwidth: OnceLock<f64>,
    notes: Mutex<Vec<String>>,
}

impl Engines {
    /// Engines with this device; dense runs keep a checkpoint every minute where they are given a place for it. A
    /// device that is named is opened at once, `auto` when a dense run is planned.
    ///
    /// # Errors
    /// [`SolveError::Refused`] if the named device is not there.
    pub fn new(device: DeviceChoice) -> Result<Self, SolveError> {
        let engines = Self {
            device,
            checkpoint_every: Duration::from_secs(60),
            tolerance: mean_field::TOLERANCE,
            opened: OnceLock::new(),
            bandwidth: OnceLock::new(),
            notes: Mutex::new(Vec::new()),
        };
        if device != DeviceChoice::Auto {
            engines.open()?;
        }
        Ok(engines)
    }

    /// Keeps checkpoints this often.
    #[must_use]
    pub fn checkpoint_every(self, interval: Duration) -> Self {
        Self { checkpoint_every: interval, ..self }
    }

    /// Tolerance of the law and limit engines, see [`mean_field::Options::tolerance`].
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    fn open(&self) -> Result<&OpenDevice, SolveError> {
        let opened = self.opened.get_or_init(|| {
            let opened = self.device.open();
            if let Ok(device) = &opened {
                self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(device.note.clone());
            }
            opened
        });
        opened.as_ref().map_err(|error| refused(error.clone()))
    }

    /// Bytes per second at which the device reads its memory: measured for the processor, a cautious figure for a GPU.
    fn bandwidth(&self, kind: DeviceKind) -> f64 {
        match kind {
            DeviceKind::Gpu => 200e9,
            DeviceKind::Cpu | DeviceKind::SoftwareGpu => *self.bandwidth.get_or_init(read_bandwidth),
        }
    }

    fn plan_dense(&self, request: &Request<'_>, width: u64, reason: &str) -> Result<Plan, SolveError> {
        let device = self.open()?;
        device.placement(request.precision).map_err(refused)?;
        let memory =
            MemoryEstimate::check(request.problem, width, request.precision, &device.info).map_err(|error| {
                match request.problem.is_deep_linear() {
                    true => SolveError::Refused(format!("{error}; the law engine takes any width (--engine law)")),
                    false => refused(error),
                }
            })?;
        let bandwidth = self.bandwidth(device.info.kind);
        let per_step = seconds_per_step(request.problem, width, request.precision, bandwidth);
        Ok(Plan {
            engine: Engine::Dense,
            reason: format!("{reason}, {} on {}", request.precision, device.info.choice),
            bytes: memory.bytes(),
            seconds: per_step * steps(request.problem),
        })
    }
}

fn refused(error: ModelError) -> SolveError {
    SolveError::Refused(error.to_string())
}

/// Steps of descent; for gradient flow a typical number of accepted steps.
fn steps(problem: &Problem) -> f64 {
    match problem.optimizer.rule {
        Rule::Descent { steps, .. } | Rule::MomentumFlow { steps, .. } | Rule::RmsProp { steps, .. } => steps as f64,
        Rule::Flow { time, .. } => 100.0 + 10.0 * time,
    }
}

/// Directions per output that a smooth trajectory explores before it settles: at most 170 in 2,000 steps of full-batch
/// descent on the digits.
const SETTLED: f64 = 200.0;
/// Seconds per layer, step and squared dimension: 2,000 steps of minibatches in 900 dimensions took 8 s on one core.
const COORDINATE_SECONDS: f64 = 1.5e-9;

/// Law and limit, at most: a step explores two directions per output in every space. Full-batch training settles;
/// minibatches bring new directions to the end.
fn plan_coordinates(problem: &Problem, width: Width, reason: &str) -> Plan {
    let layers = problem.network.hidden_layers as f64 + 1.0;
    let (d, k) = (problem.data.input_dimension() as f64, problem.data.output_dimension() as f64);
    let features = problem.record.quantities.iter().any(|quantity| quantity.needs_features());
    let minibatches = problem.optimizer.batch_size().is_some();
    let settled = if minibatches { f64::INFINITY } else { SETTLED };
    let explored = k * (2.0 * steps(problem)).min(settled) + if features { d * layers } else { 0.0 };
    let dimension = explored.max(d).min(width.as_f64());
    // Features ask the input layer about all of R^d: a basis of its own, and products with d columns at every record.
    let (input_basis, feature_products) = if features {
        (d * d, problem.record.at.len() as f64 * layers * dimension * d * dimension.max(d))
    } else {
        (0.0, 0.0)
    };
    Plan {
        engine: if width == Width::Infinite { Engine::Limit } else { Engine::Law },
        reason: reason.into(),
        bytes: (8.0 * (layers * 4.0 * dimension * dimension + 3.0 * input_basis)) as u64,
        seconds: (steps(problem) * layers * dimension * dimension + feature_products) * COORDINATE_SECONDS,
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

/// Seconds per entry of a kernel, layer and core; and per cubed sample of an eigendecomposition (measured: N = 4000 in a minute).
const KERNEL_SECONDS: f64 = 2e-9;
const SPECTRUM_SECONDS: f64 = 1e-9;

/// Kernels among all samples, their spectrum, and the answers at every record.
fn plan_kernels(problem: &Problem) -> Plan {
    let (samples, d) = problem.data.train.inputs.shape();
    let test = problem.data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    let (n, all) = (samples as f64, (samples + test) as f64);
    let layers = problem.network.hidden_layers as f64 + 1.0;
    let kernels = all * all * (layers * KERNEL_SECONDS + d as f64 * 1e-10);
    let answers = problem.record.at.len() as f64 * n * all * problem.data.output_dimension() as f64 * 1e-9;
    Plan {
        engine: Engine::Limit,
        reason: "the kernel regime in closed form".into(),
        // Both kernels among all samples, and three more matrices of the training samples.
        bytes: (8.0 * (2.0 * all * all + 3.0 * n * n)) as u64,
        seconds: kernels + SPECTRUM_SECONDS * n.powi(3) + answers,
    }
}

/// Seconds per floating-point operation of particles, twice what was measured: 2^20 neurons on 300 inputs, 200 of them for training, take
/// 5 s a step on two cores. A quadrature is asked twice.
const PARTICLE_SECONDS: f64 = 1e-10;

/// Particles on all inputs, at every step.
fn plan_classifier(problem: &Problem, width: Width, reason: &str) -> Result<Plan, SolveError> {
    let (bytes, per_step) = scaling::cost(problem, width)?;
    let engine = if width == Width::Infinite { Engine::Limit } else { Engine::Law };
    Ok(Plan { engine, reason: reason.into(), bytes, seconds: steps(problem) * per_step * PARTICLE_SECONDS })
}

/// What the limit of a classifier does not record though it is asked for.
fn left_out(problem: &Problem, width: Width) -> Option<String> {
    let (Width::Infinite, Ok(Regime::Classifier(limit))) = (width, Regime::of(problem)) else { return None };
    let names: Vec<&str> = scaling::left_out(problem, &limit).into_iter().map(Quantity::name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} of order m^{:.4} in this scaling: they have no limit and are left out; normalised_outputs have one",
            names.join(", "),
            limit.kernels
        )
    })
}

/// The limit of perceptrons, and classifiers in Gram space, stopped by `watch`.
fn solve_perceptron(
    problem: &Problem,
    width: Width,
    seed: u64,
    start: Option<&kernel::Start>,
    watch: &Watch<'_>,
) -> Result<Trajectory, SolveError> {
    let mut watch = |fraction| watch(&Progress { step: 0, time: 0.0, fraction, step_size: None, records: &[] });
    Ok(match width {
        Width::Infinite if matches!(Regime::of(problem)?, Regime::Kernel) => {
            kernel::solve(problem, seed, start, &mut watch)?
        }
        _ => scaling::solve(problem, width, seed, start, &mut watch)?,
    })
}

impl Engines {
    /// Perceptrons: the limit of the kernel regime, or real matrices.
    fn plan_mlp(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let problem = request.problem;
        let in_gram_space = records_as_classifier(problem);
        match (request.width, choice) {
            (Width::Infinite, EngineChoice::Auto) => match Regime::of(problem)? {
                Regime::Classifier(limit) => {
                    plan_classifier(problem, request.width, &format!("the limit of the class {}", limit.model.name()))
                }
                Regime::Kernel | Regime::DeepLinear => Ok(plan_kernels(problem)),
            },
            (Width::Infinite, _) => Err(needs_finite_width(choice)),
            (Width::Finite(_), EngineChoice::Law) => match scaling::Classifier::of(problem) {
                Ok(_) => plan_classifier(problem, request.width, "exact in law, by projections on the data"),
                Err(error) => Err(SolveError::Refused(format!(
                    "the law engine knows {DEEP_LINEAR}, and some classifiers; use the dense engine (--engine dense or auto): {error}"
                ))),
            },
            (Width::Finite(_), EngineChoice::Auto) if in_gram_space => {
                plan_classifier(problem, request.width, "normalised outputs are recorded by projections on the data")
            }
            (Width::Finite(_), EngineChoice::Dense) if in_gram_space => Err(SolveError::Refused(
                "normalised outputs are not recorded by the dense engine; use the law engine (--engine law or auto)"
                    .into(),
            )),
            (Width::Finite(width), EngineChoice::Auto) => {
                self.plan_dense(request, width, "a perceptron of real matrices")
            }
            (Width::Finite(width), EngineChoice::Dense) => self.plan_dense(request, width, "asked for: real matrices"),
        }
    }
}

fn needs_finite_width(choice: EngineChoice) -> SolveError {
    let engine = choice.name();
    let limit = "width inf is solved by the limit engine (--engine auto or limit)";
    SolveError::Refused(format!("the {engine} engine needs a finite width; {limit}"))
}

impl Solver for Engines {
    fn plan(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let problem = request.problem;
        if !problem.is_deep_linear() {
            return self.plan_mlp(request, choice);
        }
        let Width::Finite(width) = request.width else {
            if choice != EngineChoice::Auto {
                return Err(needs_finite_width(choice));
            }
            problem.scaling().limit()?;
            return Ok(plan_coordinates(problem, request.width, "the infinite-width limit in closed form"));
        };
        let needs_entries = problem.record.quantities.iter().find(|quantity| quantity.needs_entries());
        match (choice, needs_entries.map(|quantity| quantity.name())) {
            (EngineChoice::Auto | EngineChoice::Dense, Some(quantity)) if width < 4 => {
                Err(SolveError::Refused(format!("{quantity} is defined for 4 neurons and more, not at width {width}")))
            }
            (EngineChoice::Auto, Some(quantity)) => {
                self.plan_dense(request, width, &format!("{quantity} needs the entries of the weights"))
            }
            (EngineChoice::Dense, _) => self.plan_dense(request, width, "asked for: real matrices"),
            (EngineChoice::Law, Some(quantity)) => Err(SolveError::Refused(format!(
                "{quantity} needs the entries of the weights, which the law engine does not keep; use the dense engine"
            ))),
            (EngineChoice::Auto | EngineChoice::Law, None) => {
                let reason = "exact in law, at a cost that does not depend on the width";
                Ok(plan_coordinates(problem, request.width, reason))
            }
        }
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn solve(
        &self,
        request: &Request<'_>,
        engine: Engine,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let Request { problem, width, seed, precision } = *request;
        match (engine, width) {
            (Engine::Dense, Width::Finite(m)) => {
                let run = DenseRun {
                    problem,
                    width: m,
                    seed,
                    device: self.open()?,
                    precision,
                    checkpoints: checkpoint.map(|path| CheckpointPlan {
                        path: path.to_owned(),
                        every: Every::Time(self.checkpoint_every),
                    }),
                };
                // burn reports a device that fails in the middle of a run (out of memory, lost) by panicking.
                let solved = catch_unwind(AssertUnwindSafe(|| solve_dense(&run, &mut |progress| watch(progress))));
                let solved = solved.map_err(|panic| SolveError::Refused(device_failure(panic.as_ref())))?;
                let solved = solved.map_err(refused)?;
                Ok(Solution { trajectory: solved.trajectory, notes: solved.notes })
            }
            (Engine::Dense, Width::Infinite) => {
                Err(SolveError::Refused("the dense engine needs a finite width; use --engine auto for inf".into()))
            }
            (Engine::Law | Engine::Limit, _) if !problem.is_deep_linear() => {
                let trajectory = solve_perceptron(problem, width, seed, None, watch)?;
                Ok(Solution { trajectory, notes: left_out(problem, width).into_iter().collect() })
            }
            (Engine::Law | Engine::Limit, _) => {
                let options = mean_field::Options { tolerance: self.tolerance, ..mean_field::Options::default() };
                let trajectory = mean_field::solve(problem, width, seed, &options, &mut |progress| watch(progress))?;
                Ok(Solution { trajectory, notes: Vec::new() })
            }
        }
    }

    fn reference(
        &self,
        reference: Reference,
        problem: &Problem,
        seed: u64,
        initial: Option<&InitialFunction>,
    ) -> Result<Trajectory, SolveError> {
        if !problem.is_deep_linear() {
            let start = match initial {
                Some(InitialFunction::Outputs { train, test }) => {
                    Some(kernel::Start { train: train.clone(), test: test.clone() })
                }
                _ => None,
            };
            let watch = &|_: &Progress<'_>| Control::Continue;
            return solve_perceptron(problem, Width::Infinite, seed, start.as_ref(), watch);
        }
        let watch = &mut |_: &Progress<'_>| Control::Continue;
        let start = match initial {
            Some(InitialFunction::Predictor(predictor)) => predictor.clone(),
            _ => Matrix::zeros(problem.data.output_dimension(), problem.data.input_dimension()),
        };
        Ok(match reference {
            Reference::Limit => {
                let options = mean_field::Options { initial_predictor: Some(start), tolerance: self.tolerance };
                mean_field::solve(problem, Width::Infinite, seed, &options, watch)?
            }
            Reference::Lazy => mean_field::solve_lazy(problem, &start, seed, watch)?,
        })
    }
}

fn device_failure(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("the device failed: {message}")
}
