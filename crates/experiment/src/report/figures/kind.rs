//! What a kind of figure is, and what it is handed.

use widenet_core::{
    document::{
        Field,
        shape::{Choice, choice},
    },
    problem::Quantity,
    trajectory::Record,
};
use widenet_figures::{AxisScale, Plot};
use widenet_statistics::Finding;

use crate::{
    measure::{MeasuredTrial, Results},
    study::{Keys, ReadResult},
};

/// A kind of figure with its keys.
pub(crate) trait Kind {
    /// Quantities that must be recorded.
    fn quantities(&self) -> Vec<Quantity> {
        Vec::new()
    }

    /// Axes (or `width`) whose values share a plot, beside the seeds; none if all trials of the study do.
    fn shared_axes(&self) -> Option<Vec<&str>>;

    /// Draws the plots of trials that share one, each with what its file's name has behind that of the group.
    ///
    /// # Errors
    /// Why nothing can be drawn, in words.
    fn draw(&self, group: &Group<'_>) -> std::result::Result<Vec<(String, Plot)>, String>;
}

/// Trials that share a plot.
pub(crate) struct Group<'r> {
    /// What they have in common, in words; empty if that is nothing.
    pub(super) title: String,
    /// Those that are drawn.
    pub(super) trials: Vec<&'r MeasuredTrial<'r>>,
    /// Those and others, which `only` leaves out.
    pub(super) all: Vec<&'r MeasuredTrial<'r>>,
    pub(super) results: &'r Results<'r>,
    pub(super) findings: &'r [Finding],
}

impl Group<'_> {
    /// The trials of the first seed.
    pub(super) fn of_first_seed(&self) -> impl Iterator<Item = &MeasuredTrial<'_>> {
        let seed = self.trials.first().map(|trial| trial.trial.seed);
        self.trials.iter().copied().filter(move |trial| Some(trial.trial.seed) == seed)
    }
}

/// The keys of a kind of figure, as they stand in a study.
pub(crate) trait FigureKeys {
    /// The figure; `table` is where errors about its keys together stand.
    fn figure(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<Box<dyn Kind>>;
}

impl<K: FigureKeys + 'static> From<K> for Box<dyn FigureKeys> {
    fn from(keys: K) -> Self {
        Box::new(keys)
    }
}

/// What a curve runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Training time: learning rate × step (with a schedule the sum of the learning rates), or the time of a flow.
    Time,
    /// Steps of the optimizer.
    Step,
}

/// `"time"` or `"step"`.
pub(super) fn course() -> Choice<Course> {
    choice(&[("time", Course::Time), ("step", Course::Step)])
}

impl Course {
    /// What stands at the axis.
    pub(super) fn label(self) -> String {
        match self {
            Course::Time => "training time t".into(),
            Course::Step => "step".into(),
        }
    }

    /// What stands before a place in a legend.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Course::Time => "t =",
            Course::Step => "step",
        }
    }

    /// Where a record stands.
    pub(super) fn of(self, record: &Record) -> f64 {
        self.at(record.step, record.time)
    }

    /// Which of the two it is.
    pub(super) fn at(self, step: u64, time: f64) -> f64 {
        match self {
            Course::Time => time,
            Course::Step => step as f64,
        }
    }
}

/// A linear or logarithmic axis.
pub(super) fn scale() -> Choice<AxisScale> {
    choice(&[("linear", AxisScale::Linear), ("log", AxisScale::Log)])
}
