//! A status says how a run ended, and in a sentence why.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value as Json, json};
use widenet_document::Word;

use super::number::Number;
use crate::problem::Quantity;

/// How a run ended. A diverged run is a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Status {
    /// All records were taken.
    Done,
    /// A goal of `[stop]` was reached by the last record, before the end of the plan: a success like [`Status::Done`].
    Stopped(Stopped),
    /// The outputs stopped being finite (or beyond 1e100); the records before it are kept.
    Diverged {
        /// Optimiser step (accepted integrator step for gradient flow) at which it was noticed.
        step: u64,
        /// Training time, the sum of the learning rates of the steps before (flow time for gradient flow).
        time: f64,
    },
    /// Stopped on request before the end; can be continued.
    Interrupted {
        /// The step that would have come next.
        step: u64,
    },
}

/// The record that reached a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopped {
    /// Its step.
    pub step: u64,
    /// Its time.
    pub time: f64,
    /// What reached its goal: [`Quantity::TrainLoss`] or [`Quantity::TrainAccuracy`].
    pub quantity: Quantity,
    /// Its value there.
    pub value: f64,
    /// The goal.
    pub goal: f64,
}

impl Stopped {
    /// Reads back what the serialization of a status wrote as `stopped_at`, every number bit for bit.
    pub fn from_json(json: &Json) -> Option<Stopped> {
        let number = |key: &str| Number::of(&json[key]).map(|number| number.0);
        Some(Stopped {
            step: json["step"].as_u64()?,
            time: number("time")?,
            quantity: Quantity::from_word(json["quantity"].as_str()?).ok()?,
            value: number("value")?,
            goal: number("goal")?,
        })
    }
}

impl Status {
    /// Reads back what the serialization wrote, every number bit for bit. Where an interrupted run stopped is not written: it reads as step 0.
    pub fn from_json(json: &Json) -> Option<Status> {
        match json["status"].as_str()? {
            "done" => Some(Status::Done),
            "stopped" => Stopped::from_json(&json["stopped_at"]).map(Status::Stopped),
            "diverged" => {
                let at = &json["diverged_at"];
                Some(Status::Diverged { step: at["step"].as_u64()?, time: Number::of(&at["time"])?.0 })
            }
            "interrupted" => Some(Status::Interrupted { step: 0 }),
            _ => None,
        }
    }

    /// Returns `done`, `stopped`, `diverged` or `interrupted`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Stopped(_) => "stopped",
            Status::Diverged { .. } => "diverged",
            Status::Interrupted { .. } => "interrupted",
        }
    }

    /// Says whether training ended as it was meant to: at its horizon, or at a goal.
    pub fn is_success(&self) -> bool {
        match self {
            Status::Done | Status::Stopped(_) => true,
            Status::Diverged { .. } | Status::Interrupted { .. } => false,
        }
    }

    /// Says how a trajectory ended, as the end of a sentence about it: `diverged at step 12 (time 0.6)`.
    pub fn ending(&self) -> String {
        match *self {
            Status::Done => "is done".into(),
            Status::Stopped(Stopped { step, quantity, value, goal, .. }) => {
                let sign = if quantity == Quantity::TrainLoss { '≤' } else { '≥' };
                format!("stopped at step {step}: {} {value:.3e} {sign} {goal:e}", quantity.name())
            }
            Status::Diverged { step, time } => format!("diverged at step {step} (time {time:?})"),
            Status::Interrupted { step } => format!("was interrupted before step {step}"),
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", self.word())?;
        match *self {
            Status::Done | Status::Interrupted { .. } => {}
            Status::Diverged { step, time } => {
                map.serialize_entry("diverged_at", &json!({ "step": step, "time": Number(time) }))?;
            }
            Status::Stopped(Stopped { step, time, quantity, value, goal }) => {
                let stopped = json!({
                    "step": step, "time": Number(time), "quantity": quantity.name(), "value": Number(value), "goal": goal,
                });
                map.serialize_entry("stopped_at", &stopped)?;
            }
        }
        map.end()
    }
}
