//! Writes tidy tables with one row for each trial and record (or answer), each trial, each fit. Nothing in them depends on time or machine.
//! A trial that is not done has one row without numbers, whose status is `pending`.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use widenet_core::{
    problem::Quantity,
    trajectory::{Status, Value},
};
use widenet_output::{Table, cell, write_changed};
use widenet_statistics::Finding;

use crate::{
    error::Result,
    measure::{MeasuredTrial, Results},
    study::ENGINE,
    trials::Trial,
};

/// Writes `table.csv`, `metrics.csv` and `fits.csv`.
pub(crate) fn write(directory: &Path, results: &Results<'_>, findings: &[Finding]) -> Result<()> {
    let table = if results.study.kind.is_problem() { records(results) } else { answers(results) };
    write_changed(&directory.join("table.csv"), &table.to_csv()?)?;
    write_changed(&directory.join("metrics.csv"), &metrics(results).to_csv()?)?;
    Ok(write_changed(&directory.join("fits.csv"), &fits(findings).to_csv()?)?)
}

/// Columns that say which trial a row belongs to; the column `engine` is the one that ran.
fn trial_header(results: &Results<'_>) -> Vec<String> {
    let axes = results.study.axes.iter().map(|axis| axis.key.as_str()).filter(|key| *key != ENGINE);
    let names = ["trial", "label"].into_iter().chain(axes).chain(["width", "seed", "engine", "status"]);
    names.map(String::from).collect()
}

fn trial_cells(measured: &MeasuredTrial<'_>) -> Vec<String> {
    cells_of(measured.trial, measured.engine(), measured.result.word())
}

fn cells_of(trial: &Trial, engine: &str, status: &str) -> Vec<String> {
    let mut cells = vec![trial.index.to_string(), trial.label.clone()];
    cells.extend(trial.axes.iter().filter(|(key, _)| key != ENGINE).map(|(_, label)| label.clone()));
    cells.extend([trial.width_text(), trial.seed.to_string(), engine.into(), status.into()]);
    cells
}

/// The status of a trial that is not done.
const PENDING: &str = "pending";

/// A table of the rows of trials that are done, in the order of the study, with a row for each that is not.
fn with_pending(results: &Results<'_>, header: Vec<String>, rows: Vec<(usize, Vec<String>)>) -> Table {
    let columns = header.len();
    let pending = results.pending.iter().map(|trial| {
        let mut row = cells_of(trial, "", PENDING);
        row.resize(columns, String::new());
        (trial.index, row)
    });
    let mut rows: Vec<_> = rows.into_iter().chain(pending).collect();
    rows.sort_by_key(|(trial, _)| *trial);
    Table::new(header, rows.into_iter().map(|(_, row)| row))
}

/// Every answer with its numbers, by their paths; long lists are left out.
fn answers(results: &Results<'_>) -> Table {
    let numbers = |measured: &MeasuredTrial<'_>| -> HashMap<String, f64> {
        measured.answer().map(|answer| answer.by_path().0.into_iter().collect()).unwrap_or_default()
    };
    let found: Vec<HashMap<String, f64>> = results.trials.iter().map(numbers).collect();
    let paths: HashSet<&String> = found.iter().flat_map(HashMap::keys).collect();
    let mut paths: Vec<&String> = paths.into_iter().collect();
    paths.sort_by(|a, b| compare_paths(a, b));
    let mut header = trial_header(results);
    header.extend(paths.iter().map(|path| (*path).clone()));
    let row = |(measured, numbers): (&MeasuredTrial<'_>, &HashMap<String, f64>)| {
        let mut row = trial_cells(measured);
        row.extend(paths.iter().map(|path| cell(numbers.get(*path).copied())));
        (measured.trial.index, row)
    };
    with_pending(results, header, results.trials.iter().zip(&found).map(row).collect())
}

/// By their parts, positions in lists as numbers.
fn compare_paths(a: &str, b: &str) -> Ordering {
    let part = |part: &'_ str| part.parse::<u64>().ok();
    let compare = |(a, b): (&str, &str)| match (part(a), part(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    };
    let differ = a.split('.').zip(b.split('.')).map(compare).find(|order| order.is_ne());
    differ.unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Every record with its scalar quantities; a diverged trial ends with a row at the step of its divergence.
fn records(results: &Results<'_>) -> Table {
    let mut quantities: BTreeSet<Quantity> = BTreeSet::new();
    for record in results.trials.iter().flat_map(MeasuredTrial::records) {
        let scalars = record.values.iter().filter(|(_, value)| matches!(value, Value::Scalar(_)));
        quantities.extend(scalars.map(|(quantity, _)| *quantity));
    }
    let mut header = trial_header(results);
    header.extend(["step", "time"].map(String::from));
    let is_estimate = |quantity: &Quantity| {
        results.trials.iter().flat_map(MeasuredTrial::records).any(|record| record.errors.contains_key(quantity))
    };
    // Every quantity, and its standard errors where it is an estimate in some trial.
    let columns: Vec<(Quantity, bool)> = quantities
        .iter()
        .flat_map(|quantity| {
            let error = is_estimate(quantity).then_some((*quantity, true));
            std::iter::once((*quantity, false)).chain(error)
        })
        .collect();
    header.extend(columns.iter().map(|(quantity, is_error)| {
        let suffix = if *is_error { "_error" } else { "" };
        format!("{}{suffix}", quantity.name())
    }));
    let mut rows = Vec::new();
    for measured in &results.trials {
        let row = |step: u64, time: f64, values: Vec<String>| {
            let mut row = trial_cells(measured);
            row.extend([step.to_string(), format!("{time:?}")]);
            row.extend(values);
            (measured.trial.index, row)
        };
        for record in measured.records() {
            let scalar = |(quantity, is_error): &(Quantity, bool)| {
                let values = if *is_error { &record.errors } else { &record.values };
                match values.get(quantity) {
                    Some(Value::Scalar(value)) => Some(*value),
                    _ => None,
                }
            };
            rows.push(row(record.step, record.time, columns.iter().map(|column| cell(scalar(column))).collect()));
        }
        if let Status::Diverged { step, time } = measured.result.status() {
            rows.push(row(step, time, vec![String::new(); columns.len()]));
        }
    }
    with_pending(results, header, rows)
}

fn metrics(results: &Results<'_>) -> Table {
    // Every metric, and the standard error of its reference where that is an estimate in some trial.
    let has_error = |column: usize| {
        let error = |measured: &MeasuredTrial<'_>| measured.metrics[column].as_ref().map_or(0.0, |found| found.error);
        results.trials.iter().any(|measured| error(measured) > 0.0)
    };
    let with_errors: Vec<bool> = (0..results.study.metrics.len()).map(has_error).collect();
    let mut header = trial_header(results);
    for (metric, has_error) in results.study.metrics.iter().zip(&with_errors) {
        header.push(metric.name.clone());
        header.extend(has_error.then(|| format!("{}_error", metric.name)));
    }
    let row = |measured: &MeasuredTrial<'_>| {
        let mut row = trial_cells(measured);
        for (found, has_error) in measured.metrics.iter().zip(&with_errors) {
            let found = found.as_ref().ok();
            row.push(cell(found.map(|found| found.value)));
            row.extend(has_error.then(|| cell(found.map(|found| found.error))));
        }
        (measured.trial.index, row)
    };
    with_pending(results, header, results.trials.iter().map(row).collect())
}

/// Every check in every group ([`Finding::COLUMNS`]).
fn fits(findings: &[Finding]) -> Table {
    let header = ["check", "group", "predicted"].into_iter().chain(Finding::COLUMNS);
    let row = |finding: &Finding| {
        let mut row = vec![finding.check.clone(), finding.group.clone(), finding.predicted.clone()];
        row.extend(finding.cells());
        row
    };
    Table::new(header, findings.iter().map(row))
}
