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
    document::{
        Field,
        keys::{optional, or, required},
        section,
        shape::{Located, boolean, list, located, text},
    },
};

use widenet_figures::{Axis, AxisScale, Mark, Marker, Plot, Series, palette, words};

use super::{
    kind::{FigureKeys, Group, Kind, scale},
    labels::value_label,
};
use crate::{
    measure::MeasuredTrial,
    study::{Keys as StudyKeys, ReadResult},
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

section! {
    /// Lists of the answers against another; one file per group, of its first seed.
    pub(super) struct Keys {
        /// Path of the abscissas.
        x: Located<String> = required(located(text())),
        /// Paths of lists as long, drawn as lines …
        y: Option<Vec<Located<String>>> = optional(list(located(text()))),
        /// … or as markers; at least one in all.
        points: Option<Vec<Located<String>>> = optional(list(located(text()))),
        /// What the legend calls them, of `y`, then of `points`; the paths where nothing is given.
        labels: Option<Located<Vec<String>>> = optional(located(list(text()))),
        /// Lines of all values of this axis, or of `width`, share a file.
        series: Option<Located<String>> = optional(located(text())),
        /// Scale of x.
        x_scale: AxisScale = or(scale(), "linear"),
        /// Scale of y.
        y_scale: AxisScale = or(scale(), "linear"),
        /// What stands at the axis of x; the path where nothing is given.
        x_label: Option<String> = optional(text()),
        /// What stands at the axis of y; the first path where nothing is given.
        y_label: Option<String> = optional(text()),
        /// Draws y = x.
        diagonal: bool = or(boolean(), false),
    }
    check = |keys, table| match keys.y.is_none() && keys.points.is_none() {
        true => Err(table.error("`y` or `points` is missing: paths of what is drawn against `x`")),
        false => Ok(()),
    };
}

impl FigureKeys for Keys {
    fn figure(&self, keys: &StudyKeys<'_>, _: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        let x = keys.path(&self.x.field())?;
        let lines = self.y.iter().flatten().map(|path| (path, false));
        let points = self.points.iter().flatten().map(|path| (path, true));
        let of_path = |(path, markers): (&Located<String>, bool)| Ok((keys.path(&path.field())?, markers));
        let paths = lines.chain(points).map(of_path).collect::<ReadResult<Vec<_>>>()?;
        let label = |path: &str| path.replace(['.', '_'], " ");
        let labels = match &self.labels {
            Some(labels) => labels.field().list_of(paths.len(), "one per path of `y` and `points`", Field::string)?,
            None => paths.iter().map(|(path, _)| label(path)).collect(),
        };
        let axis_labels = (
            self.x_label.clone().unwrap_or_else(|| label(&x)),
            self.y_label.clone().unwrap_or_else(|| label(&paths[0].0)),
        );
        let ordinates = paths.into_iter().zip(labels);
        Ok(Box::new(Lines {
            x,
            y: ordinates.map(|((path, markers), label)| Ordinates { path, label, markers }).collect(),
            series: self.series.as_ref().map(|series| keys.axis(&series.field())).transpose()?,
            scales: (self.x_scale, self.y_scale),
            axis_labels,
            diagonal: self.diagonal,
        }))
    }
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
        _ => &[],
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
