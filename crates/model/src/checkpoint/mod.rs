//! A checkpoint is a run on disk: a safetensors file of all matrices with everything else that the next step depends on.
//!
//! The header's metadata holds `state` (JSON: which run this is, step, time, records, the coefficients of every
//! matrix) and `sha256` of the state and all tensor bytes. The file appears whole (written aside, synced, renamed),
//! and one panel at a time passes through memory.

mod dense;
mod explored;
mod file;
mod plan;
mod saved;
mod store;

pub use plan::{CheckpointPlan, Every};
pub(crate) use saved::Saved;
pub(crate) use store::{identity, load, load_ensemble, save, save_ensemble};
