//! One array of tasks: its wall time, its memory, and which trials each task runs.

use widenet_core::humanized;
use widenet_engines::{SolveError, Solver};
use widenet_output::escape::one_line;

use super::{
    pack::{Load, Task, pack, pack_into},
    site::{Array, Site},
};
use crate::{
    error::{Error, Result},
    trials::{PreparedTrial, TrialPlan},
};

/// What tasks are to have, where it is not left to the site file and the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskOptions {
    /// Wall time of a task in seconds.
    pub time: Option<u64>,
    /// Memory of a task in mebibytes.
    pub memory: Option<u64>,
    /// Number of tasks of each array, instead of as few as the wall time allows.
    pub count: Option<usize>,
}

/// An array of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayPlan {
    /// `cpu` or `gpu`.
    pub name: &'static str,
    /// Trials of each task, by their indices in the study.
    pub tasks: Vec<Vec<usize>>,
    /// Seconds that the longest task is expected to take.
    pub seconds: f64,
    /// Wall time of a task in seconds.
    pub time: u64,
    /// Memory of a task in mebibytes.
    pub memory: u64,
    /// Processors of a task.
    pub cpus: u64,
}

/// A trial that is missing, with its plan.
pub(super) struct Missing<'a> {
    pub(super) prepared: &'a PreparedTrial,
    pub(super) plan: TrialPlan,
    /// What it is expected to take.
    pub(super) seconds: f64,
}

impl<'a> Missing<'a> {
    /// Plans a trial; one without an estimate is taken to need `usual` seconds.
    pub(super) fn new(prepared: &'a PreparedTrial, solver: &dyn Solver, usual: f64) -> Result<Missing<'a>> {
        let refused =
            |error: SolveError| Error::Refused { trial: prepared.trial.label.clone(), reason: error.to_string() };
        let plan = prepared.plan(solver).map_err(refused)?;
        let seconds = plan.estimate.map_or(usual, |estimate| estimate.seconds);
        Ok(Missing { prepared, plan, seconds })
    }
}

impl Missing<'_> {
    /// Its engine keeps checkpoints: it goes on where its time limit has ended it.
    pub(super) fn continues(&self) -> bool {
        self.plan.engine.is_some_and(|engine| engine.is_on_device())
    }

    fn bytes(&self) -> u64 {
        self.plan.estimate.map_or(0, |estimate| estimate.bytes)
    }
}

fn refused<T>(text: String) -> Result<T> {
    Err(Error::Core(widenet_core::Error::Invalid(text)))
}

/// Seconds that a task may need after its warning: Slurm warns up to a minute early.
const EARLY_WARNING: u64 = 60;

/// One array: its wall time, memory and tasks.
pub(super) fn array(
    name: &'static str,
    (site, settings): (&Site, &Array),
    missing: &[Missing<'_>],
    options: &TaskOptions,
    warnings: &mut Vec<String>,
) -> Result<ArrayPlan> {
    let Some(longest) = missing.iter().max_by(|one, other| one.seconds.total_cmp(&other.seconds)) else {
        return refused(format!("the array {name} has no trials"));
    };
    let margin = site.slurm.margin;
    let reserve = site.slurm.warning_seconds + EARLY_WARNING;
    let usual = (longest.seconds * margin + reserve as f64).max(3600.0);
    let time = options.time.or(settings.time).unwrap_or_else(|| 3600 * (usual / 3600.0).ceil() as u64);
    let said = slurm_time(time);
    let usable = match time.checked_sub(reserve).filter(|usable| *usable > 0) {
        Some(usable) => usable as f64,
        None => {
            return refused(format!(
                "a wall time of {said} leaves nothing: tasks are warned {} s before its end, and Slurm may do it a minute earlier; give more \
                 time, or lower slurm.warning_seconds of the site file",
                site.slurm.warning_seconds
            ));
        }
    };
    for trial in missing.iter().filter(|trial| trial.seconds > usable) {
        let bound = if trial.plan.estimate.is_some_and(|estimate| estimate.is_least) { "at least" } else { "about" };
        let (label, takes) = (one_line(&trial.prepared.trial.label), humanized::seconds(trial.seconds));
        let has = humanized::seconds(usable);
        let fact = format!("trial {label} takes {bound} {takes}, and a wall time of {said} leaves {has} of work");
        if !trial.continues() {
            return refused(format!(
                "{fact}; the {} keeps no checkpoints, so it would never end: give {} or more",
                match trial.plan.engine {
                    Some(engine) => format!("{} engine", engine.name()),
                    None => format!("question {}", trial.plan.runner),
                },
                slurm_time(3600 * ((trial.seconds * margin + reserve as f64) / 3600.0).ceil() as u64)
            ));
        }
        if trial.prepared.trial.index == longest.prepared.trial.index {
            warnings.push(format!("{fact}: it goes back into the queue with a checkpoint, and goes on from there"));
        }
    }
    let loads = missing.iter().map(|trial| Load {
        trial: trial.prepared.trial.index,
        seconds: trial.seconds,
        is_exclusive: trial.plan.exclusive,
    });
    let (loads, cpus): (Vec<Load>, u64) = (loads.collect(), settings.cpus);
    let most = usize::try_from(settings.tasks_at_most).unwrap_or(usize::MAX);
    let tasks: Vec<Task> = match options.count {
        Some(count) => pack_into(loads, count.min(most), cpus),
        None => pack(loads, usable / margin, most, cpus),
    };
    let seconds = tasks.iter().map(|task| task.seconds(cpus)).fold(0.0, f64::max);
    if seconds > usable && longest.seconds <= usable {
        warnings.push(format!(
            "tasks of the array {name} take up to {}, and a wall time of {said} leaves {}: they go back into the queue, and go on from there",
            humanized::seconds(seconds),
            humanized::seconds(usable)
        ));
    }
    let memory = memory(settings, missing, options, name)?;
    Ok(ArrayPlan { name, tasks: tasks.into_iter().map(|task| task.trials).collect(), seconds, time, memory, cpus })
}

/// Mebibytes of a task: those that are given, or what its largest trials take at once, with half as much again and half a gibibyte.
fn memory(settings: &Array, missing: &[Missing<'_>], options: &TaskOptions, name: &str) -> Result<u64> {
    const MEBIBYTE: u64 = 1 << 20;
    let Some(largest) = missing.iter().max_by_key(|trial| trial.bytes()) else { return Ok(0) };
    if let Some(given) = options.memory.or(settings.memory) {
        if largest.bytes() > given.saturating_mul(MEBIBYTE) {
            return refused(format!(
                "trial {} takes {}, and a task of the array {name} has {}; give more memory",
                one_line(&largest.prepared.trial.label),
                humanized::bytes(largest.bytes()),
                humanized::bytes(given.saturating_mul(MEBIBYTE))
            ));
        }
        return Ok(given);
    }
    // Exclusive trials run one at a time.
    let exclusive = missing.iter().filter(|trial| trial.plan.exclusive).map(Missing::bytes).max().unwrap_or(0);
    let mut shared: Vec<u64> = missing.iter().filter(|trial| !trial.plan.exclusive).map(Missing::bytes).collect();
    shared.sort_unstable_by(|one, other| other.cmp(one));
    let at_once = shared.iter().take(usize::try_from(settings.cpus).unwrap_or(usize::MAX));
    let bytes = at_once.fold(exclusive, |sum, bytes| sum.saturating_add(*bytes));
    let mebibytes = (bytes as f64 * 1.5 / MEBIBYTE as f64).ceil() as u64 + 512;
    Ok(mebibytes.next_multiple_of(256))
}

/// A time in Slurm's longest form.
pub(super) fn slurm_time(seconds: u64) -> String {
    format!("{}-{:02}:{:02}:{:02}", seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}
