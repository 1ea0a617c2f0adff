//! Reads comma-separated text: every line is a sample, and columns are chosen by number or name.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use serde_json::json;
use widenet_document::{
    Field, Value, Written, excerpt,
    keys::{optional, or, required},
    section,
    shape::{Shape, Simple, boolean, path},
};
use widenet_system::files;

use super::{
    dataset::Samples,
    memory::InMemory,
    origin::{Origin, SampleTable, Tables, Wanted, check_size},
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

section! {
    /// Comma-separated text, one sample per line. No column is used twice.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Csv {
        /// File of training samples.
        train: PathBuf = required(path()),
        /// File of test samples.
        test: Option<PathBuf> = optional(path()),
        /// The number of leading columns, or a list of column names, or of column numbers from 0.
        inputs: Columns = required(leading_or_columns()),
        /// A list of column names, or of column numbers from 0.
        targets: Columns = required(columns()),
        /// Whether the first line names the columns.
        header: bool = or(boolean(), true),
    }
    check = check;
}

fn check(csv: &Csv, table: &Written<'_>) -> widenet_document::Result<()> {
    for (key, columns) in [("inputs", &csv.inputs), ("targets", &csv.targets)] {
        if let (false, Columns::Names(_), Some(field)) = (csv.header, columns, table.given(key)) {
            return Err(field.must_be("a list of column numbers from 0, as header = false"));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq)]
enum Columns {
    /// Numbers from 0.
    Numbers(Vec<usize>),
    Names(Vec<String>),
}

impl Origin for Csv {
    /// Reads as many samples as are wanted of each file, or all of them.
    fn open(&self, base: &Path, wanted: Wanted) -> Result<Tables> {
        let open = |path: &PathBuf, wanted: Option<usize>| -> Result<Box<dyn SampleTable>> {
            Ok(Box::new(self.read(&base.join(path), wanted.unwrap_or(usize::MAX))?))
        };
        let held_out = if self.test.is_some() { 0 } else { wanted.test.unwrap_or(0) };
        Ok(Tables {
            train: open(&self.train, wanted.train.map(|samples| samples.saturating_add(held_out)))?,
            test: self.test.as_ref().map(|path| open(path, wanted.test)).transpose()?,
        })
    }
}

impl Csv {
    fn read(&self, path: &Path, wanted: usize) -> Result<InMemory> {
        let name = path.display().to_string();
        let wrong = |message: String| Error::Data { what: name.clone(), message };
        let file =
            files::open(path).map_err(|error| Error::Unreadable { path: path.into(), reason: error.to_string() })?;
        let mut reader = csv::ReaderBuilder::new().has_headers(self.header).trim(csv::Trim::All).from_reader(file);
        let titles: Vec<String> = if self.header {
            reader.headers().map_err(|error| wrong(error.to_string()))?.iter().map(String::from).collect()
        } else {
            Vec::new()
        };
        let input_columns = self.inputs.positions(&titles).map_err(&wrong)?;
        let target_columns = self.targets.positions(&titles).map_err(&wrong)?;
        let title = |column: &usize| {
            titles.get(*column).map_or_else(|| column.to_string(), |title| format!("`{}`", excerpt(title)))
        };
        let mut used = HashSet::new();
        if let Some(column) = input_columns.iter().chain(&target_columns).find(|column| !used.insert(**column)) {
            return Err(wrong(format!(
                "column {} stands twice in `inputs` and `targets`; each column is an input or a target, once",
                title(column)
            )));
        }
        let (mut inputs, mut targets, mut rows) = (Vec::new(), Vec::new(), 0);
        for record in reader.records().take(wanted) {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            rows += 1;
            // Lists that grow take twice what they hold, and are copied into matrices.
            if usize::is_power_of_two(rows) {
                check_size(&name, rows.saturating_mul(2), input_columns.len() + target_columns.len())?;
            }
            let number = |column: &usize| {
                let cell = record.get(*column).ok_or_else(|| {
                    wrong(format!("sample {rows} has {} columns; column {column} (from 0) is wanted", record.len()))
                })?;
                let whole: Option<i128> = cell.parse().ok();
                if whole.is_some_and(|whole| whole as f64 as i128 != whole) {
                    let place = format!("sample {rows}, column {}", title(column));
                    let cell = excerpt(cell);
                    return Err(wrong(format!(
                        "{place}: `{cell}` is a whole number that f64 does not hold; write it with a point to round it"
                    )));
                }
                cell.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
                    wrong(format!(
                        "sample {rows}, column {}: `{}` is not a finite number",
                        title(column),
                        excerpt(cell)
                    ))
                })
            };
            for (columns, values) in [(&input_columns, &mut inputs), (&target_columns, &mut targets)] {
                for column in columns {
                    values.push(number(column)?);
                }
            }
        }
        let samples = Samples {
            inputs: Matrix::from_row_slice(rows, input_columns.len(), &inputs),
            targets: Matrix::from_row_slice(rows, target_columns.len(), &targets),
        };
        Ok(InMemory { name, samples })
    }
}

/// No file has more columns.
const MAX_COLUMNS: u64 = 1_000_000;

/// A list of column names or numbers.
fn columns() -> Simple<Columns> {
    Simple::new(read_columns, || {
        let number = json!({ "type": "number", "multipleOf": 1, "minimum": 0, "maximum": MAX_COLUMNS });
        json!({ "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string" }, number] } })
    })
}

/// The same, or a number of leading columns.
fn leading_or_columns() -> Simple<Columns> {
    fn read(field: &Field<'_>) -> widenet_document::Result<Columns> {
        match field.node().value {
            Value::Integer(_) | Value::Float(_) => {
                Ok(Columns::Numbers((0..field.whole_in(1..=MAX_COLUMNS)? as usize).collect()))
            }
            _ => read_columns(field),
        }
    }
    Simple::new(read, || {
        let number = json!({ "type": "number", "multipleOf": 1, "minimum": 1, "maximum": MAX_COLUMNS });
        json!({ "anyOf": [number, columns().schema()] })
    })
}

fn read_columns(field: &Field<'_>) -> widenet_document::Result<Columns> {
    let elements = field.elements()?;
    match elements.first().map(|element| &element.node().value) {
        Some(Value::String(_)) => field.list(Field::string).map(Columns::Names),
        Some(_) => field.list(|element| Ok(element.whole_in(0..=MAX_COLUMNS)? as usize)).map(Columns::Numbers),
        None => Err(field.must_be("a list of at least one column name, or column number from 0")),
    }
}

impl Columns {
    fn positions(&self, titles: &[String]) -> std::result::Result<Vec<usize>, String> {
        let names = match self {
            Columns::Numbers(numbers) => return Ok(numbers.clone()),
            Columns::Names(names) => names,
        };
        let position = |name: &String| {
            let found: Vec<_> = (0..titles.len()).filter(|column| titles[*column] == *name).collect();
            match found[..] {
                [column] => Ok(column),
                [] => Err(format!(
                    "there is no column `{}`; the header has {} columns: {}",
                    excerpt(name),
                    titles.len(),
                    excerpt(&titles.join(", "))
                )),
                _ => Err(format!("{} columns are called `{}`; give column numbers from 0", found.len(), excerpt(name))),
            }
        };
        names.iter().map(position).collect()
    }
}
