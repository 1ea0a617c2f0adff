//! The run directory holds whole files and hashes, and says which trials are done.
//!
//! ```text
//! <study>-<hash8>/
//!   study.toml  resolved.toml  manifest.json
//!   plan.csv                                      what was left to do when the study was last started;
//!   plan-1-of-4.csv … trials/0007-<label>/  trial.toml  status.json  trajectory.json (of a question: answer.json)  checkpoint.safetensors
//!                                                 lease-1.json (who runs it now)  failed.json (why it could not be run)
//!   processes/                                    who has worked here, and why they ended
//!   slurm/0001/                                   job scripts of `widenet submit`
//!   table.csv  metrics.csv  fits.csv  figures/*.svg *.png  report.md
//! ```
//!
//! A file appears whole or not at all: it is written beside its place, synced, and renamed. A trial is done when its
//! `status.json` says so and names the trial, its result and itself by their SHA-256. Several processes may work in one
//! directory, on machines that share it: a trial and its files are those of the process that holds its lease ([`widenet_output::Lease`]), and
//! what several write for the whole study is the same.

mod earlier;
mod manifest;
mod opened;
mod process;
mod store;
mod trial;

pub(crate) use earlier::Earlier;
pub(crate) use manifest::Build;
pub(crate) use manifest::Manifest;
pub(crate) use opened::open;
pub use opened::study_of;
pub use process::{Ended, Ending};
pub(crate) use process::{Process, ProcessFile, now, processes};
pub(crate) use store::{Found, Store};
pub(crate) use trial::{Finished, Made, TrialDirectory};
