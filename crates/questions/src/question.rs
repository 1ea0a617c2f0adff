//! Every question is one trait, behind it a folder or file per question; a [`Kind`] is what a study needs to know of each.

use std::{fmt, path::Path, sync::Arc};

use serde_json::Value as Json;
use widenet_core::{
    Result,
    data::{InputSource, PartialData},
    document::{Document, shape::Located},
    training::Control,
};
use widenet_model::{DeviceChoice, ModelError, OpenDevice, Precision, guarded};

use crate::{answer::AnswerTree, error::QuestionResult};

/// Told the share of the work done, in [0, 1]; says whether to go on.
pub type Watch<'a> = dyn FnMut(f64) -> Control + 'a;

/// Where and for whom a question is answered, and what should be said beside the answer.
pub struct Run<'a> {
    choice: DeviceChoice,
    precision: Precision,
    watch: &'a mut Watch<'a>,
    notes: Vec<String>,
    device: Option<DeviceChoice>,
}

impl<'a> Run<'a> {
    /// Makes a run; `choice` and `precision` are those of networks with all their weights, and `watch` is called with the share of the work
    /// done.
    pub fn new(choice: DeviceChoice, precision: Precision, watch: &'a mut Watch<'a>) -> Self {
        Self { choice, precision, watch, notes: Vec::new(), device: None }
    }

    /// Tells the share of the work done, in [0, 1].
    pub fn watch(&mut self, fraction: f64) -> Control {
        (self.watch)(fraction)
    }

    /// Remarks for the user, for example which device was chosen and why.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Returns the device that computed, if one did.
    pub fn device(&self) -> Option<DeviceChoice> {
        self.device
    }

    /// Runs `what` on the device. A device that fails is an error.
    ///
    /// # Errors
    /// A device that is not there; the errors of `run`; [`ModelError::DeviceFailed`].
    pub fn on_device<T>(
        &mut self,
        what: &str,
        run: impl FnOnce(&OpenDevice, Precision, &mut Watch<'_>) -> std::result::Result<T, ModelError>,
    ) -> QuestionResult<T> {
        let device = self.choice.open()?;
        if self.device.is_none() {
            self.notes.push(device.note.clone());
        }
        self.device = Some(device.info.choice);
        let (precision, watch) = (self.precision, &mut *self.watch);
        Ok(guarded(what, || run(&device, precision, watch)).flatten()?)
    }
}

/// How a question would be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionPlan {
    /// By what, in a few words.
    pub reason: String,
    /// It keeps a device, or all cores and much memory, busy by itself: others wait.
    pub exclusive: bool,
}

/// An answer, and whether it can be relied on.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer.
    pub tree: AnswerTree,
    /// Why it must not be relied on, if so.
    pub unreliable: Option<String>,
}

/// Something that is asked of networks.
pub trait Question: fmt::Debug + Send + Sync {
    /// What should be said beside the answer.
    ///
    /// # Errors
    /// As for [`Question::answer`].
    fn warnings(&self) -> QuestionResult<Vec<String>>;

    /// How it would be answered.
    fn plan(&self) -> QuestionPlan;

    /// Answers everything that is asked.
    ///
    /// # Errors
    /// What has no answer, by name and value; [`crate::QuestionError::Stopped`].
    fn answer(&self, run: &mut Run<'_>) -> QuestionResult<Answered>;
}

/// Loads the data that a section `[data]` names; one data set may serve several questions.
pub type Load<'a> = dyn FnMut(&Located<InputSource>) -> Result<Arc<PartialData>> + 'a;

/// Loads the data of a section anew; relative paths start from `base`.
pub fn load_from(base: &Path) -> impl FnMut(&Located<InputSource>) -> Result<Arc<PartialData>> + '_ {
    |source| Ok(Arc::new(source.value.load(base)?))
}

/// The data of a section, which must have training inputs.
pub(crate) fn load_inputs(source: &Located<InputSource>, load: &mut Load<'_>) -> Result<Arc<PartialData>> {
    let data = load(source)?;
    if data.train.inputs.nrows() == 0 {
        return Err(source.error("`data.inputs` is []; it must be a list of at least one row"));
    }
    Ok(data)
}

/// A kind of question: how it is read, and what a study may vary.
pub struct Kind {
    /// The word in study files and tables, and the command that asks it.
    pub name: &'static str,
    /// Part of what results depend on: it changes when the same question is answered by other numbers.
    pub results_version: u32,
    /// The key that the width of a study sets, if a question has a width.
    pub width_key: Option<&'static str>,
    /// Whether it computes on a device in a float type.
    pub has_precision: bool,
    /// Sections of a file whose key `seed` a study sets.
    pub seeded: fn(&Document) -> Vec<&'static str>,
    /// Sections of a file that are no part of the answer, where all others are; `None` where the answer has names of its own.
    pub unanswered: Option<&'static [&'static str]>,
    /// The JSON Schema of its file.
    pub schema: fn() -> Json,
    /// Reads a file, relative paths of which start from a folder.
    pub parse: fn(&Document, &Path, &mut Load<'_>) -> Result<Arc<dyn Question>>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic of a device is an error of the question, with the name of what ran, and which device was chosen is said once.
    #[test]
    fn a_device_that_fails_is_an_error() {
        let mut watch = |_| Control::Continue;
        let mut run = Run::new(DeviceChoice::Flex, Precision::F32, &mut watch);
        let failed: QuestionResult<()> = run.on_device("networks of a prior", |_, _, _| panic!("out of memory"));
        assert_eq!(failed.unwrap_err().to_string(), "networks of a prior: the device failed: out of memory");
        assert_eq!(run.on_device("a sum", |_, _, _| Ok(2)).unwrap(), 2);
        assert_eq!((run.take_notes().len(), run.device()), (1, Some(DeviceChoice::Flex)));
    }
}
