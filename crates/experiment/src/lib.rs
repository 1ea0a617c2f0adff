//! Studies: from a claim in a file to tables, figures and verdicts in a run directory.
//!
//! ```text
//! study.toml ─Study::load→ Study ─expand→ trials ─run→ run directory ─report→ tables, figures, verdicts
//! ```
//!
//! [`plan()`] says what a study would do, [`run()`] does it or continues it, [`report()`] collects again from the run
//! directory. [`coordinate_check`] asks what grows with the width in the first steps, [`bench`](mod@bench) what a device does. The engines stand behind [`Solver`]: [`Engines`] are the real ones. Who wants to follow a run implements
//! [`Reporter`].

mod answers;
pub mod bench;
mod check;
mod chi_square;
pub mod coordinate_check;
mod divergence;
mod engines;
mod error;
mod figures;
pub mod fit;
mod kolmogorov_smirnov;
mod measure;
mod prepare;
mod problem;
pub mod question;
mod report;
mod run;
mod run_directory;
mod shard;
mod solver;
pub mod study;
mod tables;

pub use check::{Finding, Verdict};
pub use engines::Engines;
pub use error::{Error, Result};
pub use figures::scaling_map;
pub use measure::own_limit;
pub use problem::{load_problem, rate_warning, stable_rate};
pub use report::{Report, report};
pub use run::{Outcome, PlannedTrial, Reporter, RunOptions, Silent, plan, run};
pub use shard::Shard;
pub use solver::{
    Alternative, EngineChoice, HiddenOptions, InitialFunction, Plan, Reference, Request, Solution, SolveError, Solver,
    Watch,
};
pub use study::{
    Check, CheckKind, Comparison, EngineRule, Exponent, Figure, FigureKind, Measured, Metric, Over, Side, Statistic,
    Study, Subject, Trial,
};
pub use widenet_model::{DeviceChoice, DeviceInfo, ImageStorage, Precision, list_devices};

/// Version of the program, part of every trial.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
