//! Metrics of finished trials (formula: `[[metric]]` in the study's documentation).

use std::collections::BTreeMap;

use widenet_core::{
    Problem, Trajectory, Width,
    problem::Quantity,
    trajectory::{Record, Status, Value},
};
use widenet_limits::Regime;

use crate::{
    InitialFunction, Measured, Metric, Over, Reference, Solver, Statistic, Study, Trial,
    answers::{self, Answer},
    chi_square,
    divergence::{Compared, reference_network},
    prepare::{PreparedTrial, ProblemTask, Task},
    study::{ReferenceTrials, metric::RecordedQuantity},
};

/// The value of a metric, or why there is none.
pub(crate) type Measurement = Result<f64, String>;

/// What a trial found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TrialResult {
    Trajectory(Trajectory),
    Answer(Answer),
}

impl TrialResult {
    /// How it ended, for who follows a run.
    pub(crate) fn status(&self) -> Status {
        match self {
            TrialResult::Trajectory(trajectory) => trajectory.status,
            TrialResult::Answer(_) => Status::Done,
        }
    }
}

/// Finished trials with their metrics.
pub(crate) struct Results<'a> {
    pub(crate) study: &'a Study,
    pub(crate) trials: Vec<MeasuredTrial<'a>>,
}

/// A finished trial with its metrics, in the order of the study.
pub(crate) struct MeasuredTrial<'a> {
    pub(crate) trial: &'a Trial,
    /// The problem, if it is one.
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) result: TrialResult,
    pub(crate) metrics: Vec<Measurement>,
    /// At the widest finite width, where the limit starts at random: the limit given this trial's own start.
    pub(crate) limit_given_start: Option<Trajectory>,
}

impl MeasuredTrial<'_> {
    /// The trajectory, of a problem.
    pub(crate) fn trajectory(&self) -> Option<&Trajectory> {
        match &self.result {
            TrialResult::Trajectory(trajectory) => Some(trajectory),
            TrialResult::Answer(_) => None,
        }
    }

    /// The answer, of a question.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.result {
            TrialResult::Trajectory(_) => None,
            TrialResult::Answer(answer) => Some(answer),
        }
    }

    /// The records of a trajectory; an answer has none.
    pub(crate) fn records(&self) -> &[Record] {
        self.trajectory().map_or(&[], |trajectory| &trajectory.records)
    }
}

impl<'a> Results<'a> {
    /// Measures all trials.
    pub(crate) fn new(
        study: &'a Study,
        finished: Vec<(&'a PreparedTrial, TrialResult)>,
        solver: &dyn Solver,
    ) -> Results<'a> {
        let mut references = References { solver, known: BTreeMap::new() };
        // Laws over seeds, each compared once: by the position of their metric and what the seeds have in common.
        let mut laws: BTreeMap<(usize, String), Measurement> = BTreeMap::new();
        let widest = study.widths.iter().filter(|width| **width != Width::Infinite).max();
        let mut measured = Vec::new();
        for (PreparedTrial { trial, task, .. }, result) in &finished {
            let all = || finished.iter().map(|(prepared, result)| (&prepared.trial, result));
            let metrics = study.metrics.iter().enumerate().map(|(position, metric)| match (&metric.of, task, result) {
                (Measured::Records(recorded), Task::Problem(task), _) if recorded.statistic.is_of_a_law() => {
                    let compared = || {
                        let own = || reference_network(&task.problem);
                        let reference = metric.reference.clone().map_or_else(own, Ok)?;
                        reduce(recorded, &Compared::of(trial, &reference, all())?.statistic(recorded)?, 1.0)
                    };
                    laws.entry((position, trial.group(&[]))).or_insert_with(compared).clone()
                }
                (Measured::Records(recorded), Task::Problem(task), TrialResult::Trajectory(trajectory)) => {
                    let other = metric.reference.as_ref().map(|asked| of_same_seed(trial, asked, all())).transpose()?;
                    measure((metric, recorded), task, (trajectory, other), &mut references)
                }
                (Measured::Value { path, against, comparison }, _, TrialResult::Answer(answer)) => {
                    answers::measure((trial, answer), metric, (path, against.as_deref(), *comparison), all())
                }
                _ => Err("it is of another kind".into()),
            });
            let metrics: Vec<_> = metrics.collect();
            let limit = match (task, result) {
                (Task::Problem(task), TrialResult::Trajectory(trajectory))
                    if widest == Some(&task.width) && starts_at_random(&task.problem) =>
                {
                    references.get(Reference::Limit, task, trajectory).ok().cloned()
                }
                _ => None,
            };
            measured.push((metrics, limit));
        }
        let trial = |((prepared, result), (metrics, limit_given_start)): ((&'a PreparedTrial, TrialResult), _)| {
            let problem = match &prepared.task {
                Task::Problem(task) => Some(&*task.problem),
                Task::Prior(_) | Task::Posterior(_) => None,
            };
            MeasuredTrial { trial: &prepared.trial, problem, result, metrics, limit_given_start }
        };
        Results { study, trials: finished.into_iter().zip(measured).map(trial).collect() }
    }

    /// Position of a metric in [`MeasuredTrial::metrics`].
    pub(crate) fn metric(&self, name: &str) -> usize {
        // Names in checks and figures were matched with metrics when the study was read.
        self.study.metrics.iter().position(|metric| metric.name == name).unwrap_or_default()
    }

    /// The number an axis (or `width`) has in a trial.
    pub(crate) fn number(&self, trial: &Trial, key: &str) -> f64 {
        if key == "width" {
            return trial.width.map_or(f64::NAN, Width::as_f64);
        }
        let label = trial.axes.iter().find(|(axis, _)| axis == key).map(|(_, label)| label);
        let axis = self.study.axes.iter().find(|axis| axis.key == key);
        let value = axis.and_then(|axis| axis.values.iter().find(|value| Some(&value.label) == label));
        value.and_then(|value| value.number).unwrap_or(f64::NAN)
    }

    /// Trials in groups of equal axes but seed and `without`, in order of first appearance. Axes with a single value
    /// are not mentioned in the names.
    pub(crate) fn groups(&self, without: &[&str]) -> Vec<(String, Vec<&MeasuredTrial<'a>>)> {
        let single = self.study.axes.iter().filter(|axis| axis.values.len() == 1).map(|axis| axis.key.as_str());
        let width = (self.study.widths.len() <= 1).then_some("width");
        let without: Vec<_> = without.iter().copied().chain(single).chain(width).collect();
        let mut groups: Vec<(String, Vec<&MeasuredTrial<'a>>)> = Vec::new();
        for trial in &self.trials {
            let name = trial.trial.group(&without);
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, members)) => members.push(trial),
                None => groups.push((name, vec![trial])),
            }
        }
        groups
    }
}

/// Everything a reference depends on: its kind, the problem, the seed of minibatches, the bits of a random start.
type ReferenceKey = (Reference, String, Option<u64>, Vec<u64>);

/// Reference trajectories, each computed once.
struct References<'s> {
    solver: &'s dyn Solver,
    known: BTreeMap<ReferenceKey, Result<Trajectory, String>>,
}

/// The limit's start is random: it is compared given the trial's own start.
pub(crate) fn starts_at_random(problem: &Problem) -> bool {
    Regime::of(problem).is_ok_and(|regime| regime.starts_at_random(problem))
}

/// Quantities that say what a network computes at time 0.
pub(crate) fn start_quantities(problem: &Problem) -> Vec<Quantity> {
    match (problem.is_deep_linear(), &problem.data.test) {
        (true, _) => vec![Quantity::Predictor],
        (false, None) => vec![Quantity::Outputs],
        (false, Some(_)) => vec![Quantity::Outputs, Quantity::TestOutputs],
    }
}

/// What the network computed at time 0.
fn own_start(problem: &Problem, trajectory: &Trajectory) -> Result<InitialFunction, String> {
    let first = trajectory.records.first().filter(|record| record.time == 0.0);
    let matrix = |quantity: Quantity| match first.and_then(|record| record.values.get(&quantity)) {
        Some(Value::Matrix(matrix)) => Ok(matrix.clone()),
        _ => {
            Err(format!("its limit starts at random and is taken given its own start: record {} at 0", quantity.name()))
        }
    };
    if problem.is_deep_linear() {
        return matrix(Quantity::Predictor).map(InitialFunction::Predictor);
    }
    let regime = Regime::of(problem).map_err(|error| error.to_string())?;
    let outputs = |quantity| Ok::<_, String>(matrix(quantity)? / regime.start_scale(trajectory.width));
    let test = problem.data.test.as_ref().map(|_| outputs(Quantity::TestOutputs)).transpose()?;
    Ok(InitialFunction::Outputs { train: outputs(Quantity::Outputs)?, test })
}

impl References<'_> {
    fn get(
        &mut self,
        reference: Reference,
        task: &ProblemTask,
        trajectory: &Trajectory,
    ) -> Result<&Trajectory, String> {
        let problem = &task.problem;
        let initial = if starts_at_random(problem) { Some(own_start(problem, trajectory)?) } else { None };
        let has_batches = problem.optimizer.batch_size().is_some();
        let bits = initial.as_ref().map(InitialFunction::bits).unwrap_or_default();
        let seed = trajectory.seed;
        let key = (reference, task.hash.to_string(), has_batches.then_some(seed), bits);
        let solve = || {
            let solved = self.solver.reference(reference, problem, seed, initial.as_ref());
            let solved = solved.map_err(|error| error.to_string())?;
            match solved.status {
                Status::Done => Ok(solved),
                _ => Err(format!("its reference {}", ending(&solved.status))),
            }
        };
        self.known.entry(key).or_insert_with(solve).as_ref().map_err(Clone::clone)
    }
}

/// The infinite-width limit that a trajectory is compared with: where the limit starts at random (NTK parameterisation), it is
/// started from the trajectory's own initial predictor (docs/theory/mean-field.md §4).
///
/// # Errors
/// Why there is none, in words: no limit, or what the network computes at time 0 was not recorded.
pub fn own_limit(
    solver: &dyn Solver,
    problem: &Problem,
    trajectory: &Trajectory,
) -> std::result::Result<Trajectory, String> {
    let initial = if starts_at_random(problem) { Some(own_start(problem, trajectory)?) } else { None };
    let solved = solver.reference(Reference::Limit, problem, trajectory.seed, initial.as_ref());
    solved.map_err(|error| error.to_string())
}

/// How a trajectory that is not done ended.
pub(crate) fn ending(status: &Status) -> String {
    match *status {
        Status::Done => "is done".into(),
        Status::Diverged { step, time } => format!("diverged at step {step} (time {time:?})"),
        Status::Interrupted { step } => format!("was stopped before step {step}"),
    }
}

/// The trajectory that a trial's own is compared with.
fn of_same_seed<'t>(
    trial: &Trial,
    asked: &ReferenceTrials,
    mut all: impl Iterator<Item = (&'t Trial, &'t TrialResult)>,
) -> Result<&'t Trajectory, String> {
    match all.find(|(other, _)| other.seed == trial.seed && asked.has(other, trial)) {
        Some((other, _)) if other.index == trial.index => Err("it is the reference itself".into()),
        Some((_, TrialResult::Trajectory(trajectory))) if trajectory.status == Status::Done => Ok(trajectory),
        Some((_, TrialResult::Trajectory(trajectory))) => Err(format!("its reference {}", ending(&trajectory.status))),
        Some((_, TrialResult::Answer(_))) | None => Err("there is no trial of the reference".into()),
    }
}

/// Of a trajectory, and another trial's that it is compared with.
fn measure(
    (metric, recorded): (&Metric, &RecordedQuantity),
    task: &ProblemTask,
    (trajectory, other): (&Trajectory, Option<&Trajectory>),
    references: &mut References<'_>,
) -> Measurement {
    if trajectory.status != Status::Done {
        return Err(ending(&trajectory.status));
    }
    let reference = metric.against.map(|against| references.get(against, task, trajectory)).transpose()?.or(other);
    let (values, scale) = match (recorded.statistic, reference) {
        (Statistic::PValue, Some(reference)) => {
            let networks = task.problem.ensemble.map_or(1, |ensemble| ensemble.networks);
            (chi_square::p_values(&trajectory.records, &reference.records, networks)?, 1.0)
        }
        (_, None) => (norms(recorded, &trajectory.records, None)?, 1.0),
        (_, Some(reference)) => {
            let scale = match metric.relative {
                true => norms(recorded, &reference.records, None)?.into_iter().fold(0.0, f64::max),
                false => 1.0,
            };
            (norms(recorded, &trajectory.records, Some(&reference.records))?, scale)
        }
    };
    reduce(recorded, &values, scale)
}

/// One number of those at all records.
fn reduce(recorded: &RecordedQuantity, values: &[f64], scale: f64) -> Measurement {
    // `f64::max` and `f64::min` would skip NaN.
    let worse = |a: f64, b: f64| match recorded.statistic {
        Statistic::PValue | Statistic::Ks => a <= b,
        Statistic::Norm | Statistic::Rms | Statistic::Kl | Statistic::MeanRatio | Statistic::StdRatio => a >= b,
    };
    let value = match recorded.over {
        Over::Initial => values.first().copied(),
        Over::Final => values.last().copied(),
        Over::Sup => values.iter().copied().reduce(|a, b| if worse(a, b) || a.is_nan() { a } else { b }),
    };
    match value.map(|value| value / scale) {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err("it is not finite".into()),
        None => Err("nothing was recorded".into()),
    }
}

/// What counts of a record: all entries of the quantity, or the metric's own.
pub(crate) fn entries(recorded: &RecordedQuantity, record: &Record) -> Result<Vec<f64>, String> {
    let quantity = recorded.quantity;
    let value = record.values.get(&quantity).map(Value::flatten);
    let entries = value.ok_or_else(|| format!("{} is not recorded by this engine", quantity.name()))?;
    match recorded.entry {
        None => Ok(entries),
        Some(entry) => {
            let position = if entry < 0 { entry + entries.len() as i64 } else { entry };
            let value = usize::try_from(position).ok().and_then(|position| entries.get(position));
            value.map(|value| vec![*value]).ok_or_else(|| {
                format!("{} has {} entries, numbered from 0, and no entry {entry}", quantity.name(), entries.len())
            })
        }
    }
}

/// `‖q_t‖`, or `‖q_t − r_t‖`, at every record; of the metric's entry alone where it has one.
fn norms(recorded: &RecordedQuantity, records: &[Record], reference: Option<&[Record]>) -> Result<Vec<f64>, String> {
    let quantity = recorded.quantity;
    let values = |record: &Record| entries(recorded, record);
    let norm = |entries: Vec<f64>| {
        let squares = entries.iter().map(|x| x * x).sum::<f64>();
        match recorded.statistic {
            Statistic::Rms => (squares / entries.len() as f64).sqrt(),
            _ => squares.sqrt(),
        }
    };
    let Some(reference) = reference else {
        return records.iter().map(|record| values(record).map(norm)).collect();
    };
    let distance = |(record, reference): (&Record, &Record)| {
        let (a, b) = (values(record)?, values(reference)?);
        match a.len() == b.len() {
            true => Ok(norm(a.iter().zip(&b).map(|(a, b)| a - b).collect())),
            false => Err(format!("{} has {} entries and its reference {}", quantity.name(), a.len(), b.len())),
        }
    };
    pairs(records, reference)?.into_iter().map(distance).collect()
}

/// Records with those of the reference at the same times.
pub(crate) fn pairs<'r>(
    records: &'r [Record],
    reference: &'r [Record],
) -> Result<Vec<(&'r Record, &'r Record)>, String> {
    if records.len() != reference.len() {
        return Err(format!("it has {} records and its reference {}", records.len(), reference.len()));
    }
    let pair = |(record, reference): (&'r Record, &'r Record)| {
        // Both record at the planned moments; flows reach them to rounding.
        match (record.time - reference.time).abs() > 1e-9 * reference.time.abs() {
            true => Err(format!("its record at time {:?} has a reference at time {:?}", record.time, reference.time)),
            false => Ok((record, reference)),
        }
    };
    records.iter().zip(reference).map(pair).collect()
}
