//! Draws ensembles as bands: mean outputs ± 2 standard deviations over the test inputs, one plot for each record.
//!
//! ```toml
//! [[figure]]
//! name = "outputs"
//! kind = "bands"            # mean ± 2 standard deviations of an ensemble over the test inputs, one file per record
//! ```

use widenet_core::{
    Width,
    document::{Field, section},
    problem::Quantity,
    trajectory::{Record, Status, Value},
};

use widenet_figures::{
    Axis, AxisScale, Mark, Plot, Series,
    palette::{self, RGBColor},
};

use super::kind::{FigureKeys, Group, Kind};
use crate::{
    measure::MeasuredTrial,
    study::{Keys as StudyKeys, ReadResult},
};

/// Bands of the first seed, one plot per record: those of finite widths filled, the limit's dashed in black.
struct Bands;

section! {
    /// Mean ± 2 standard deviations of an ensemble over the test inputs, one file per record.
    pub(super) struct Keys {}
}

impl FigureKeys for Keys {
    fn figure(&self, _: &StudyKeys<'_>, _: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        Ok(Box::new(Bands))
    }
}

impl Kind for Bands {
    fn quantities(&self) -> Vec<Quantity> {
        vec![Quantity::TestOutputs, Quantity::TestOutputStd]
    }

    fn shared_axes(&self) -> Option<Vec<&str>> {
        Some(vec!["width"])
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        // A trial that diverged or stopped has fewer records.
        let Some(longest) = group.of_first_seed().max_by_key(|trial| trial.records().len()) else {
            return Ok(Vec::new());
        };
        let ended = group.of_first_seed().filter(|trial| trial.result.status() != Status::Done);
        let ended: Vec<String> =
            ended.map(|trial| format!("m = {} {}", trial.trial.width_text(), trial.result.word())).collect();
        let (limit, mut shown): (Vec<_>, Vec<_>) =
            group.of_first_seed().partition(|trial| trial.trial.width == Some(Width::Infinite));
        let colours = palette::sequence(shown.len()).into_iter().chain(std::iter::repeat(palette::BLACK));
        shown.extend(limit);
        let shown: Vec<_> = shown.into_iter().zip(colours).collect();
        let title = if group.title.is_empty() { String::new() } else { format!("{}, ", group.title) };
        let plot = |(position, record): (usize, &Record)| {
            let plot = Plot {
                title: format!("{title}t = {}", (record.time * 1e4).round() / 1e4),
                x: Axis { label: "test input".into(), scale: AxisScale::Linear },
                y: Axis { label: "output".into(), scale: AxisScale::Linear },
                series: shown.iter().filter_map(|(trial, colour)| band(trial, position, *colour)).collect(),
                remarks: ["line: mean over networks", "band: ± 2 standard deviations"]
                    .map(String::from)
                    .into_iter()
                    .chain(ended.iter().cloned())
                    .collect(),
            };
            (format!("-{position}"), plot)
        };
        Ok(longest.records().iter().enumerate().map(plot).collect())
    }
}

/// The first output's band in a record; `None` if the trial did not get so far.
fn band(trial: &MeasuredTrial<'_>, position: usize, colour: RGBColor) -> Option<Series> {
    let record = trial.records().get(position)?;
    let (mean, std) = (first_output(record, Quantity::TestOutputs)?, first_output(record, Quantity::TestOutputStd)?);
    let at = |factor: f64| mean.iter().zip(&std).map(move |(mean, std)| mean + factor * std).enumerate();
    let line = |factor: f64| at(factor).map(|(i, y)| (i as f64, y)).collect();
    let width = trial.trial.width;
    if width == Some(Width::Infinite) {
        let marks = [(0.0, 2.5), (2.0, 1.5), (-2.0, 1.5)];
        let marks = marks.map(|(factor, width)| Mark::Line { points: line(factor), width, dashed: true });
        return Some(Series { legend: vec!["m = ∞ (limit)".into()], colour, marks: marks.into() });
    }
    let area = at(-2.0).zip(at(2.0)).map(|((i, low), (_, high))| (i as f64, low, high)).collect();
    let marks = vec![Mark::Band(area), Mark::Line { points: line(0.0), width: 2.0, dashed: false }];
    Some(Series { legend: vec![format!("m = {}", trial.trial.width_text())], colour, marks })
}

/// A quantity's first column, over the samples.
fn first_output(record: &Record, quantity: Quantity) -> Option<Vec<f64>> {
    match record.values.get(&quantity)? {
        Value::Matrix(matrix) => Some(matrix.column(0).iter().copied().collect()),
        _ => None,
    }
}
