//! Section `[data]` says where samples come from, which of them are used and how they are prepared.

use std::{ops::Range, path::Path};

use widenet_document::{
    Field, Kind,
    keys::{by_kind, flat, optional},
    section,
    shape::{Shape, count, table, whole},
};

use super::{
    cifar::Cifar,
    csv::Csv,
    dataset::{Dataset, Samples, shape},
    idx::Idx,
    inline::Inline,
    npy::Npy,
    origin::{Origin, SampleTable, Tables, Wanted, read},
    preprocessing::Preprocessing,
    segment::Segment,
    teacher::Teacher,
};
use crate::error::{Error, Result};

/// The kinds of sources; samples in the file itself may be of two kinds.
pub(super) const fn kinds(inline: Kind<Box<dyn Origin>>) -> [Kind<Box<dyn Origin>>; 6] {
    [
        inline,
        Kind::of::<Teacher>("teacher"),
        Kind::of::<Idx>("idx"),
        Kind::of::<Cifar>("cifar"),
        Kind::of::<Csv>("csv"),
        Kind::of::<Npy>("npy"),
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
        self.selection.load(self.kind.as_ref(), base)
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
