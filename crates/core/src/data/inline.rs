//! Samples may be written in the problem file itself. An empty list of test inputs is no test set.

use serde_json::json;
use widenet_document::{
    Field, Reader,
    keys::{optional, required},
    section,
    shape::{Shape, Simple},
};

use super::{
    dataset::{Samples, shape},
    memory::InMemory,
    origin::{Origin, SampleTable, Tables, Wanted},
};
use crate::{
    error::Result,
    matrix::Matrix,
    shapes::{matrix, read_matrix},
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

/// A matrix, or an empty list.
fn matrix_or_none() -> Simple<Option<Matrix>> {
    fn read(field: &Field<'_>) -> widenet_document::Result<Option<Matrix>> {
        match field.elements().is_ok_and(|elements| elements.is_empty()) {
            true => Ok(None),
            false => read_matrix(field).map(Some),
        }
    }
    Simple::new(read, || {
        let mut schema = matrix().schema();
        schema["minItems"] = json!(0);
        schema
    })
}

fn check(inline: &Inline, table: &Reader<'_>) -> widenet_document::Result<()> {
    check_rows(table, "targets", &inline.inputs, &inline.targets)?;
    match (&inline.test_inputs, &inline.test_targets) {
        (None, Some(_)) => Err(table.missing("test_inputs")),
        (Some(Some(_)), None) => Err(table.missing("test_targets")),
        (Some(Some(inputs)), Some(Some(targets))) => check_rows(table, "test_targets", inputs, targets),
        (Some(Some(_)), Some(None)) => Err(must_be(table, "a list of at least one row")),
        (Some(None), Some(Some(_))) => Err(must_be(table, "[] like `data.test_inputs`")),
        _ => Ok(()),
    }
}

/// What the test targets must be.
fn must_be(table: &Reader<'_>, wanted: &str) -> widenet_document::Error {
    table.given("test_targets").map_or_else(|| table.missing("test_targets"), |targets| targets.must_be(wanted))
}

fn check_rows(table: &Reader<'_>, key: &str, inputs: &Matrix, targets: &Matrix) -> widenet_document::Result<()> {
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
            Box::new(InMemory { name: name.into(), samples }) as Box<dyn SampleTable>
        };
        let test = match (&self.test_inputs, &self.test_targets) {
            (Some(Some(inputs)), Some(Some(targets))) => Some(table("data.test_inputs", inputs, targets)),
            _ => None,
        };
        Ok(Tables { train: table("data.inputs", &self.inputs, &self.targets), test })
    }
}
