//! Reports the verdicts of a coordinate check as rows, JSON, CSV and figures.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};
use widenet_core::{
    Problem, Trajectory,
    problem::Quantity,
    trajectory::{Number, Status},
};
use widenet_output::{Format, OutputFile, Table};
use widenet_statistics::{
    Counts, Exponent, Finding, Verdict,
    fit::{self, Sample},
    verdict::power_law,
};

use super::{
    options::CoordinateOptions,
    predictions::{Prediction, predicted},
    sizes::{Coordinate, Sizes, sizes},
};
use crate::error::Result;

/// One quantity in one layer after some steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured.
    pub quantity: String,
    /// The layer's name: of activations `h_1` … and `outputs`, of weights that of [`widenet_core::scaling::Scaling::layer_name`]; as a table names it.
    pub layer: String,
    /// Steps of training.
    pub step: u64,
    /// The prediction; without one it must not grow.
    pub prediction: Option<Prediction>,
    /// Exponent, interval and verdict.
    pub finding: Finding,
    /// The values in the fit.
    pub samples: Vec<Sample>,
}

impl Row {
    /// Fits values of a quantity in a layer after some steps, and judges the exponent.
    pub(super) fn judged(
        (quantity, layer, step): (&str, &str, u64),
        samples: Vec<Sample>,
        prediction: Option<Prediction>,
        tolerance: f64,
        counts: Counts,
    ) -> Row {
        let exponent = match prediction {
            Some(Prediction::Equal(exponent)) => Exponent::Near { exponent, tolerance },
            Some(Prediction::AtMost(bound)) => Exponent::AtMost(bound + tolerance),
            None => Exponent::AtMost(tolerance),
        };
        // An exponent near 0 has no R².
        let finding = power_law(quantity, layer.into(), fit::power_law(&samples), (exponent, 0.0), counts);
        Row { quantity: quantity.into(), layer: layer.into(), step, prediction, finding, samples }
    }

    /// The same for a reason that is known better.
    pub(super) fn because(mut self, reason: Option<String>) -> Row {
        self.finding.reason = reason.unwrap_or(self.finding.reason);
        self
    }

    /// Says what the verdict is about, in words.
    pub fn predicted(&self) -> String {
        match self.prediction {
            Some(Prediction::Equal(exponent)) => rounded(exponent).to_string(),
            Some(Prediction::AtMost(exponent)) => format!("at most {}", rounded(exponent)),
            None => "no prediction: must not grow".into(),
        }
    }

    /// Says whether it grows with the width, beyond doubt and the tolerance.
    pub fn grows(&self, tolerance: f64) -> bool {
        self.finding.interval.is_some_and(|(low, _)| low > tolerance)
    }

    /// Values of all seeds by width.
    pub(super) fn by_width(&self) -> Vec<(f64, Vec<f64>)> {
        let mut by_width: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for sample in &self.samples {
            by_width.entry(sample.x as u64).or_default().push(sample.y);
        }
        by_width.into_iter().map(|(width, values)| (width as f64, values)).collect()
    }
}

/// Where the values of a coordinate check are from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// Networks that it has trained.
    Networks {
        /// How.
        options: CoordinateOptions,
        /// How many.
        networks: usize,
        /// Those that diverged.
        diverged: usize,
    },
    /// A table of measurements made elsewhere.
    Table {
        /// The file.
        path: PathBuf,
        /// How many networks it is of.
        networks: usize,
        /// Those that lack values.
        diverged: usize,
    },
}

/// What a coordinate check found.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateReport {
    /// Where its values are from.
    pub origin: Origin,
    /// Difference > 0 from a predicted exponent that is allowed.
    pub tolerance: f64,
    /// All rows, by quantity, step and layer.
    pub rows: Vec<Row>,
    /// Remarks for the user. Not in files.
    pub notes: Vec<String>,
}

impl CoordinateReport {
    pub(super) fn new(
        problem: &Problem,
        options: &CoordinateOptions,
        trajectories: &[Trajectory],
        notes: Vec<String>,
    ) -> Self {
        let sizes = sizes(problem, trajectories, options.precision);
        let rows = sizes.into_iter().map(|Sizes { coordinate, samples, missing, rounded }| {
            let Coordinate { quantity, layer, step } = coordinate;
            let prediction = predicted(problem, quantity, layer.unwrap_or(0), step);
            let counts = Counts { diverged: missing, ..Counts::of(samples.len(), samples.len() + missing + rounded) };
            let why = (rounded > 0 && missing == 0).then(|| {
                format!(
                    "{rounded} of {} values are 0 or within rounding of {}; use f64, or a larger learning rate",
                    counts.expected, options.precision
                )
            });
            let row = Row::judged(
                (quantity.name(), &layer_name(problem, coordinate), step),
                samples,
                prediction,
                options.tolerance,
                counts,
            );
            row.because(why)
        });
        let has_diverged = |trajectory: &&Trajectory| matches!(trajectory.status, Status::Diverged { .. });
        Self {
            rows: rows.collect(),
            tolerance: options.tolerance,
            origin: Origin::Networks {
                options: options.clone(),
                networks: trajectories.len(),
                diverged: trajectories.iter().filter(has_diverged).count(),
            },
            notes,
        }
    }

    /// How many of all networks diverged, if some did: `(2, 15)`.
    pub fn diverged(&self) -> Option<(usize, usize)> {
        let (Origin::Networks { networks, diverged, .. } | Origin::Table { networks, diverged, .. }) = self.origin;
        (diverged > 0).then_some((diverged, networks))
    }

    /// Says whether no network came to the end of the check, so that nothing can be judged.
    pub fn all_diverged(&self) -> bool {
        self.diverged().is_some_and(|(diverged, networks)| diverged == networks)
    }

    /// Says whether a row contradicts its prediction, or grows without one.
    pub fn is_refuted(&self) -> bool {
        self.rows.iter().any(|row| row.finding.verdict == Verdict::Refuted)
    }

    /// Returns the rows that grow with the width.
    pub fn growing(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.grows(self.tolerance))
    }

    /// Returns the report as JSON, with every value.
    pub fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let Finding { found, interval, verdict, reason, .. } = &row.finding;
            let by_width = row.by_width();
            let values = by_width.iter().map(|(width, values)| {
                let values: Vec<_> = values.iter().copied().map(Number).collect();
                json!({ "width": width, "values": values })
            });
            json!({
                "quantity": row.quantity,
                "layer": row.layer,
                "step": row.step,
                "exponent": found.map(Number),
                "interval": interval.map(|(low, high)| [Number(low), Number(high)]),
                "predicted": row.prediction.map(|prediction| rounded(prediction.exponent())),
                "is_bound": matches!(row.prediction, Some(Prediction::AtMost(_))),
                "verdict": verdict.word(),
                "grows": row.grows(self.tolerance),
                "reason": reason,
                "by_width": values.collect::<Vec<_>>(),
            })
        };
        let mut json = match &self.origin {
            Origin::Networks {
                options: CoordinateOptions { widths, seeds, steps, precision, .. },
                networks,
                diverged,
            } => json!({
                "widths": widths,
                "seeds": seeds,
                "steps": steps,
                "precision": precision.name(),
                "networks": networks,
                "diverged": diverged,
            }),
            Origin::Table { path, networks, diverged } => {
                json!({ "table": path.to_string_lossy(), "networks": networks, "diverged": diverged })
            }
        };
        json["tolerance"] = json!(self.tolerance);
        json["refuted"] = json!(self.is_refuted());
        json["rows"] = self.rows.iter().map(row).collect();
        json
    }

    /// The formats that a report can be written in.
    pub const FORMATS: [Format; 2] = [Format::Json, Format::Csv];

    /// Writes the report in the format of the file's name, JSON, or CSV with a row per verdict.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn write(&self, output: &OutputFile) -> Result<()> {
        let bytes = match output.format() {
            Format::Json => format!("{}\n", self.to_json()).into_bytes(),
            _ => self.table().to_csv()?,
        };
        Ok(output.write(|out| out.write_all(&bytes))?)
    }

    /// A row per verdict, with the columns of the fits of studies ([`Finding::COLUMNS`]).
    fn table(&self) -> Table {
        let header = ["quantity", "layer", "step", "predicted"].into_iter().chain(Finding::COLUMNS).chain(["grows"]);
        let row = |row: &Row| {
            let mut cells = vec![row.quantity.clone(), row.layer.clone(), row.step.to_string(), row.predicted()];
            cells.extend(row.finding.cells());
            cells.push(row.grows(self.tolerance).to_string());
            cells
        };
        Table::new(header, self.rows.iter().map(row))
    }
}

/// Without the noise of decimal fractions, nor the sign of 0.
fn rounded(exponent: f64) -> f64 {
    (exponent * 1e9).round() / 1e9 + 0.0
}

fn layer_name(problem: &Problem, Coordinate { quantity, layer, .. }: Coordinate) -> String {
    match (quantity, layer) {
        (_, None) => "all".into(),
        (Quantity::WeightChange, Some(layer)) => problem.scaling().layer_name(layer),
        (_, Some(layer)) if layer == problem.network.hidden_layers => "outputs".into(),
        (_, Some(layer)) => format!("h_{}", layer + 1),
    }
}
