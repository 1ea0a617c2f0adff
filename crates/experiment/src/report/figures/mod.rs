//! Draws figures of a study from its measured trials; each kind has a file.

mod bands;
mod curves;
mod divergence;
mod labels;
mod lines;
mod overlay;
mod scaling;

use std::{ffi::OsStr, fs, path::Path};

use widenet_figures::Plot;
use widenet_output::{create_directory, remove_file, remove_leftovers};
use widenet_statistics::Finding;

use super::NotDrawn;
use crate::{
    error::{Error, Result},
    measure::Results,
    study::{Figure, FigureKind},
};

/// Draws all figures into a directory. Returns the stems of their files, and the figures that could not be drawn: what was measured is not
/// lost with them.
pub(super) fn draw_all(directory: &Path, results: &Results<'_>, findings: &[Finding]) -> (Vec<String>, Vec<NotDrawn>) {
    let (mut stems, mut not_drawn) = (Vec::new(), Vec::new());
    remove_leftovers(directory);
    for figure in &results.study.figures {
        let drawn = create_directory(directory).map_err(Error::from).and_then(|()| plots(figure, results, findings));
        let written = drawn.and_then(|plots| {
            plots.iter().try_for_each(|(stem, plot)| plot.write(directory, stem))?;
            Ok(plots.into_iter().map(|(stem, _)| stem))
        });
        match written {
            Ok(written) => stems.extend(written),
            Err(error) => not_drawn.push(NotDrawn { figure: figure.name.clone(), reason: error.to_string() }),
        }
    }
    remove_others(directory, &stems);
    (stems, not_drawn)
}

/// The plots of a figure with the stems of their files.
fn plots(figure: &Figure, results: &Results<'_>, findings: &[Finding]) -> Result<Vec<(String, Plot)>> {
    Ok(match &figure.kind {
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
    })
}

/// Removes figures that the study no longer has; what cannot be removed stays.
fn remove_others(directory: &Path, stems: &[String]) {
    for path in fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
        // A leading dot: another process is writing it.
        let is_figure = path.extension().is_some_and(|extension| ["svg", "png"].map(OsStr::new).contains(&extension));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        if is_figure && !stem.starts_with('.') && !stems.iter().any(|known| *known == stem) {
            let _ = remove_file(&path);
        }
    }
}
