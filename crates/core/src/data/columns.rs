//! Columns of tables, of text and of Parquet, are chosen by number or name.

use std::{collections::HashSet, path::Path};

use serde_json::json;
use widenet_document::{
    Field, Value, Written, excerpt,
    shape::{Shape, Simple},
    suggestion,
};

use super::{
    classes::{Classes, Label, NEEDS_LABELS},
    memory::InMemory,
    origin::{SampleTable, Tables, Wanted},
};
use crate::error::Result;

/// Files that are tables with columns of inputs and of targets.
pub(super) trait ColumnTables {
    /// That of training samples, and that of test samples.
    fn files(&self) -> (&Path, Option<&Path>);

    /// The labels of the classes, if targets are classes, of the file of training samples.
    fn labels(&self, path: &Path) -> Result<Option<Vec<Label>>>;

    /// The first samples of a file, at most so many, of these classes if targets are classes.
    fn read(&self, path: &Path, wanted: usize, classes: Option<&[Label]>) -> Result<InMemory>;

    /// Whether a file may lack the columns of targets: one of test samples alone.
    fn may_lack_targets(&self, path: &Path) -> bool {
        let (train, test) = self.files();
        test.is_some_and(|test| path.ends_with(test)) && !path.ends_with(train)
    }
}

/// Reads as many samples as are wanted of each file, or all of them.
pub(super) fn open_tables(tables: &impl ColumnTables, base: &Path, wanted: Wanted) -> Result<Tables> {
    let (train, test) = tables.files();
    let labels = tables.labels(&base.join(train))?;
    let open = |path: &Path, wanted: Option<usize>| -> Result<Box<dyn SampleTable>> {
        Ok(Box::new(tables.read(&base.join(path), wanted.unwrap_or(usize::MAX), labels.as_deref())?))
    };
    let held_out = if test.is_some() { 0 } else { wanted.test.unwrap_or(0) };
    Ok(Tables {
        train: open(train, wanted.train.map(|samples| samples.saturating_add(held_out)))?,
        test: test.map(|path| open(path, wanted.test)).transpose()?,
    })
}

/// Refuses classes without one column of targets.
pub(super) fn check_classes(
    classes: Option<&Classes>,
    targets: Option<&Columns>,
    table: &Written<'_>,
) -> widenet_document::Result<()> {
    match (classes, targets, table.given("classes")) {
        (Some(_), Some(targets), Some(field)) if targets.len() != 1 => {
            Err(field.error("`data.classes` are those of one column; `data.targets` must name one"))
        }
        (Some(_), None, Some(field)) => Err(field.error(NEEDS_LABELS)),
        _ => Ok(()),
    }
}

/// Columns as a file of a problem names them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Columns {
    /// Numbers from 0.
    Numbers(Vec<usize>),
    Names(Vec<String>),
}

/// The columns of a file by their numbers from 0; no column is used twice.
pub(super) struct Chosen {
    pub(super) inputs: Vec<usize>,
    /// None where a file lacks them that may.
    pub(super) targets: Vec<usize>,
}

impl Chosen {
    /// Finds columns among those with these titles.
    pub(super) fn of(
        inputs: &Columns,
        targets: Option<&Columns>,
        titles: &[String],
        may_lack_targets: bool,
    ) -> std::result::Result<Chosen, String> {
        let inputs = inputs.positions(titles)?;
        let targets = match targets {
            None => Vec::new(),
            Some(Columns::Names(names)) if may_lack_targets && names.iter().all(|name| !titles.contains(name)) => {
                Vec::new()
            }
            Some(columns) => columns.positions(titles)?,
        };
        let mut used = HashSet::new();
        match inputs.iter().chain(&targets).find(|column| !used.insert(**column)) {
            Some(column) => {
                let title = title_of(*column, titles);
                Err(format!(
                    "column {title} stands twice in `inputs` and `targets`; each column is an input or a target, once"
                ))
            }
            None => Ok(Chosen { inputs, targets }),
        }
    }
}

/// What errors call a column.
pub(super) fn title_of(column: usize, titles: &[String]) -> String {
    titles.get(column).map_or_else(|| column.to_string(), |title| format!("`{}`", excerpt(title)))
}

/// No file has more columns.
const MAX_COLUMNS: u64 = 1_000_000;

/// A list of column names or numbers.
pub(super) fn columns() -> Simple<Columns> {
    Simple::new(read_columns, || {
        let number = json!({ "type": "number", "multipleOf": 1, "minimum": 0, "maximum": MAX_COLUMNS });
        json!({ "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string" }, number] } })
    })
}

/// The same, or a number of leading columns.
pub(super) fn leading_or_columns() -> Simple<Columns> {
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
    pub(super) fn len(&self) -> usize {
        match self {
            Columns::Numbers(numbers) => numbers.len(),
            Columns::Names(names) => names.len(),
        }
    }

    pub(super) fn positions(&self, titles: &[String]) -> std::result::Result<Vec<usize>, String> {
        let names = match self {
            Columns::Numbers(numbers) => return Ok(numbers.clone()),
            Columns::Names(names) => names,
        };
        let position = |name: &String| {
            let found: Vec<_> = (0..titles.len()).filter(|column| titles[*column] == *name).collect();
            match found[..] {
                [column] => Ok(column),
                [] => {
                    let known: Vec<String> = titles.iter().map(|title| excerpt(title).into_owned()).collect();
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    Err(format!(
                        "there is no column `{}` of {}; {}",
                        excerpt(name),
                        titles.len(),
                        suggestion(name, &known)
                    ))
                }
                _ => Err(format!("{} columns are called `{}`; give column numbers from 0", found.len(), excerpt(name))),
            }
        };
        names.iter().map(position).collect()
    }
}
