//! Samples may be written in the problem file itself. An empty list of test inputs is no test set.
//!
//! Targets are rows of numbers, or, where `classes` are given, a list of labels.

use serde_json::json;
use widenet_document::{
    Field, Value, Written,
    keys::{optional, required},
    section,
    shape::{Shape, Simple},
};

use super::{
    classes::{self, Classes, Label, LeftOut, classes},
    dataset::{Samples, shape},
    memory::InMemory,
    origin::{Origin, SampleTable, Tables, Wanted},
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
    shapes::{matrix, matrix_or_none, read_matrix},
};

section! {
    /// Samples in the file itself, as lists of rows.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Inline {
        /// Training inputs, one row per sample.
        inputs: Matrix = required(matrix()),
        /// Training targets, one row per sample; with `classes` one label per sample.
        targets: Targets = required(targets()),
        /// Classes of targets that are labels, `"all"` or a list of numbers and names: two give one output, −1 for the first and +1 for the
        /// second, more give one output per class. Without the key targets are numbers.
        classes: Option<Classes> = optional(classes()),
        /// Test inputs; an empty list is no test set.
        test_inputs: Option<Option<Matrix>> = optional(matrix_or_none()),
        /// Test targets, written like those of training.
        test_targets: Option<Targets> = optional(targets()),
    }
    check = check;
}

/// Targets as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Targets {
    /// An empty list.
    None,
    /// P × k.
    Numbers(Matrix),
    /// One per sample, in a list.
    Labels(Vec<Label>),
}

/// Rows of numbers, a list of labels, or an empty list.
pub(super) fn targets() -> Simple<Targets> {
    fn read(field: &Field<'_>) -> widenet_document::Result<Targets> {
        let is_row = |node: &Value| matches!(node, Value::Array(_));
        match &field.node().value {
            Value::Array(nodes) if nodes.is_empty() => Ok(Targets::None),
            Value::Array(nodes) if nodes.iter().all(|node| !is_row(&node.value)) => {
                field.list(classes::label).map(Targets::Labels)
            }
            _ => read_matrix(field).map(Targets::Numbers),
        }
    }
    Simple::new(read, || {
        let label = json!({ "anyOf": [{ "type": "number" }, { "type": "string" }] });
        let labels = json!({ "type": "array", "items": label });
        json!({ "anyOf": [matrix_or_none().schema(), labels] })
    })
}

impl Targets {
    pub(super) fn len(&self) -> usize {
        match self {
            Targets::None => 0,
            Targets::Numbers(matrix) => matrix.nrows(),
            Targets::Labels(labels) => labels.len(),
        }
    }

    fn size(&self) -> String {
        match self {
            Targets::None => "[]".into(),
            Targets::Numbers(matrix) => shape(matrix),
            Targets::Labels(labels) => format!("a list of {}", labels.len()),
        }
    }

    /// The labels, if they may be such.
    fn labels(&self) -> Option<Vec<Label>> {
        match self {
            Targets::Labels(labels) => Some(labels.clone()),
            Targets::Numbers(matrix) if matrix.ncols() == 1 => {
                Some(matrix.iter().copied().map(Label::Number).collect())
            }
            Targets::None | Targets::Numbers(_) => None,
        }
    }
}

fn check(inline: &Inline, table: &Written<'_>) -> widenet_document::Result<()> {
    let has_classes = inline.classes.is_some();
    if inline.targets == Targets::None {
        return Err(must_be(table, "targets", "a list of at least one row"));
    }
    check_targets(table, "targets", &inline.inputs, &inline.targets, has_classes)?;
    match (&inline.test_inputs, &inline.test_targets) {
        (None, Some(_)) => Err(table.missing("test_inputs")),
        (Some(Some(_)), None) => Err(table.missing("test_targets")),
        (Some(Some(_)), Some(Targets::None)) => Err(must_be(table, "test_targets", "a list of at least one row")),
        (Some(Some(inputs)), Some(targets)) => check_targets(table, "test_targets", inputs, targets, has_classes),
        (Some(None), Some(targets)) if *targets != Targets::None => {
            Err(must_be(table, "test_targets", "[] like `data.test_inputs`"))
        }
        _ => Ok(()),
    }
}

/// What targets must be.
pub(super) fn must_be(table: &Written<'_>, key: &str, wanted: &str) -> widenet_document::Error {
    table.given(key).map_or_else(|| table.missing(key), |targets| targets.must_be(wanted))
}

/// Refuses targets that are not those of the inputs, or not as `classes` want them.
pub(super) fn check_targets(
    table: &Written<'_>,
    key: &str,
    inputs: &Matrix,
    targets: &Targets,
    has_classes: bool,
) -> widenet_document::Result<()> {
    let error = |message: &str| table.given(key).map_or_else(|| table.error(message), |field| field.error(message));
    if targets.len() != inputs.nrows() {
        return Err(error(&format!(
            "`data.{key}` is {} and the inputs {}; both must have one row per sample",
            targets.size(),
            shape(inputs)
        )));
    }
    match (targets, has_classes) {
        (Targets::Labels(_), false) => Err(error(&format!(
            "`data.{key}` is a list of {} values; it must be a list of rows, such as [[1], [-1]], or have labels with data.classes = \"all\"",
            targets.len()
        ))),
        (Targets::Numbers(matrix), true) if matrix.ncols() != 1 => Err(error(&format!(
            "`data.{key}` is {}, and data.classes are those of one label per sample; leave data.classes out if these are outputs",
            shape(matrix)
        ))),
        _ => Ok(()),
    }
}

/// Samples as they are written.
pub(super) struct InlineSamples<'a> {
    pub(super) name: &'static str,
    pub(super) inputs: &'a Matrix,
    pub(super) targets: Option<&'a Targets>,
}

/// The classes that are wanted, with those that the training samples have.
pub(super) struct KnownClasses<'a>(&'a Classes, Vec<Label>);

impl<'a> KnownClasses<'a> {
    /// The classes of training targets, if these are labels.
    pub(super) fn of(classes: Option<&'a Classes>, targets: Option<&Targets>) -> Result<Option<Self>> {
        let Some((classes, labels)) = classes.zip(targets.and_then(Targets::labels)) else { return Ok(None) };
        Ok(Some(KnownClasses(classes, classes.listed(&labels).map_err(|message| wrong("data.targets", message))?)))
    }
}

fn wrong(what: &str, message: String) -> Error {
    Error::Data { what: what.into(), message }
}

impl InlineSamples<'_> {
    /// A table of these samples, of classes if those are known.
    pub(super) fn table(&self, known: Option<&KnownClasses<'_>>) -> Result<Box<dyn SampleTable>> {
        let (samples, left_out) = match (self.targets, known) {
            (Some(targets), Some(known)) => self.classified(targets, known)?,
            (Some(Targets::Numbers(targets)), None) => {
                (Samples { inputs: self.inputs.clone(), targets: targets.clone() }, None)
            }
            _ => (Samples { inputs: self.inputs.clone(), targets: Matrix::zeros(self.inputs.nrows(), 0) }, None),
        };
        Ok(Box::new(InMemory { name: self.name.into(), samples, guess: None, left_out }))
    }

    /// The samples of known classes, and what is left out, as a sentence.
    fn classified(
        &self,
        targets: &Targets,
        KnownClasses(wanted, known): &KnownClasses<'_>,
    ) -> Result<(Samples, Option<String>)> {
        let (mut rows, mut of_rows, mut left_out) = (Vec::new(), Vec::new(), LeftOut::default());
        for (row, label) in targets.labels().unwrap_or_default().iter().enumerate() {
            let place = wanted.position(known, label);
            match place.map_err(|message| wrong(&self.name.replace("inputs", "targets"), message))? {
                Some(class) => {
                    rows.push(row);
                    of_rows.push(class);
                }
                None => left_out.count(label),
            }
        }
        let inputs =
            if rows.len() == self.inputs.nrows() { self.inputs.clone() } else { self.inputs.select_rows(&rows) };
        Ok((Samples { inputs, targets: classes::targets(&of_rows, known.len()) }, left_out.sentence(self.name)))
    }
}

impl Origin for Inline {
    fn open(&self, _: &std::path::Path, _: Wanted) -> Result<Tables> {
        let known = KnownClasses::of(self.classes.as_ref(), Some(&self.targets))?;
        let table =
            |name, inputs, targets| InlineSamples { name, inputs, targets: Some(targets) }.table(known.as_ref());
        let test = match (&self.test_inputs, &self.test_targets) {
            (Some(Some(inputs)), Some(targets)) => Some(table("data.test_inputs", inputs, targets)?),
            _ => None,
        };
        Ok(Tables { train: table("data.inputs", &self.inputs, &self.targets)?, test })
    }
}
