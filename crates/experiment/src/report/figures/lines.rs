//! Draws a list of an answer against another list: quantiles against quantiles, densities, histograms.

use widenet_core::{Error, Width};

use widenet_figures::{Axis, Mark, Marker, Plot, Series, palette, words};

use super::labels::{stems, value_label};
use crate::{
    error::Result,
    measure::{MeasuredTrial, Results},
    storage::Answer,
    study::figure::{Lines, Ordinates},
};

/// One plot per group of axes other than `series`, of its first seed. Limits of a series of widths are dashed in black.
pub(super) fn lines(results: &Results<'_>, name: &str, kind: &Lines) -> Result<Vec<(String, Plot)>> {
    let groups = results.groups(kind.series.as_deref().as_slice());
    let mut plots = Vec::new();
    // A trial may lack what others have; if none has it, the path is wrong.
    let mut missing = None;
    for (stem, (group, trials)) in stems(name, &groups).into_iter().zip(&groups) {
        let Some(first) = trials.first() else { continue };
        let drawn =
            drawn(kind, trials.iter().copied().filter(|trial| trial.trial.seed == first.trial.seed), &mut missing);
        if drawn.is_empty() {
            continue;
        }
        let mut series = coloured(drawn);
        if kind.diagonal {
            series.insert(0, diagonal(&series));
        }
        let title = if group == "all" { String::new() } else { words(group) };
        let (x_scale, y_scale) = kind.scales;
        let (x, y) = (words(&kind.axis_labels.0), words(&kind.axis_labels.1));
        let plot = Plot {
            title,
            x: Axis { label: x, scale: x_scale },
            y: Axis { label: y, scale: y_scale },
            series,
            remarks: Vec::new(),
        };
        plots.push((stem, plot));
    }
    match (plots.is_empty(), missing) {
        (true, Some(reason)) => Err(Error::Invalid(format!("figure `{name}`: {reason}")).into()),
        _ => Ok(plots),
    }
}

/// A line or markers before they have a colour.
struct Drawn {
    legend: String,
    points: Vec<(f64, f64)>,
    markers: bool,
    is_limit: bool,
}

/// The lists of the answers as points.
fn drawn<'t>(
    kind: &Lines,
    trials: impl Iterator<Item = &'t MeasuredTrial<'t>>,
    missing: &mut Option<String>,
) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    for trial in trials {
        let Some(answer) = trial.answer() else { continue };
        for Ordinates { path, label, markers } in &kind.y {
            match points(answer, &kind.x, path) {
                Err(reason) => *missing = Some(format!("trial {}: {reason}", trial.trial.label)),
                Ok(points) => drawn.push(Drawn {
                    legend: match (&kind.series, kind.y.len()) {
                        (None, _) => label.clone(),
                        (Some(key), 1) => value_label(trial, key),
                        (Some(key), _) => format!("{label}, {}", value_label(trial, key)),
                    },
                    points,
                    markers: *markers,
                    is_limit: kind.series.as_deref() == Some("width") && trial.trial.width == Some(Width::Infinite),
                }),
            }
        }
    }
    drawn
}

fn points(answer: &Answer, x: &str, y: &str) -> std::result::Result<Vec<(f64, f64)>, String> {
    let (abscissas, ordinates) = (answer.numbers(x)?, answer.numbers(y)?);
    match abscissas.len() == ordinates.len() {
        true => Ok(abscissas.into_iter().zip(ordinates).collect()),
        false => Err(format!("`{x}` has {} numbers and `{y}` {}", abscissas.len(), ordinates.len())),
    }
}

fn coloured(drawn: Vec<Drawn>) -> Vec<Series> {
    let limits = drawn.iter().filter(|one| one.is_limit).count();
    let mut colours = palette::groups(drawn.len() - limits).into_iter();
    let mut markers = Marker::ALL.into_iter().cycle();
    let mut series: Vec<_> = drawn
        .into_iter()
        .map(|Drawn { legend, points, markers: is_marked, is_limit }| {
            let colour = if is_limit { None } else { colours.next() }.unwrap_or(palette::BLACK);
            let mark = match markers.next().filter(|_| is_marked) {
                Some(marker) => Mark::Points(points, marker),
                None => Mark::Line { points, width: 2.0, dashed: is_limit },
            };
            Series { legend: vec![legend], colour, marks: vec![mark] }
        })
        .collect();
    // Lines over markers, which would hide them.
    series.sort_by_key(|series| matches!(series.marks[0], Mark::Line { .. }));
    series
}

/// `y = x` where the abscissas are.
fn diagonal(series: &[Series]) -> Series {
    let abscissas = series.iter().flat_map(|series| &series.marks).flat_map(|mark| match mark {
        Mark::Line { points, .. } | Mark::Points(points, _) => points.as_slice(),
        Mark::Band(_) | Mark::Text(..) => &[],
    });
    let (low, high) =
        abscissas.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let points = vec![(low, low), (high, high)];
    Series {
        legend: vec!["y = x".into()],
        colour: palette::GREY,
        marks: vec![Mark::Line { points, width: 1.5, dashed: false }],
    }
}
