//! Makes of a study trials that can run: problems, questions and data are read, trials hashed, and metrics matched with what is
//! recorded.

use std::{collections::BTreeMap, sync::Arc};

use widenet_core::{
    Error, Problem, Width,
    data::{DataSource, Dataset},
    document::{Document, Entry, Node, Place, Value},
    humanized,
    problem::Quantity,
};
use widenet_engines::{
    EngineChoice, HiddenOptions, LimitOptions, limit_depends_on_seed, results_key, stable_rate, word,
};
use widenet_limits::Regime;
use widenet_output::sha256;
use widenet_system::memory;

use super::{
    data::DataSets,
    requirements::{refuse_antithetic_test, require_quantities},
    task::{PreparedTrial, ProblemTask, QuestionTask, SolvedAs, Task, read_question},
    trial::Trial,
};
use crate::{
    error::Result,
    study::{ACCURACY, ANSWERS, NODES, REPLICATES, Study, TOLERANCE, TaskKind},
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
    data: Arc<DataSets>,
    problems: BTreeMap<String, (Arc<Problem>, String)>,
}

impl Cache {
    /// The problem of a trial and the fingerprint of its data.
    fn problem(&mut self, trial: &Trial) -> Result<(Arc<Problem>, String)> {
        let text = trial.specification.root().to_toml();
        if let Some(known) = self.problems.get(&text) {
            return Ok(known.clone());
        }
        let mut fingerprint = String::new();
        let load = |_: &DataSource| {
            let section = trial.specification.field("data");
            let section =
                section.ok_or_else(|| trial.specification.root().place.error::<Error>("`data` is missing"))?;
            let (data, found) = self.data.of_problem(&section, &trial.base)?;
            check_memory(trial, &data)?;
            fingerprint = found;
            Ok(Dataset::clone(&data))
        };
        let problem = Problem::with_loader(&trial.specification, load, &stable_rate)?;
        let known = (Arc::new(problem), fingerprint);
        self.problems.insert(text, known.clone());
        Ok(known)
    }

    /// What a trial asks, and the fingerprint of its data.
    fn task(&mut self, study: &Study, figures: &[(String, Quantity)], trial: &Trial) -> Result<(Task, String)> {
        let document = &trial.specification;
        match (trial.kind, trial.width) {
            (TaskKind::Problem, Some(width)) => {
                let (problem, data_hash) = self.problem(trial)?;
                require_quantities(study, figures, document, &problem)?;
                if study.metrics.iter().any(|metric| metric.reference().is_some()) {
                    // Better now than after all trials have run.
                    Regime::of(&problem)?;
                }
                refuse_antithetic_test(study, document, &problem)?;
                let hash = sha256(format!("{}{data_hash}", document.root().to_toml()).as_bytes()).into();
                let choice = trial.engine.at(&problem, width);
                let hidden = trial.hidden.at(width, &study.widths, &problem);
                let task = ProblemTask { problem, hash, width, choice, hidden, limit: trial.limit };
                Ok((Task::Problem(task), data_hash))
            }
            (TaskKind::Problem, None) => Err(document.root().place.error("a problem needs a width")),
            (TaskKind::Question(kind), _) => {
                let (document, base, data) = (document.clone(), trial.base.clone(), Arc::clone(&self.data));
                // Read to find its mistakes, and dropped: it is read again when it is asked.
                let (question, found) = read_question(kind, &document, &base, &data)?;
                let plan = question.plan();
                // Inline data are part of the text.
                let is_inline =
                    document.get("data.kind").is_some_and(|kind| kind.value == Value::String("inline".into()));
                let data_hash = if is_inline { String::new() } else { found };
                Ok((Task::Question(QuestionTask { kind, document, base, data, plan }), data_hash))
            }
        }
    }
}

/// Refuses one more problem if its data, which it holds for itself, do not fit.
fn check_memory(trial: &Trial, data: &Dataset) -> widenet_core::Result<()> {
    let samples = [Some(&data.train), data.test.as_ref()].into_iter().flatten();
    let numbers: usize = samples.map(|samples| samples.inputs.len() + samples.targets.len()).sum();
    let needed = 8 * numbers as u64;
    let Some(available) = memory::available().filter(|available| needed > *available) else { return Ok(()) };
    let (needs, has) = (humanized::bytes(needed), humanized::bytes(available));
    Err(trial.specification.root().place.error(format!(
        "trial {}: every problem that the axes make holds its data, this one {needs}, and {has} are available; give fewer values of axes, \
         or fewer samples",
        trial.label
    )))
}

/// `trial.toml`: a pure function of the trial, its data and the versions of the results of what may run it.
fn trial_text(trial: &Trial, task: &Task, data_hash: &str) -> String {
    let (results, engine) = match task {
        Task::Problem(task) => (results_key(task.choice, task.width), task.choice),
        Task::Question(task) => (format!("{} {}", task.kind.name, task.kind.results_version), EngineChoice::Auto),
    };
    let (hidden, limit) = match task {
        Task::Problem(task) => (task.hidden, task.own_limit()),
        Task::Question(_) => (HiddenOptions::default(), LimitOptions::default()),
    };
    let place = Place::new("trial.toml", "");
    let table = |entries: Vec<(&str, Node)>| {
        let entry = |(key, node): (&str, Node)| Entry { key: key.into(), place: place.clone(), node };
        Node { value: Value::Table(entries.into_iter().map(entry).collect()), place: place.clone() }
    };
    let string = |text: String| Node { value: Value::String(text), place: place.clone() };
    let width = trial.width.map(|width| ("width", string(width.to_string())));
    let entries = [("results", string(results)), ("data", string(data_hash.into()))].into_iter();
    // A limit that is the same for all seeds is solved once, and says nothing of them.
    let is_of_all_seeds = match task {
        Task::Problem(task) => task.width == Width::Infinite && !limit_depends_on_seed(&task.problem),
        Task::Question(_) => false,
    };
    let seed = (!is_of_all_seeds).then(|| ("seed", string(trial.seed.to_string())));
    let entries = entries
        .chain(width)
        .chain(seed)
        .chain([("engine", string(engine.name().into())), ("precision", string(trial.precision.name().into()))]);
    let number = |number: f64| Node { value: Value::Float(number), place: place.clone() };
    let tolerance = hidden.tolerance.map(|tolerance| (TOLERANCE, number(tolerance)));
    let answers = hidden.answers.map(|answers| (ANSWERS, string(word(answers).into())));
    let accuracy = limit.accuracy.map(|accuracy| (ACCURACY, number(accuracy)));
    let replicates = limit.replicates.map(|replicates| (REPLICATES, number(replicates as f64)));
    let nodes = limit.nodes.map(|nodes| (NODES, number(nodes as f64)));
    let entries = entries.chain(tolerance).chain(answers).chain(accuracy).chain(replicates).chain(nodes);
    let specification = match task {
        Task::Problem(task) => with_end(trial.specification.clone(), &task.problem),
        Task::Question(_) => trial.specification.clone(),
    };
    table(vec![("trial", table(entries.collect())), (trial.kind.name(), specification.root().clone())]).to_toml()
}

/// The end of training is recorded though `record.at` lists earlier moments only: a list without it has been the end of the run before.
fn with_end(mut specification: Document, problem: &Problem) -> Document {
    let horizon = problem.optimizer.horizon();
    let Some(Node { value: Value::Array(moments), place }) = specification.get("record.at").cloned() else {
        return specification;
    };
    let is_end = |moment: &Node| match moment.value {
        Value::Integer(moment) => moment as f64 == horizon,
        Value::Float(moment) => moment == horizon,
        _ => false,
    };
    if !moments.iter().any(is_end) {
        let end = if problem.optimizer.has_steps() { Value::Integer(horizon as i64) } else { Value::Float(horizon) };
        let end = Node { value: end, place: place.clone() };
        let moments = Value::Array(moments.into_iter().chain([end]).collect());
        // The key is there, so it can be set.
        let _ = specification.set_node("record.at", Node { value: moments, place });
    }
    specification
}

/// Refuses options of limits by quadrature in a study none of whose trials is one or is compared with one.
fn refuse_unused_limit(study: &Study, trials: &[PreparedTrial]) -> Result<()> {
    let is_compared = study.metrics.iter().any(|metric| metric.reference().is_some());
    let has_use = |trial: &PreparedTrial| match &trial.task {
        Task::Problem(task) => {
            let is_limit = task.width == Width::Infinite || is_compared;
            is_limit && matches!(Regime::of(&task.problem), Ok(Regime::MeanField))
        }
        Task::Question(_) => false,
    };
    let asked = trials.iter().map(|prepared| prepared.trial.limit).find(|limit| !limit.is_usual());
    match asked.filter(|_| !trials.iter().any(has_use)) {
        Some(limit) => Err(study.document.root().place.error(limit.unused().to_string())),
        None => Ok(()),
    }
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
        let text = trial_text(&trial, &task, &data_hash);
        let own = || SolvedAs { index: trial.index, label: trial.label.clone(), directory: trial.directory_name() };
        let solved_as = known.entry(text.clone()).or_insert_with(own).clone();
        trials.push(PreparedTrial { trial, task, text, solved_as });
    }
    refuse_unused_limit(study, &trials)?;
    let texts: String = trials.iter().map(|trial| trial.text.as_str()).collect();
    Ok(Prepared { hash: sha256(texts.as_bytes()), trials })
}
