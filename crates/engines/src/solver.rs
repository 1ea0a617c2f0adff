//! Studies and engines meet at one trait: [`Solver`] gives the trajectory of a problem at a width.

use std::path::Path;

use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem, Trajectory, Width,
    training::{Control, Progress},
    trajectory::Engine,
};
use widenet_model::{DeviceChoice, ModelError, Precision, ResponseStorage};

use crate::limit_options::LimitOptions;

/// Which engine a width is given to. All but `Auto` take finite widths only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// Whatever the problem allows, cheapest first.
    Auto,
    /// The law engine.
    Law,
    /// The dense engine.
    Dense,
    /// The conditioned engine.
    Conditioned,
    /// The regenerated engine.
    Regenerated,
}

impl Word for EngineChoice {
    const WORDS: &'static [(&'static str, EngineChoice)] = &[
        ("auto", EngineChoice::Auto),
        ("law", EngineChoice::Law),
        ("dense", EngineChoice::Dense),
        ("conditioned", EngineChoice::Conditioned),
        ("regenerated", EngineChoice::Regenerated),
    ];
}

impl EngineChoice {
    /// Returns the word in files.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

/// One solution asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// Width of the hidden layers.
    pub width: Width,
    /// Seed of the initial weights and of the batches.
    pub seed: u64,
    /// Float type of the engines on a device; the law and limit engines compute in `f64`.
    pub precision: Precision,
    /// Options of the engines that have them; others refuse them.
    pub hidden: HiddenOptions,
    /// How exactly a limit by quadrature is evaluated; others have no use for it.
    pub limit: LimitOptions,
}

/// A reference asked for.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceRequest<'a> {
    /// Which of them.
    pub reference: Reference,
    /// The problem, whose record moments are those of the reference.
    pub problem: &'a Problem,
    /// Seed of the batches, and of the nodes of a limit by quadrature.
    pub seed: u64,
    /// The compared trajectory's own initial function, which is given exactly if the start of the limit is random (deep linear networks:
    /// [`widenet_core::scaling::Limit::Lazy`] with `initial_std > 0`; perceptrons without an ensemble). Without it the reference starts at
    /// zero, or is the average over infinitely many networks.
    pub initial: Option<&'a InitialFunction>,
    /// How exactly a limit by quadrature is evaluated.
    pub limit: LimitOptions,
}

/// How matrices that are known by their answers are kept. `None` is an engine's own choice.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HiddenOptions {
    /// A direction is new if more than this share of its length is, in (0, 1): of the conditioned and regenerated engines
    /// ([`widenet_model::Hidden::tolerance`]), and of law and limit of deep linear networks
    /// ([`widenet_limits::mean_field::Options::tolerance`]).
    pub tolerance: Option<f64>,
    /// How the conditioned engine keeps its answers.
    pub answers: Option<ResponseStorage>,
}

/// The engine that would run a request, and what it would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The engine.
    pub engine: Engine,
    /// Why this engine, in one sentence.
    pub reason: String,
    /// Peak memory in bytes: at most this for law and limit, about this for the engines of a device.
    pub bytes: u64,
    /// Time in seconds on this machine: at most this for law and limit, about this for the engines of a device.
    pub seconds: f64,
    /// Whether it keeps a device busy by itself; others of a study run side by side.
    pub exclusive: bool,
    /// The device that it runs on, of the engines of a device.
    pub device: Option<DeviceChoice>,
}

/// An engine that was not chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The engine.
    pub engine: Engine,
    /// Bytes and seconds it would take; `None` if it cannot have the problem at all.
    pub cost: Option<(u64, f64)>,
    /// Why it cannot run.
    pub obstacle: Option<String>,
}

/// What an engine returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The trajectory; its status tells how it ended.
    pub trajectory: Trajectory,
    /// Remarks for the user, for example that a damaged checkpoint was not used.
    pub notes: Vec<String>,
}

/// What trajectories are compared with. Both are deterministic given the initial predictor and the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// The infinite-width limit of the same problem.
    Limit,
    /// The kernel regime: the predictor of the network linearised around its infinitely wide initialisation,
    /// `β ← β − η Θ_0 D` (docs/theory/mean-field.md §4). For perceptrons it is the limit itself.
    Lazy,
}

/// What a network computes at time 0, which a limit of random start is given.
#[derive(Debug, Clone, PartialEq)]
pub enum InitialFunction {
    /// The predictor of a deep linear network, k × d.
    Predictor(Matrix),
    /// The outputs of a perceptron, in units of its limit ([`widenet_limits::Regime::start_scale`]).
    Outputs {
        /// On the training inputs, P × k.
        train: Matrix,
        /// On the test inputs, T × k, where there are any.
        test: Option<Matrix>,
    },
}

impl InitialFunction {
    /// Returns all numbers, as bits.
    pub fn bits(&self) -> Vec<u64> {
        let matrices = match self {
            InitialFunction::Predictor(predictor) => [Some(predictor), None],
            InitialFunction::Outputs { train, test } => [Some(train), test.as_ref()],
        };
        matrices.into_iter().flatten().flat_map(|matrix| matrix.iter().map(|x| x.to_bits())).collect()
    }
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The problem has no solution of this kind, for example no infinite-width limit.
    #[error(transparent)]
    Problem(#[from] widenet_core::Error),
    /// An engine cannot take the request; the text says why and what it would take.
    #[error("{0}")]
    Refused(String),
    /// An engine cannot take the request, and others can.
    #[error("{reason}")]
    Unfit {
        /// Why, and which others.
        reason: String,
        /// Words of choices that take it.
        fitting: Vec<&'static str>,
    },
}

impl From<ModelError> for SolveError {
    fn from(error: ModelError) -> Self {
        SolveError::Refused(error.to_string())
    }
}

/// Called after every step; stops the run when it says so.
pub type Watch<'a> = dyn Fn(&Progress<'_>) -> Control + Sync + 'a;

/// The engines, seen from a study. A solution depends on its request and engine only, never on threads or timing.
pub trait Solver: Sync {
    /// The engine for a request with its reason and its estimates.
    ///
    /// # Errors
    /// [`SolveError`] if no engine takes it; the text says what would fit.
    fn plan(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError>;

    /// What the other engines of a device would take for a request.
    fn alternatives(&self, _: &Request<'_>, _chosen: Engine) -> Vec<Alternative> {
        Vec::new()
    }

    /// What should be said to the user since the last call, for example which device was chosen and why.
    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The trajectory. With a `checkpoint` path the engine may keep checkpoints there; a run stopped by `watch` leaves
    /// one, and one that is there is continued. The continued trajectory equals the undisturbed one.
    ///
    /// # Errors
    /// [`SolveError`] if the engine cannot run. A diverged run is a solution.
    fn solve(
        &self,
        request: &Request<'_>,
        engine: Engine,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError>;

    /// The reference for trajectories of a problem, at all its moments: it does not stop before the horizon. It has the limit's own tolerance, whatever that of the
    /// trajectories. `watch` may stop it.
    ///
    /// # Errors
    /// [`SolveError`] if the problem has no such reference.
    fn reference(&self, request: &ReferenceRequest<'_>, watch: &Watch<'_>) -> Result<Trajectory, SolveError>;
}
