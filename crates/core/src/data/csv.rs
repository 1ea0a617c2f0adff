//! Reads separated text: every line is a sample, and columns are chosen by number or name. Lines that start with # are comments.

use std::{
    collections::HashSet,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::json;
use widenet_document::{
    Field, Value, Written, excerpt,
    keys::{optional, or, required},
    section,
    shape::{Shape, Simple, boolean, choice, path},
    suggestion,
};

use super::{
    classes::{self, Classes, Label, LeftOut, NEEDS_LABELS, classes},
    dataset::Samples,
    files::BinaryFile,
    memory::InMemory,
    origin::{Origin, SampleTable, Tables, Wanted, check_size},
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

section! {
    /// Text separated by commas, tabs or semicolons, compressed with gzip or not, one sample per line; lines that start with # are comments. No column is used twice.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Csv {
        /// File of training samples.
        train: PathBuf = required(path()),
        /// File of test samples.
        test: Option<PathBuf> = optional(path()),
        /// The number of leading columns, or a list of column names, or of column numbers from 0.
        inputs: Columns = required(leading_or_columns()),
        /// A list of column names, or of column numbers from 0; training needs them, kernels and predictions at test inputs do not.
        targets: Option<Columns> = optional(columns()),
        /// Classes of the one target column, `"all"` or a list of numbers or names: two give one output, −1 for the first and +1 for the
        /// second, more give one output per class. Without the key targets are numbers.
        classes: Option<Classes> = optional(classes()),
        /// What separates columns; where it is not given tabs, else semicolons, else commas, whichever the first line has.
        delimiter: Option<u8> = optional(choice(DELIMITERS)),
        /// Whether the first line names the columns.
        header: bool = or(boolean(), true),
    }
    check = check;
}

fn check(csv: &Csv, table: &Written<'_>) -> widenet_document::Result<()> {
    for (key, columns) in [("inputs", Some(&csv.inputs)), ("targets", csv.targets.as_ref())] {
        if let (false, Some(Columns::Names(_)), Some(field)) = (csv.header, columns, table.given(key)) {
            return Err(field.must_be("a list of column numbers from 0, as header = false"));
        }
    }
    match (&csv.classes, &csv.targets, table.given("classes")) {
        (Some(_), Some(targets), Some(field)) if targets.len() != 1 => {
            Err(field.error("`data.classes` are those of one column; `data.targets` must name one"))
        }
        (Some(_), None, Some(field)) => Err(field.error(NEEDS_LABELS)),
        _ => Ok(()),
    }
}

/// Words for what separates columns.
const DELIMITERS: &[(&str, u8)] = &[("comma", b','), ("tab", b'\t'), ("semicolon", b';')];

#[derive(Debug, Clone, PartialEq)]
enum Columns {
    /// Numbers from 0.
    Numbers(Vec<usize>),
    Names(Vec<String>),
}

impl Origin for Csv {
    /// Reads as many samples as are wanted of each file, or all of them.
    fn open(&self, base: &Path, wanted: Wanted) -> Result<Tables> {
        let labels = self.labels(&base.join(&self.train))?;
        let labels = labels.as_deref();
        let open = |path: &PathBuf, wanted: Option<usize>| -> Result<Box<dyn SampleTable>> {
            Ok(Box::new(self.read(&base.join(path), wanted.unwrap_or(usize::MAX), labels)?))
        };
        let held_out = if self.test.is_some() { 0 } else { wanted.test.unwrap_or(0) };
        Ok(Tables {
            train: open(&self.train, wanted.train.map(|samples| samples.saturating_add(held_out)))?,
            test: self.test.as_ref().map(|path| open(path, wanted.test)).transpose()?,
        })
    }
}

/// Lines of separated text.
type Lines<'f> = csv::Reader<Box<dyn Read + 'f>>;

impl Csv {
    fn read(&self, path: &Path, wanted: usize, classes: Option<&[Label]>) -> Result<InMemory> {
        let name = path.display().to_string();
        let wrong = |message: String| Error::Data { what: name.clone(), message };
        let file = BinaryFile::open(path)?;
        let mut reader = self.reader(&file)?;
        let titles = self.titles(&mut reader, &name)?;
        let input_columns = self.inputs.positions(&titles).map_err(&wrong)?;
        let target_columns = self.target_columns(path, &titles).map_err(&wrong)?;
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
        let (mut of_samples, mut left_out) = (Vec::new(), LeftOut::default());
        for record in reader.records() {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            if rows == wanted {
                break;
            }
            if let (Some(classes), Some(column)) = (classes, target_columns.first()) {
                let label = record.get(*column).map(Label::of_text);
                match classes.iter().position(|class| Some(class) == label.as_ref()) {
                    Some(class) => of_samples.push(class),
                    None if matches!(self.classes, Some(Classes::Listed(_))) => {
                        left_out.count(record.get(*column).unwrap_or_default());
                        continue;
                    }
                    None => {
                        let label = record.get(*column).unwrap_or_default();
                        return Err(wrong(format!(
                            "a sample has the label {}, which no training sample has",
                            excerpt(label)
                        )));
                    }
                }
            }
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
                        "sample {rows}, column {}: `{}` is not a finite number; names of classes are read with data.classes = \"all\"",
                        title(column),
                        excerpt(cell)
                    ))
                })
            };
            for column in &input_columns {
                inputs.push(number(column)?);
            }
            if classes.is_none() {
                for column in &target_columns {
                    targets.push(number(column)?);
                }
            }
        }
        let samples = Samples {
            inputs: Matrix::from_row_slice(rows, input_columns.len(), &inputs),
            targets: match classes.filter(|_| !target_columns.is_empty()) {
                Some(classes) => classes::targets(&of_samples, classes.len()),
                None => Matrix::from_row_slice(rows, target_columns.len(), &targets),
            },
        };
        let guess = self.guess(&file)?;
        let left_out = left_out.sentence(&name);
        Ok(InMemory { name, samples, guess, left_out })
    }

    /// A reader of the lines of a file.
    fn reader<'f>(&self, file: &'f BinaryFile) -> Result<Lines<'f>> {
        let delimiter = self.delimiter.map_or_else(|| guessed(file), Ok)?;
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(self.header).trim(csv::Trim::All).delimiter(delimiter).comment(Some(b'#'));
        Ok(builder.from_reader(file.reader()?))
    }

    /// What was guessed about the columns, if it is not what the name of the format says.
    fn guess(&self, file: &BinaryFile) -> Result<Option<String>> {
        let guessed = if self.delimiter.is_some() { None } else { Some(guessed(file)?) };
        let word = guessed.and_then(|found| DELIMITERS.iter().find(|(_, byte)| *byte == found && found != b','));
        Ok(word.map(|(word, _)| {
            format!(
                "{} is read as separated by {word}s, as its first line is; data.delimiter says otherwise",
                file.name()
            )
        }))
    }

    /// The names of the columns, none without a header.
    fn titles(&self, reader: &mut Lines<'_>, name: &str) -> Result<Vec<String>> {
        let wrong = |message: String| Error::Data { what: name.into(), message };
        if !self.header {
            return Ok(Vec::new());
        }
        let titles: Vec<String> =
            reader.headers().map_err(|error| wrong(error.to_string()))?.iter().map(String::from).collect();
        if !titles.is_empty() && titles.iter().all(|title| title.parse::<f64>().is_ok()) {
            return Err(wrong(format!(
                "its first line is made of numbers, `{}`, and is read as names of columns; set data.header = false if it is a sample",
                excerpt(&titles.join(","))
            )));
        }
        Ok(titles)
    }

    /// The columns of targets; none where a file of test samples does not have them.
    fn target_columns(&self, path: &Path, titles: &[String]) -> std::result::Result<Vec<usize>, String> {
        let is_test = self.test.as_ref().is_some_and(|test| path.ends_with(test)) && !path.ends_with(&self.train);
        match &self.targets {
            None => Ok(Vec::new()),
            Some(Columns::Names(names)) if is_test && names.iter().all(|name| !titles.contains(name)) => Ok(Vec::new()),
            Some(columns) => columns.positions(titles),
        }
    }

    /// The labels of the classes, if targets are classes.
    fn labels(&self, path: &Path) -> Result<Option<Vec<Label>>> {
        let (Some(classes), Some(columns)) = (&self.classes, &self.targets) else { return Ok(None) };
        let name = path.display().to_string();
        let wrong = |message: String| Error::Data { what: name.clone(), message };
        let file = BinaryFile::open(path)?;
        let mut reader = self.reader(&file)?;
        let titles = self.titles(&mut reader, &name)?;
        let column = columns.positions(&titles).map_err(&wrong)?[0];
        let mut found: Vec<Label> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            let label = Label::of_text(record.get(column).unwrap_or_default());
            // Few are different, so that the list stays short.
            if !found.contains(&label) {
                found.push(label);
            }
        }
        classes.listed(&found).map(Some).map_err(wrong)
    }
}

/// What separates the columns of the first line that is no comment: a tab, a semicolon or a comma, whichever it has first in this order.
fn guessed(file: &BinaryFile) -> Result<u8> {
    let start = file.read(0, file.length().min(FIRST_BYTES))?;
    let line = start.split(|byte| *byte == b'\n').find(|line| !line.starts_with(b"#")).unwrap_or_default();
    Ok([b'\t', b';'].into_iter().find(|delimiter| line.contains(delimiter)).unwrap_or(b','))
}

/// Where the first line is looked for.
const FIRST_BYTES: u64 = 1 << 16;

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
    fn len(&self) -> usize {
        match self {
            Columns::Numbers(numbers) => numbers.len(),
            Columns::Names(names) => names.len(),
        }
    }

    fn positions(&self, titles: &[String]) -> std::result::Result<Vec<usize>, String> {
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
