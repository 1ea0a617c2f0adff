//! Draws single numbers of a few quantities over each other against training time, to show whether the curves coincide.

use widenet_core::{
    Width,
    problem::Quantity,
    trajectory::{Record, Status, Value},
};

use widenet_figures::{Axis, AxisScale, Mark, Plot, Series, palette, words};

use super::labels::stems;
use crate::measure::{MeasuredTrial, Results};

/// One plot per group (axes other than the seed), of its first seed: the first quantity solid in a colour per entry, the others dashed
/// in black, the limit given the same start thin in grey where it is known.
pub(super) fn overlay(
    results: &Results<'_>,
    name: &str,
    quantities: &[Quantity],
    entries: &[usize],
    x_scale: AxisScale,
) -> Vec<(String, Plot)> {
    let groups = results.groups(&[]);
    let stems = stems(name, &groups);
    let mut plots = Vec::new();
    for (stem, (group, trials)) in stems.into_iter().zip(&groups) {
        let Some(trial) = trials.first().filter(|trial| trial.result.status() == Status::Done) else { continue };
        if trial.trial.width == Some(Width::Infinite) {
            continue;
        }
        plots.push((
            stem,
            Plot {
                title: if group == "all" { String::new() } else { words(group) },
                x: Axis { label: "training time t".into(), scale: x_scale },
                y: Axis { label: words(quantities[0].name()), scale: AxisScale::Linear },
                series: series(trial, quantities, entries),
                remarks: Vec::new(),
            },
        ));
    }
    plots
}

fn series(trial: &MeasuredTrial<'_>, quantities: &[Quantity], entries: &[usize]) -> Vec<Series> {
    let colours = palette::groups(entries.len());
    let mut series = Vec::new();
    for (&entry, colour) in entries.iter().zip(colours) {
        let mut marks = Vec::new();
        for (position, &quantity) in quantities.iter().enumerate() {
            let width = if position == 0 { 3.0 } else { 1.5 };
            let colour = if position == 0 { colour } else { palette::BLACK };
            let points = curve(trial.records(), quantity, entry);
            let legend = match (position, entries.len()) {
                (0, 1) => vec![words(quantity.name())],
                (0, _) => vec![format!("{}, entry {entry}", words(quantity.name()))],
                _ => vec![words(quantity.name())],
            };
            let mark = Mark::Line { points, width, dashed: position > 0 };
            marks.push(Series { legend, colour, marks: vec![mark] });
        }
        if let Some(limit) = &trial.limit_given_start {
            let points = curve(&limit.records, quantities[0], entry);
            let mark = Mark::Line { points, width: 1.0, dashed: false };
            marks.push(Series {
                legend: vec!["limit given this start".into()],
                colour: palette::GREY,
                marks: vec![mark],
            });
        }
        series.extend(marks);
    }
    merged(series)
}

/// Series of the same legend become one, so that the legend names each once.
fn merged(series: Vec<Series>) -> Vec<Series> {
    let mut merged: Vec<Series> = Vec::new();
    for one in series {
        match merged.iter_mut().find(|known| known.legend == one.legend) {
            Some(known) => known.marks.extend(one.marks),
            None => merged.push(one),
        }
    }
    // Thin lines over the thick ones that they should hide.
    merged.sort_by_key(|series| matches!(series.marks[0], Mark::Line { width, .. } if width < 3.0));
    merged
}

/// Entry `entry` (rows first to last) against time.
fn curve(records: &[Record], quantity: Quantity, entry: usize) -> Vec<(f64, f64)> {
    let point = |record: &Record| {
        let value = *record.values.get(&quantity).map(Value::flatten)?.get(entry)?;
        value.is_finite().then_some((record.time, value))
    };
    records.iter().filter_map(point).collect()
}
