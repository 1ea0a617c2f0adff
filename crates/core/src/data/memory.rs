//! These tables of samples are in memory as a whole.

use std::ops::Range;

use super::{dataset::Samples, origin::SampleTable};
use crate::{error::Result, matrix::Matrix};

/// Samples that are in memory as a whole.
pub(super) struct InMemory {
    pub(super) name: String,
    pub(super) samples: Samples,
    /// What was guessed about the file.
    pub(super) guess: Option<String>,
    /// What is not wanted of the file, as a sentence.
    pub(super) left_out: Option<String>,
}

impl SampleTable for InMemory {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn len(&self) -> usize {
        self.samples.inputs.nrows()
    }

    fn guess(&self) -> Option<String> {
        self.guess.clone()
    }

    fn left_out(&self) -> Option<String> {
        self.left_out.clone()
    }

    fn columns(&self) -> usize {
        self.samples.inputs.ncols() + self.samples.targets.ncols()
    }

    fn read(&self, rows: Range<usize>) -> Result<Samples> {
        let part = |matrix: &Matrix| matrix.rows(rows.start, rows.len()).into_owned();
        Ok(Samples { inputs: part(&self.samples.inputs), targets: part(&self.samples.targets) })
    }
}
