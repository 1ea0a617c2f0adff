//! From a study to trials that can run: problems, questions and data are read, trials hashed, and metrics matched with what is
//! recorded.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use widenet_core::{
    Problem, Width,
    data::{DataSource, Dataset},
    document::{Document, Entry, Field, Node, Place, Value},
    problem::Quantity,
    trajectory::Engine,
};
use widenet_limits::Regime;

use crate::{
    CheckKind, Error, FigureKind, Metric, Plan, Result, SolveError, Solver, Statistic, Study, Subject, Trial,
    engines::word,
    measure::{start_quantities, starts_at_random},
    problem::stable_rate,
    question::{PosteriorQuestion, PriorQuestion},
    run_directory::{TrialDirectory, hex, sha256},
    solver::Request,
    study::{IMAGES, TOLERANCE},
};

/// A trial with what it asks.
#[derive(Debug, Clone)]
pub(crate) struct PreparedTrial {
    pub(crate) trial: Trial,
    pub(crate) task: Task,
    /// Everything the result depends on, as written to `trial.toml`.
    text: String,
    /// The first trial with the same text, which may be this one: theirs is one result, kept in its directory.
    pub(crate) solved_as: SolvedAs,
}

/// The trial that has a result for itself and for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SolvedAs {
    pub(crate) index: usize,
    pub(crate) label: String,
    directory: String,
}

/// What a trial asks.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    Problem(ProblemTask),
    Prior(Box<PriorQuestion>),
    Posterior(Box<PosteriorQuestion>),
}

/// A problem to be solved at a width.
#[derive(Debug, Clone)]
pub(crate) struct ProblemTask {
    pub(crate) problem: Arc<Problem>,
    /// SHA-256 of the resolved problem and its data: equal for trials that differ in width and seed only.
    pub(crate) hash: Arc<str>,
    pub(crate) width: Width,
}

impl ProblemTask {
    pub(crate) fn request(&self, trial: &Trial) -> Request<'_> {
        let Trial { seed, precision, hidden, .. } = *trial;
        Request { problem: &self.problem, width: self.width, seed, precision, hidden }
    }
}

impl PreparedTrial {
    /// What runs it. Questions that multiply weight matrices count as dense: they use all cores, or the device.
    pub(crate) fn plan(&self, solver: &dyn Solver) -> std::result::Result<Plan, SolveError> {
        let question = match &self.task {
            Task::Problem(task) => return solver.plan(&task.request(&self.trial), self.trial.engine),
            Task::Prior(_) => Subject::Prior,
            Task::Posterior(_) => Subject::Posterior,
        };
        let document = &self.trial.specification;
        let is_dense = question.seeded().iter().any(|section| {
            let by = document.get(&format!("{section}.by")).map(|node| &node.value);
            by == Some(&Value::String("network".into()))
        });
        let engine = if is_dense { Engine::Dense } else { Engine::Law };
        let fields = document.reader().fields();
        let sections =
            fields.iter().map(|field| field.key()).filter(|key| !["network", "data", "kernel"].contains(key));
        let sections: Vec<_> = sections.collect();
        let by = if is_dense { "networks with all their weights" } else { "laws of random networks" };
        Ok(Plan { engine, reason: format!("{by}: {}", sections.join(", ")), bytes: 0, seconds: 0.0, alone: false })
    }

    pub(crate) fn directory(&self, run_directory: &Path) -> TrialDirectory {
        TrialDirectory::new(run_directory, &self.solved_as.directory, &self.text)
    }

    /// The trial has a result of its own; others share it.
    pub(crate) fn is_solved(&self) -> bool {
        self.solved_as.index == self.trial.index
    }
}

/// A study with its trials ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) trials: Vec<PreparedTrial>,
    /// SHA-256 of the texts of all trials: claims, metrics, checks and figures may change without running anything
    /// again.
    pub(crate) hash: String,
}

/// Data sets and problems shared by trials.
#[derive(Default)]
struct Cache {
    data: BTreeMap<String, (Dataset, String)>,
    problems: BTreeMap<String, (Arc<Problem>, String)>,
}

impl Cache {
    /// The problem of a trial and the fingerprint of its data.
    fn problem(&mut self, trial: &Trial) -> Result<(Arc<Problem>, String)> {
        let text = trial.specification.root().to_toml();
        if let Some(known) = self.problems.get(&text) {
            return Ok(known.clone());
        }
        let source = trial.specification.get("data").map(Node::to_toml).unwrap_or_default();
        let mut fingerprint = String::new();
        let problem = Problem::with_loader(
            &trial.specification,
            |spec| {
                if !self.data.contains_key(&source) {
                    let data = spec.load(&trial.base)?;
                    let hash = data_fingerprint(&data);
                    self.data.insert(source.clone(), (data, hash));
                }
                let (data, hash) = &self.data[&source];
                fingerprint.clone_from(hash);
                Ok(data.clone())
            },
            &stable_rate,
        )?;
        let known = (Arc::new(problem), fingerprint);
        self.problems.insert(text, known.clone());
        Ok(known)
    }

    /// The fingerprint of a question's data; inline data, which may lack targets, are part of its text.
    fn question_data(&mut self, trial: &Trial) -> Result<String> {
        let Some(section) = trial.specification.get("data") else { return Ok(String::new()) };
        let kind = trial.specification.get("data.kind").map(|node| &node.value);
        if kind == Some(&Value::String("inline".into())) {
            return Ok(String::new());
        }
        let source = section.to_toml();
        if !self.data.contains_key(&source) {
            let load = |field: &Field<'_>| DataSource::parse(field)?.load(&trial.base);
            let data = trial.specification.reader().required("data", load)?;
            let hash = data_fingerprint(&data);
            self.data.insert(source.clone(), (data, hash));
        }
        Ok(self.data[&source].1.clone())
    }

    /// What a trial asks, and the fingerprint of its data.
    fn task(&mut self, study: &Study, trial: &Trial) -> Result<(Task, String)> {
        let (document, base) = (&trial.specification, trial.base.as_path());
        let question = match (trial.subject, trial.width) {
            (Subject::Problem, Some(width)) => {
                let (problem, data_hash) = self.problem(trial)?;
                require_quantities(study, document, &problem)?;
                if study.metrics.iter().any(|metric| metric.against.is_some()) {
                    // Better now than after all trials have run.
                    Regime::of(&problem)?;
                }
                refuse_antithetic_test(study, document, &problem)?;
                let hash = sha256(format!("{}{data_hash}", document.root().to_toml()).as_bytes()).into();
                return Ok((Task::Problem(ProblemTask { problem, hash, width }), data_hash));
            }
            (Subject::Problem, None) => return Err(document.root().place.error("a problem needs a width").into()),
            (Subject::Prior, _) => Task::Prior(Box::new(PriorQuestion::from_document(document, base)?)),
            (Subject::Posterior, _) => Task::Posterior(Box::new(PosteriorQuestion::from_document(document, base)?)),
        };
        Ok((question, self.question_data(trial)?))
    }
}

fn data_fingerprint(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    data.visit_bytes(|bytes| hash.update(bytes));
    hex(&hash.finalize())
}

/// `trial.toml`: a pure function of the trial, its data and the version.
fn trial_text(trial: &Trial, data_hash: &str) -> String {
    let place = Place::new("trial.toml", "");
    let table = |entries: Vec<(&str, Node)>| {
        let entry = |(key, node): (&str, Node)| Entry { key: key.into(), place: place.clone(), node };
        Node { value: Value::Table(entries.into_iter().map(entry).collect()), place: place.clone() }
    };
    let string = |text: String| Node { value: Value::String(text), place: place.clone() };
    let width = trial.width.map(|width| ("width", string(width.to_string())));
    let entries = [("version", string(crate::VERSION.into())), ("data", string(data_hash.into()))].into_iter();
    let entries = entries.chain(width).chain([
        ("seed", string(trial.seed.to_string())),
        ("engine", string(trial.engine.name().into())),
        ("precision", string(trial.precision.name().into())),
    ]);
    let number = |number: f64| Node { value: Value::Float(number), place: place.clone() };
    let tolerance = trial.hidden.tolerance.map(|tolerance| (TOLERANCE, number(tolerance)));
    let images = trial.hidden.images.map(|images| (IMAGES, string(word(images).into())));
    let entries = entries.chain(tolerance).chain(images);
    table(vec![("trial", table(entries.collect())), (trial.subject.name(), trial.specification.root().clone())])
        .to_toml()
}

/// Reads all problems, questions and data of a study.
///
/// # Errors
/// [`Error::Core`] at the first mistake; also if a metric or figure needs a quantity that is not recorded.
pub(crate) fn prepare(study: &Study) -> Result<Prepared> {
    let mut cache = Cache::default();
    let mut trials = Vec::new();
    let mut known: BTreeMap<String, SolvedAs> = BTreeMap::new();
    for trial in study.expand()? {
        let (task, data_hash) = cache.task(study, &trial)?;
        let text = trial_text(&trial, &data_hash);
        let own = || SolvedAs { index: trial.index, label: trial.label.clone(), directory: trial.directory_name() };
        let solved_as = known.entry(text.clone()).or_insert_with(own).clone();
        trials.push(PreparedTrial { trial, task, text, solved_as });
    }
    let texts: String = trials.iter().map(|trial| trial.text.as_str()).collect();
    Ok(Prepared { hash: sha256(texts.as_bytes()), trials })
}

/// The χ² test is about the mean of independent networks; that of antithetic pairs hardly spreads, and the test could not fail.
fn refuse_antithetic_test(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    let recorded = study.metrics.iter().filter_map(Metric::recorded);
    let tested = recorded.into_iter().any(|recorded| recorded.statistic == Statistic::PValue);
    if tested && problem.ensemble.is_some_and(|ensemble| ensemble.antithetic) {
        let place = document.get("ensemble.antithetic").unwrap_or_else(|| document.root()).place.clone();
        let message =
            "`statistic = \"p_value\"` needs independent networks; set `problem.ensemble.antithetic` to false";
        return Err(Error::Core(place.error(message)));
    }
    Ok(())
}

fn require_quantities(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    for (user, quantity) in study.needs(problem) {
        if !problem.record.quantities.contains(&quantity) {
            let place = document.get("record.quantities").unwrap_or_else(|| document.root()).place.clone();
            let name = quantity.name();
            let message = format!("{user} needs `{name}`; add \"{name}\" to `problem.record.quantities`");
            return Err(Error::Core(place.error(message)));
        }
    }
    Ok(())
}

impl Study {
    /// Quantities that must be recorded, with what needs them.
    fn needs(&self, problem: &Problem) -> Vec<(String, Quantity)> {
        let mut needs = Vec::new();
        for metric in &self.metrics {
            let user = format!("metric `{}`", metric.name);
            if metric.against.is_some() && (problem.is_deep_linear() || starts_at_random(problem)) {
                // A reference of random start starts where the trial did.
                needs.extend(start_quantities(problem).into_iter().map(|quantity| (user.clone(), quantity)));
            }
            if let Some(recorded) = metric.recorded() {
                if recorded.statistic == Statistic::PValue {
                    needs.push((user.clone(), Quantity::TestOutputCovariance));
                }
                needs.push((user, recorded.quantity));
            }
        }
        needs.extend(self.checks.iter().filter_map(|check| match check.kind {
            CheckKind::Exponential { quantity, .. } => Some((format!("check `{}`", check.name), quantity)),
            _ => None,
        }));
        needs.extend(self.figures.iter().flat_map(|figure| {
            let quantities = match &figure.kind {
                FigureKind::Scaling(_) | FigureKind::Lines(_) => Vec::new(),
                FigureKind::Curves { quantity, .. } => vec![*quantity],
                FigureKind::Divergence { .. } => vec![Quantity::TestOutputs],
                FigureKind::Bands => vec![Quantity::TestOutputs, Quantity::TestOutputStd],
                FigureKind::Overlay { quantities, .. } => quantities.clone(),
            };
            quantities.into_iter().map(|quantity| (format!("figure `{}`", figure.name), quantity)).collect::<Vec<_>>()
        }));
        needs
    }
}
