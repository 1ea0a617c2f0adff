//! Figures of a study, from its measured trials.

mod bands;
mod canvas;
mod curves;
mod overlay;
mod palette;
mod plot;
mod scaling;
mod ticks;

use std::{ffi::OsStr, path::Path};

use crate::{
    Error, Finding, Metric, Over, Reference, Result, Statistic,
    measure::{MeasuredTrial, Results},
    run_directory::{create_directory, remove_file},
    study::FigureKind,
};

/// Draws all figures into `figures/` and returns the stems of their files.
pub(crate) fn draw_all(directory: &Path, results: &Results<'_>, findings: &[Finding]) -> Result<Vec<String>> {
    let directory = directory.join("figures");
    create_directory(&directory)?;
    let mut stems: Vec<String> = Vec::new();
    for figure in &results.study.figures {
        let plots = match &figure.kind {
            FigureKind::Scaling { metrics, x } => {
                vec![(figure.name.clone(), scaling::scaling(results, findings, metrics, x))]
            }
            FigureKind::Curves { quantity, series, x_scale, y_scale, floor } => {
                curves::curves(results, &figure.name, *quantity, series, (*x_scale, *y_scale), *floor)
            }
            FigureKind::Bands => bands::bands(results, &figure.name),
            FigureKind::Overlay { quantities, entries, x_scale } => {
                overlay::overlay(results, &figure.name, quantities, entries, *x_scale)
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
    let size = match metric.entry {
        Some(entry) => format!("{size}, entry {entry}"),
        None => size,
    };
    if metric.statistic == Statistic::PValue {
        return "p-value of the mean output under the limit".into();
    }
    let size = if metric.statistic == Statistic::Rms { format!("root mean square of {size}") } else { size };
    let relative = if metric.relative { ", relative" } else { "" };
    let over = match metric.over {
        Over::Sup => "sup over t of ",
        Over::Final => "final ",
        Over::Initial => "initial ",
    };
    format!("{over}{size}{relative}")
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
