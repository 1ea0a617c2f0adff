//! The run directory holds whole files and hashes, and says which trials are done.
//!
//! ```text
//! <study>-<hash8>/
//!   study.toml  resolved.toml  manifest.json
//!   plan.csv                                      what was left to do when the study was last started;
//!   plan-1-of-4.csv … trials/0007-<label>/  trial.toml  status.json  trajectory.json (of a question: answer.json)  checkpoint.safetensors
//!   table.csv  metrics.csv  fits.csv  figures/*.svg *.png  report.md
//! ```
//!
//! A file appears whole or not at all: it is written beside its place, synced, and renamed. A trial is done when its
//! `status.json` says so and names the trial, its result and itself by their SHA-256. Several processes may work in one
//! directory: what two of them write is the same, and neither touches what the other is writing.

mod earlier;
mod manifest;
mod store;
mod trial;

pub(crate) use earlier::Earlier;
pub(crate) use manifest::Build;
pub(crate) use manifest::Manifest;
pub(crate) use store::{Found, Store};
pub(crate) use trial::{Finished, Made, TrialDirectory};
