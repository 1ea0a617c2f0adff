//! Trials run in rounds: first all that this process finds free, then those that it takes over from others.

use std::collections::{BTreeMap, BTreeSet};

use widenet_output::{Look, Watched};

use super::{
    queue::{Queue, work},
    worker::{Job, Worker, lock},
};
use crate::error::Result;

/// What is left after all rounds.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Trials that are not done because the run was stopped.
    pub(super) remaining: usize,
    /// Jobs whose trials other processes run.
    pub(super) elsewhere: BTreeSet<usize>,
}

/// Runs all jobs, `at_once` at a time. Trials that other processes have are looked at until it is known whether somebody works on them; those
/// of the dead are taken over.
pub(super) fn run_all(worker: &Worker<'_>, jobs: &[Job<'_>], at_once: usize) -> Result<Rest> {
    let mut rest = Rest::default();
    let mut watched: BTreeMap<usize, Watched> = BTreeMap::new();
    let mut next: Vec<usize> = (0..jobs.len()).collect();
    let mut has_said = false;
    loop {
        let queue = Queue::new(next.iter().map(|job| jobs[*job].plan.exclusive));
        let run = |position: usize| worker.run_or_stop_all(next[position], &jobs[next[position]]);
        rest.remaining = work(&queue, at_once, run)?;
        let busy = std::mem::take(&mut *lock(&worker.busy));
        watched.extend(busy.into_iter().map(|(job, seen)| (job, Watched::new(seen))));
        if rest.remaining > 0 {
            rest.remaining += watched.len();
            return Ok(rest);
        }
        next = loop {
            let free = look(worker, jobs, (&mut watched, &mut rest.elsewhere))?;
            if !free.is_empty() {
                break free;
            }
            if watched.is_empty() {
                return Ok(rest);
            }
            if !std::mem::replace(&mut has_said, true) {
                worker.reporter.note(&format!(
                    "{} trials are those of processes on other machines; waiting to see whether these are alive",
                    watched.len()
                ));
            }
            if !worker.leases.wait(worker.stop) {
                rest.remaining = watched.len();
                return Ok(rest);
            }
        };
    }
}

/// Looks at trials of others once more: jobs that may be run now are returned, those that somebody runs go elsewhere.
fn look(
    worker: &Worker<'_>,
    jobs: &[Job<'_>],
    (watched, elsewhere): (&mut BTreeMap<usize, Watched>, &mut BTreeSet<usize>),
) -> Result<Vec<usize>> {
    let mut free = Vec::new();
    for (&job, seen) in watched.iter_mut() {
        if worker.is_done(&jobs[job])? {
            elsewhere.insert(job);
            continue;
        }
        let directory = jobs[job].prepared.directory(worker.directory);
        match seen.look(directory.path(), &worker.leases.lessee)? {
            Look::Free => free.push(job),
            Look::Dead(dead) => {
                lock(&worker.dead).insert(job, dead);
                free.push(job);
            }
            Look::Alive => {
                elsewhere.insert(job);
            }
            Look::Unsure => {}
        }
    }
    watched.retain(|job, _| !free.contains(job) && !elsewhere.contains(job));
    free.iter().for_each(|job| {
        elsewhere.remove(job);
    });
    Ok(free)
}
