//! Makes of a study trials that can run: problems, questions and data are read, trials hashed, and metrics matched with what is
//! recorded.

use std::{collections::BTreeMap, sync::Arc};

use widenet_core::{
    Problem,
    data::{DataSource, Dataset},
    document::{Entry, Field, Node, Place, Value},
    problem::Quantity,
};
use widenet_engines::{stable_rate, word};
use widenet_limits::Regime;
use widenet_output::{sha256, sha256_of};
use widenet_questions::{PosteriorQuestion, PriorQuestion};

use super::{
    requirements::{refuse_antithetic_test, require_quantities},
    task::{PreparedTrial, ProblemTask, SolvedAs, Task},
    trial::Trial,
};
use crate::{
    error::Result,
    study::{IMAGES, Study, Subject, TOLERANCE},
    version::VERSION,
};

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
    fn task(&mut self, study: &Study, figures: &[(String, Quantity)], trial: &Trial) -> Result<(Task, String)> {
        let (document, base) = (&trial.specification, trial.base.as_path());
        let question = match (trial.subject, trial.width) {
            (Subject::Problem, Some(width)) => {
                let (problem, data_hash) = self.problem(trial)?;
                require_quantities(study, figures, document, &problem)?;
                if study.metrics.iter().any(|metric| metric.reference().is_some()) {
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
    sha256_of(|hash| data.visit_bytes(hash))
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
    let entries = [("version", string(VERSION.into())), ("data", string(data_hash.into()))].into_iter();
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

/// Reads all problems, questions and data of a study, whose figures need some quantities.
///
/// # Errors
/// [`crate::Error::Core`] at the first mistake; also if a metric or figure needs a quantity that is not recorded.
pub(crate) fn prepare(study: &Study, figures: &[(String, Quantity)]) -> Result<Prepared> {
    let mut cache = Cache::default();
    let mut trials = Vec::new();
    let mut known: BTreeMap<String, SolvedAs> = BTreeMap::new();
    for trial in study.expand()? {
        let (task, data_hash) = cache.task(study, figures, &trial)?;
        let text = trial_text(&trial, &data_hash);
        let own = || SolvedAs { index: trial.index, label: trial.label.clone(), directory: trial.directory_name() };
        let solved_as = known.entry(text.clone()).or_insert_with(own).clone();
        trials.push(PreparedTrial { trial, task, text, solved_as });
    }
    let texts: String = trials.iter().map(|trial| trial.text.as_str()).collect();
    Ok(Prepared { hash: sha256(texts.as_bytes()), trials })
}
