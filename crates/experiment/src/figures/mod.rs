//! Figures of a study, from its measured trials.

mod canvas;
mod palette;
mod plot;
mod ticks;

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use widenet_core::{
    Trajectory, Width,
    problem::Quantity,
    trajectory::{Status, Value},
};

use crate::{
    CheckKind, Error, Finding, Metric, Over, Reference, Result,
    check::samples,
    fit::quantile,
    measure::{MeasuredTrial, Results},
    run_directory::{create_directory, remove_file},
    study::{AxisScale, FigureKind},
};
use plot::{Axis, Mark, Marker, Plot, Series};

/// Draws all figures into `figures/` and returns the stems of their files.
pub(crate) fn draw_all(directory: &Path, results: &Results<'_>, findings: &[Finding]) -> Result<Vec<String>> {
    let directory = directory.join("figures");
    create_directory(&directory)?;
    let mut stems: Vec<String> = Vec::new();
    for figure in &results.study.figures {
        let plots = match &figure.kind {
            FigureKind::Scaling { metric, x } => vec![(figure.name.clone(), scaling(results, findings, metric, x))],
            FigureKind::Curves { quantity, series, x_scale, y_scale, floor } => {
                curves(results, &figure.name, *quantity, series, (*x_scale, *y_scale), *floor)
            }
        };
        for (stem, plot) in plots {
            plot.write(&directory, &stem)?;
            stems.push(stem);
        }
    }
    remove_others(&directory, &stems)?;
    Ok(stems)
}

/// Removes figures that the study no longer has.
fn remove_others(directory: &Path, stems: &[String]) -> Result<()> {
    let entries = std::fs::read_dir(directory).map_err(|error| Error::file("read", directory, error))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        // A leading dot: another process is writing it.
        let is_figure = path.extension().is_some_and(|extension| ["svg", "png"].map(OsStr::new).contains(&extension));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        if is_figure && !stem.starts_with('.') && !stems.iter().any(|known| *known == stem) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Words for an axis: `width m`, or the key's last part.
fn axis_label(key: &str) -> String {
    match key {
        "width" => "width m".into(),
        _ => words(key.rsplit('.').next().unwrap_or(key)),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn metric_label(metric: &Metric) -> String {
    let quantity = words(metric.quantity.name());
    let size = match metric.against {
        None => quantity,
        Some(Reference::Limit) => format!("‖{quantity} − limit‖"),
        Some(Reference::Lazy) => format!("‖{quantity} − lazy‖"),
    };
    let relative = if metric.relative { ", relative" } else { "" };
    let over = match metric.over {
        Over::Sup => "sup over t of ",
        Over::Final => "final ",
        Over::Initial => "initial ",
    };
    format!("{over}{size}{relative}")
}

/// Mean of logarithms, as a value.
fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Metric against an axis: geometric means over seeds with 10–90 % bands, fits dashed, predicted slopes grey.
fn scaling(results: &Results<'_>, findings: &[Finding], metric: &str, x: &str) -> Plot {
    let checks: Vec<_> = results
        .study
        .checks
        .iter()
        .filter_map(|check| match &check.kind {
            CheckKind::PowerLaw { metric: m, x: key, exponent, range, .. } if m == metric && key == x => {
                Some((&check.name, *exponent, *range))
            }
            _ => None,
        })
        .collect();
    let groups: Vec<_> = results
        .groups(&[x])
        .into_iter()
        .map(|(group, trials)| (group, samples(results, &trials, metric, x, (0.0, f64::MAX))))
        .filter(|(_, samples)| !samples.is_empty())
        .collect();
    let colours = palette::groups(groups.len());
    let (mut series, mut all_points) = (Vec::new(), Vec::new());
    for ((group, samples), (colour, marker)) in
        groups.iter().zip(colours.into_iter().zip(Marker::ALL.into_iter().cycle()))
    {
        let mut by_x: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for sample in samples {
            // The bits of positive floats are in their order.
            by_x.entry(sample.x.to_bits()).or_default().push(sample.y);
        }
        by_x.values_mut().for_each(|values| values.sort_by(f64::total_cmp));
        let at = |(bits, values): (&u64, &Vec<f64>)| (f64::from_bits(*bits), geometric_mean(values));
        let band =
            |(bits, values): (&u64, &Vec<f64>)| (f64::from_bits(*bits), quantile(values, 0.1), quantile(values, 0.9));
        let mut marks = Vec::new();
        if by_x.values().any(|values| values.len() > 1) {
            marks.push(Mark::Band(by_x.iter().map(band).collect()));
        }
        let mut legend = vec![if group == "all" { words(metric) } else { words(group) }];
        for (name, _, range) in &checks {
            let finding = findings.iter().find(|finding| finding.check == **name && finding.group == *group);
            let Some((fit, finding)) = finding.and_then(|finding| Some((finding.fit?, finding))) else { continue };
            let fitted = by_x.keys().map(|bits| f64::from_bits(*bits)).filter(|x| (range.0..=range.1).contains(x));
            let points = fitted.map(|x| (x, fit.constant * x.powf(fit.exponent))).collect();
            marks.push(Mark::Line { points, width: 1.5, dashed: true });
            let interval = finding.interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]")).unwrap_or_default();
            legend.push(format!("{:.3}{interval}", fit.exponent).replace('-', "−"));
        }
        let points: Vec<_> = by_x.iter().map(at).collect();
        all_points.extend(points.iter().copied());
        marks.push(Mark::Points(points, marker));
        series.push(Series { legend, colour, marks });
    }
    series.splice(0..0, reference_slopes(&all_points, &checks));
    let metric = results.study.metrics.iter().find(|m| m.name == metric);
    let mut remarks = Vec::new();
    if results.study.seeds.len() > 1 {
        remarks.extend(["point: geometric mean over seeds", "band: 10–90 % of seeds"].map(String::from));
    }
    if !checks.is_empty() {
        remarks.push("numbers: exponent [95 % interval]".into());
    }
    Plot {
        title: String::new(),
        x: Axis { label: axis_label(x), scale: AxisScale::Log },
        y: Axis { label: metric.map(metric_label).unwrap_or_default(), scale: AxisScale::Log },
        series,
        remarks,
    }
}

/// Grey lines of the predicted exponents, below all points that they are about.
fn reference_slopes(points: &[(f64, f64)], checks: &[(&String, f64, (f64, f64))]) -> Vec<Series> {
    let mut lines = Vec::new();
    for (index, (_, exponent, (min_x, max_x))) in checks.iter().enumerate() {
        let repeated = checks[..index].iter().any(|check| check.1 == *exponent);
        let fitted: Vec<_> = points.iter().filter(|point| (*min_x..=*max_x).contains(&point.0)).collect();
        if repeated || fitted.is_empty() {
            continue;
        }
        let constant = fitted.iter().map(|(x, y)| y / x.powf(*exponent)).fold(f64::INFINITY, f64::min) / 2.0;
        let first = fitted.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let last = fitted.iter().map(|point| point.0).fold(0.0, f64::max);
        let ends = [first, last].map(|x| (x, constant * x.powf(*exponent))).into();
        let legend = vec![format!("predicted slope {exponent}").replace('-', "−")];
        let marks = vec![Mark::Line { points: ends, width: 1.5, dashed: false }];
        lines.push(Series { legend, colour: palette::GREY, marks });
    }
    lines
}

/// A scalar against time: one plot per group, one line per value of `series`, the limit dashed in black on top.
fn curves(
    results: &Results<'_>,
    name: &str,
    quantity: Quantity,
    series: &str,
    (x_scale, y_scale): (AxisScale, AxisScale),
    floor: f64,
) -> Vec<(String, Plot)> {
    let groups = results.groups(&[series]);
    let stems = stems(name, &groups);
    let plot = |(stem, (group, trials)): (String, (String, Vec<&MeasuredTrial<'_>>))| {
        let plot = Plot {
            title: if group == "all" { String::new() } else { words(&group) },
            x: Axis { label: "training time t".into(), scale: x_scale },
            y: Axis { label: words(quantity.name()), scale: y_scale },
            series: lines(&trials, quantity, series, floor),
            remarks: match results.study.seeds.len() {
                1 => Vec::new(),
                _ => vec!["line: mean over seeds".into(), "band: 10–90 % of seeds".into()],
            },
        };
        (stem, plot)
    };
    stems.into_iter().zip(groups).map(plot).collect()
}

/// File names of the plots of groups: with the values of their axes, for example `loss-hidden_layers-3`.
fn stems(name: &str, groups: &[(String, Vec<&MeasuredTrial<'_>>)]) -> Vec<String> {
    if let [_] = groups {
        return vec![name.into()];
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let mut stems: Vec<String> = Vec::new();
    for (group, _) in groups {
        let values: String = group.replace(" = ", "-").replace(", ", "-").chars().map(safe).collect();
        let stem = format!("{name}-{values}");
        // Values may differ in other characters only.
        let taken = stems.contains(&stem);
        stems.push(if taken { format!("{stem}-{}", stems.len() + 1) } else { stem });
    }
    stems
}

/// One series per value of the axis `key`, in order of appearance, the infinite width last. Diverged trials are left
/// out.
fn lines(trials: &[&MeasuredTrial<'_>], quantity: Quantity, key: &str, floor: f64) -> Vec<Series> {
    let label = |trial: &MeasuredTrial<'_>| match key {
        "width" => format!("m = {}", trial.trial.width),
        _ => {
            let label = trial.trial.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label.as_str());
            format!("{} = {}", axis_label(key), words(label.unwrap_or_default()))
        }
    };
    let mut members: Vec<(String, Vec<&MeasuredTrial<'_>>)> = Vec::new();
    for trial in trials {
        let label = label(trial);
        match members.iter_mut().find(|(known, _)| *known == label) {
            Some((_, list)) => list.push(trial),
            None => members.push((label, vec![trial])),
        }
    }
    let is_limit = |list: &[&MeasuredTrial<'_>]| key == "width" && list[0].trial.width == Width::Infinite;
    members.sort_by_key(|(_, list)| is_limit(list));
    let limits = members.iter().filter(|(_, list)| is_limit(list)).count();
    let colours = palette::sequence(members.len() - limits).into_iter().chain(std::iter::repeat(palette::BLACK));
    let given_start: Vec<_> =
        trials.iter().filter_map(|trial| Some((*trial, trial.limit_given_start.as_ref()?))).collect();
    let line = |((label, list), colour): ((String, Vec<&MeasuredTrial<'_>>), _)| {
        let limit = is_limit(&list);
        let (mut legend, mut trajectories) = (vec![label], list.iter().map(|trial| &trial.trajectory).collect());
        if limit {
            legend = vec!["m = ∞ (limit)".into()];
            // Limits with random starts of their own would be other networks' limits.
            if let Some((trial, _)) = given_start.first() {
                legend.push(format!("given the starts at m = {}", trial.trial.width));
                trajectories = given_start.iter().map(|(_, limit)| *limit).collect::<Vec<_>>();
            }
        }
        let count = trajectories.len();
        trajectories.retain(|trajectory| trajectory.status == Status::Done);
        if trajectories.len() < count {
            legend.push(format!("without {} of {count}, diverged", count - trajectories.len()));
        }
        let (mean, band) = average(&trajectories, quantity, floor);
        let mut marks = Vec::new();
        if trajectories.len() > 1 {
            marks.push(Mark::Band(band));
        }
        // Dashed, so that what lies under the limit is seen.
        marks.push(Mark::Line { points: mean, width: if limit { 2.5 } else { 2.0 }, dashed: limit });
        Series { legend, colour, marks }
    };
    members.into_iter().zip(colours).map(line).collect()
}

/// Points of a mean curve, and of a band (time, low, high).
type Curve = (Vec<(f64, f64)>, Vec<(f64, f64, f64)>);

/// Mean, where it is above `floor`, and 10–90 % band over trajectories that have the same records.
fn average(trajectories: &[&Trajectory], quantity: Quantity, floor: f64) -> Curve {
    let records = trajectories.iter().map(|trajectory| trajectory.records.len()).min().unwrap_or(0);
    let (mut curve, mut band) = (Vec::new(), Vec::new());
    for index in 0..records {
        let scalar = |trajectory: &&Trajectory| match trajectory.records[index].values.get(&quantity) {
            Some(Value::Scalar(value)) if value.is_finite() => Some(*value),
            _ => None,
        };
        let mut values: Vec<f64> = trajectories.iter().filter_map(scalar).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if values.len() == trajectories.len() && mean > floor {
            values.sort_by(f64::total_cmp);
            let time = trajectories[0].records[index].time;
            curve.push((time, mean));
            band.push((time, quantile(&values, 0.1).max(floor), quantile(&values, 0.9)));
        }
    }
    (curve, band)
}
