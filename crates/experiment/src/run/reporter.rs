//! A reporter follows a run.

use widenet_core::trajectory::Status;

use crate::trials::{Trial, TrialPlan};

/// Told about a run as it goes. Called from several threads.
pub trait Reporter: Sync {
    /// The run is about so many trials: each of them is told as finished, unless the run stops before.
    fn begins(&self, _trials: usize) {}
    /// A trial begins.
    fn started(&self, _trial: &Trial, _plan: &TrialPlan) {}
    /// A trial has come this far, a share in [0, 1].
    fn progress(&self, _trial: &Trial, _fraction: f64) {}
    /// A trial has its result; `reused` if it was there already, or is that of another trial.
    fn finished(&self, _trial: &Trial, _status: &Status, _reused: bool) {}
    /// Something the user should know, for example that a damaged result is made again.
    fn note(&self, _message: &str) {}
}

/// Reports nothing.
pub struct Silent;

impl Reporter for Silent {}
