//! Reads tables of Parquet: every row is a sample, and columns are chosen by number or name.
//!
//! Format: <https://parquet.apache.org/docs/file-format>. Columns are plain: Booleans, whole numbers with or without sign, floating-point
//! numbers of 2, 4 and 8 bytes, and text for classes, encoded by a dictionary or not.

use std::path::{Path, PathBuf};

use widenet_document::{
    Written, excerpt,
    keys::{optional, required},
    section,
    shape::path,
};

use super::{
    classes::{self, Classes, Label, LeftOut, classes},
    columns::{Chosen, ColumnTables, Columns, check_classes, columns, leading_or_columns, open_tables},
    dataset::Samples,
    memory::InMemory,
    origin::{Origin, Tables, Wanted, check_size},
    parquet_table::{Cell, ParquetTable, Row},
};
use crate::{error::Result, matrix::Matrix};

section! {
    /// Tables of Parquet, compressed with snappy, gzip or not, one sample per row. No column is used twice.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Parquet {
        /// File of training samples.
        train: PathBuf = required(path()),
        /// File of test samples.
        test: Option<PathBuf> = optional(path()),
        /// The number of leading columns, or a list of column names, or of column numbers from 0.
        inputs: Columns = required(leading_or_columns()),
        /// A list of column names, or of column numbers from 0; training needs them, kernels and predictions at test inputs do not.
        targets: Option<Columns> = optional(columns()),
        /// Classes of the one target column, of numbers or text, `"all"` or a list of numbers or names: two give one output, −1 for the first
        /// and +1 for the second, more give one output per class. Without the key targets are numbers.
        classes: Option<Classes> = optional(classes()),
    }
    check = check;
}

fn check(parquet: &Parquet, table: &Written<'_>) -> widenet_document::Result<()> {
    check_classes(parquet.classes.as_ref(), parquet.targets.as_ref(), table)
}

impl Origin for Parquet {
    /// Reads as many samples as are wanted of each file, or all of them.
    fn open(&self, base: &Path, wanted: Wanted) -> Result<Tables> {
        open_tables(self, base, wanted)
    }
}

impl ColumnTables for Parquet {
    fn files(&self) -> (&Path, Option<&Path>) {
        (&self.train, self.test.as_deref())
    }

    fn labels(&self, path: &Path) -> Result<Option<Vec<Label>>> {
        let (Some(classes), Some(columns)) = (&self.classes, &self.targets) else { return Ok(None) };
        let table = ParquetTable::open(path)?;
        let columns = columns.positions(&table.titles).map_err(|message| table.error(message))?;
        let mut found: Vec<Label> = Vec::new();
        table.visit(&columns, &mut |row| {
            let label = label_of(&table, &row, 0)?;
            // Few are different, so that the list stays short.
            if !found.contains(&label) {
                found.push(label);
            }
            Ok(true)
        })?;
        classes.listed(&found).map(Some).map_err(|message| table.error(message))
    }

    fn read(&self, path: &Path, wanted: usize, classes: Option<&[Label]>) -> Result<InMemory> {
        let table = ParquetTable::open(path)?;
        let chosen = Chosen::of(&self.inputs, self.targets.as_ref(), &table.titles, self.may_lack_targets(path));
        let Chosen { inputs: input_columns, targets: target_columns } =
            chosen.map_err(|message| table.error(message))?;
        let columns = [&input_columns[..], &target_columns].concat();
        check_size(&table.name(), wanted.min(table.rows()), columns.len())?;
        let known = classes.filter(|_| !target_columns.is_empty());
        let numbers = if known.is_some() { input_columns.len() } else { columns.len() };
        let (mut inputs, mut targets, mut rows) = (Vec::new(), Vec::new(), 0);
        let (mut of_samples, mut left_out) = (Vec::new(), LeftOut::default());
        table.visit(&columns, &mut |row| {
            if rows == wanted {
                return Ok(false);
            }
            if let (Some(own), Some(known)) = (&self.classes, known) {
                let label = label_of(&table, &row, input_columns.len())?;
                match own.position(known, &label).map_err(|message| table.error(message))? {
                    Some(class) => of_samples.push(class),
                    None => {
                        left_out.count(&label);
                        return Ok(true);
                    }
                }
            }
            rows += 1;
            for column in 0..numbers {
                let list = if column < input_columns.len() { &mut inputs } else { &mut targets };
                list.push(number_of(&table, &row, column)?);
            }
            Ok(true)
        })?;
        let samples = Samples {
            inputs: Matrix::from_row_slice(rows, input_columns.len(), &inputs),
            targets: match known {
                Some(known) => classes::targets(&of_samples, known.len()),
                None => Matrix::from_row_slice(rows, target_columns.len(), &targets),
            },
        };
        let left_out = left_out.sentence(&table.name());
        Ok(InMemory { name: table.name(), samples, guess: None, left_out })
    }
}

/// A cell of a row, by the place of its column among those that are read.
fn cell<'r>(table: &ParquetTable, row: &'r Row<'_>, column: usize) -> Result<&'r Cell> {
    row.cells[column].ok_or_else(|| {
        table.error(format!("{} is null; leave out the rows that lack a value, or fill them", row.place(column)))
    })
}

/// The label in a cell.
fn label_of(table: &ParquetTable, row: &Row<'_>, column: usize) -> Result<Label> {
    match cell(table, row, column)? {
        Cell::Text(text) => Ok(Label::of_text(text)),
        Cell::Whole(_) | Cell::Number(_) => number_of(table, row, column).map(Label::Number),
    }
}

/// The finite number in a cell.
fn number_of(table: &ParquetTable, row: &Row<'_>, column: usize) -> Result<f64> {
    let place = || row.place(column);
    match cell(table, row, column)? {
        Cell::Number(number) if number.is_finite() => Ok(*number),
        Cell::Number(number) => Err(table.error(format!("{} is {number}, which is not a finite number", place()))),
        Cell::Whole(whole) if *whole as f64 as i128 == *whole => Ok(*whole as f64),
        Cell::Whole(whole) => Err(table.error(format!(
            "{} is {whole}, a whole number that f64 does not hold; store the column as float64 to round it",
            place()
        ))),
        Cell::Text(text) => Err(table.error(format!(
            "{} is the text `{}` and no number; names of classes are read with data.classes = \"all\"",
            place(),
            excerpt(text)
        ))),
    }
}
