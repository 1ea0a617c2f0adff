//! A plan says where checkpoints go, and when.

use std::{path::PathBuf, sync::atomic::AtomicU64, time::Duration};

/// How often a checkpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After so many steps, ≥ 1.
    Steps(u64),
    /// After so much wall-clock time.
    Time(Duration),
}

/// Where checkpoints go, and when.
#[derive(Debug, Clone)]
pub struct CheckpointPlan {
    /// The file. The checkpoint of a finished run is left to the caller.
    pub path: PathBuf,
    /// How often.
    pub every: Every,
    /// Counts how often somebody asked to save now; a run that sees it grow saves at its next step and goes on.
    pub asked: Option<&'static AtomicU64>,
}
