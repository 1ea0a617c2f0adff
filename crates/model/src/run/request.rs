//! A request says what to run; a solution says what came of it.

use serde_json::{Value, json};
use widenet_core::{
    Problem, Trajectory, Width,
    trajectory::{Engine, Record, Status},
};

use crate::{
    checkpoint::{self, CheckpointPlan},
    device::{OpenDevice, Precision},
    matrix::explored::kind::{Hidden, HiddenMatrix},
};

/// What the weight matrices of a run are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Matrices {
    /// Stored with all their entries.
    Dense,
    /// Hidden ones known by their responses, of very wide networks.
    Explored(Hidden),
}

impl Matrices {
    /// Returns the engine that trains them.
    pub fn engine(self) -> Engine {
        match self {
            Matrices::Dense => Engine::Dense,
            Matrices::Explored(Hidden { matrix: HiddenMatrix::Conditioned(_), .. }) => Engine::Conditioned,
            Matrices::Explored(Hidden { matrix: HiddenMatrix::Regenerated, .. }) => Engine::Regenerated,
        }
    }
}

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// m.
    pub width: u64,
    /// Seed of the initial weights and batches.
    pub seed: u64,
    /// What its weight matrices are.
    pub matrices: Matrices,
    /// The device.
    pub device: &'a OpenDevice,
    /// Float type of the weights; coefficients of explored matrices are always `f64` on the host.
    pub precision: Precision,
    /// Checkpoints, if wanted. A run whose file exists goes on from it.
    pub checkpoints: Option<CheckpointPlan>,
}

impl Run<'_> {
    /// What tells it from all other runs.
    pub(super) fn identity(&self) -> Value {
        let Run { problem, width, seed, matrices, device, precision, .. } = *self;
        let mut identity = checkpoint::identity(problem, width, seed, precision, device.info.choice);
        if let Matrices::Explored(hidden) = matrices {
            identity["hidden"] = json!(format!("{hidden:?}"));
        }
        identity
    }

    /// Its records with what it was.
    pub(super) fn solution(&self, records: Vec<Record>, status: Status, notes: Vec<String>) -> DeviceSolution {
        let (width, engine) = (Width::Finite(self.width), self.matrices.engine());
        DeviceSolution { trajectory: Trajectory { width, engine, seed: self.seed, status, records }, notes }
    }
}

/// What came of a run on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSolution {
    /// The records and how the run ended.
    pub trajectory: Trajectory,
    /// Sentences for the user: a run resumed, a checkpoint of no use, responses less exact than their tolerance.
    pub notes: Vec<String>,
}
