//! Reads separated text: every line is a sample, and columns are chosen by number or name. Lines that start with # are comments.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use widenet_document::{
    Written, excerpt,
    keys::{optional, or, required},
    section,
    shape::{boolean, choice, path},
};

use super::{
    classes::{self, Classes, Label, LeftOut, classes},
    columns::{Chosen, ColumnTables, Columns, check_classes, columns, leading_or_columns, open_tables, title_of},
    dataset::Samples,
    files::BinaryFile,
    memory::InMemory,
    origin::{Origin, Tables, Wanted, check_size},
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
    check_classes(csv.classes.as_ref(), csv.targets.as_ref(), table)
}

/// Words for what separates columns.
const DELIMITERS: &[(&str, u8)] = &[("comma", b','), ("tab", b'\t'), ("semicolon", b';')];

impl Origin for Csv {
    /// Reads as many samples as are wanted of each file, or all of them.
    fn open(&self, base: &Path, wanted: Wanted) -> Result<Tables> {
        open_tables(self, base, wanted)
    }
}

/// Lines of separated text.
pub(super) type Lines<'f> = csv::Reader<Box<dyn Read + 'f>>;

impl ColumnTables for Csv {
    fn files(&self) -> (&Path, Option<&Path>) {
        (&self.train, self.test.as_deref())
    }

    fn read(&self, path: &Path, wanted: usize, classes: Option<&[Label]>) -> Result<InMemory> {
        let name = path.display().to_string();
        let wrong = |message: String| Error::Data { what: name.clone(), message };
        let file = BinaryFile::open(path)?;
        let mut reader = self.reader(&file)?;
        let titles = self.titles(&mut reader, &name)?;
        let columns = Chosen::of(&self.inputs, self.targets.as_ref(), &titles, self.may_lack_targets(path));
        let Chosen { inputs: input_columns, targets: target_columns } = columns.map_err(&wrong)?;
        let title = |column: &usize| title_of(*column, &titles);
        let (mut inputs, mut targets, mut rows) = (Vec::new(), Vec::new(), 0);
        let (mut of_samples, mut left_out) = (Vec::new(), LeftOut::default());
        for record in reader.records() {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            if rows == wanted {
                break;
            }
            if let (Some(own), Some(known), Some(column)) = (&self.classes, classes, target_columns.first()) {
                let label = Label::of_text(record.get(*column).unwrap_or_default());
                match own.position(known, &label).map_err(&wrong)? {
                    Some(class) => of_samples.push(class),
                    None => {
                        left_out.count(record.get(*column).unwrap_or_default());
                        continue;
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

impl Csv {
    /// A reader of the lines of a file.
    fn reader<'f>(&self, file: &'f BinaryFile) -> Result<Lines<'f>> {
        lines(file, self.delimiter.map_or_else(|| guessed(file), Ok)?, self.header)
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
        if !self.header {
            return Ok(Vec::new());
        }
        let titles = titles_of(reader, name)?;
        if !titles.is_empty() && titles.iter().all(|title| title.parse::<f64>().is_ok()) {
            let message = format!(
                "its first line is made of numbers, `{}`, and is read as names of columns; set data.header = false if it is a sample",
                excerpt(&titles.join(","))
            );
            return Err(Error::Data { what: name.into(), message });
        }
        Ok(titles)
    }
}

/// A reader of the lines of a file, of which the first may be titles.
pub(super) fn lines(file: &BinaryFile, delimiter: u8, header: bool) -> Result<Lines<'_>> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(header).trim(csv::Trim::All).delimiter(delimiter).comment(Some(b'#'));
    Ok(builder.from_reader(file.reader()?))
}

/// The titles in the first line.
pub(super) fn titles_of(reader: &mut Lines<'_>, name: &str) -> Result<Vec<String>> {
    let titles = reader.headers().map_err(|error| Error::Data { what: name.into(), message: error.to_string() })?;
    Ok(titles.iter().map(String::from).collect())
}

/// What separates the columns of the first line that is no comment: a tab, a semicolon or a comma, whichever it has first in this order.
pub(super) fn guessed(file: &BinaryFile) -> Result<u8> {
    let start = file.read(0, file.length().min(FIRST_BYTES))?;
    let line = start.split(|byte| *byte == b'\n').find(|line| !line.starts_with(b"#")).unwrap_or_default();
    Ok([b'\t', b';'].into_iter().find(|delimiter| line.contains(delimiter)).unwrap_or(b','))
}

/// Where the first line is looked for.
const FIRST_BYTES: u64 = 1 << 16;
