//! Measures metrics of finished trials (formula: `[[metric]]` in the study's documentation).

mod answer;
mod law;
mod trajectory;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use widenet_core::{
    Problem, Trajectory, Width,
    training::{Control, Progress},
    trajectory::{Record, Status},
};
use widenet_engines::{Reference, References, Solver, starts_at_random};
use widenet_statistics::fit::Sample;

use self::trajectory::{of_same_seed, reduce};
use crate::{
    study::{Function, Measured, Study},
    trials::{Answer, PreparedTrial, Task, Trial, TrialResult},
};
pub(crate) use law::{Compared, noise_floor, reference_network};
pub(crate) use trajectory::{Measurement, Uncertain};

/// Finished trials with their metrics.
pub(crate) struct Results<'a> {
    pub(crate) study: &'a Study,
    pub(crate) trials: Vec<MeasuredTrial<'a>>,
    /// Trials that are not done.
    pub(crate) pending: Vec<&'a Trial>,
}

/// A finished trial with its metrics, in the order of the study.
pub(crate) struct MeasuredTrial<'a> {
    pub(crate) trial: &'a Trial,
    /// The problem, if it is one.
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) result: &'a TrialResult,
    pub(crate) metrics: Vec<Measurement>,
    /// At the widest finite width, where the limit starts at random: the limit given this trial's own start.
    pub(crate) limit_given_start: Option<Trajectory>,
}

impl MeasuredTrial<'_> {
    /// The trajectory, of a problem.
    pub(crate) fn trajectory(&self) -> Option<&Trajectory> {
        match self.result {
            TrialResult::Trajectory(trajectory) => Some(trajectory),
            TrialResult::Answer(_) => None,
        }
    }

    /// The answer, of a question.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match self.result {
            TrialResult::Trajectory(_) => None,
            TrialResult::Answer(answer) => Some(answer),
        }
    }

    /// The engine that ran it, or the question.
    pub(crate) fn engine(&self) -> &'static str {
        match self.result {
            TrialResult::Trajectory(trajectory) => trajectory.engine.name(),
            TrialResult::Answer(_) => self.trial.kind.name(),
        }
    }

    /// Whether its network diverged.
    pub(crate) fn has_diverged(&self) -> bool {
        matches!(self.result.status(), Status::Diverged { .. })
    }

    /// The records of a trajectory; an answer has none.
    pub(crate) fn records(&self) -> &[Record] {
        self.trajectory().map_or(&[], |trajectory| &trajectory.records)
    }
}

impl<'a> Results<'a> {
    /// Measures the trials that are done; `None` if a reference was being computed when `stop` became true.
    pub(crate) fn new(
        study: &'a Study,
        (finished, pending): (Vec<(&'a PreparedTrial, &'a TrialResult)>, Vec<&'a PreparedTrial>),
        solver: &dyn Solver,
        stop: &AtomicBool,
    ) -> Option<Results<'a>> {
        let was_stopped = AtomicBool::new(false);
        let watch = |_: &Progress<'_>| {
            if !stop.load(Ordering::Relaxed) {
                return Control::Continue;
            }
            was_stopped.store(true, Ordering::Relaxed);
            Control::Stop
        };
        let mut references = References::new(solver, &watch);
        // Laws over seeds, each compared once: by the position of their metric and what the seeds have in common.
        let mut laws: BTreeMap<(usize, String), Measurement> = BTreeMap::new();
        // Finished limits are not solved again.
        for (prepared, result) in &finished {
            if let (Task::Problem(task), TrialResult::Trajectory(trajectory)) = (&prepared.task, result) {
                references.know(&task.compared(), trajectory);
            }
        }
        // Nor are those of an unfinished study, which may take long.
        for &PreparedTrial { trial, task, .. } in &pending {
            if let (Task::Problem(task), Some(Width::Infinite)) = (task, trial.width) {
                references.expect(&task.compared(), trial.seed);
            }
        }
        let widest = study.widths.iter().filter(|width| **width != Width::Infinite).max();
        let mut measured = Vec::new();
        for &(PreparedTrial { trial, task, .. }, result) in &finished {
            let all = || finished.iter().map(|(prepared, result)| (&prepared.trial, *result));
            let metrics = study.metrics.iter().enumerate().map(|(position, metric)| match (&metric.of, task, result) {
                (Measured::Records(recorded), Task::Problem(task), _) if recorded.statistic.is_of_all_seeds() => {
                    let compared = || {
                        let own = || reference_network(&task.problem);
                        let reference = metric.trials().cloned().map_or_else(own, Ok)?;
                        let compared = Compared::of(trial, &reference, all())?;
                        let values = match recorded.statistic.function {
                            Function::Distributions(function) => compared.statistic(recorded, function)?,
                            Function::Coverage => compared.coverage(recorded, task.limit.replicates())?,
                            // One number of each seed.
                            Function::Entries(_) | Function::Ensemble(_) => return Err("it is of another kind".into()),
                        };
                        reduce(recorded, (&values, &[]), 1.0)
                    };
                    laws.entry((position, trial.group(&[]))).or_insert_with(compared).clone()
                }
                (Measured::Records(recorded), Task::Problem(task), TrialResult::Trajectory(trajectory)) => {
                    let other = metric.trials().map(|asked| of_same_seed(trial, asked, all())).transpose()?;
                    trajectory::measure((metric, recorded), task, (trajectory, other), &mut references)
                }
                (Measured::Value { path, comparison }, _, TrialResult::Answer(answer)) => {
                    answer::measure((trial, answer), metric, (path, *comparison), all())
                }
                _ => Err("it is of another kind".into()),
            });
            let metrics: Vec<_> = metrics.collect();
            let limit = match (task, result) {
                (Task::Problem(task), TrialResult::Trajectory(trajectory))
                    if widest == Some(&task.width) && starts_at_random(&task.problem) =>
                {
                    let limit = references.get(Reference::Limit, &task.compared(), trajectory).ok().cloned();
                    // It is drawn as the limit of what was trained, which may stop.
                    limit.map(|limit| {
                        let (records, status) = task.problem.cut_at_stop(limit.records, limit.status);
                        Trajectory { records, status, ..limit }
                    })
                }
                _ => None,
            };
            measured.push((metrics, limit));
        }
        let trial = |((prepared, result), (metrics, limit_given_start)): ((&'a PreparedTrial, &'a TrialResult), _)| {
            MeasuredTrial { trial: &prepared.trial, problem: prepared.problem(), result, metrics, limit_given_start }
        };
        let is_complete = !was_stopped.load(Ordering::Relaxed);
        is_complete.then(|| Results {
            study,
            trials: finished.into_iter().zip(measured).map(trial).collect(),
            pending: pending.into_iter().map(|prepared| &prepared.trial).collect(),
        })
    }

    /// How many trials are done, if not all are: `12 of 40 trials are done`.
    pub(crate) fn partial(&self) -> Option<String> {
        let (done, all) = (self.trials.len(), self.trials.len() + self.pending.len());
        (done < all).then(|| format!("{done} of {all} trials are done"))
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

    /// A metric on an axis: infinite where a network diverged; without trials whose value is missing for another reason.
    pub(crate) fn samples_or_infinite(&self, trials: &[&MeasuredTrial<'_>], metric: &str, x: &str) -> Vec<Sample> {
        let column = self.metric(metric);
        let sample = |trial: &&MeasuredTrial<'_>| {
            let y = match &trial.metrics[column] {
                Ok(measured) => measured.value,
                Err(_) if trial.has_diverged() => f64::INFINITY,
                Err(_) => return None,
            };
            Some(Sample { x: self.number(trial.trial, x), seed: trial.trial.seed, y, error: 0.0 })
        };
        trials.iter().filter_map(sample).collect()
    }

    /// Trials in groups of equal axes but seed and `without`, in order of first appearance. Axes with a single value
    /// are not mentioned in the names.
    pub(crate) fn groups(&self, without: &[&str]) -> Vec<(String, Vec<&MeasuredTrial<'a>>)> {
        self.groups_among(self.trials.iter(), without)
    }

    /// As [`Results::groups`], of some of the trials.
    pub(crate) fn groups_among<'t, 'm: 't>(
        &self,
        trials: impl Iterator<Item = &'t MeasuredTrial<'m>>,
        without: &[&str],
    ) -> Vec<(String, Vec<&'t MeasuredTrial<'m>>)> {
        let single = self.study.axes.iter().filter(|axis| axis.values.len() == 1).map(|axis| axis.key.as_str());
        let width = (self.study.widths.len() <= 1).then_some("width");
        let without: Vec<_> = without.iter().copied().chain(single).chain(width).collect();
        let mut groups: Vec<(String, Vec<&MeasuredTrial<'_>>)> = Vec::new();
        for trial in trials {
            let name = trial.trial.group(&without);
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, members)) => members.push(trial),
                None => groups.push((name, vec![trial])),
            }
        }
        groups
    }
}
