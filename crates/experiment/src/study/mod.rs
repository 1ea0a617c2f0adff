//! A study file holds a claim, a problem or a question with axes, and what to measure, check and draw.
//!
//! ```toml
//! [study]
//! name = "convergence"                    # lower-case letters, digits, - and _
//! claim = "…"                             # one sentence, with the page and heading that state it
//! expected = "…"                          # the expected outcome
//! engine = "auto"                         # "auto" (default), "law", "dense", "conditioned" or "regenerated" for finite widths; or
//! dense_up_to = 1024                      # dense up to this width, above it law or, of perceptrons, conditioned; or an axis `engine`
//! precision = "f32"                       # of the engines on a device: "f32" (default) or "f64"
//! tolerance = 1e-6                        # of engines that have one: what counts as a new direction ([`HiddenOptions`]), in (0, 1); or an axis
//! answers = "stored"                      # of the conditioned engine: "stored" or "recomputed"; or an axis
//!
//! [problem.network]                       # the sections of a problem file; or: problem = "file.toml"; or instead of it
//! # [prior.network]                       # … those of a question: of the file of `widenet prior`, `posterior`, `kernel` or `predict`; or
//! # [scaling]                             # … exponents ([`widenet_questions::ScalingQuestion::parse`])
//!
//! [axes]                                  # all combinations are run; module `axes`
//! width = [64, 1e6, "inf"]
//! seed = { count = 10 }
//!
//! [full]                                  # optional: what `--full` changes, for example
//! axes.width = [1024, 4096, "inf"]        # the widths of the publication; a table with a `kind` is replaced as a whole
//!
//! [[metric]]                              # module `metric`
//! [[check]]                               # module `check`
//! [[figure]]                              # a file per kind in crates/experiment/src/report/figures
//! ```
//!
//! A trial of a problem is a trajectory. A trial of a question is its answer: `axes.width` is then optional and sets `network.width`
//! of a prior or posterior and `kernel.width` of kernels (`"inf"` is the limit; predictions and scalings have no width), `axes.seed` sets
//! the seeds of the question's draws, and `engine`, `dense_up_to`, `tolerance` and `answers` have no meaning. `tolerance` and `answers` are
//! refused with engines that do not have them; width ∞ beside finite ones takes what it has.

pub mod axes;
pub mod check;
mod keys;
pub mod metric;
mod read;
pub mod statistic;
mod task_kind;

use std::path::{Path, PathBuf};

use widenet_core::document::Word;
use widenet_core::{
    Width,
    document::{Document, Field, Node, Reader, Value},
};
use widenet_engines::{EngineChoice, EngineRule, HiddenOptions};
use widenet_model::Precision;

use self::{
    axes::Axes,
    read::{name, replace},
    task_kind::NO_ENGINE,
};
use crate::error::{Error, Result};
pub(crate) use axes::{ANSWERS, ENGINE, TOLERANCE};
pub use axes::{Axis, AxisValue, EngineRange};
pub use check::{Check, CheckKind, Side};
pub(crate) use keys::Keys;
pub use keys::ReferenceTrials;
pub use metric::{Against, Comparison, Measured, Metric, Over, RecordedQuantity};
pub(crate) use read::{ReadResult, list, own_name};
pub use statistic::Statistic;
pub(crate) use statistic::{Function, Label};
pub use task_kind::TaskKind;

/// A validated study. Its problem or question is validated trial by trial, when the data are loaded.
#[derive(Debug, Clone)]
pub struct Study {
    /// Name, part of the run directory's name.
    pub name: String,
    /// What it tests.
    pub claim: String,
    /// The expected outcome.
    pub expected: String,
    /// What its trials are.
    pub kind: TaskKind,
    /// Engines of finite widths, where they are no axis.
    pub engine: EngineRule,
    /// Floating-point type of the engines on a device.
    pub precision: Precision,
    /// Options of the engines that have them, where they are no axes.
    pub hidden: HiddenOptions,
    /// Widths, in the order of the file; questions may have none.
    pub widths: Vec<Width>,
    /// Seeds, in the order of the file.
    pub seeds: Vec<u64>,
    /// Other axes, sorted by key.
    pub axes: Vec<Axis>,
    /// What the values of the axis `engine` mean, in their order; empty without that axis.
    pub engines: Vec<EngineRange>,
    /// One number per trial each.
    pub metrics: Vec<Metric>,
    /// What must hold.
    pub checks: Vec<Check>,
    /// The study with overrides applied and its problem or question written out.
    pub(crate) document: Document,
    /// Its problem or question before the axes are applied.
    pub(crate) specification: Document,
    /// Text and extension of the file as given.
    pub(crate) source: (String, String),
    /// Folder that relative data paths are relative to.
    pub(crate) base: PathBuf,
}

impl Study {
    /// Reads a study file (`.toml` or `.json`). With `full`, the values of its section `[full]` replace the others. `overrides` are
    /// pairs of a dotted key (`problem.optimizer.steps`, `axes.width`) and a value as text, applied in order.
    ///
    /// # Errors
    /// [`Error::Core`] at the first mistake in the file, its problem file or an override.
    pub fn load(path: &Path, full: bool, overrides: &[(String, String)]) -> Result<Study> {
        let mut document = Document::load(path)?;
        let folder = |path: &Path| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut base = folder(path);
        let kinds: Vec<&str> = TaskKind::all().map(TaskKind::name).collect();
        // The problem file is read before the overrides that reach into it.
        let (file, inside): (Vec<_>, Vec<_>) = overrides.iter().partition(|(key, _)| kinds.contains(&key.as_str()));
        let set = |document: &mut Document, (key, value): &(String, String)| {
            document.set(key, value, &format!("--set {key}={value}"))
        };
        file.into_iter().try_for_each(|pair| set(&mut document, pair))?;
        for kind in kinds {
            if let Some(Node { value: Value::String(file), .. }) = document.get(kind) {
                let file = base.join(file);
                base = folder(&file);
                let root = Document::load(&file)?.root().clone();
                document.set_node(kind, root)?;
            }
        }
        match document.remove("full") {
            Some(section) if full => replace(&mut document, "", &section)?,
            None if full => {
                return Err(document
                    .root()
                    .place
                    .error("a study at full size takes the values of its section `[full]`, and this one has none"));
            }
            _ => {}
        }
        inside.into_iter().try_for_each(|pair| set(&mut document, pair))?;
        let base = std::path::absolute(&base).map_err(|error| Error::file("find", &base, error))?;
        let text =
            widenet_system::files::read_to_string(path, u64::MAX).map_err(|error| Error::file("read", path, error))?;
        let extension = path.extension().map_or_else(String::new, |extension| extension.to_string_lossy().into());
        Study::from_document(document, (text, extension), base)
    }

    pub(crate) fn from_document(document: Document, source: (String, String), base: PathBuf) -> Result<Study> {
        let mut root = document.reader();
        let mut study = root.required("study", Field::table)?;
        let (kind, specification) = specification(&mut root)?;
        let axes = if kind.is_problem() {
            root.required("axes", |field| axes::parse(field, kind))?
        } else {
            root.or("axes", Axes::default(), |field| axes::parse(field, kind))?
        };
        let mut keys =
            Keys { widths: &axes.widths, axes: &axes.axes, metrics: Vec::new(), kind, specification: &specification };
        let metrics = list(&mut root, "metric", |reader| Metric::parse(reader, &keys))?;
        keys.metrics = metrics.iter().map(|metric| metric.name.clone()).collect();
        let checks = list(&mut root, "check", |reader| Check::parse(reader, &keys))?;
        // Figures are read by those who draw them, before anything runs.
        root.get("figure");
        root.finish()?;

        study.refuse("images", "it is now called `answers`, and its value \"regenerated\" is \"recomputed\"")?;
        if let TaskKind::Question(question) = kind {
            for key in ["engine", "dense_up_to", TOLERANCE, ANSWERS] {
                study.refuse(key, NO_ENGINE)?;
            }
            if !question.has_precision {
                study.refuse("precision", &format!("a {} is computed in f64; leave it out", question.name))?;
            }
        }
        if !axes.engines.is_empty() {
            for key in ["engine", "dense_up_to"] {
                study.refuse(key, "the axis `engine` says who solves finite widths")?;
            }
        }
        for key in [TOLERANCE, ANSWERS] {
            if axes.axes.iter().any(|axis| axis.key == key) {
                study.refuse(key, &format!("`axes.{key}` has its values; give one or the other"))?;
            }
        }
        let choice = study.optional("engine", |field| field.choice(EngineChoice::WORDS))?;
        let engine = match study.optional("dense_up_to", |field| Ok((field.clone(), field.count()?)))? {
            Some((field, _)) if choice.is_some() => {
                return Err(field.error("`study.dense_up_to` and `study.engine` exclude each other; give one"));
            }
            Some((_, width)) => EngineRule::DenseUpTo(width as u64),
            None => EngineRule::All(choice.unwrap_or(EngineChoice::Auto)),
        };
        let name = study.required("name", name)?;
        let claim = study.required("claim", Field::string)?;
        let expected = study.required("expected", Field::string)?;
        let precision = study.or("precision", Precision::F32, |field| field.choice(Precision::WORDS))?;
        let hidden = HiddenOptions {
            tolerance: study.optional(TOLERANCE, axes::tolerance)?,
            answers: study.optional(ANSWERS, axes::answers)?,
        };
        study.finish()?;
        let Axes { widths, seeds, axes, engines } = axes;
        Ok(Study {
            name,
            claim,
            expected,
            kind,
            engine,
            precision,
            hidden,
            widths,
            seeds,
            axes,
            engines,
            metrics,
            checks,
            document,
            specification,
            source,
            base,
        })
    }

    /// What its figures may refer to.
    pub(crate) fn keys(&self) -> Keys<'_> {
        Keys {
            widths: &self.widths,
            axes: &self.axes,
            metrics: self.metrics.iter().map(|metric| metric.name.clone()).collect(),
            kind: self.kind,
            specification: &self.specification,
        }
    }

    /// Widths of the trials; `None` alone where the study names none.
    pub(crate) fn trial_widths(&self) -> Vec<Option<Width>> {
        match self.widths[..] {
            [] => vec![None],
            _ => self.widths.iter().copied().map(Some).collect(),
        }
    }

    /// Returns the resolved study as TOML: overrides applied, problem written out, keys sorted.
    pub fn resolved(&self) -> String {
        self.document.root().to_toml()
    }
}

/// The one section that says what is run.
fn specification(root: &mut Reader<'_>) -> ReadResult<(TaskKind, Document)> {
    let given: Vec<_> = TaskKind::all().filter_map(|kind| Some((kind, root.get(kind.name())?))).collect();
    let document = |field: &Field<'_>| Document::from_node(field.node().clone());
    match &given[..] {
        [] => Ok((TaskKind::Problem, root.required("problem", document)?)),
        [(kind, field)] => Ok((*kind, document(field)?)),
        [(first, _), (_, second), ..] => {
            Err(second.error(format!("a study has `{}` or `{}`, not both", first.name(), second.key())))
        }
    }
}
