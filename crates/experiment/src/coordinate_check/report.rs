//! Reports the verdicts of a coordinate check as rows, JSON, CSV and figures.

use std::collections::BTreeMap;

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
    pub coordinate: Coordinate,
    /// The layer's name: of activations `h_1` … and `outputs`, of weights that of [`widenet_core::scaling::Scaling::layer_name`].
    pub layer: String,
    /// The prediction; without one it must not grow.
    pub prediction: Option<Prediction>,
    /// Exponent, interval and verdict.
    pub finding: Finding,
    /// The values in the fit.
    pub samples: Vec<Sample>,
}

impl Row {
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

/// What a coordinate check found.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateReport {
    /// How it was made.
    pub options: CoordinateOptions,
    /// All rows, by quantity, step and layer.
    pub rows: Vec<Row>,
    /// Networks that were trained.
    pub networks: usize,
    /// Those that diverged.
    pub diverged: usize,
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
        let rows = sizes.into_iter().map(|sizes| {
            let Coordinate { quantity, layer, step } = sizes.coordinate;
            let prediction = predicted(problem, quantity, layer.unwrap_or(0), step);
            judge(layer_name(problem, sizes.coordinate), sizes, prediction, options)
        });
        Self {
            rows: rows.collect(),
            networks: trajectories.len(),
            diverged: trajectories.iter().filter(|one| matches!(one.status, Status::Diverged { .. })).count(),
            options: options.clone(),
            notes,
        }
    }

    /// Says whether no network came to the end of the check, so that nothing can be judged.
    pub fn all_diverged(&self) -> bool {
        self.diverged == self.networks
    }

    /// Says whether a row contradicts its prediction, or grows without one.
    pub fn is_refuted(&self) -> bool {
        self.rows.iter().any(|row| row.finding.verdict == Verdict::Refuted)
    }

    /// Returns the rows that grow with the width.
    pub fn growing(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.grows(self.options.tolerance))
    }

    /// Returns the report as JSON, with every value.
    pub fn to_json(&self) -> Value {
        let CoordinateOptions { widths, seeds, steps, tolerance, precision } = &self.options;
        let row = |row: &Row| {
            let Finding { found, interval, verdict, reason, .. } = &row.finding;
            let by_width = row.by_width();
            let values = by_width.iter().map(|(width, values)| {
                let values: Vec<_> = values.iter().copied().map(Number).collect();
                json!({ "width": width, "values": values })
            });
            json!({
                "quantity": row.coordinate.quantity.name(),
                "layer": row.layer,
                "step": row.coordinate.step,
                "exponent": found.map(Number),
                "interval": interval.map(|(low, high)| [Number(low), Number(high)]),
                "predicted": row.prediction.map(|prediction| rounded(prediction.exponent())),
                "is_bound": matches!(row.prediction, Some(Prediction::AtMost(_))),
                "verdict": verdict.word(),
                "grows": row.grows(*tolerance),
                "reason": reason,
                "by_width": values.collect::<Vec<_>>(),
            })
        };
        json!({
            "widths": widths,
            "seeds": seeds,
            "steps": steps,
            "tolerance": tolerance,
            "precision": precision.name(),
            "networks": self.networks,
            "diverged": self.diverged,
            "refuted": self.is_refuted(),
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
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
            let mut cells = vec![
                row.coordinate.quantity.name().into(),
                row.layer.clone(),
                row.coordinate.step.to_string(),
                row.predicted(),
            ];
            cells.extend(row.finding.cells());
            cells.push(row.grows(self.options.tolerance).to_string());
            cells
        };
        Table::new(header, self.rows.iter().map(row))
    }
}

/// Without the noise of decimal fractions, nor the sign of 0.
fn rounded(exponent: f64) -> f64 {
    (exponent * 1e9).round() / 1e9 + 0.0
}

fn judge(layer: String, sizes: Sizes, prediction: Option<Prediction>, options: &CoordinateOptions) -> Row {
    let Sizes { coordinate, samples, missing, rounded } = sizes;
    let tolerance = options.tolerance;
    let exponent = match prediction {
        Some(Prediction::Equal(exponent)) => Exponent::Near { exponent, tolerance },
        Some(Prediction::AtMost(bound)) => Exponent::AtMost(bound + tolerance),
        None => Exponent::AtMost(tolerance),
    };
    let counts = Counts { diverged: missing, ..Counts::of(samples.len(), samples.len() + missing + rounded) };
    // An exponent near 0 has no R².
    let name = coordinate.quantity.name();
    let mut finding = power_law(name, layer.clone(), fit::power_law(&samples), (exponent, 0.0), counts);
    if rounded > 0 && missing == 0 {
        finding.reason = format!(
            "{rounded} of {} values are 0 or within rounding of {}; use f64, or a larger learning rate",
            counts.expected, options.precision
        );
    }
    Row { coordinate, layer, prediction, finding, samples }
}

fn layer_name(problem: &Problem, Coordinate { quantity, layer, .. }: Coordinate) -> String {
    match (quantity, layer) {
        (_, None) => "all".into(),
        (Quantity::WeightChange, Some(layer)) => problem.scaling().layer_name(layer),
        (_, Some(layer)) if layer == problem.network.hidden_layers => "outputs".into(),
        (_, Some(layer)) => format!("h_{}", layer + 1),
    }
}
