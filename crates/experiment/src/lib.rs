//! A study turns a claim in a file into tables, figures and verdicts in a run directory.
//!
//! ```text
//! study.toml ─Study::load→ Study ─expand→ trials ─run→ run directory ─report→ tables, figures, verdicts
//! ```
//!
//! [`plan()`] says what a study would do, [`run()`] does it or continues it, [`report()`] collects again from the run
//! directory. [`submit()`] writes it as jobs of a cluster, and [`status()`] says how far it is. Each folder uses only those after it: `status`, `submit`, `run`, `report`, `judge`, `measure`, `storage`, `trials`, `study`. [`coordinate_check`]
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
mod status;
mod storage;
pub mod study;
mod submit;
mod trials;
mod version;

pub use error::{Error, Result};
pub use fluctuation_figure::draw_fluctuations;
pub use report::{NotDrawn, Report, Unanswered, report};
pub use run::{Outcome, PlannedTrial, Reporter, RunOptions, Silent, plan, run};
pub use status::{Counts, FailedTrial, ProcessStatus, RunStatus, RunningTrial, status};
pub use storage::{Ended, Ending, study_of};
pub use study::{Study, TaskKind};
pub use submit::{
    ArrayPlan, JobScript, Queue, QueuedTask, Submission, SubmitOptions, TaskOptions, parse_memory, parse_time,
    shell_word, submit,
};
pub use trials::{Estimate, Shard, Tasks, Trial, TrialPlan};
pub use version::VERSION;
