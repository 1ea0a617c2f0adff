//! Samples may be written in the problem file itself. An empty list of test inputs is no test set.

use widenet_document::{
    Written,
    keys::{optional, required},
    section,
};

use super::{
    dataset::{Samples, shape},
    memory::InMemory,
    origin::{Origin, SampleTable, Tables, Wanted},
};
use crate::{
    error::Result,
    matrix::Matrix,
    shapes::{matrix, matrix_or_none},
};

section! {
    /// Samples in the file itself, as lists of rows.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Inline {
        /// Training inputs, one row per sample.
        inputs: Matrix = required(matrix()),
        /// Training targets, one row per sample.
        targets: Matrix = required(matrix()),
        /// Test inputs; an empty list is no test set.
        test_inputs: Option<Option<Matrix>> = optional(matrix_or_none()),
        /// Test targets.
        test_targets: Option<Option<Matrix>> = optional(matrix_or_none()),
    }
    check = check;
}

fn check(inline: &Inline, table: &Written<'_>) -> widenet_document::Result<()> {
    check_rows(table, "targets", &inline.inputs, &inline.targets)?;
    match (&inline.test_inputs, &inline.test_targets) {
        (None, Some(_)) => Err(table.missing("test_inputs")),
        (Some(Some(_)), None) => Err(table.missing("test_targets")),
        (Some(Some(inputs)), Some(Some(targets))) => check_rows(table, "test_targets", inputs, targets),
        (Some(Some(_)), Some(None)) => Err(must_be(table, "test_targets", "a list of at least one row")),
        (Some(None), Some(Some(_))) => Err(must_be(table, "test_targets", "[] like `data.test_inputs`")),
        _ => Ok(()),
    }
}

/// What targets must be.
pub(super) fn must_be(table: &Written<'_>, key: &str, wanted: &str) -> widenet_document::Error {
    table.given(key).map_or_else(|| table.missing(key), |targets| targets.must_be(wanted))
}

pub(super) fn check_rows(
    table: &Written<'_>,
    key: &str,
    inputs: &Matrix,
    targets: &Matrix,
) -> widenet_document::Result<()> {
    if targets.nrows() == inputs.nrows() {
        return Ok(());
    }
    let message = format!(
        "`data.{key}` is {} and the inputs {}; both must have one row per sample",
        shape(targets),
        shape(inputs)
    );
    Err(table.given(key).map_or_else(|| table.error(&message), |targets| targets.error(&message)))
}

impl Origin for Inline {
    fn open(&self, _: &std::path::Path, _: Wanted) -> Result<Tables> {
        let table = |name: &str, inputs: &Matrix, targets: &Matrix| {
            let samples = Samples { inputs: inputs.clone(), targets: targets.clone() };
            Box::new(InMemory { name: name.into(), samples, guess: None, left_out: None }) as Box<dyn SampleTable>
        };
        let test = match (&self.test_inputs, &self.test_targets) {
            (Some(Some(inputs)), Some(Some(targets))) => Some(table("data.test_inputs", inputs, targets)),
            _ => None,
        };
        Ok(Tables { train: table("data.inputs", &self.inputs, &self.targets), test })
    }
}
