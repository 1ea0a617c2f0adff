//! Writes every number of every trial as one table of Parquet, vectors and matrices included.

use std::{io, path::Path};

use widenet_core::Width;
use widenet_output::{Cell, ColumnType, ParquetTable, RECORD_COLUMNS, each_number, write_changed};

use crate::{
    error::{Error, Result},
    measure::{MeasuredTrial, Results},
    study::ENGINE,
    trials::TrialResult,
};

/// The columns of a number of an answer: its path, and its position in the list that is there.
const ANSWER_COLUMNS: [(&str, ColumnType); 3] =
    [("quantity", ColumnType::Text), ("index", ColumnType::Whole), ("value", ColumnType::Number)];

/// Writes `results.parquet`: the trials that are done, in the order of the study.
pub(super) fn write(directory: &Path, results: &Results<'_>) -> Result<()> {
    let path = directory.join("results.parquet");
    let mut bytes = Vec::new();
    write_all(&mut bytes, results).map_err(|error| Error::file("write", &path, error))?;
    Ok(write_changed(&path, &bytes)?)
}

fn write_all(out: &mut (dyn io::Write + Send), results: &Results<'_>) -> io::Result<()> {
    let axes: Vec<(&str, ColumnType)> = axes(results);
    let mut columns = vec![("trial", ColumnType::Whole), ("label", ColumnType::Text)];
    columns.extend(axes.iter().copied());
    columns.extend([
        ("width", ColumnType::Number),
        ("seed", ColumnType::Whole),
        ("engine", ColumnType::Text),
        ("status", ColumnType::Text),
    ]);
    let own: &[(&str, ColumnType)] = if results.study.kind.is_problem() { &RECORD_COLUMNS } else { &ANSWER_COLUMNS };
    columns.extend(own);
    let mut table = ParquetTable::new(out, &columns)?;
    for measured in &results.trials {
        let first = cells(results, measured, &axes);
        let mut push = |own: &[Cell<'_>]| table.push(&[&first[..], own].concat());
        match measured.result {
            TrialResult::Trajectory(trajectory) => {
                each_number(&trajectory.records, &mut |number| push(&number.cells()))?;
            }
            TrialResult::Answer(answer) => {
                for (path, numbers) in answer.lists() {
                    for (index, number) in numbers.into_iter().enumerate() {
                        push(&[Cell::Text(&path), Cell::Whole(index as u64), Cell::Number(number)])?;
                    }
                }
            }
        }
    }
    table.finish()
}

/// Axes of numbers, and others; the engine that ran has a column of its own.
fn axes<'r>(results: &'r Results<'_>) -> Vec<(&'r str, ColumnType)> {
    let axes = results.study.axes.iter().filter(|axis| axis.key != ENGINE);
    let column = |is_number: bool| if is_number { ColumnType::Number } else { ColumnType::Text };
    axes.map(|axis| (axis.key.as_str(), column(axis.values.iter().all(|value| value.number.is_some())))).collect()
}

/// What says which trial a row belongs to.
fn cells<'m>(results: &Results<'_>, measured: &'m MeasuredTrial<'_>, axes: &[(&str, ColumnType)]) -> Vec<Cell<'m>> {
    let MeasuredTrial { trial, result, .. } = measured;
    let mut cells = vec![Cell::Whole(trial.index as u64), Cell::Text(&trial.label)];
    for (key, column) in axes {
        cells.push(match column {
            ColumnType::Number => Cell::Number(results.number(trial, key)),
            ColumnType::Text | ColumnType::Whole => {
                let label = trial.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label.as_str());
                Cell::Text(label.unwrap_or_default())
            }
        });
    }
    cells.extend([
        Cell::Number(trial.width.map_or(f64::NAN, Width::as_f64)),
        Cell::Whole(trial.seed),
        Cell::Text(measured.engine()),
        Cell::Text(result.word()),
    ]);
    cells
}
