//! Samples written in the problem file itself. An empty list of test inputs is no test set.

use std::ops::Range;

use super::{
    Samples, shape,
    source::{SampleTable, Tables, train_and_test},
};
use crate::{
    Matrix, Result,
    document::{Field, Reader},
};

/// Samples as lists of rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inline {
    train: Samples,
    test: Option<Samples>,
}

impl Inline {
    pub(super) fn parse(table: &mut Reader) -> Result<Inline> {
        if table.get("test_inputs").is_some_and(|inputs| is_empty_list(&inputs)) {
            table.optional("test_targets", |targets| match is_empty_list(targets) {
                true => Ok(()),
                false => Err(targets.must_be("[] like `data.test_inputs`")),
            })?;
            return Ok(Inline { train: parse_samples(table, ["inputs", "targets"])?, test: None });
        }
        let (train, test) =
            train_and_test(table, ["inputs", "targets"], ["test_inputs", "test_targets"], parse_samples)?;
        Ok(Inline { train, test })
    }

    pub(super) fn tables(&self) -> Tables {
        let table =
            |name, samples: &Samples| Box::new(InMemory { name, samples: samples.clone() }) as Box<dyn SampleTable>;
        Tables {
            train: table("data.inputs".into(), &self.train),
            test: self.test.as_ref().map(|test| table("data.test_inputs".into(), test)),
        }
    }
}

fn is_empty_list(field: &Field) -> bool {
    field.elements().is_ok_and(|elements| elements.is_empty())
}

fn parse_samples(table: &mut Reader, [inputs, targets]: [&'static str; 2]) -> Result<Samples> {
    let inputs = table.required(inputs, |field| field.matrix())?;
    let targets = table.required(targets, |field| {
        let targets = field.matrix()?;
        if targets.nrows() == inputs.nrows() {
            return Ok(targets);
        }
        Err(field.error(format!(
            "`{}` is {} and the inputs {}; both must have one row per sample",
            field.key(),
            shape(&targets),
            shape(&inputs)
        )))
    })?;
    Ok(Samples { inputs, targets })
}

/// Samples that are in memory as a whole.
pub(super) struct InMemory {
    pub(super) name: String,
    pub(super) samples: Samples,
}

impl SampleTable for InMemory {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn len(&self) -> usize {
        self.samples.inputs.nrows()
    }

    fn columns(&self) -> usize {
        self.samples.inputs.ncols() + self.samples.targets.ncols()
    }

    fn read(&self, rows: Range<usize>) -> Result<Samples> {
        let part = |matrix: &Matrix| matrix.rows(rows.start, rows.len()).into_owned();
        Ok(Samples { inputs: part(&self.samples.inputs), targets: part(&self.samples.targets) })
    }
}
