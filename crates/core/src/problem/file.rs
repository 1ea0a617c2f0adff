//! A problem file has sections; a problem is made of them and of its data here.

use std::path::Path;

use widenet_document::{
    Document, Node,
    keys::{flat, optional, required},
    path_excerpt, section,
    shape::{Located, anything, located, table},
};

use super::{
    definition::Problem,
    ensemble::Ensemble,
    loss::{Loss, LossSection},
    optimizer::{OptimizerSection, ParsedOptimizer},
    record::{RecordPlan, RecordSection},
    recordable::plan,
    stop::StopSection,
    untrained::NetworkSections,
};
use crate::{
    data::{DataSource, Dataset},
    error::{Error, Result},
};

section! {
    /// A network and its training: all of a problem but its data.
    pub struct ProblemSections {
        /// The network.
        network: NetworkSections = flat(),
        /// The loss.
        loss: Option<Located<LossSection>> = optional(located(table())),
        /// The update rule.
        optimizer: Located<OptimizerSection> = required(located(table())),
        /// When and what to record.
        record: Option<RecordSection> = optional(table()),
        /// Where training ends before its horizon.
        stop: Option<StopSection> = optional(table()),
        /// Many networks instead of one.
        ensemble: Option<Ensemble> = optional(table()),
    }
}

section! {
    /// A problem: a network with its scaling, data, loss, training, and what to record.
    pub struct ProblemFile {
        /// The network and its training.
        sections: ProblemSections = flat(),
        /// Where samples come from, which of them are used and how they are prepared.
        data: DataSource = required(table()),
        /// A question about the kernels (`widenet kernel`), which does not change the problem.
        kernel: Option<Node> = optional(anything()),
        /// A question about predictions (`widenet predict`), which does not change the problem.
        predict: Option<Node> = optional(anything()),
    }
}

/// The largest learning rate that is stable for the infinitely wide network of a problem at its start, in the problem's loss.
pub type StableRate<'a> = dyn Fn(&Problem) -> Result<f64> + 'a;

/// Refuses the file of a study where a problem is asked for.
///
/// # Errors
/// [`Error::Invalid`] with the commands for it.
pub fn refuse_study(document: &Document, path: &Path) -> Result<()> {
    if document.get("study").is_none() {
        return Ok(());
    }
    let path = path_excerpt(path);
    Err(Error::Invalid(format!(
        "{path} is a study, and a problem or a question is wanted here; run it with `widenet study {path}`, or see what would run with \
         `widenet plan {path}`"
    )))
}

/// A place where no engine is at hand to find the largest stable learning rate.
fn no_stable_rate(_: &Problem) -> Result<f64> {
    Err(Error::Invalid(
        "`optimizer.relative_learning_rate` needs the kernels of the infinitely wide network; give `learning_rate` here".into(),
    ))
}

impl Problem {
    /// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text, applied in order
    /// as by [`Document::set`]; relative data paths are relative to the folder of the file. `stable_rate` is asked if the
    /// file has a `relative_learning_rate`.
    ///
    /// # Errors
    /// [`Error::Document`] at the first mistake in the file or an override, [`Error::Unreadable`] or
    /// [`Error::Data`] for the data.
    pub fn load(path: &Path, overrides: &[(String, String)], stable_rate: &StableRate<'_>) -> Result<Problem> {
        let document = Document::load_with(path, overrides)?;
        refuse_study(&document, path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Problem::with_loader(&document, |source| source.load(base), stable_rate)
    }

    /// Reads a problem without `relative_learning_rate`, and its data; relative data paths are relative to `base`.
    ///
    /// # Errors
    /// As for [`Problem::load`].
    pub fn from_document(document: &Document, base: &Path) -> Result<Problem> {
        Problem::with_loader(document, |source| source.load(base), &no_stable_rate)
    }

    /// Reads a problem whose data come from `load`, so that trials of a study can share what is loaded once.
    ///
    /// # Errors
    /// As for [`Problem::load`], and those of `load` and `stable_rate`.
    pub fn with_loader(
        document: &Document,
        load: impl FnOnce(&DataSource) -> Result<Dataset>,
        stable_rate: &StableRate<'_>,
    ) -> Result<Problem> {
        let file: ProblemFile = document.read()?;
        file.sections.problem(|| load(&file.data), stable_rate)
    }
}

impl ProblemSections {
    /// Returns the problem with the data of `load`, which is called when nothing that the data have no part in is wrong.
    ///
    /// # Errors
    /// As for [`Problem::with_loader`].
    pub fn problem(&self, load: impl FnOnce() -> Result<Dataset>, stable_rate: &StableRate<'_>) -> Result<Problem> {
        let parameterization = self.network.parameterization()?;
        let loss = self.loss.as_ref().map_or(Loss::SQUARED, |loss| loss.value.loss());

        // What remains depends on the data.
        let data = load()?;
        self.network.check_inputs(&parameterization, data.input_dimension())?;
        let network = self.network.network_of(data.input_dimension());
        loss.check_targets(self.loss.as_ref().map(Located::field).as_ref(), &data)?;
        let ParsedOptimizer { optimizer, is_relative, moments } =
            self.optimizer.value.parsed(data.train.inputs.nrows())?;
        if network.centered && optimizer.weight_decay > 0.0 {
            return Err(self.optimizer.error(
                "`optimizer.weight_decay` takes weights to 0 and with them f − f_0 to −f_0; `network.centered` = true is trained without it",
            ));
        }
        let no_records = RecordPlan { at: Vec::new(), quantities: Vec::new() };
        let ensemble = self.ensemble;
        let stop = self.stop.as_ref().map(|stop| stop.stop(&data.train.targets)).transpose()?;
        let mut problem =
            Problem { network, parameterization, data, loss, optimizer, record: no_records, ensemble, stop };
        problem.record = plan(self.record.as_ref(), &problem, moments)?;
        if is_relative {
            let largest = stable_rate(&problem).map_err(|error| -> Error {
                self.optimizer.error(format!("`relative_learning_rate` has no meaning here: {error}"))
            })?;
            problem.optimizer.scale_learning_rate(largest);
        }
        Ok(problem)
    }
}
