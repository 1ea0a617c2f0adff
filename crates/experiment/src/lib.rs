//! A study turns a claim in a file into tables, figures and verdicts in a run directory.
//!
//! ```text
//! study.toml ─Study::load→ Study ─expand→ trials ─run→ run directory ─report→ tables, figures, verdicts
//! ```
//!
//! [`plan()`] says what a study would do, [`run()`] does it or continues it, [`report()`] collects again from the run
//! directory. Each folder uses only those after it: `run`, `report`, `judge`, `measure`, `storage`, `trials`, `study`. [`coordinate_check`]
//! asks what grows with the width in the first steps. The engines stand behind [`widenet_engines::Solver`]. Who wants to follow a run
//! implements [`Reporter`].

pub mod coordinate_check;
mod error;
mod fluctuation_figure;
mod judge;
pub mod manual;
mod measure;
mod report;
mod run;
pub mod schemas;
mod storage;
pub mod study;
mod trials;
mod version;

pub use error::{Error, Result};
pub use fluctuation_figure::draw_fluctuations;
pub use report::{NotDrawn, Report, Unanswered, report};
pub use run::{Outcome, PlannedTrial, Reporter, RunOptions, Silent, plan, run};
pub use study::{Study, TaskKind};
pub use trials::{Estimate, Shard, Trial, TrialPlan};
pub use version::VERSION;
