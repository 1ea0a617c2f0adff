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
    for of_quantity in report.rows.chunk_by(|a, b| a.quantity == b.quantity) {
        let steps: Vec<&[Row]> = of_quantity.chunk_by(|a, b| a.step == b.step).collect();
        let ends = [steps.first(), steps.last().filter(|_| steps.len() > 1)];
        for rows in ends.into_iter().flatten() {
            plots.push((format!("{}-step-{}", file_stem(&rows[0].quantity), rows[0].step), plot(rows)));
        }
    }
    plots
}

/// A quantity as part of a file's name: titles of columns may have any letters.
fn file_stem(quantity: &str) -> String {
    quantity.chars().map(|c| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' }).collect()
}

fn plot(rows: &[Row]) -> Plot {
    let quantity = words(&rows[0].quantity);
    let colours = palette::groups(rows.len()).into_iter().zip(Marker::ALL.into_iter().cycle());
    let series = rows.iter().zip(colours).map(|(row, (colour, marker))| {
        let samples = row.by_width();
        let mut marks: Vec<Mark> = band(&samples, AxisScale::Log).into_iter().collect();
        let mut legend = vec![if row.layer == "all" { quantity.clone() } else { row.layer.clone() }];
        if let Some(fit) = &row.finding.fit {
            marks.push(fitted(fit, samples.iter().map(|(width, _)| *width)));
            legend.push(exponent_label(fit, row.finding.interval));
            let predicted = row.predicted().replace('-', "−");
            legend.push(if row.prediction.is_some() { format!("predicted: {predicted}") } else { predicted });
        }
        let points = samples.iter().map(|(width, values)| (*width, mean(values, AxisScale::Log))).collect();
        marks.push(Mark::Points(points, marker));
        Series { legend, colour, marks }
    });
    Plot {
        title: format!("{quantity} at step {}", rows[0].step),
        x: Axis { label: "width m".into(), scale: AxisScale::Log },
        y: Axis { label: quantity.clone(), scale: AxisScale::Log },
        series: series.collect(),
        remarks: vec![
            "point: geometric mean over seeds".into(),
            "band: 10–90 % of seeds".into(),
            "numbers: exponent [95 % interval]".into(),
        ],
    }
}
