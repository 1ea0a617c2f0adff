//! One run from its problem to its trajectory, with checkpoints.

use std::time::{Duration, Instant};

use serde_json::Value;
use widenet_core::{
    Problem, Trajectory, Width,
    training::{Control, LinearNetwork, Observer, Progress, Recorder, Start, train},
    trajectory::{Engine, Record, Status},
};

use crate::{
    ModelError,
    checkpoint::{self, CheckpointPlan, Every, Saved},
    device::{OpenDevice, Precision},
    mlp,
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

/// What came of a run on a device, of real matrices ([`solve_dense`]) or of matrices known by their answers ([`crate::solve_wide`]).
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSolution {
    /// The records and how the run ended.
    pub trajectory: Trajectory,
    /// Sentences for the user: a run resumed, a checkpoint of no use, answers less exact than their tolerance.
    pub notes: Vec<String>,
}

/// Trains a network of real matrices, or an ensemble of them, and records what the problem asks for: a deep linear network where the
/// problem is one ([`Problem::is_deep_linear`]), multilayer perceptrons otherwise.
///
/// `watch` is called after every step (of an ensemble, now and then, with the steps of all networks) and may stop the run, which then
/// writes a checkpoint if it has a plan for it. A resumed run gives the records of an undisturbed one, bit for bit; of an
/// ensemble, the networks before the first unfinished one are kept. The checkpoint of a finished run is left to the
/// caller, who removes it once the trajectory is safe.
///
/// # Errors
/// [`ModelError`]: a width that does not fit, a float type that the device lacks, a rule that perceptrons are not trained by, an
/// ensemble of too few networks, a checkpoint that cannot be written. A checkpoint that cannot be *used* is a note, and the run starts anew. A diverged run is a
/// result.
pub fn solve_dense(
    run: &DenseRun<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    if !run.problem.is_solved_as_predictor() {
        return mlp::solve(run, watch);
    }
    let DenseRun { problem, width, seed, device, precision, .. } = *run;
    let mut network = dense_network(problem, width, seed, device, precision)?;
    let recorder = Recorder::new(problem, &mut network);
    let (mut keeper, start) = Keeper::of_dense(run, watch).open(network.layers.iter_mut().collect());
    let (records, status) = train(&mut network, &recorder, problem, seed, start, &mut keeper);
    keeper.close().map(|notes| solution(run, records, status, notes))
}

/// A run's records with what it was.
pub(crate) fn solution(run: &DenseRun<'_>, records: Vec<Record>, status: Status, notes: Vec<String>) -> DeviceSolution {
    let width = Width::Finite(run.width);
    let trajectory = Trajectory { width, engine: Engine::Dense, seed: run.seed, status, records };
    DeviceSolution { trajectory, notes }
}

/// Keeps checkpoints and asks the caller whether to go on.
pub(crate) struct Keeper<'a> {
    plan: Option<&'a CheckpointPlan>,
    identity: Value,
    watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
    saved_at: Instant,
    saved_step: u64,
    failure: Option<ModelError>,
    notes: Vec<String>,
}

impl<'a> Keeper<'a> {
    /// Of a run that `identity` tells from all others.
    pub(crate) fn new(
        plan: Option<&'a CheckpointPlan>,
        identity: impl FnOnce() -> Value,
        watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
    ) -> Self {
        let identity = plan.map_or(Value::Null, |_| identity());
        Self { plan, identity, watch, saved_at: Instant::now(), saved_step: 0, failure: None, notes: Vec::new() }
    }

    pub(crate) fn of_dense(run: &'a DenseRun<'_>, watch: &'a mut dyn FnMut(&Progress<'_>) -> Control) -> Self {
        let DenseRun { problem, width, seed, device, precision, .. } = *run;
        let identity = || checkpoint::identity(problem, width, seed, precision, device.info.choice);
        Self::new(run.checkpoints.as_ref(), identity, watch)
    }

    /// Brings matrices at time 0 to where a checkpoint left them, where there is one.
    pub(crate) fn open<M: Saved>(mut self, matrices: Vec<&mut M>) -> (Self, Start) {
        let found = self.plan.map(|plan| checkpoint::load(plan, &self.identity, matrices));
        let start = self.found(found, |start| format!("step {}", start.step)).unwrap_or_default();
        self.saved_step = start.step;
        (self, start)
    }

    /// The averages of an ensemble where a checkpoint left them, where there is one.
    pub(crate) fn open_ensemble<A>(
        run: &'a DenseRun<'_>,
        watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
        read: impl FnOnce(&Value) -> Option<A>,
    ) -> (Self, Option<A>) {
        let mut keeper = Self::of_dense(run, watch);
        let found = keeper.plan.map(|plan| checkpoint::load_ensemble(plan, &keeper.identity, read));
        let found = keeper.found(found, |_| "the networks that had finished".into());
        (keeper, found)
    }

    /// Notes what came of looking for a checkpoint.
    fn found<S>(&mut self, found: Option<Result<Option<S>, String>>, at: impl Fn(&S) -> String) -> Option<S> {
        let path = self.plan?.path.display();
        match found? {
            Ok(None) => None,
            Ok(Some(state)) => {
                self.notes.push(format!("resumed at {} from {path}", at(&state)));
                Some(state)
            }
            Err(reason) => {
                self.notes.push(format!("checkpoint {path} not used, starting anew: {reason}"));
                None
            }
        }
    }

    /// Asks whether to go on after a step, and saves the matrices if it is time to.
    pub(crate) fn keep<'m, M: Saved + 'm>(
        &mut self,
        progress: &Progress<'_>,
        matrices: impl FnOnce() -> Vec<&'m M>,
    ) -> Control {
        let control = (self.watch)(progress);
        self.save_if_due(progress, control, |plan, identity| checkpoint::save(plan, identity, progress, &matrices()))
    }

    /// The same of an ensemble; what a stopped one has when its networks have come to rest is for
    /// [`Keeper::save_ensemble`].
    pub(crate) fn keep_ensemble(&mut self, progress: &Progress<'_>, averages: impl FnOnce() -> Value) -> Control {
        match (self.watch)(progress) {
            Control::Stop => Control::Stop,
            Control::Continue => self.save_if_due(progress, Control::Continue, |plan, identity| {
                checkpoint::save_ensemble(plan, identity, &averages())
            }),
        }
    }

    /// Saves a stopped ensemble.
    pub(crate) fn save_ensemble(&mut self, progress: &Progress<'_>, averages: Value) {
        self.save_if_due(progress, Control::Stop, |plan, identity| {
            checkpoint::save_ensemble(plan, identity, &averages)
        });
    }

    fn save_if_due(
        &mut self,
        progress: &Progress<'_>,
        mut control: Control,
        save: impl FnOnce(&CheckpointPlan, &Value) -> Result<(), ModelError>,
    ) -> Control {
        if let Some(plan) = self.plan
            && self.failure.is_none()
            && (control == Control::Stop || self.due(progress.step, plan.every))
        {
            if let Err(error) = save(plan, &self.identity) {
                self.failure = Some(error);
                control = Control::Stop;
            }
            (self.saved_at, self.saved_step) = (Instant::now(), progress.step);
        }
        control
    }

    fn due(&self, step: u64, every: Every) -> bool {
        match every {
            Every::Steps(steps) => step.saturating_sub(self.saved_step) >= steps,
            Every::Time(time) => self.saved_at.elapsed() >= time.max(Duration::from_millis(1)),
        }
    }

    /// What there is to tell, or why a checkpoint could not be written.
    pub(crate) fn close(self) -> Result<Vec<String>, ModelError> {
        self.failure.map_or(Ok(self.notes), Err)
    }
}

impl<M: Saved> Observer<M> for Keeper<'_> {
    fn after_step(&mut self, progress: &Progress<'_>, network: &mut LinearNetwork<M>) -> Control {
        self.keep(progress, || network.layers.iter().collect())
    }
}
