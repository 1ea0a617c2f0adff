//! Draws metrics against an axis, with fitted and predicted exponents.
//!
//! ```toml
//! [[figure]]
//! name = "convergence"
//! kind = "scaling"          # metric against an axis, one series per group of the other axes
//! metric = "predictor_distance"     # or several: metrics = ["first_weights", "hidden_weights"]
//! x = "width"               # default where there are widths; or any axis of numbers, on a logarithmic axis of positive ones
//! x_scale = "log"           # default; or "linear", as y_scale; only positive values have a place on a logarithmic axis
//! lines = true             # joins the points of each series; default false
//! best = "smallest"         # or "largest": a star where the mean over seeds is best; no stars by default
//! y_max = 1.0               # the upper end of the axis of the metrics: larger values are cut off
//! y_label = "distance"      # default: of the metric
//! ```

use widenet_core::document::{
    Field,
    keys::{optional, or},
    section,
    shape::{Located, boolean, list, located, positive, text},
};
use widenet_figures::{
    Axis, AxisScale, Mark, Marker, Plot, Series, palette,
    power_law::{band, exponent_label, fitted, mean},
    words,
};
use widenet_statistics::{
    Counts, Exponent, Finding,
    argmin::Extremum,
    fit::Sample,
    reference::{Resolved, resolved},
    transfer::{Optimum, optimum},
};

use super::{
    diverged::diverged_at,
    kind::{FigureKeys, Group, Kind, scale},
    labels::{axis_label, metric_label},
};
use crate::{
    measure::{MeasuredTrial, Results, Uncertain},
    study::{Check, CheckKind, Keys as StudyKeys, ReadResult, best},
};

/// Metrics against an axis: means over seeds with 10–90 % bands, fits dashed, predicted slopes grey. Points that lack seeds which diverged are
/// open; where all did, a cross stands on the upper edge. Several metrics share the plot, each
/// with its groups.
struct Scaling {
    /// Names of the metrics.
    metrics: Vec<String>,
    /// `width` or the key of an axis.
    x: String,
    scales: (AxisScale, AxisScale),
    /// Whether the points of a series are joined.
    lines: bool,
    /// Where each series has a star.
    best: Option<Extremum>,
    /// The upper end of the axis of the metrics, if it is not that of the values.
    y_max: Option<f64>,
    /// What stands at the axis of the metrics, if it is not their own label.
    y_label: Option<String>,
}

section! {
    /// A metric against an axis, one series per group of the other axes, with fitted and predicted exponents.
    pub(super) struct Keys {
        /// The metric.
        metric: Option<Located<String>> = optional(located(text())),
        /// Or several.
        metrics: Option<Vec<Located<String>>> = optional(list(located(text()))),
        /// `width`, where there are widths and nothing is given, or an axis of positive numbers, of any numbers with `x_scale = "linear"`.
        x: Option<Located<String>> = optional(located(text())),
        /// Scale of x; only positive values have a place on a logarithmic axis.
        x_scale: AxisScale = or(scale(), "log"),
        /// Scale of the metrics.
        y_scale: AxisScale = or(scale(), "log"),
        /// Whether the points of each series are joined by lines.
        lines: bool = or(boolean(), false),
        /// A star where the mean over seeds of each series is best, between points of the axis (docs/theory/statistics.md Eq. optimum).
        best: Option<Extremum> = optional(best()),
        /// The upper end of the axis of the metrics: larger values are cut off.
        y_max: Option<f64> = optional(positive()),
        /// What stands at the axis of the metrics.
        y_label: Option<String> = optional(text()),
    }
    check = |keys, table| match (&keys.metric, &keys.metrics) {
        _ if keys.best.is_some() && keys.x_scale == AxisScale::Linear => {
            table.refuse("best", "the optimum is found in logarithms of `x`; leave out `x_scale`")
        }
        (None, None) => Err(table.missing("metric")),
        (Some(_), Some(_)) => table.refuse("metric", "`metrics` are given; give one of the two"),
        _ => Ok(()),
    };
}

impl FigureKeys for Keys {
    fn figure(&self, keys: &StudyKeys<'_>, table: &Field<'_>) -> ReadResult<Box<dyn Kind>> {
        let metrics = self.metrics.iter().flatten().chain(&self.metric);
        Ok(Box::new(Scaling {
            metrics: metrics.map(|metric| keys.metric(&metric.field())).collect::<ReadResult<_>>()?,
            x: match self.x_scale {
                AxisScale::Linear => keys.number_x(self.x.as_ref(), table)?,
                AxisScale::Log => keys.x(self.x.as_ref(), table)?,
            },
            scales: (self.x_scale, self.y_scale),
            lines: self.lines,
            best: self.best,
            y_max: self.y_max,
            y_label: self.y_label.clone(),
        }))
    }
}

impl Kind for Scaling {
    fn shared_axes(&self) -> Option<Vec<&str>> {
        None
    }

    fn draw(&self, group: &Group<'_>) -> Result<Vec<(String, Plot)>, String> {
        Ok(vec![(String::new(), self.plot(group))])
    }
}

/// The height of a line through points in increasing order, at a place between two of them.
fn height(points: &[(f64, f64)], place: f64, scales: (AxisScale, AxisScale)) -> Option<f64> {
    let on = |value: f64, scale| if scale == AxisScale::Log { value.ln() } else { value };
    let back = |value: f64| if scales.1 == AxisScale::Log { value.exp() } else { value };
    if let Some((_, y)) = points.iter().find(|(x, _)| *x == place) {
        return Some(*y);
    }
    let above = points.iter().position(|(x, _)| *x > place)?;
    let (left, right) = (points.get(above.checked_sub(1)?)?, points.get(above)?);
    let share = (on(place, scales.0) - on(left.0, scales.0)) / (on(right.0, scales.0) - on(left.0, scales.0));
    Some(back(on(left.1, scales.1) * (1.0 - share) + on(right.1, scales.1) * share))
}

/// `best at 0.31`, or what an axis is too short for.
fn best_legend(optimum: &Optimum) -> String {
    let place = optimum.place_text();
    if optimum.is_at_end { format!("best at {place}, the end of the axis") } else { format!("best at {place}") }
}

/// Values of all seeds at every x, both in increasing order, and how many x are left out because a reference is not exact enough there. Only what
/// has a place on the axes.
fn by_x(
    results: &Results<'_>,
    trials: &[&MeasuredTrial<'_>],
    metric: &str,
    Scaling { x, scales, .. }: &Scaling,
) -> (Vec<(f64, Vec<f64>)>, usize) {
    let column = results.metric(metric);
    let shown = |value: f64, scale: AxisScale| value.is_finite() && (scale == AxisScale::Linear || value > 0.0);
    let point = |trial: &&MeasuredTrial<'_>| {
        let x = results.number(trial.trial, x);
        let Uncertain { value: y, error } = *trial.metrics[column].as_ref().ok()?;
        let sample = Sample { x, seed: trial.trial.seed, y, error };
        (shown(x, scales.0) && shown(y, scales.1)).then_some(sample)
    };
    let samples: Vec<Sample> = trials.iter().filter_map(point).collect();
    let is_estimate = samples.iter().any(|sample| sample.error > 0.0);
    let Resolved { mut samples, left_out } =
        if is_estimate { resolved(&samples) } else { Resolved { samples, left_out: 0 } };
    samples.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let runs = samples.chunk_by(|a, b| a.x == b.x);
    (runs.map(|run| (run[0].x, run.iter().map(|sample| sample.y).collect())).collect(), left_out)
}

impl Scaling {
    fn plot(&self, group: &Group<'_>) -> Plot {
        let Group { results, findings, .. } = *group;
        let Scaling { metrics, x, scales, lines, best, y_max, y_label } = self;
        let predictions: Vec<_> = metrics.iter().flat_map(|metric| predictions(results, findings, metric, x)).collect();
        let (mut curves, mut all_left_out) = (Vec::new(), 0);
        for metric in metrics {
            for (group, trials) in results.groups_among(group.trials.iter().copied(), &[x]) {
                let (samples, left_out) = by_x(results, &trials, metric, self);
                all_left_out += left_out;
                let name = match (metrics.len(), group.as_str()) {
                    (1, "all") | (2.., "all") => words(metric),
                    (1, _) => words(&group),
                    _ => format!("{}, {}", words(metric), words(&group)),
                };
                let diverged = diverged_at(results, &trials, (x, scales.0));
                let optimum = best.and_then(|best| {
                    let has_place = |trial: &&&MeasuredTrial<'_>| results.number(trial.trial, x).is_finite();
                    let trials: Vec<_> = trials.iter().filter(has_place).copied().collect();
                    optimum(&results.samples_or_infinite(&trials, metric, x), best)
                });
                if !(samples.is_empty() && diverged.places.is_empty()) {
                    curves.push((metric, group, name, (samples, diverged, optimum)));
                }
            }
        }
        let colours = palette::groups(curves.len());
        let (mut series, mut all_points) = (Vec::new(), Vec::new());
        let (mut any_open, mut any_lost) = (false, false);
        for ((metric, group, name, (samples, diverged, optimum)), (colour, marker)) in
            curves.iter().zip(colours.into_iter().zip(Marker::ALL.into_iter().cycle()))
        {
            let mut marks: Vec<Mark> = band(samples, scales.1).into_iter().collect();
            let mut legend = vec![name.clone()];
            for prediction in predictions.iter().filter(|prediction| prediction.metric == **metric) {
                let finding =
                    findings.iter().find(|finding| finding.check == prediction.check && finding.group == *group);
                let Some((fit, finding)) = finding.and_then(|finding| Some((finding.fit?, finding))) else { continue };
                marks.push(fitted(&fit, samples.iter().map(|(x, _)| *x)));
                legend.push(exponent_label(&fit, finding.interval));
            }
            let points: Vec<_> = samples.iter().map(|(x, values)| (*x, mean(values, scales.1))).collect();
            all_points.extend(points.iter().copied());
            if *lines {
                marks.push(Mark::Line { points: points.clone(), width: 1.0, dashed: false });
            }
            let is_open = |x: f64| diverged.places.iter().any(|place| place.x == x);
            let lost: Vec<f64> = diverged
                .places
                .iter()
                .filter(|place| points.iter().all(|(x, _)| *x != place.x))
                .map(|place| place.x)
                .collect();
            let star = optimum.filter(|optimum| optimum.y.is_finite());
            let star_at = star.and_then(|optimum| Some((optimum.place, height(&points, optimum.place, *scales)?)));
            let (open, whole): (Vec<_>, Vec<_>) = points.into_iter().partition(|(x, _)| is_open(*x));
            legend.extend(diverged.legend());
            legend.extend(star.map(|optimum| best_legend(&optimum)));
            any_open |= !open.is_empty();
            any_lost |= !lost.is_empty();
            marks.extend([Mark::Points(whole, marker), Mark::OpenPoints(open, marker), Mark::Lost(lost)]);
            marks.extend(star_at.map(|place| Mark::Points(vec![place], Marker::Star)));
            series.push(Series { legend, colour, marks });
        }
        series.splice(0..0, reference_slopes(&all_points, &predictions));
        let mut remarks = Vec::new();
        if let Some(max) = *y_max {
            let mut any_cut = false;
            for series in &mut series {
                let marks = std::mem::take(&mut series.marks).into_iter().map(|mark| mark.below(max, *scales));
                let (marks, cut): (Vec<_>, Vec<_>) = marks.unzip();
                series.marks = marks.concat();
                any_cut |= cut.contains(&true);
            }
            remarks.extend(any_cut.then(|| format!("cut off: values above {max:?}")));
        }
        if results.study.seeds.len() > 1 {
            let mean = if scales.1 == AxisScale::Log { "geometric mean" } else { "mean" };
            remarks.extend([format!("point: {mean} over seeds"), "band: 10–90 % of seeds".into()]);
        }
        if any_open {
            remarks.push("open: without the seeds that diverged".into());
        }
        if any_lost {
            remarks.push("cross on the edge: all diverged".into());
        }
        if best.is_some() {
            remarks.push("star: best mean over seeds".into());
        }
        if !predictions.is_empty() {
            remarks.push("numbers: exponent [95 % interval]".into());
        }
        remarks.extend(Counts { left_out: all_left_out, ..Counts::of(0, 0) }.left_out_words());
        let metric = |name: &String| results.study.metrics.iter().find(|metric| metric.name == *name);
        let y_label = match (y_label, &metrics[..]) {
            (Some(label), _) => label.clone(),
            (None, [one]) => metric(one).map(metric_label).unwrap_or_default(),
            (None, _) => "value of the metric".into(),
        };
        Plot {
            title: String::new(),
            x: Axis { label: axis_label(x), scale: scales.0 },
            y: Axis { label: y_label, scale: scales.1 },
            series,
            remarks,
        }
    }
}

/// What a check says about a metric as a function of an axis.
struct Prediction<'s> {
    check: &'s str,
    metric: &'s str,
    exponent: Exponent,
    /// Smallest and largest x that it was tested at; of the check itself if there was no fit.
    range: (f64, f64),
}

fn predictions<'s>(results: &Results<'s>, findings: &[Finding], metric: &str, x: &str) -> Vec<Prediction<'s>> {
    let of_check = |check: &'s Check| match &check.kind {
        CheckKind::PowerLaw { metric: m, x: key, exponent, range, .. } if m == metric && key == x => {
            let fits = findings.iter().filter(|finding| finding.check == check.name);
            let fitted = fits.filter_map(|finding| Some(finding.fit?.range));
            let tested = fitted.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            Some(Prediction { check: &check.name, metric: m, exponent: *exponent, range: tested.unwrap_or(*range) })
        }
        _ => None,
    };
    results.study.checks.iter().filter_map(of_check).collect()
}

/// Grey lines of the predicted exponents, below all points that they are about.
fn reference_slopes(points: &[(f64, f64)], predictions: &[Prediction<'_>]) -> Vec<Series> {
    let mut lines: Vec<Series> = Vec::new();
    for prediction in predictions {
        let Exponent::Near { exponent, .. } = prediction.exponent else { continue };
        let legend = vec![format!("predicted slope {exponent}").replace('-', "−")];
        let (min_x, max_x) = prediction.range;
        let fitted: Vec<_> = points.iter().filter(|point| (min_x..=max_x).contains(&point.0)).collect();
        if lines.iter().any(|line| line.legend == legend) || fitted.is_empty() {
            continue;
        }
        let constant = fitted.iter().map(|(x, y)| y / x.powf(exponent)).fold(f64::INFINITY, f64::min) / 2.0;
        let first = fitted.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let last = fitted.iter().map(|point| point.0).fold(0.0, f64::max);
        let ends = [first, last].map(|x| (x, constant * x.powf(exponent))).into();
        let marks = vec![Mark::Line { points: ends, width: 1.5, dashed: false }];
        lines.push(Series { legend, colour: palette::GREY, marks });
    }
    lines
}
