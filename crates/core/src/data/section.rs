//! Section `[data]` says where samples come from, which of them are used and how they are prepared.

use std::{ops::Range, path::Path};

use rand::seq::SliceRandom;
use widenet_document::{
    Field, Kind,
    keys::{by_kind, flat, optional},
    section,
    shape::{Shape, count, natural, table, whole},
};

use super::{
    cifar::Cifar,
    csv::Csv,
    dataset::{Dataset, Provenance, Samples, shape},
    idx::Idx,
    inline::Inline,
    npy::Npy,
    origin::{Origin, SampleTable, Tables, Wanted, check_size, read},
    parquet::Parquet,
    preprocessing::Preprocessing,
    segment::Segment,
    teacher::Teacher,
};
use crate::{
    error::{Error, Result},
    seed::{Purpose, stream},
};

/// The kinds of sources; samples in the file itself may be of two kinds.
pub(super) const fn kinds(inline: Kind<Box<dyn Origin>>) -> [Kind<Box<dyn Origin>>; 7] {
    [
        inline,
        Kind::of::<Teacher>("teacher"),
        Kind::of::<Idx>("idx"),
        Kind::of::<Cifar>("cifar"),
        Kind::of::<Csv>("csv"),
        Kind::of::<Npy>("npy"),
        Kind::of::<Parquet>("parquet"),
    ]
}

/// Those of a problem.
const KINDS: &[Kind<Box<dyn Origin>>] = &kinds(Kind::of::<Inline>("inline"));

section! {
    /// Where samples come from, which of them are used and how they are prepared: section `[data]`. Files are relative to the folder of the
    /// problem file.
    ///
    /// Nothing has been read from data files yet; [`DataSource::load`] does.
    #[derive(Debug)]
    pub struct DataSource {
        /// Where samples come from.
        kind: Box<dyn Origin> = by_kind(KINDS),
        /// Which of them are used.
        selection: Selection = flat(),
    }
}

impl DataSource {
    /// Reads the section. No data file is touched.
    ///
    /// # Errors
    /// [`widenet_document::Error::Document`] at the first mistake.
    pub fn parse(section: &Field<'_>) -> widenet_document::Result<DataSource> {
        table::<DataSource>().read(section)
    }

    /// Reads the samples; relative paths are relative to `base`.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a file that cannot be read, [`Error::Data`] for one whose content is wrong or
    /// too little.
    pub fn load(&self, base: &Path) -> Result<Dataset> {
        let data = self.selection.load(self.kind.as_ref(), base)?;
        for (what, samples) in [("training", Some(&data.train)), ("test", data.test.as_ref())] {
            if samples.is_some_and(|samples| samples.targets.ncols() == 0) {
                return Err(Error::Data {
                    what: "data".into(),
                    message: format!(
                        "the {what} samples have no targets, which training needs; give data.targets (of .npy files also data.test_targets)"
                    ),
                });
            }
        }
        Ok(data)
    }
}

section! {
    /// Which samples are used and how they are prepared.
    #[derive(Debug)]
    pub(super) struct Selection {
        /// Use the first so many for training; all where it is not given, which a teacher needs.
        train_samples: Option<usize> = optional(count()),
        /// Use so many for testing: of the test file, or else those after the training samples. Without the key all of the test file, or
        /// none.
        test_samples: Option<usize> = optional(whole(0..=1 << 53)),
        /// Shuffle the training file by this seed before samples are chosen; the order of the file where it is not given.
        shuffle: Option<u64> = optional(natural()),
        /// Split the training file into so many folds, of which one is for testing.
        folds: Option<usize> = optional(whole(2..=10_000)),
        /// Which fold is for testing, from 0.
        fold: Option<usize> = optional(whole(0..=9_999)),
        /// How inputs are prepared.
        preprocessing: Preprocessing = flat(),
        /// Test on a segment between two training samples instead.
        test_segment: Option<Segment> = optional(table()),
    }
}

impl Selection {
    /// Reads the samples of an origin; targets that it does not have are matrices without columns.
    pub(super) fn load(&self, origin: &dyn Origin, base: &Path) -> Result<Dataset> {
        let tables = origin.open(base, Wanted { train: self.train_samples, test: self.test_samples })?;
        let test_table = tables.test.as_ref().unwrap_or(&tables.train).as_ref();
        let (train, test) = match self.order(tables.train.as_ref())? {
            None => {
                let (train_rows, test_rows) = self.rows(&tables)?;
                (read(tables.train.as_ref(), train_rows)?, test_rows.map(|rows| read(test_table, rows)).transpose()?)
            }
            Some(order) => {
                let all = read(tables.train.as_ref(), 0..tables.train.len())?;
                let chosen = |rows: &[usize]| Samples {
                    inputs: all.inputs.select_rows(rows),
                    targets: all.targets.select_rows(rows),
                };
                let (train_rows, test_rows) = self.folded(&order, &tables)?;
                match &tables.test {
                    Some(_) => {
                        (chosen(&train_rows), self.rows(&tables)?.1.map(|rows| read(test_table, rows)).transpose()?)
                    }
                    None => {
                        (chosen(&train_rows), Some(test_rows).filter(|rows| !rows.is_empty()).map(|rows| chosen(&rows)))
                    }
                }
            }
        };
        if let Some(test) = &test {
            same_columns(&train, test, &test_table.name())?;
        }
        let remarks = [Some(tables.train.as_ref()), tables.test.as_deref()]
            .into_iter()
            .flatten()
            .flat_map(|table| table.guess().into_iter().chain(table.left_out()));
        let provenance = Provenance { input_shape: tables.train.input_shape(), remarks: remarks.collect() };
        let mut data = self.preprocessing.apply(Dataset { train, test, provenance })?;
        if let Some(segment) = &self.test_segment {
            data.test = Some(segment.between(&data.train)?);
        }
        Ok(data)
    }

    /// The order of the samples of the training file, if it is not that of the file or is split into folds.
    fn order(&self, table: &dyn SampleTable) -> Result<Option<Vec<usize>>> {
        if self.shuffle.is_none() && self.folds.is_none() {
            return match self.fold {
                None => Ok(None),
                Some(fold) => Err(Error::Data {
                    what: "data.fold".into(),
                    message: format!("fold {fold} of how many? give data.folds"),
                }),
            };
        }
        check_size(&table.name(), table.len(), table.columns())?;
        let mut order: Vec<usize> = (0..table.len()).collect();
        match (self.shuffle, self.folds) {
            (None, None) => {}
            (None, Some(_)) => {}
            (Some(seed), _) => order.shuffle(&mut stream(seed, Purpose::Split, 0)),
        }
        Ok(Some(order))
    }

    /// Training and test samples of an order.
    fn folded(&self, order: &[usize], tables: &Tables) -> Result<(Vec<usize>, Vec<usize>)> {
        let Some(folds) = self.folds else {
            let (train, test) = self.rows(tables)?;
            let of = |rows: Range<usize>| order[rows].to_vec();
            return Ok((of(train), test.filter(|_| tables.test.is_none()).map(of).unwrap_or_default()));
        };
        let wrong = |message: String| Error::Data { what: "data.folds".into(), message };
        let fold = self.fold.unwrap_or(0);
        if fold >= folds || folds > order.len() || tables.test.is_some() || self.test_samples.is_some() {
            return Err(wrong(format!(
                "fold {fold} (from 0) of {folds} folds of {} samples; data.fold must be below data.folds, each fold needs a sample, and folds \
                 go without a test file and without data.test_samples",
                order.len()
            )));
        }
        // Folds whose sizes differ by at most one.
        let start = |fold: usize| fold * order.len() / folds;
        let (from, to) = (start(fold), start(fold + 1));
        let test = order[from..to].to_vec();
        let mut train = [&order[..from], &order[to..]].concat();
        if let Some(wanted) = self.train_samples {
            if wanted > train.len() {
                return Err(wrong(format!(
                    "data.train_samples = {wanted}, and {} samples are outside of the fold",
                    train.len()
                )));
            }
            train.truncate(wanted);
        }
        Ok((train, test))
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
        let none = train == 0 && !tables.train.is_none_on_purpose();
        if none || train.checked_add(held_out).is_none_or(|needed| needed > available) {
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

fn same_columns(train: &Samples, test: &Samples, test_name: &str) -> Result<()> {
    for (what, train, test) in [("inputs", &train.inputs, &test.inputs), ("targets", &train.targets, &test.targets)] {
        // Targets may be missing on either side.
        if train.ncols() != test.ncols() && train.ncols() * test.ncols() != 0 {
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
