//! One run from its problem to its trajectory, with checkpoints.

use std::time::{Duration, Instant};

use serde_json::Value;
use widenet_core::{
    Problem, Trajectory, Width,
    training::{Control, LinearNetwork, Observer, Progress, Recorder, Start, train},
    trajectory::Engine,
};

use crate::{
    ModelError,
    checkpoint::{self, CheckpointPlan, Every},
    dense::DenseMatrix,
    device::{OpenDevice, Precision},
    network::dense_network,
};

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct DenseRun<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// m.
    pub width: u64,
    /// Seed of the initial weights and batches.
    pub seed: u64,
    /// The device.
    pub device: &'a OpenDevice,
    /// Float type of the weights.
    pub precision: Precision,
    /// Checkpoints, if wanted. A run whose file exists goes on from it.
    pub checkpoints: Option<CheckpointPlan>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseSolution {
    /// The records and how the run ended.
    pub trajectory: Trajectory,
    /// Sentences for the user: a run resumed, a checkpoint of no use.
    pub notes: Vec<String>,
}

/// Trains a network of real matrices and records what the problem asks for.
///
/// `watch` is called after every step and may stop the run, which then writes a checkpoint if it has a plan for it. A
/// resumed run gives the records of an undisturbed one, bit for bit. The checkpoint of a finished run is left to the
/// caller, who removes it once the trajectory is safe.
///
/// # Errors
/// [`ModelError`]: a width that does not fit, a float type that the device lacks, a checkpoint that cannot be written.
/// A checkpoint that cannot be *used* is a note, and the run starts anew. A diverged run is a result.
pub fn solve_dense(
    run: &DenseRun<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DenseSolution, ModelError> {
    let DenseRun { problem, width, seed, device, precision, .. } = *run;
    if !problem.is_deep_linear() {
        return Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into());
    }
    let mut network = dense_network(problem, width, seed, device, precision)?;
    let recorder = Recorder::new(problem, &mut network);
    let identity = match run.checkpoints {
        Some(_) => checkpoint::identity(problem, width, seed, precision, device.info.choice),
        None => Value::Null,
    };
    let mut notes = Vec::new();
    let mut start = Start::default();
    if let Some(plan) = &run.checkpoints {
        match checkpoint::load(plan, &identity, &mut network) {
            Ok(None) => {}
            Ok(Some(found)) => {
                notes.push(format!("resumed at step {} from {}", found.step, plan.path.display()));
                start = found;
            }
            Err(reason) => notes.push(format!("checkpoint {} not used, starting anew: {reason}", plan.path.display())),
        }
    }
    let plan = run.checkpoints.as_ref();
    let mut keeper = Keeper { plan, identity, watch, saved_at: Instant::now(), saved_step: start.step, failure: None };
    let (records, status) = train(&mut network, &recorder, problem, seed, start, &mut keeper);
    if let Some(error) = keeper.failure {
        return Err(error);
    }
    let trajectory = Trajectory { width: Width::Finite(width), engine: Engine::Dense, seed, status, records };
    Ok(DenseSolution { trajectory, notes })
}

/// Keeps checkpoints and asks the caller whether to go on.
struct Keeper<'a> {
    plan: Option<&'a CheckpointPlan>,
    identity: Value,
    watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
    saved_at: Instant,
    saved_step: u64,
    failure: Option<ModelError>,
}

impl Keeper<'_> {
    fn due(&self, step: u64, every: Every) -> bool {
        match every {
            Every::Steps(steps) => step - self.saved_step >= steps,
            Every::Time(time) => self.saved_at.elapsed() >= time.max(Duration::from_millis(1)),
        }
    }
}

impl Observer<DenseMatrix> for Keeper<'_> {
    fn after_step(&mut self, progress: &Progress<'_>, network: &mut LinearNetwork<DenseMatrix>) -> Control {
        let mut control = (self.watch)(progress);
        if let Some(plan) = self.plan
            && (control == Control::Stop || self.due(progress.step, plan.every))
        {
            if let Err(error) = checkpoint::save(plan, &self.identity, progress, network) {
                self.failure = Some(error);
                control = Control::Stop;
            }
            (self.saved_at, self.saved_step) = (Instant::now(), progress.step);
        }
        control
    }
}
