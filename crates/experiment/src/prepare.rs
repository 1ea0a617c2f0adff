//! From a study to trials that can run: problems and data are read, trials hashed, and metrics matched with what is
//! recorded.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use widenet_core::{
    Problem,
    data::Dataset,
    document::{Document, Entry, Node, Place, Value},
    problem::Quantity,
};

use widenet_limits::Regime;

use crate::{
    CheckKind, Error, FigureKind, Result, Statistic, Study, Trial,
    measure::{start_quantities, starts_at_random},
    problem::stable_rate,
    run_directory::{TrialDirectory, hex, sha256},
    solver::Request,
};

/// A trial with its problem.
#[derive(Debug, Clone)]
pub(crate) struct PreparedTrial {
    pub(crate) trial: Trial,
    pub(crate) problem: Arc<Problem>,
    /// SHA-256 of the resolved problem and its data: equal for trials that differ in width and seed only.
    pub(crate) problem_hash: Arc<str>,
    /// Everything the result depends on, as written to `trial.toml`.
    text: String,
}

impl PreparedTrial {
    pub(crate) fn request(&self) -> Request<'_> {
        let Trial { width, seed, precision, .. } = self.trial;
        Request { problem: &self.problem, width, seed, precision }
    }

    pub(crate) fn directory(&self, run_directory: &Path) -> TrialDirectory {
        TrialDirectory::new(run_directory, &self.trial, &self.text)
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
        let text = trial.problem.root().to_toml();
        if let Some(known) = self.problems.get(&text) {
            return Ok(known.clone());
        }
        let source = trial.problem.get("data").map(Node::to_toml).unwrap_or_default();
        let mut fingerprint = String::new();
        let problem = Problem::with_loader(
            &trial.problem,
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
    table(vec![
        (
            "trial",
            table(vec![
                ("version", string(crate::VERSION.into())),
                ("data", string(data_hash.into())),
                ("width", string(trial.width.to_string())),
                ("seed", string(trial.seed.to_string())),
                ("engine", string(trial.engine.name().into())),
                ("precision", string(trial.precision.name().into())),
            ]),
        ),
        ("problem", trial.problem.root().clone()),
    ])
    .to_toml()
}

/// Reads all problems and data of a study.
///
/// # Errors
/// [`Error::Core`] at the first mistake; also if a metric or figure needs a quantity that is not recorded.
pub(crate) fn prepare(study: &Study) -> Result<Prepared> {
    let mut cache = Cache::default();
    let mut trials = Vec::new();
    for trial in study.expand()? {
        let (problem, data_hash) = cache.problem(&trial)?;
        require_quantities(study, &trial.problem, &problem)?;
        if study.metrics.iter().any(|metric| metric.against.is_some()) {
            // Better now than after all trials have run.
            Regime::of(&problem)?;
        }
        refuse_antithetic_test(study, &trial.problem, &problem)?;
        let text = trial_text(&trial, &data_hash);
        let problem_hash = sha256(format!("{}{data_hash}", trial.problem.root().to_toml()).as_bytes()).into();
        trials.push(PreparedTrial { trial, problem, problem_hash, text });
    }
    let texts: String = trials.iter().map(|trial| trial.text.as_str()).collect();
    Ok(Prepared { hash: sha256(texts.as_bytes()), trials })
}

/// The χ² test is about the mean of independent networks; that of antithetic pairs hardly spreads, and the test could not fail.
fn refuse_antithetic_test(study: &Study, document: &Document, problem: &Problem) -> Result<()> {
    let tested = study.metrics.iter().any(|metric| metric.statistic == Statistic::PValue);
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
            if metric.statistic == Statistic::PValue {
                needs.push((user.clone(), Quantity::TestOutputCovariance));
            }
            needs.push((user, metric.quantity));
        }
        needs.extend(self.checks.iter().filter_map(|check| match check.kind {
            CheckKind::Exponential { quantity, .. } => Some((format!("check `{}`", check.name), quantity)),
            _ => None,
        }));
        needs.extend(self.figures.iter().flat_map(|figure| {
            let quantities = match &figure.kind {
                FigureKind::Scaling { .. } => Vec::new(),
                FigureKind::Curves { quantity, .. } => vec![*quantity],
                FigureKind::Bands => vec![Quantity::TestOutputs, Quantity::TestOutputStd],
                FigureKind::Overlay { quantities, .. } => quantities.clone(),
            };
            quantities.into_iter().map(|quantity| (format!("figure `{}`", figure.name), quantity)).collect::<Vec<_>>()
        }));
        needs
    }
}
