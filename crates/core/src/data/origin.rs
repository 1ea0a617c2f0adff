//! A kind of data source has keys, and opens tables of samples that can be read in part.

use std::{ops::Range, path::Path};

use widenet_system::memory;

use super::dataset::{Samples, check_finite};
use crate::{
    error::{Error, Result},
    humanized,
};

/// Where samples come from.
pub(super) trait Origin: std::fmt::Debug + Send + Sync {
    /// Opens the tables; relative paths are relative to `base`.
    ///
    /// # Errors
    /// [`Error::Unreadable`] and [`Error::Data`].
    fn open(&self, base: &Path, wanted: Wanted) -> Result<Tables>;
}

impl<O: Origin + 'static> From<O> for Box<dyn Origin> {
    fn from(origin: O) -> Self {
        Box::new(origin)
    }
}

/// How many samples are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) train: Option<usize>,
    pub(super) test: Option<usize>,
}

/// Samples that can be read in part.
pub(super) trait SampleTable {
    /// What errors call it.
    fn name(&self) -> String;
    /// What errors call its targets.
    fn targets_name(&self) -> String {
        format!("{}, targets", self.name())
    }
    /// Number of samples.
    fn len(&self) -> usize;
    /// Input dimension plus output dimension.
    fn columns(&self) -> usize;
    /// Sizes of an input before it was flattened, slowest first; empty where inputs are plain rows.
    fn input_shape(&self) -> Vec<usize> {
        Vec::new()
    }
    /// What was guessed about the file, as a sentence.
    fn guess(&self) -> Option<String> {
        None
    }
    /// Which samples of other classes than the wanted ones it does not have, as a sentence.
    fn left_out(&self) -> Option<String> {
        None
    }
    /// Reads some samples.
    fn read(&self, rows: Range<usize>) -> Result<Samples>;
    /// Whether it says that there are no samples, instead of having lost them.
    fn is_none_on_purpose(&self) -> bool {
        false
    }
}

/// The training table and, where there is one, the table of test samples.
pub(super) struct Tables {
    pub(super) train: Box<dyn SampleTable>,
    pub(super) test: Option<Box<dyn SampleTable>>,
}

/// Most numbers in one set of samples (16 GiB).
const MAX_NUMBERS: usize = 1 << 31;

/// Bytes that a number of a sample takes at most: it is read, and prepared in a copy.
const BYTES_PER_NUMBER: u64 = 16;

/// Reads some samples, if they fit into memory and are finite.
pub(super) fn read(table: &dyn SampleTable, rows: Range<usize>) -> Result<Samples> {
    check_size(&table.name(), rows.len(), table.columns())?;
    let samples = table.read(rows)?;
    check_finite(&samples.inputs, &format!("{}, inputs", table.name()))?;
    check_finite(&samples.targets, &table.targets_name())?;
    Ok(samples)
}

/// Refuses more samples than are held in memory.
pub(super) fn check_size(name: &str, samples: usize, columns: usize) -> Result<()> {
    let numbers = samples.checked_mul(columns).filter(|numbers| *numbers <= MAX_NUMBERS);
    let Some(numbers) = numbers else {
        return Err(Error::Data {
            what: name.into(),
            message: format!(
                "{samples} samples of {columns} numbers are over {MAX_NUMBERS} numbers (16 GiB); set fewer samples"
            ),
        });
    };
    let of_sample = columns as u64 * BYTES_PER_NUMBER;
    check_memory(name, &format!("{samples} samples of {columns} numbers"), numbers as u64 * BYTES_PER_NUMBER, |bytes| {
        format!("set data.train_samples or data.test_samples: {} samples fit", bytes / of_sample.max(1))
    })
}

/// Refuses what needs more bytes than are available; `otherwise` says, given those, what would fit.
pub(super) fn check_memory(name: &str, what: &str, needed: u64, otherwise: impl Fn(u64) -> String) -> Result<()> {
    let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
    let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
    let message = format!("{what} need {needs}, and {has} are available; {}", otherwise(available));
    Err(Error::Data { what: name.into(), message })
}
