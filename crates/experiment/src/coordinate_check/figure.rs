//! Draws a coordinate check: every quantity against the width, with a line for each layer.

use std::path::{Path, PathBuf};

use widenet_figures::{
    Axis, AxisScale, Mark, Marker, Plot, Series, palette,
    power_law::{band, exponent_label, fitted, mean},
    words,
};
use widenet_output::Result;

use super::report::{CoordinateReport, Row};

impl CoordinateReport {
    /// Draws every quantity against the width, at its first and its last step, as SVG and PNG into a folder that is there
    /// ([`super::make_folder`]). Returns the SVG files.
    ///
    /// # Errors
    /// Those of writing the files.
    pub fn draw(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let write = |(stem, plot): (String, Plot)| {
            plot.write(directory, &stem)?;
            Ok(directory.join(format!("{stem}.svg")))
        };
        coordinates(self).into_iter().map(write).collect()
    }
}

/// A plot per quantity at its first and at its last step, with the stems of their files.
fn coordinates(report: &CoordinateReport) -> Vec<(String, Plot)> {
    let mut plots = Vec::new();
    for of_quantity in report.rows.chunk_by(|a, b| a.coordinate.quantity == b.coordinate.quantity) {
        let steps: Vec<&[Row]> = of_quantity.chunk_by(|a, b| a.coordinate.step == b.coordinate.step).collect();
        let ends = [steps.first(), steps.last().filter(|_| steps.len() > 1)];
        for rows in ends.into_iter().flatten() {
            let coordinate = rows[0].coordinate;
            plots.push((format!("{}-step-{}", coordinate.quantity.name(), coordinate.step), plot(rows)));
        }
    }
    plots
}

fn plot(rows: &[Row]) -> Plot {
    let coordinate = rows[0].coordinate;
    let colours = palette::groups(rows.len()).into_iter().zip(Marker::ALL.into_iter().cycle());
    let series = rows.iter().zip(colours).map(|(row, (colour, marker))| {
        let samples = row.by_width();
        let mut marks: Vec<Mark> = band(&samples, AxisScale::Log).into_iter().collect();
        let mut legend = vec![if row.layer == "all" { words(coordinate.quantity.name()) } else { row.layer.clone() }];
        if let Some(fit) = &row.finding.fit {
            marks.push(fitted(fit, samples.iter().map(|(width, _)| *width)));
            legend.push(exponent_label(fit, row.finding.interval));
            legend.push(format!("predicted: {}", row.predicted()).replace('-', "−"));
        }
        let points = samples.iter().map(|(width, values)| (*width, mean(values, AxisScale::Log))).collect();
        marks.push(Mark::Points(points, marker));
        Series { legend, colour, marks }
    });
    Plot {
        title: format!("{} at step {}", words(coordinate.quantity.name()), coordinate.step),
        x: Axis { label: "width m".into(), scale: AxisScale::Log },
        y: Axis { label: words(coordinate.quantity.name()), scale: AxisScale::Log },
        series: series.collect(),
        remarks: vec![
            "point: geometric mean over seeds".into(),
            "band: 10–90 % of seeds".into(),
            "numbers: exponent [95 % interval]".into(),
        ],
    }
}
