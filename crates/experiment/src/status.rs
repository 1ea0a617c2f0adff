//! How far a study is: which trials are done, running and waiting, since when, until when, and why processes ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use widenet_core::data::read_table;
use widenet_output::{Holder, holder_of};

use crate::{
    error::Result,
    report::figures,
    storage::{Ended, Process, now, open, processes},
    submit::{QueuedTask, job_numbers, queued_trials},
    trials::prepare,
};

/// Trials of a study by their state. Trials that share a result count once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub trials: usize,
    /// With a result.
    pub done: usize,
    /// With a result that says from where on it diverged.
    pub diverged: usize,
    /// Which somebody runs now.
    pub running: usize,
    /// Which could not be run when they were last tried.
    pub failed: usize,
    /// Whose tasks wait or run in the batch system.
    pub queued: usize,
    /// Others.
    pub waiting: usize,
}

/// A trial that somebody runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningTrial {
    /// Its label.
    pub label: String,
    /// The host that runs it.
    pub host: String,
    /// The job that runs it.
    pub job: Option<String>,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// A trial that could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedTrial {
    /// Its label.
    pub label: String,
    /// Why.
    pub why: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// A process that has worked in the run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// Its host.
    pub host: String,
    /// Its job.
    pub job: Option<String>,
    /// Which part of the study it runs.
    pub part: String,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// When it was last heard of.
    pub last_word: u64,
    /// Trials of its part that were not done when it began.
    pub trials: usize,
    /// Trials that it has finished.
    pub done: usize,
    /// Whether it runs.
    pub is_running: bool,
    /// How it ended, if it has said so.
    pub ended: Option<Ended>,
}

/// How far a study is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunStatus {
    /// The run directory.
    pub directory: PathBuf,
    /// Name of the study.
    pub study: String,
    /// Trials by state.
    pub counts: Counts,
    /// When the first process began, in seconds since 1970.
    pub since: Option<u64>,
    /// When the last result came.
    pub last_result: Option<u64>,
    /// When all would be done at the rate of the processes that run now, by the plan's estimates; none if nobody runs or nothing is done yet.
    pub expected_end: Option<u64>,
    /// Trials that somebody runs.
    pub running: Vec<RunningTrial>,
    /// Trials that could not be run.
    pub failed: Vec<FailedTrial>,
    /// All processes, in the order in which they began.
    pub processes: Vec<ProcessStatus>,
    /// Whether the batch system was asked.
    pub is_queue_known: bool,
}

/// Beats that may be missing before a process is taken for dead; clocks of machines differ by less.
const MISSED_BEATS: f64 = 12.0;

/// Whether a process works, by what this host knows of it or by when it was last heard of.
fn is_alive(holder: &Holder, last_word: u64, now: u64) -> bool {
    let is_fresh = now.saturating_sub(last_word) as f64 <= (MISSED_BEATS * holder.every).max(2.0);
    holder.is_running().unwrap_or(is_fresh)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Estimates of trials by their indices, from the plans that processes have left.
fn estimates(directory: &Path) -> BTreeMap<usize, f64> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_plan = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("plan") && name.ends_with(".csv"))
    };
    let mut found = BTreeMap::new();
    for table in entries.map(|entry| entry.path()).filter(is_plan).filter_map(|path| read_table(&path).ok()) {
        let column = |title: &str| table.titles.iter().position(|found| found == title);
        let Some((trial, seconds)) = column("trial").zip(column("seconds")) else { continue };
        let row = |row: &Vec<String>| -> Option<(usize, f64)> {
            Some((row.get(trial)?.parse().ok()?, row.get(seconds)?.parse().ok()?))
        };
        found.extend(table.rows.iter().filter_map(row));
    }
    found
}

/// What is done and what is left, in estimated seconds.
#[derive(Default)]
struct Work {
    /// Results with their times.
    done: Vec<(u64, f64)>,
    left: f64,
}

impl Work {
    /// When all is done at the rate since `since`.
    fn end(&self, since: u64, now: u64) -> Option<u64> {
        let recent = self.done.iter().filter(|(at, _)| *at >= since);
        let done = recent.fold(0.0, |sum, (_, seconds)| sum + seconds);
        let elapsed = now.saturating_sub(since).max(1) as f64;
        (done > 0.0).then(|| now.saturating_add((self.left * elapsed / done) as u64))
    }
}

/// Says how far the study of a run directory is. `queue` asks the batch system which tasks of some jobs have not ended.
///
/// # Errors
/// [`crate::Error::Directory`] if it is no run directory, and those of its files and data.
pub fn status(directory: &Path, queue: &dyn Fn(&[String]) -> Option<Vec<QueuedTask>>) -> Result<RunStatus> {
    let (manifest, study) = open(directory)?;
    let prepared = prepare(&study, &figures::needs(&figures::read(&study)?))?;
    let numbers = job_numbers(directory);
    let queue = if numbers.is_empty() { Some(Vec::new()) } else { queue(&numbers) };
    let queued: BTreeSet<usize> =
        queued_trials(directory, queue.as_deref().unwrap_or_default()).into_iter().map(|(trial, _)| trial).collect();
    let (now, estimates) = (now(), estimates(directory));
    let known = estimates.values().copied().filter(|seconds| *seconds > 0.0);
    let usual =
        if estimates.is_empty() { 1.0 } else { known.fold(0.0, |sum, seconds| sum + seconds) / estimates.len() as f64 };
    let weight = |trial: usize| estimates.get(&trial).copied().unwrap_or(usual).max(1e-3);
    let (mut counts, mut work) = (Counts::default(), Work::default());
    let (mut running, mut failed) = (Vec::new(), Vec::new());
    for p in prepared.trials.iter().filter(|p| p.is_solved()) {
        counts.trials += 1;
        let (index, label) = (p.trial.index, || p.trial.label.clone());
        let trial = p.directory(directory);
        if let Some((state, at)) = trial.state().filter(|(state, _)| state != "interrupted") {
            work.done.push((seconds(at), weight(index)));
            *(if state == "diverged" { &mut counts.diverged } else { &mut counts.done }) += 1;
            continue;
        }
        work.left += weight(index);
        let lease = holder_of(trial.path())?.filter(|(holder, at)| is_alive(holder, seconds(*at), now));
        if let Some((holder, _)) = lease {
            counts.running += 1;
            let job = holder.job.map(|job| job.id);
            running.push(RunningTrial {
                label: label(),
                host: holder.owner.host_name().into(),
                job,
                since: holder.since,
            });
        } else if let Some(failure) = trial.failure() {
            counts.failed += 1;
            failed.push(FailedTrial { label: label(), why: failure.why, at: failure.at });
        } else if queued.contains(&index) {
            counts.queued += 1;
        } else {
            counts.waiting += 1;
        }
    }
    let of_process = |(process, last_word): (Process, u64)| ProcessStatus {
        is_running: process.ended.is_none() && is_alive(&process.holder, last_word, now),
        host: process.holder.owner.host_name().into(),
        job: process.holder.job.map(|job| job.id),
        part: process.part,
        since: process.holder.since,
        last_word,
        trials: process.trials,
        done: process.done,
        ended: process.ended,
    };
    let processes: Vec<ProcessStatus> = processes(directory).into_iter().map(of_process).collect();
    let first_running = processes.iter().filter(|process| process.is_running).map(|process| process.since).min();
    Ok(RunStatus {
        directory: directory.to_owned(),
        study: manifest.study,
        counts,
        since: processes.first().map(|process| process.since),
        last_result: work.done.iter().map(|(at, _)| *at).max(),
        expected_end: first_running.filter(|_| work.left > 0.0).and_then(|since| work.end(since, now)),
        running,
        failed,
        processes,
        is_queue_known: queue.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_expected_at_the_rate_of_what_was_done_since() {
        let work = Work { done: vec![(50, 1000.0), (110, 10.0), (120, 30.0)], left: 80.0 };
        // 40 estimated seconds in 20: the 80 that are left take 40.
        assert_eq!(work.end(100, 120), Some(160));
        assert_eq!(work.end(121, 130), None, "nothing is done since");
    }
}
