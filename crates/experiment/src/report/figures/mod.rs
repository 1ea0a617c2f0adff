//! Draws figures of a study from its measured trials; each kind has a file.

mod bands;
mod curves;
mod divergence;
mod labels;
mod lines;
mod overlay;
mod scaling;

use std::{ffi::OsStr, path::Path};

use widenet_output::{create_directory, remove_file};
use widenet_statistics::Finding;

use crate::{
    error::{Error, Result},
    measure::Results,
    study::FigureKind,
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
