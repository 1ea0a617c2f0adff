//! Draws a list of an answer against another list: quantiles against quantiles, densities, histograms.
//!
//! ```toml
//! [[figure]]
//! name = "quantiles"
//! kind = "lines"            # of questions: lists of the answers against another; one file per group, of its first seed
//! x = "agreement.law.quantiles"           # path of the abscissas
//! y = ["agreement.limit.quantiles"]       # paths of lists as long, drawn as lines …
//! points = ["agreement.sample.quantiles"] # … or as markers; at least one in all
//! labels = ["limit", "networks"]          # default: the paths; of y, then of points
//! series = "network.depth_ratio"          # optional: lines of all values of an axis (or "width") in one file
//! x_scale = "linear"        # default; or "log", as y_scale
//! x_label = "exact law"     # default: the path; as y_label
//! diagonal = true           # default false: draws y = x
//! ```

use widenet_core::{
    Width,
    document::{Field, Reader},
};

use widenet_figures::{Axis, AxisScale, Mark, Marker, Plot, Series, palette, words};

use super::{
    kind::{Group, Kind, scales},
    labels::value_label,
};
use crate::{
    measure::MeasuredTrial,
    study::{Keys, ReadResult},
    trials::Answer,
};

/// What is drawn against the abscissas.
struct Ordinates {
    /// Path of the list.
    path: String,
    /// What the legend calls it.
    label: String,
    /// Drawn as markers instead of a line.
    markers: bool,
}

/// Lists of the answers of the first seed. Limits of a series of widths are dashed in black.
struct Lines {
    /// Path of the abscissas.
    x: String,
    y: Vec<Ordinates>,
    /// `width` or the key of an axis whose values share a plot.
    series: Option<String>,
    scales: (AxisScale, AxisScale),
    /// What stands at the axes.
    axis_labels: (String, String),
    /// Draws y = x.
    diagonal: bool,
}

pub(super) fn parse(reader: &mut Reader<'_>, keys: &Keys<'_>) -> ReadResult<Box<dyn Kind>> {
    let x = reader.required("x", |field| keys.path(field))?;
    let paths = |field: &Field<'_>| field.list(|field| keys.path(field));
    let lines = reader.or("y", Vec::new(), paths)?;
    let points = reader.or("points", Vec::new(), paths)?;
    let paths: Vec<_> =
        lines.into_iter().map(|path| (path, false)).chain(points.into_iter().map(|path| (path, true))).collect();
    if paths.is_empty() {
        return Err(reader.error("`y` or `points` is missing: paths of what is drawn against `x`"));
    }
    let label = |path: &str| path.replace(['.', '_'], " ");
    let axis_labels =
        (reader.or("x_label", label(&x), Field::string)?, reader.or("y_label", label(&paths[0].0), Field::string)?);
    let meaning = "one per path of `y` and `points`";
    let labels = reader.optional("labels", |field| field.list_of(paths.len(), meaning, Field::string))?;
    let labels = labels.unwrap_or_else(|| paths.iter().map(|(path, _)| label(path)).collect());
    Ok(Box::new(Lines {
        x,
        y: paths.into_iter().zip(labels).map(|((path, markers), label)| Ordinates { path, label, markers }).collect(),
        series: reader.optional("series", |field| keys.axis(field))?,
        scales: scales(reader, (AxisScale::Linear, AxisScale::Linear))?,
        axis_labels,
        diagonal: reader.or("diagonal", false, Field::boolean)?,
    }))
}

impl Kind for Lines {
    fn shared_axes(&self) -> Option<Vec<&str>> {
        Some(self.series.as_deref().into_iter().collect())
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        // A trial may lack what others have; if none has it, the path is wrong.
        let mut missing = None;
        let drawn = drawn(self, group.of_first_seed(), &mut missing);
        if drawn.is_empty() {
            return missing.map_or(Ok(Vec::new()), Err);
        }
        let mut series = coloured(drawn);
        if self.diagonal {
            series.insert(0, diagonal(&series));
        }
        let (x, y) = (words(&self.axis_labels.0), words(&self.axis_labels.1));
        let plot = Plot {
            title: group.title.clone(),
            x: Axis { label: x, scale: self.scales.0 },
            y: Axis { label: y, scale: self.scales.1 },
            series,
            remarks: Vec::new(),
        };
        Ok(vec![(String::new(), plot)])
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

fn points(answer: &Answer, x: &str, y: &str) -> Result<Vec<(f64, f64)>, String> {
    let (abscissas, ordinates) = (answer.numbers(x)?, answer.numbers(y)?);
    if abscissas.len() != ordinates.len() {
        return Err(format!("`{x}` has {} numbers and `{y}` {}", abscissas.len(), ordinates.len()));
    }
    Ok(abscissas.into_iter().zip(ordinates).collect())
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
