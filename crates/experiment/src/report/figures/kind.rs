//! What a kind of figure is, and what it is handed.

use widenet_core::{document::Reader, problem::Quantity};
use widenet_figures::{AxisScale, Plot};
use widenet_statistics::Finding;

use crate::{
    measure::{MeasuredTrial, Results},
    study::ReadResult,
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
    pub(super) trials: Vec<&'r MeasuredTrial<'r>>,
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

const SCALES: [(&str, AxisScale); 2] = [("linear", AxisScale::Linear), ("log", AxisScale::Log)];

/// Reads `x_scale`.
pub(super) fn x_scale(reader: &mut Reader<'_>, default: AxisScale) -> ReadResult<AxisScale> {
    reader.or("x_scale", default, |field| field.choice(&SCALES))
}

/// Reads `x_scale` and `y_scale`.
pub(super) fn scales(reader: &mut Reader<'_>, default: (AxisScale, AxisScale)) -> ReadResult<(AxisScale, AxisScale)> {
    Ok((x_scale(reader, default.0)?, reader.or("y_scale", default.1, |field| field.choice(&SCALES))?))
}
