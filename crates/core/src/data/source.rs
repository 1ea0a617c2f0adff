//! Section `[data]`: where samples come from, which of them are used and how they are prepared.

use std::{ops::Range, path::Path};

use super::{
    Dataset, Samples, check_finite, cifar::Cifar, csv::Csv, idx::Idx, inline::Inline, npy::Npy,
    preprocessing::Preprocessing, shape, teacher::Teacher,
};
use crate::{
    Error, Matrix, Result,
    document::{Field, Reader},
};

/// A parsed section `[data]`; nothing has been read from data files yet.
///
/// # Section `[data]`
///
/// | `kind` | keys and defaults |
/// |---|---|
/// | `"inline"` | `inputs`, `targets` required (lists of rows), `test_inputs`, `test_targets` |
/// | `"teacher"` | synthetic, see below |
/// | `"idx"` | `images`, `labels` required, `test_images`, `test_labels`, `classes`, `pixel_scale = 255` |
/// | `"cifar"` | `train` required, `test` (lists of CIFAR-10 binary files), `classes`, `pixel_scale = 255` |
/// | `"csv"` | `train`, `inputs`, `targets` required, `test`, `header = true` |
/// | `"npy"` | `inputs`, `targets` required, `test_inputs`, `test_targets` |
///
/// Files are relative to the folder of the problem file. All kinds have
///
/// | key | default | meaning |
/// |---|---|---|
/// | `train_samples` | all (teacher: required) | use the first so many |
/// | `test_samples` | all of the test file, else 0 | without a test file, the samples after the training ones |
/// | `standardise` | `"none"` | `"feature"`, `"global"`: see below |
/// | `normalise` | `"none"` | `"unit"`: every input row is scaled to norm 1, after `standardise` |
/// | `test_segment` | none | `{ from = i, to = j, points = T }`: test on a segment instead, see below |
///
/// `standardise = "feature"` gives every input column mean 0 and variance 1 on the training samples (a constant column
/// becomes 0), `"global"` does so with one mean and one variance for all inputs.
///
/// `test_segment` makes the test samples `(1 − α) x_i + α x_j` for T ≥ 2 equally spaced α from 0 to 1, between the (prepared) training
/// samples i and j, counted from 0; their targets are interpolated alike.
///
/// Images: pixels are divided by `pixel_scale`. `classes = [4, 9]` keeps these labels; without it all labels of the
/// training file are used, in increasing order. Two classes give one output, −1 for the first and +1 for the second;
/// more classes give one output per class, 1 for the class of the image and 0 for the others.
///
/// CSV: `inputs` is the number of leading columns, or a list of column names, or of column numbers from 0; `targets` is
/// such a list; no column is used twice.
///
/// Teacher: `y = B x + noise`, with `x ~ N(0, diag(spectrum²))`, `B` iid `N(0, teacher_scale²/d)` and noise
/// `N(0, noise²)`. Keys: `input_dimension` and `train_samples` required, `output_dimension = 1`, `spectrum` = list of
/// `d` standard deviations or `{ power = a }` for `j^-a` (default all 1), `noise = 0`, `teacher_scale = 1`, `seed = 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSource {
    origin: Origin,
    train_samples: Option<usize>,
    test_samples: Option<usize>,
    preprocessing: Preprocessing,
    test_segment: Option<Segment>,
}

/// Test samples between two training samples.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    from: usize,
    to: usize,
    points: usize,
}

impl Segment {
    fn parse(field: &Field) -> Result<Segment> {
        let mut table = field.table()?;
        let index = |field: &Field| Ok(field.whole()? as usize);
        let segment = Segment {
            from: table.required("from", index)?,
            to: table.required("to", index)?,
            points: table.required("points", |field| Ok(field.whole_in(2..=100_000)? as usize))?,
        };
        table.finish()?;
        Ok(segment)
    }

    fn between(&self, train: &Samples) -> Result<Samples> {
        let count = train.inputs.nrows();
        if let Some(index) = [self.from, self.to].into_iter().find(|index| *index >= count) {
            return Err(Error::Data {
                what: "data.test_segment".into(),
                message: format!("there is no training sample {index}; there are {count}, counted from 0"),
            });
        }
        let on_segment = |ends: &Matrix| {
            Matrix::from_fn(self.points, ends.ncols(), |point, column| {
                let alpha = point as f64 / (self.points - 1) as f64;
                (1.0 - alpha) * ends[(self.from, column)] + alpha * ends[(self.to, column)]
            })
        };
        Ok(Samples { inputs: on_segment(&train.inputs), targets: on_segment(&train.targets) })
    }
}

/// Where samples come from: one variant per `kind`.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    Inline(Inline),
    Teacher(Teacher),
    Idx(Idx),
    Cifar(Cifar),
    Csv(Csv),
    Npy(Npy),
}

/// Samples that can be read in part.
pub(super) trait SampleTable {
    /// What errors call it.
    fn name(&self) -> String;
    /// Number of samples.
    fn len(&self) -> usize;
    /// Input dimension plus output dimension.
    fn columns(&self) -> usize;
    /// Reads some samples.
    fn read(&self, rows: Range<usize>) -> Result<Samples>;
}

/// The training table and, where there is one, the table of test samples.
pub(super) struct Tables {
    pub(super) train: Box<dyn SampleTable>,
    pub(super) test: Option<Box<dyn SampleTable>>,
}

/// Reads training samples at two keys, and test samples at two others if one of these is there.
pub(super) fn train_and_test<T>(
    table: &mut Reader,
    train_keys: [&'static str; 2],
    test_keys: [&'static str; 2],
    read: impl Fn(&mut Reader, [&'static str; 2]) -> Result<T>,
) -> Result<(T, Option<T>)> {
    let train = read(table, train_keys)?;
    let has_test = test_keys.map(|key| table.get(key).is_some()).contains(&true);
    let test = if has_test { Some(read(table, test_keys)?) } else { None };
    Ok((train, test))
}

/// Reads the keys of one kind.
type ParseKind = fn(&mut Reader) -> Result<Origin>;

/// Most numbers in one set of samples (16 GiB).
const MAX_NUMBERS: usize = 1 << 31;

impl DataSource {
    /// Reads the section. No data file is touched.
    ///
    /// # Errors
    /// [`Error::Document`] at the first mistake.
    pub fn parse(section: &Field) -> Result<DataSource> {
        const KINDS: [(&str, ParseKind); 6] = [
            ("inline", |table| Inline::parse(table).map(Origin::Inline)),
            ("teacher", |table| Teacher::parse(table).map(Origin::Teacher)),
            ("idx", |table| Idx::parse(table).map(Origin::Idx)),
            ("cifar", |table| Cifar::parse(table).map(Origin::Cifar)),
            ("csv", |table| Csv::parse(table).map(Origin::Csv)),
            ("npy", |table| Npy::parse(table).map(Origin::Npy)),
        ];
        let mut table = section.table()?;
        let parse = table.required("kind", |field| field.choice(&KINDS))?;
        let source = DataSource {
            origin: parse(&mut table)?,
            train_samples: table.optional("train_samples", Field::count)?,
            test_samples: table.optional("test_samples", |field| Ok(field.whole_in(0..=1 << 53)? as usize))?,
            preprocessing: Preprocessing::parse(&mut table)?,
            test_segment: table.optional("test_segment", Segment::parse)?,
        };
        table.finish()?;
        Ok(source)
    }

    /// Reads the samples; relative paths are relative to `base`.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a file that cannot be read, [`Error::Data`] for one whose content is wrong or
    /// too little.
    pub fn load(&self, base: &Path) -> Result<Dataset> {
        let tables = match &self.origin {
            Origin::Inline(inline) => inline.tables(),
            Origin::Teacher(teacher) => teacher.tables(self.train_samples, self.test_samples),
            Origin::Idx(idx) => idx.open(base)?,
            Origin::Cifar(cifar) => cifar.open(base)?,
            Origin::Csv(csv) => csv.open(base, self.train_samples, self.test_samples)?,
            Origin::Npy(npy) => npy.open(base)?,
        };
        let (train_rows, test_rows) = self.rows(&tables)?;
        let train = read(tables.train.as_ref(), train_rows)?;
        let test_table = tables.test.as_ref().unwrap_or(&tables.train).as_ref();
        let test = test_rows.map(|rows| read(test_table, rows)).transpose()?;
        if let Some(test) = &test {
            same_columns(&train, test, &test_table.name())?;
        }
        let mut data = self.preprocessing.apply(Dataset { train, test })?;
        if let Some(segment) = &self.test_segment {
            data.test = Some(segment.between(&data.train)?);
        }
        Ok(data)
    }

    /// Which samples to read for training and for testing.
    fn rows(&self, tables: &Tables) -> Result<(Range<usize>, Option<Range<usize>>)> {
        let too_few = |table: &dyn SampleTable, wanted: String| Error::Data {
            what: table.name(),
            message: format!("it has {} samples (of the wanted classes, if any); {wanted}", table.len()),
        };
        let available = tables.train.len();
        let test_wanted = self.test_samples.unwrap_or(0);
        let held_out = if tables.test.is_some() { 0 } else { test_wanted };
        let train = self.train_samples.unwrap_or(available.saturating_sub(held_out));
        if train == 0 || train.checked_add(held_out).is_none_or(|needed| needed > available) {
            let wanted = format!("{} training and {held_out} test samples are wanted from it", train.max(1));
            return Err(too_few(tables.train.as_ref(), wanted));
        }
        let test = match &tables.test {
            None => train..train + held_out,
            Some(table) if test_wanted > table.len() => {
                return Err(too_few(table.as_ref(), format!("{test_wanted} test samples are wanted from it")));
            }
            Some(table) => 0..self.test_samples.unwrap_or(table.len()),
        };
        Ok((0..train, Some(test).filter(|test| !test.is_empty())))
    }
}

fn read(table: &dyn SampleTable, rows: Range<usize>) -> Result<Samples> {
    check_size(&table.name(), rows.len(), table.columns())?;
    let samples = table.read(rows)?;
    check_finite(&samples.inputs, &format!("{}, inputs", table.name()))?;
    check_finite(&samples.targets, &format!("{}, targets", table.name()))?;
    Ok(samples)
}

/// Refuses more samples than are held in memory.
pub(super) fn check_size(name: &str, samples: usize, columns: usize) -> Result<()> {
    if samples.checked_mul(columns).is_some_and(|numbers| numbers <= MAX_NUMBERS) {
        return Ok(());
    }
    Err(Error::Data {
        what: name.into(),
        message: format!(
            "{samples} samples of {columns} numbers are over {MAX_NUMBERS} numbers (16 GiB); set fewer samples"
        ),
    })
}

fn same_columns(train: &Samples, test: &Samples, test_name: &str) -> Result<()> {
    for (what, train, test) in [("inputs", &train.inputs, &test.inputs), ("targets", &train.targets, &test.targets)] {
        if train.ncols() != test.ncols() {
            return Err(Error::Data {
                what: test_name.into(),
                message: format!(
                    "test {what} are {} and training {what} {}; the numbers of columns must agree",
                    shape(test),
                    shape(train)
                ),
            });
        }
    }
    Ok(())
}
