//! Section `[stop]` ends training before its horizon, at the first record that reaches a goal.
//!
//! ```text
//! R(t) ≤ train_loss   or   training accuracy(t) ≥ train_accuracy,      t among the moments of `[record]`
//! ```
//!
//! Records decide and not steps: minibatches do not know the loss of all samples between records, and steps of flows differ between engines.

use serde_json::json;
use widenet_document::{
    Field, Result, Written,
    keys::optional,
    section,
    shape::{Located, Simple, located, positive},
};

use super::{labels::Labels, quantity::Quantity};
use crate::matrix::Matrix;

section! {
    /// Where training ends before its horizon: at the first record that reaches one of the goals. The quantity of a goal is recorded, asked
    /// for or not. An ensemble stops by the mean over its networks.
    pub(super) struct StopSection {
        /// Stop at the first record whose training loss is at most this.
        train_loss: Option<f64> = optional(positive()),
        /// Stop at the first record whose training accuracy is at least this.
        train_accuracy: Option<Located<f64>> = optional(located(share())),
    }
    check = check;
}

/// A number > 0 and ≤ 1.
fn share() -> Simple<f64> {
    let read = |field: &Field<'_>| match field.number()? {
        share if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(field.must_be("a number > 0 and ≤ 1, a share of the samples")),
    };
    Simple::new(read, || json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))
}

fn check(section: &StopSection, table: &Written<'_>) -> Result<()> {
    match (section.train_loss, &section.train_accuracy) {
        (None, None) => Err(table.missing("train_loss")),
        _ => Ok(()),
    }
}

/// Goals of which each ends training at the first record that reaches it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// A training loss > 0, reached by what is at most as large.
    pub train_loss: Option<f64>,
    /// A training accuracy in (0, 1], reached by what is at least as large.
    pub train_accuracy: Option<f64>,
}

impl StopSection {
    /// The goals, of a problem with these training targets.
    pub(super) fn stop(&self, targets: &Matrix) -> Result<Stop> {
        if let Some(accuracy) = &self.train_accuracy {
            Labels::of(targets).map_err(|why| -> widenet_document::Error {
                accuracy.error(format!("`{}` is the share of right classes, and {why}; use train_loss", accuracy.key()))
            })?;
        }
        let train_accuracy = self.train_accuracy.as_ref().map(|accuracy| accuracy.value);
        Ok(Stop { train_loss: self.train_loss, train_accuracy })
    }
}

impl Stop {
    /// Returns the quantities that decide.
    pub fn quantities(self) -> impl Iterator<Item = Quantity> {
        self.goals().map(|(quantity, _)| quantity)
    }

    /// The quantities with their goals.
    pub(crate) fn goals(self) -> impl Iterator<Item = (Quantity, f64)> {
        let loss = self.train_loss.map(|goal| (Quantity::TrainLoss, goal));
        loss.into_iter().chain(self.train_accuracy.map(|goal| (Quantity::TrainAccuracy, goal)))
    }
}
