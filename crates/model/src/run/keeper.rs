//! Keeps checkpoints of a run, and says whether it goes on.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::Value;
use widenet_core::training::{Control, Progress, Start};

use super::request::Run;
use crate::{
    checkpoint::{self, CheckpointPlan, Every, Saved},
    error::ModelError,
};

/// How often somebody has asked to save now.
fn asked(plan: &CheckpointPlan) -> u64 {
    plan.asked.map_or(0, |asked| asked.load(Ordering::Relaxed))
}

/// Keeps checkpoints and asks the caller whether to go on.
pub(crate) struct Keeper<'a> {
    plan: Option<&'a CheckpointPlan>,
    identity: Value,
    watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
    saved_at: Instant,
    saved_step: u64,
    /// How often somebody had asked to save at the last checkpoint.
    answered: u64,
    /// Why checkpoints were not written.
    missed: Vec<ModelError>,
    failure: Option<ModelError>,
    notes: Vec<String>,
}

impl<'a> Keeper<'a> {
    /// Of a run.
    pub(crate) fn new(run: &'a Run<'_>, watch: &'a mut dyn FnMut(&Progress<'_>) -> Control) -> Self {
        let plan = run.checkpoints.as_ref();
        let identity = plan.map_or(Value::Null, |_| run.identity());
        Self {
            plan,
            identity,
            watch,
            saved_at: Instant::now(),
            saved_step: 0,
            answered: plan.map_or(0, asked),
            missed: Vec::new(),
            failure: None,
            notes: Vec::new(),
        }
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
        run: &'a Run<'_>,
        watch: &'a mut dyn FnMut(&Progress<'_>) -> Control,
        read: impl FnOnce(&Value) -> Option<A>,
    ) -> (Self, Option<A>) {
        let mut keeper = Self::new(run, watch);
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
    pub(crate) fn keep<M: Saved>(&mut self, progress: &Progress<'_>, matrices: &[&M]) -> Control {
        let control = (self.watch)(progress);
        self.save_if_due(progress, control, |plan, identity| checkpoint::save(plan, identity, progress, matrices))
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
        control: Control,
        save: impl FnOnce(&CheckpointPlan, &Value) -> Result<(), ModelError>,
    ) -> Control {
        if let Some(plan) = self.plan
            && (control == Control::Stop || self.due(progress.step, plan.every) || asked(plan) != self.answered)
        {
            let asked = asked(plan);
            if asked != self.answered && control == Control::Continue {
                self.notes.push(format!("a checkpoint was written at step {} because it was asked for", progress.step));
            }
            self.answered = asked;
            match save(plan, &self.identity) {
                Ok(()) => {}
                // What the run has done since the last one would be lost.
                Err(error) if control == Control::Stop => self.failure = Some(error),
                // A disk may be full for a moment; the next one is due later.
                Err(error) => self.missed.push(error),
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

    /// What there is to tell, or why the checkpoint of a run that was stopped could not be written.
    pub(crate) fn close(self) -> Result<Vec<String>, ModelError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut notes = self.notes;
        if let Some(first) = self.missed.first() {
            notes.push(format!("{first} ({} times); the run went on", self.missed.len()));
        }
        Ok(notes)
    }
}
