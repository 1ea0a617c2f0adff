//! Reads NumPy arrays: `.npy` files of versions 1 to 3 with arrays of plain numbers, and those of archives (`.npz`) by their keys; of more
//! than two dimensions, such as images, all but the first are flattened in C order.
//!
//! Format: NumPy Enhancement Proposal 1. Magic `\x93NUMPY`, version, length of the header, a Python dictionary
//! `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`, then the numbers. A one-dimensional array is one
//! column.

use std::{
    io::{self, BufWriter, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use widenet_document::{
    Written, excerpt,
    keys::{optional, required},
    section,
    shape::path,
};

use super::{
    classes::{self, Classes, Label, LeftOut, NEEDS_LABELS, classes},
    dataset::{Samples, check_finite},
    files::BinaryFile,
    npz,
    number::Number,
    origin::{Origin, SampleTable, Tables, Wanted, check_size},
};
use crate::{error::Result, matrix::Matrix};

/// Reads a whole array of one or two dimensions; all values must be finite.
///
/// # Errors
/// [`crate::Error::Unreadable`], and [`crate::Error::Data`] for what is not such an array or too large.
pub fn read_npy(path: &Path) -> Result<Matrix> {
    let array = Array::open(path)?;
    let (rows, columns) = (array.rows as usize, array.columns as usize);
    check_size(&array.file.name(), rows, columns)?;
    let matrix = array.read(0..rows)?;
    check_finite(&matrix, &array.file.name())?;
    Ok(matrix)
}

/// A header is a line of a few words.
const LARGEST_HEADER: u64 = 1 << 16;

/// The header is padded so that the numbers start at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes a matrix as a two-dimensional array of `<f8` in C order (version 1), row by row.
///
/// # Errors
/// Those of the writer.
pub fn write_npy(matrix: &Matrix, writer: impl Write) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 16, writer);
    let (rows, columns) = matrix.shape();
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let preamble = 10;
    let padding = ALIGNMENT - (preamble + header.len() + 1) % ALIGNMENT;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    writer.write_all(b"\x93NUMPY\x01\x00")?;
    writer.write_all(&(header.len() as u16).to_le_bytes())?;
    writer.write_all(header.as_bytes())?;
    for row in matrix.row_iter() {
        for value in row.iter() {
            writer.write_all(&value.to_le_bytes())?;
        }
    }
    writer.flush()
}

section! {
    /// NumPy arrays: files `.npy`, or arrays of a `.npz` by their keys as in `"data.npz:x"`; one row per sample.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Npy {
        /// File of the training inputs.
        inputs: PathBuf = required(path()),
        /// File of their targets; training needs them, kernels and predictions at test inputs do not.
        targets: Option<PathBuf> = optional(path()),
        /// Classes of targets that are one column of labels, `"all"` or a list of numbers: two give one output, −1 for the first and +1 for
        /// the second, more give one output per class. Without the key targets are numbers.
        classes: Option<Classes> = optional(classes()),
        /// File of the test inputs.
        test_inputs: Option<PathBuf> = optional(path()),
        /// File of their targets.
        test_targets: Option<PathBuf> = optional(path()),
    }
    check = check;
}

fn check(npy: &Npy, table: &Written<'_>) -> widenet_document::Result<()> {
    if let Some(field) = table.given("classes").filter(|_| npy.targets.is_none()) {
        return Err(field.error(NEEDS_LABELS));
    }
    if npy.test_targets.is_some() && npy.test_inputs.is_none() {
        return Err(table.missing("test_inputs"));
    }
    Ok(())
}

impl Origin for Npy {
    fn open(&self, base: &Path, _: Wanted) -> Result<Tables> {
        let array = |path: &Option<PathBuf>| path.as_ref().map(|path| Array::open(&base.join(path))).transpose();
        let train = (Array::open(&base.join(&self.inputs))?, array(&self.targets)?);
        let known = match (&self.classes, &train.1) {
            (Some(classes), Some(targets)) => {
                let listed = classes.listed(&labels_of(targets)?).map_err(|message| targets.file.error(message))?;
                Some((classes, listed))
            }
            _ => None,
        };
        let table = |inputs, targets| table(inputs, targets, known.as_ref());
        let test = match array(&self.test_inputs)? {
            Some(inputs) => Some(table(inputs, array(&self.test_targets)?)?),
            None => None,
        };
        Ok(Tables { train: table(train.0, train.1)?, test })
    }
}

/// The labels of all samples.
fn labels_of(targets: &Array) -> Result<Vec<Label>> {
    if targets.columns != 1 {
        return Err(targets.file.error(format!(
            "it has {} columns, and data.classes are those of one column of labels; leave data.classes out if they are outputs",
            targets.columns
        )));
    }
    check_size(&targets.file.name(), targets.rows as usize, 1)?;
    let values = targets.read(0..targets.rows as usize)?;
    check_finite(&values, &targets.file.name())?;
    Ok(values.iter().copied().map(Label::Number).collect())
}

/// Targets are classes if these and their labels are given.
fn table(
    inputs: Array,
    targets: Option<Array>,
    known: Option<&(&Classes, Vec<Label>)>,
) -> Result<Box<dyn SampleTable>> {
    if let Some(targets) = targets.as_ref().filter(|targets| targets.rows != inputs.rows) {
        return Err(targets.file.error(format!(
            "it is {} × {} and {} is {} × {}; both must have one row per sample",
            targets.rows,
            targets.columns,
            inputs.file.name(),
            inputs.rows,
            inputs.columns
        )));
    }
    let classified = match (&targets, known) {
        (Some(targets), Some((classes, labels))) => {
            let (mut samples, mut left_out) = (Vec::new(), LeftOut::default());
            for (row, label) in labels_of(targets)?.iter().enumerate() {
                let place = classes.position(labels, label).map_err(|message| targets.file.error(message))?;
                match place {
                    Some(class) => samples.push((row, class)),
                    None => left_out.count(label),
                }
            }
            Some(Classified { samples, classes: labels.len(), left_out })
        }
        _ => None,
    };
    Ok(Box::new(NpyTable { inputs, targets, classified }))
}

struct NpyTable {
    inputs: Array,
    targets: Option<Array>,
    classified: Option<Classified>,
}

/// Samples of the wanted classes.
struct Classified {
    /// Rows with the positions of their classes.
    samples: Vec<(usize, usize)>,
    classes: usize,
    /// Samples of other classes.
    left_out: LeftOut,
}

impl SampleTable for NpyTable {
    fn name(&self) -> String {
        self.inputs.file.name()
    }

    fn targets_name(&self) -> String {
        self.targets.as_ref().map_or_else(|| self.name(), |targets| targets.file.name())
    }

    fn len(&self) -> usize {
        self.classified.as_ref().map_or(self.inputs.rows as usize, |classified| classified.samples.len())
    }

    fn input_shape(&self) -> Vec<usize> {
        let inner = &self.inputs.inner;
        if inner.len() > 1 { inner.iter().map(|size| *size as usize).collect() } else { Vec::new() }
    }

    fn left_out(&self) -> Option<String> {
        self.classified.as_ref()?.left_out.sentence(&self.targets_name())
    }

    fn columns(&self) -> usize {
        let targets = match (&self.classified, &self.targets) {
            (Some(classified), _) => classified.classes,
            (None, targets) => targets.as_ref().map_or(0, |targets| targets.columns as usize),
        };
        (self.inputs.columns as usize).saturating_add(targets)
    }

    fn read(&self, rows: Range<usize>) -> Result<Samples> {
        let Some(classified) = &self.classified else {
            let targets = match &self.targets {
                Some(targets) => targets.read(rows.clone())?,
                None => Matrix::zeros(rows.len(), 0),
            };
            return Ok(Samples { inputs: self.inputs.read(rows)?, targets });
        };
        let samples = &classified.samples[rows];
        let mut inputs = Matrix::zeros(samples.len(), self.inputs.columns as usize);
        for (i, (row, _)) in samples.iter().enumerate() {
            inputs.set_row(i, &self.inputs.read(*row..row + 1)?.row(0));
        }
        let of_samples: Vec<usize> = samples.iter().map(|(_, class)| *class).collect();
        Ok(Samples { inputs, targets: classes::targets(&of_samples, classified.classes) })
    }
}

/// An opened array whose length agrees with its header.
struct Array {
    file: BinaryFile,
    number: Number,
    fortran_order: bool,
    rows: u64,
    columns: u64,
    /// The sizes that are flattened to columns.
    inner: Vec<u64>,
    /// Where the numbers start.
    start: u64,
}

impl Array {
    fn open(path: &Path) -> Result<Array> {
        let file = match npz::archive_and_key(path) {
            Some((archive, key)) => npz::open(path, &archive, key)?,
            None => {
                npz::refuse_without_key(path)?;
                BinaryFile::open(path)?
            }
        };
        let preamble = file.read(0, 10)?;
        if preamble[..6] != *b"\x93NUMPY" || !(1..=3).contains(&preamble[6]) {
            return Err(file.error(format!(
                "it starts with the bytes {:?}; a .npy file starts with \\x93NUMPY and version 1, 2 or 3",
                &preamble[..8]
            )));
        }
        let (header_start, header_length) = match preamble[6] {
            1 => (10, u64::from(u16::from_le_bytes([preamble[8], preamble[9]]))),
            _ => {
                let length = file.read(8, 4)?;
                (12, u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]])))
            }
        };
        if header_length > LARGEST_HEADER {
            return Err(
                file.error(format!("its header would be {header_length} bytes; at most {LARGEST_HEADER} are read"))
            );
        }
        let header = file.read(header_start, header_length)?;
        let header = String::from_utf8_lossy(&header);
        let unknown = |what: &str| file.error(format!("its header {:?} has no {what}", excerpt(header.trim())));

        let type_name = quoted(value_of(&header, "descr")).ok_or_else(|| unknown("plain 'descr' such as '<f8'"))?;
        let number = Number::from_type(type_name).ok_or_else(|| {
            let found = excerpt(type_name);
            file.error(format!("its numbers are of type '{found}'; b1, f2, f4, f8, i1 to i8 and u1 to u8 can be read"))
        })?;
        let fortran_order = match value_of(&header, "fortran_order") {
            Some(value) if value.starts_with("True") => true,
            Some(value) if value.starts_with("False") => false,
            _ => return Err(unknown("'fortran_order' True or False")),
        };
        let shape = shape(value_of(&header, "shape")).ok_or_else(|| unknown("'shape' such as (3, 4)"))?;
        let (rows, columns) = match shape[..] {
            [rows] => (rows, 1),
            [rows, ref others @ ..] if !others.is_empty() => {
                let columns = others.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
                let columns = columns.ok_or_else(|| file.error("its shape is larger than any file".to_owned()))?;
                (rows, columns)
            }
            _ => return Err(file.error("its shape is (); it must have at least one dimension".to_owned())),
        };
        let start = header_start + header_length;
        let promised = rows.checked_mul(columns).and_then(|count| count.checked_mul(number.bytes));
        let found = file.length() - start;
        if promised != Some(found) || found == 0 {
            return Err(file.error(format!(
                "its header promises {shape:?} numbers of {} bytes, but {found} bytes follow",
                number.bytes
            )));
        }
        Ok(Array { file, number, fortran_order, rows, columns, inner: shape[1..].to_vec(), start })
    }

    /// Where a column of the flattened array lies in Fortran order, whose first index runs fastest.
    fn fortran_column(&self, column: u64) -> u64 {
        let (mut rest, mut place) = (column, 0);
        let mut strides = Vec::new();
        self.inner.iter().fold(1, |stride, size| {
            strides.push(stride);
            stride * size
        });
        for (size, stride) in self.inner.iter().zip(strides).rev() {
            place += rest % size * stride;
            rest /= size;
        }
        place
    }

    fn read(&self, rows: Range<usize>) -> Result<Matrix> {
        let (first, count) = (rows.start as u64, rows.len() as u64);
        let part = |position: u64, count: u64| {
            let bytes = self.number.bytes;
            self.file.read(self.start + position * bytes, count * bytes)
        };
        let rounded = |row: u64, column: u64, whole: i128| {
            self.file.error(format!(
                "row {}, column {} is {whole}, which f64 does not hold; store the array as <f8 to round it",
                row + 1,
                column + 1
            ))
        };
        let mut matrix = Matrix::zeros(rows.len(), self.columns as usize);
        if self.fortran_order {
            for (column, mut values) in (0u64..).zip(matrix.column_iter_mut()) {
                let bytes = part(self.fortran_column(column) * self.rows + first, count)?;
                for (row, value) in (first..).zip(self.number.decode(&bytes, values.iter_mut())) {
                    value.map_err(|whole| rounded(row, column, whole))?;
                }
            }
        } else {
            for (row, mut values) in (first..).zip(matrix.row_iter_mut()) {
                let bytes = part(row * self.columns, self.columns)?;
                for (column, value) in (0u64..).zip(self.number.decode(&bytes, values.iter_mut())) {
                    value.map_err(|whole| rounded(row, column, whole))?;
                }
            }
        }
        Ok(matrix)
    }
}

/// What follows `'key':` in the dictionary.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(value: Option<&str>) -> Option<&str> {
    value?.strip_prefix('\'')?.split_once('\'').map(|(inside, _)| inside)
}

fn shape(value: Option<&str>) -> Option<Vec<u64>> {
    let (inside, _) = value?.strip_prefix('(')?.split_once(')')?;
    inside.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}
