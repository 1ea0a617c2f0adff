//! Questions are asked about inputs, of which not all need targets: kernels and priors need none, predictions those of training samples.

use std::{ops::Range, path::Path};

use widenet_document::{
    Kind, Written,
    keys::{by_kind, flat, optional, required},
    section,
};

use super::{
    classes::{Classes, NEEDS_LABELS, classes},
    dataset::{Dataset, Provenance, Samples, visit_matrix},
    inline::{InlineSamples, KnownClasses, Targets, check_targets, must_be, targets},
    origin::{Origin, SampleTable, Tables, Wanted},
    section::{Selection, kinds},
};
use crate::{error::Result, matrix::Matrix, shapes::matrix_or_none};

/// Inputs with their targets, where those are given.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialSamples {
    /// P × d.
    pub inputs: Matrix,
    /// P × k.
    pub targets: Option<Matrix>,
}

/// Training and test inputs with those targets that are given. There may be no training inputs (P = 0) where there are test inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialData {
    /// Training samples.
    pub train: PartialSamples,
    /// Test samples.
    pub test: Option<PartialSamples>,
    /// What is known of them beside their numbers; in no hash.
    pub provenance: Provenance,
}

impl PartialData {
    /// Returns the inputs of test samples.
    pub fn test_inputs(&self) -> Option<&Matrix> {
        self.test.as_ref().map(|test| &test.inputs)
    }

    /// Returns k, if there are targets.
    pub fn output_dimension(&self) -> Option<usize> {
        self.samples().find_map(|samples| samples.targets.as_ref()).map(Matrix::ncols)
    }

    /// Returns both sets of samples with all targets, if the training samples have them; the test samples are left out if theirs are missing.
    pub fn complete(&self) -> Option<Dataset> {
        let complete = |samples: &PartialSamples| {
            let targets = samples.targets.clone()?;
            Some(Samples { inputs: samples.inputs.clone(), targets })
        };
        let test = self.test.as_ref().and_then(complete);
        Some(Dataset { train: complete(&self.train)?, test, provenance: self.provenance.clone() })
    }

    /// Visits every shape and number as bytes, in the order of [`Dataset::visit_bytes`], for a hash of the data.
    pub fn visit_bytes(&self, mut visit: impl FnMut(&[u8])) {
        for samples in self.samples() {
            visit_matrix(&samples.inputs, &mut visit);
            samples.targets.iter().for_each(|targets| visit_matrix(targets, &mut visit));
        }
    }

    fn samples(&self) -> impl Iterator<Item = &PartialSamples> {
        [Some(&self.train), self.test.as_ref()].into_iter().flatten()
    }
}

/// Those of a question.
const KINDS: &[Kind<Box<dyn Origin>>] = &kinds(Kind::of::<InlineInputs>("inline"));

section! {
    /// Where inputs come from, which of them are used and how they are prepared: section `[data]` of a question. Files are relative to the
    /// folder of its file.
    #[derive(Debug)]
    pub struct InputSource {
        /// Where inputs come from.
        kind: Box<dyn Origin> = by_kind(KINDS),
        /// Which of them are used.
        selection: Selection = flat(),
    }
}

impl InputSource {
    /// Reads the inputs and the targets that are given; relative paths are relative to `base`.
    ///
    /// # Errors
    /// As for [`super::DataSource::load`].
    pub fn load(&self, base: &Path) -> Result<PartialData> {
        let Dataset { train, test, provenance } = self.selection.load(self.kind.as_ref(), base)?;
        let partial = |Samples { inputs, targets }: Samples| PartialSamples {
            targets: Some(targets).filter(|targets| targets.ncols() > 0),
            inputs,
        };
        Ok(PartialData { train: partial(train), test: test.map(partial), provenance })
    }
}

section! {
    /// Inputs in the file itself, as lists of rows; what is asked says which targets it needs.
    #[derive(Debug, Clone, PartialEq)]
    struct InlineInputs {
        /// Training inputs, one row per sample; an empty list is no training samples, where there are test inputs.
        inputs: Option<Matrix> = required(matrix_or_none()),
        /// Training targets, one row per sample; with `classes` one label per sample.
        targets: Option<Targets> = optional(targets()),
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

fn check(inline: &InlineInputs, table: &Written<'_>) -> widenet_document::Result<()> {
    if inline.inputs.is_none() && !matches!(inline.test_inputs, Some(Some(_))) {
        return Err(table.error("`data.inputs` is empty, which needs `data.test_inputs`: there are no inputs at all"));
    }
    if inline.test_inputs.is_none() && inline.test_targets.is_some() {
        return Err(table.missing("test_inputs"));
    }
    let has_classes = inline.classes.is_some();
    if let Some(field) = table.given("classes").filter(|_| inline.targets.is_none()) {
        return Err(field.error(NEEDS_LABELS));
    }
    let test_inputs = inline.test_inputs.as_ref().and_then(Option::as_ref);
    for (key, inputs, targets) in [
        ("targets", inline.inputs.as_ref(), inline.targets.as_ref()),
        ("test_targets", test_inputs, inline.test_targets.as_ref()),
    ] {
        match (inputs, targets) {
            (Some(_), Some(Targets::None)) => return Err(must_be(table, key, "a list of at least one row")),
            (Some(inputs), Some(targets)) => check_targets(table, key, inputs, targets, has_classes)?,
            (None, Some(Targets::Numbers(_) | Targets::Labels(_))) => {
                return Err(must_be(table, key, &format!("[] like `data.{}`", key.replace("targets", "inputs"))));
            }
            (_, None) | (None, Some(Targets::None)) => {}
        }
    }
    Ok(())
}

impl Origin for InlineInputs {
    fn open(&self, _: &Path, _: Wanted) -> Result<Tables> {
        let known = KnownClasses::of(self.classes.as_ref(), self.targets.as_ref())?;
        let table = |name, inputs, targets: &Option<Targets>| {
            InlineSamples { name, inputs, targets: targets.as_ref() }.table(known.as_ref())
        };
        let test_inputs = self.test_inputs.as_ref().and_then(Option::as_ref);
        let none = || Ok(Box::new(NoSamples { inputs: test_inputs.map_or(0, Matrix::ncols) }) as Box<dyn SampleTable>);
        Ok(Tables {
            train: self.inputs.as_ref().map_or_else(none, |inputs| table("data.inputs", inputs, &self.targets))?,
            test: test_inputs.map(|inputs| table("data.test_inputs", inputs, &self.test_targets)).transpose()?,
        })
    }
}

/// No samples, on purpose.
struct NoSamples {
    /// Input dimension.
    inputs: usize,
}

impl SampleTable for NoSamples {
    fn name(&self) -> String {
        "data.inputs".into()
    }

    fn len(&self) -> usize {
        0
    }

    fn columns(&self) -> usize {
        self.inputs
    }

    fn read(&self, _: Range<usize>) -> Result<Samples> {
        Ok(Samples { inputs: Matrix::zeros(0, self.inputs), targets: Matrix::zeros(0, 0) })
    }

    fn is_none_on_purpose(&self) -> bool {
        true
    }
}
