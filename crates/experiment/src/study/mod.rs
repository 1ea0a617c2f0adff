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
//! accuracy = 1e-3                         # of mean-field limits of perceptrons; also `replicates` and `nodes`: module `limit`
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
mod axis_keys;
pub mod check;
mod file;
mod keys;
mod limit;
pub mod metric;
mod read;
pub mod statistic;
mod task_kind;

use std::path::{Path, PathBuf};

use widenet_core::{
    Width,
    document::{Document, Node, Value, path_excerpt, schema, shape::Located},
    problem::ProblemFile,
};
use widenet_engines::{EngineChoice, EngineRule, HiddenOptions, LimitOptions};
use widenet_model::{Precision, ResponseStorage};

use self::{
    axes::Axes,
    axis_keys::check_axes,
    check::{ProblemCheck, QuestionCheck},
    file::{Claim, ProblemStudy, QuestionStudy},
    read::replace,
};
use crate::error::{Error, Result};
pub(crate) use axes::{ANSWERS, ENGINE, TOLERANCE};
pub use axes::{Axis, AxisValue, EngineRange};
pub(crate) use check::best;
pub use check::{Check, CheckKind, Side};
pub(crate) use file::study_schema;
pub use keys::ReferenceTrials;
pub(crate) use keys::{Keys, Only};
pub(crate) use limit::{ACCURACY, NODES, REPLICATES, with_axis};
pub use metric::{Against, Comparison, Measured, Metric, Over, RecordedQuantity};
pub(crate) use read::{ReadResult, name, named};
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
    /// How exactly limits by quadrature are known, where that is no axis.
    pub limit: LimitOptions,
    /// Widths, in the order of the file; questions may have none.
    pub widths: Vec<Width>,
    /// Seeds, in the order of the file.
    pub seeds: Vec<u64>,
    /// Other axes, sorted by key.
    pub axes: Vec<Axis>,
    /// What the values of the axis `engine` mean, in their order; empty without that axis.
    pub engines: Vec<EngineRange>,
    /// What the values of the axis `answers` mean, in their order; empty without that axis.
    pub answers: Vec<ResponseStorage>,
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
        if document.get("study").is_none() && document.get("network").is_some() {
            let path = path_excerpt(path);
            let refused = format!(
                "{path} is no study: it has no section [study]; solve a problem with `widenet solve {path} --width 64,1024,inf`, or ask for \
                 its kernels with `widenet kernel {path}`"
            );
            return Err(widenet_core::Error::Invalid(refused).into());
        }
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
        let given: Vec<TaskKind> = TaskKind::all().filter(|kind| document.get(kind.name()).is_some()).collect();
        if let [first, second, ..] = &given[..]
            && let Some(node) = document.get(second.name())
        {
            let message = format!("a study has `{}` or `{}`, not both", first.name(), second.name());
            return Err(node.place.error(message));
        }
        let parts = match given.first() {
            Some(TaskKind::Question(kind)) => Parts::of_question(document.read()?, kind)?,
            Some(TaskKind::Problem) | None => Parts::of_problem(document.read()?)?,
        };
        let Parts { kind, claim: Claim { name, claim, expected }, engine, precision, hidden, limit, .. } = parts;
        let Axes { widths, seeds, axes, engines, answers } = parts.axes;
        let (metrics, checks, specification) = (parts.metrics, parts.checks, parts.specification);
        Ok(Study {
            name,
            claim,
            expected,
            kind,
            engine,
            precision,
            hidden,
            limit,
            widths,
            seeds,
            axes,
            engines,
            answers,
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

/// What the sections of either kind of study say.
struct Parts {
    kind: TaskKind,
    claim: Claim,
    engine: EngineRule,
    precision: Precision,
    hidden: HiddenOptions,
    limit: LimitOptions,
    axes: Axes,
    metrics: Vec<Metric>,
    checks: Vec<Check>,
    specification: Document,
}

/// An error at a key that is not used where an axis has its values.
fn unused<T>(given: &Located<T>, reason: &str) -> widenet_core::document::Error {
    given.error(format!("`{}` is not used here: {reason}", given.key()))
}

impl Parts {
    fn of_problem(file: ProblemStudy) -> ReadResult<Parts> {
        let kind = TaskKind::Problem;
        let axes = file.axes.value.axes(&file.axes.field())?;
        check_axes(&axes.axes, &schema::table::<ProblemFile>(), axes::OF_PROBLEMS)?;
        let settings = file.study;
        if !axes.engines.is_empty() {
            let reason = "the axis `engine` says who solves finite widths";
            if let Some(engine) = &settings.engine {
                return Err(unused(engine, reason));
            }
            if let Some(width) = &settings.dense_up_to {
                return Err(unused(width, reason));
            }
        }
        let has_axis = |key: &str| axes.axes.iter().any(|axis| axis.key == key);
        let reason = |key: &str| format!("`axes.{key}` has its values; give one or the other");
        if let Some(tolerance) = settings.tolerance.as_ref().filter(|_| has_axis(TOLERANCE)) {
            return Err(unused(tolerance, &reason(TOLERANCE)));
        }
        if let Some(answers) = settings.answers.as_ref().filter(|_| has_axis(ANSWERS)) {
            return Err(unused(answers, &reason(ANSWERS)));
        }
        let limit = settings.limit.options(|key| axes.axes.iter().any(|axis| axis.key == key))?;
        let specification = file.problem;
        let mut keys =
            Keys { widths: &axes.widths, axes: &axes.axes, metrics: Vec::new(), kind, specification: &specification };
        let metrics = named("metric", &file.metric, |metric| &metric.name)?;
        let metrics = metrics.iter().map(|metric| Metric::of_problem(metric, &keys)).collect::<ReadResult<Vec<_>>>()?;
        keys.metrics = metrics.iter().map(|metric| metric.name.clone()).collect();
        let checks = named("check", &file.check, |check| &check.name)?;
        let checks = checks.iter().map(|check| ProblemCheck::check(check, &keys)).collect::<ReadResult<_>>()?;
        Ok(Parts {
            kind,
            claim: settings.claim,
            engine: match &settings.dense_up_to {
                Some(width) => EngineRule::DenseUpTo(width.value as u64),
                None => EngineRule::All(settings.engine.map_or(EngineChoice::Auto, |engine| engine.value)),
            },
            precision: settings.precision,
            hidden: HiddenOptions {
                tolerance: settings.tolerance.map(|tolerance| tolerance.value),
                answers: settings.answers.map(|answers| answers.value),
            },
            limit,
            metrics,
            checks,
            axes,
            specification,
        })
    }

    fn of_question(file: QuestionStudy, question: &'static widenet_questions::Kind) -> ReadResult<Parts> {
        let kind = TaskKind::Question(question);
        let axes = file.axes.value.axes(question, &file.axes.field())?;
        check_axes(&axes.axes, &(question.schema)(), axes::OF_QUESTIONS)?;
        let settings = file.study;
        if let Some(precision) = settings.precision.as_ref().filter(|_| !question.has_precision) {
            return Err(unused(precision, &format!("a {} is computed in f64; leave it out", question.name)));
        }
        let specification = file.question.1;
        let mut keys =
            Keys { widths: &axes.widths, axes: &axes.axes, metrics: Vec::new(), kind, specification: &specification };
        let metrics = named("metric", &file.metric, |metric| &metric.name)?;
        let metrics =
            metrics.iter().map(|metric| Metric::of_question(metric, &keys)).collect::<ReadResult<Vec<_>>>()?;
        keys.metrics = metrics.iter().map(|metric| metric.name.clone()).collect();
        let checks = named("check", &file.check, |check| &check.name)?;
        let checks = checks.iter().map(|check| QuestionCheck::check(check, &keys)).collect::<ReadResult<_>>()?;
        Ok(Parts {
            kind,
            claim: settings.claim,
            engine: EngineRule::All(EngineChoice::Auto),
            precision: settings.precision.map_or(Precision::F32, |precision| precision.value),
            hidden: HiddenOptions::default(),
            limit: LimitOptions::default(),
            metrics,
            checks,
            axes,
            specification,
        })
    }
}
