//! Figures of a study, from its measured trials, and of a coordinate check.

mod bands;
mod canvas;
mod coordinates;
mod curves;
mod divergence;
mod lines;
mod overlay;
mod palette;
mod plot;
mod scaling;
mod scaling_map;
mod ticks;

pub use scaling_map::scaling_map;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    Comparison, Error, Finding, Measured, Metric, Over, Reference, Result, Statistic,
    coordinate_check::CoordinateReport,
    measure::{MeasuredTrial, Results},
    run_directory::{create_directory, remove_file},
    study::{FigureKind, metric::RecordedQuantity},
};

/// Draws all figures into `figures/` and returns the stems of their files.
pub(crate) fn draw_all(directory: &Path, results: &Results<'_>, findings: &[Finding]) -> Result<Vec<String>> {
    let directory = directory.join("figures");
    create_directory(&directory)?;
    let mut stems: Vec<String> = Vec::new();
    for figure in &results.study.figures {
        let plots = match &figure.kind {
            FigureKind::Scaling(kind) => vec![(figure.name.clone(), scaling::scaling(results, findings, kind))],
            FigureKind::Curves { quantity, series, scales, floor } => {
                curves::curves(results, &figure.name, *quantity, series, *scales, *floor)
            }
            FigureKind::Bands => bands::bands(results, &figure.name),
            FigureKind::Overlay { quantities, entries, x_scale } => {
                overlay::overlay(results, &figure.name, quantities, entries, *x_scale)
            }
            FigureKind::Divergence { series, x_scale } => {
                divergence::divergence(results, &figure.name, series.as_deref(), *x_scale)?
            }
            FigureKind::Lines(kind) => lines::lines(results, &figure.name, kind)?,
        };
        for (stem, plot) in plots {
            plot.write(&directory, &stem)?;
            stems.push(stem);
        }
    }
    remove_others(&directory, &stems)?;
    Ok(stems)
}

/// Draws a coordinate check into a folder; returns the SVG files.
pub(crate) fn draw_coordinates(directory: &Path, report: &CoordinateReport) -> Result<Vec<PathBuf>> {
    let write = |(stem, plot): (String, plot::Plot)| {
        plot.write(directory, &stem)?;
        Ok(directory.join(format!("{stem}.svg")))
    };
    coordinates::coordinates(report).into_iter().map(write).collect()
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

/// The value an axis (or the width) has in a trial, for a legend.
fn value_label(trial: &MeasuredTrial<'_>, key: &str) -> String {
    match key {
        "width" => format!("m = {}", trial.trial.width_text()),
        _ => {
            let label = trial.trial.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label.as_str());
            format!("{} = {}", axis_label(key), words(label.unwrap_or_default()))
        }
    }
}

fn metric_label(metric: &Metric) -> String {
    let relative = if metric.relative { ", relative" } else { "" };
    match (&metric.of, metric.against) {
        (Measured::Records(recorded), _) => format!("{}{relative}", recorded_label(recorded, metric)),
        (Measured::Value { path, comparison: Comparison::Distance, .. }, Some(_)) => {
            format!("‖{} − limit‖{relative}", words(path.rsplit('.').next().unwrap_or(path)))
        }
        (Measured::Value { .. }, _) => words(&metric.name),
    }
}

fn recorded_label(recorded: &RecordedQuantity, metric: &Metric) -> String {
    let quantity = words(recorded.quantity.name());
    let size = match (metric.against, &metric.reference) {
        (Some(Reference::Limit), _) => format!("‖{quantity} − limit‖"),
        (Some(Reference::Lazy), _) => format!("‖{quantity} − lazy‖"),
        (None, Some(reference)) if !recorded.statistic.is_of_a_law() => {
            let width = reference.width.map(|width| format!("width {width}"));
            let labels = width.into_iter().chain(reference.axes.iter().map(|(_, label)| words(label)));
            format!("‖{quantity} − {}‖", labels.collect::<Vec<_>>().join(", "))
        }
        (None, _) => quantity,
    };
    let size = match recorded.entry {
        Some(entry) => format!("{size}, entry {entry}"),
        None => size,
    };
    let size = match recorded.statistic {
        Statistic::PValue => return "p-value of the mean output under the limit".into(),
        Statistic::Kl => return "KL from the reference network".into(),
        Statistic::Ks => format!("p-value of equal laws: {size}"),
        Statistic::MeanRatio => format!("mean in units of the reference: {size}"),
        Statistic::StdRatio => format!("standard deviation in units of the reference: {size}"),
        Statistic::Rms => format!("root mean square of {size}"),
        Statistic::Norm => size,
    };
    let over = match recorded.over {
        Over::Sup => "sup over t of ",
        Over::Final => "final ",
        Over::Initial => "initial ",
    };
    format!("{over}{size}")
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
