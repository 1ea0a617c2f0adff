//! Ensembles as bands: mean outputs ± 2 standard deviations over the test inputs, at moments of training.

use widenet_core::{
    Width,
    problem::Quantity,
    trajectory::{Record, Status, Value},
};

use super::{
    palette,
    plot::{Axis, Mark, Plot, Series},
    stems, words,
};
use crate::{
    measure::{MeasuredTrial, Results},
    study::AxisScale,
};

/// One plot per group of axes other than the width and per moment; the bands of finite widths filled, the limit's dashed in black.
pub(super) fn bands(results: &Results<'_>, name: &str, at: &[f64]) -> Vec<(String, Plot)> {
    let groups = results.groups(&["width"]);
    let stems = stems(name, &groups);
    let mut plots = Vec::new();
    for (stem, (group, trials)) in stems.into_iter().zip(&groups) {
        for (moment, time) in moments(trials, at) {
            let group = if group == "all" { String::new() } else { format!("{}, ", words(group)) };
            plots.push((
                format!("{stem}-t{moment}"),
                Plot {
                    title: format!("{group}t = {}", (time * 1e4).round() / 1e4),
                    x: Axis { label: "test input".into(), scale: AxisScale::Linear },
                    y: Axis { label: "output".into(), scale: AxisScale::Linear },
                    series: trials.iter().filter_map(|trial| band(trial, moment, trials.len())).flatten().collect(),
                    remarks: vec!["line: mean over networks".into(), "band: ± 2 standard deviations".into()],
                },
            ));
        }
    }
    plots
}

/// Positions of the records whose steps are asked for (all without any), with their times.
fn moments(trials: &[&MeasuredTrial<'_>], at: &[f64]) -> Vec<(usize, f64)> {
    let Some(trial) = trials.first() else { return Vec::new() };
    let records = trial.trajectory.records.iter().enumerate().map(|(position, record)| (position, record));
    let wanted = |record: &Record| at.is_empty() || at.iter().any(|moment| *moment == record.step as f64);
    records.filter(|(_, record)| wanted(record)).map(|(position, record)| (position, record.time)).collect()
}

/// The first output's band; `None` if the trial has no such record.
fn band(trial: &MeasuredTrial<'_>, moment: usize, count: usize) -> Option<Vec<Series>> {
    if trial.trajectory.status != Status::Done {
        return None;
    }
    let record = trial.trajectory.records.get(moment)?;
    let column = |quantity: Quantity| match record.values.get(&quantity)? {
        Value::Matrix(matrix) => Some(matrix.column(0).iter().copied().collect::<Vec<f64>>()),
        _ => None,
    };
    let (mean, std) = (column(Quantity::TestOutputs)?, column(Quantity::TestOutputStd)?);
    let x = |i: usize| i as f64;
    let line = |factor: f64| -> Vec<(f64, f64)> {
        mean.iter().zip(&std).enumerate().map(|(i, (mean, std))| (x(i), mean + factor * std)).collect()
    };
    let width = trial.trial.width;
    if width == Width::Infinite {
        let marks = [(0.0, 2.5), (2.0, 1.5), (-2.0, 1.5)];
        let marks = marks.map(|(factor, width)| Mark::Line { points: line(factor), width, dashed: true });
        return Some(vec![Series {
            legend: vec!["m = ∞ (limit)".into()],
            colour: palette::BLACK,
            marks: marks.into(),
        }]);
    }
    let area = mean.iter().zip(&std).enumerate().map(|(i, (mean, std))| (x(i), mean - 2.0 * std, mean + 2.0 * std));
    let marks = vec![Mark::Band(area.collect()), Mark::Line { points: line(0.0), width: 2.0, dashed: false }];
    let colours = palette::sequence(count);
    let colour = colours[trial.trial.index % colours.len().max(1)];
    Some(vec![Series { legend: vec![format!("m = {width}")], colour, marks }])
}
