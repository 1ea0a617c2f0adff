//! Draws ensembles as bands: mean outputs ± 2 standard deviations over the test inputs, one plot for each record.

use widenet_core::{
    Width,
    problem::Quantity,
    trajectory::{Record, Value},
};

use widenet_figures::{
    Axis, AxisScale, Mark, Plot, Series,
    palette::{self, RGBColor},
    words,
};

use super::labels::stems;
use crate::measure::{MeasuredTrial, Results};

/// One plot per group of axes other than the width and per record, of the first seed: the bands of finite widths filled, the limit's
/// dashed in black.
pub(super) fn bands(results: &Results<'_>, name: &str) -> Vec<(String, Plot)> {
    let groups = results.groups(&["width"]);
    let stems = stems(name, &groups);
    let mut plots = Vec::new();
    for (stem, (group, trials)) in stems.into_iter().zip(&groups) {
        let Some(first) = trials.first() else { continue };
        let of_first_seed = trials.iter().copied().filter(|trial| trial.trial.seed == first.trial.seed);
        let (limit, mut shown): (Vec<_>, Vec<_>) =
            of_first_seed.partition(|trial| trial.trial.width == Some(Width::Infinite));
        let colours = palette::sequence(shown.len()).into_iter().chain(std::iter::repeat(palette::BLACK));
        shown.extend(limit);
        let shown: Vec<_> = shown.into_iter().zip(colours).collect();
        for (position, record) in first.records().iter().enumerate() {
            let group = if group == "all" { String::new() } else { format!("{}, ", words(group)) };
            let plot = Plot {
                title: format!("{group}t = {}", (record.time * 1e4).round() / 1e4),
                x: Axis { label: "test input".into(), scale: AxisScale::Linear },
                y: Axis { label: "output".into(), scale: AxisScale::Linear },
                series: shown.iter().filter_map(|(trial, colour)| band(trial, position, *colour)).collect(),
                remarks: vec!["line: mean over networks".into(), "band: ± 2 standard deviations".into()],
            };
            plots.push((format!("{stem}-{position}"), plot));
        }
    }
    plots
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
