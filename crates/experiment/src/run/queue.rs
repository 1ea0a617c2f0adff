//! The queue says which trial runs next, and on how many threads.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use widenet_system::threads::start_threads;

use crate::error::Result;

/// Numbers of the jobs to run; those that take a device for themselves are kept apart.
#[derive(Debug)]
pub(super) struct Queue {
    exclusive: Mutex<VecDeque<usize>>,
    shared: Mutex<VecDeque<usize>>,
    /// Held while one of them runs.
    device: Mutex<()>,
}

fn pop(queue: &Mutex<VecDeque<usize>>) -> Option<usize> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

impl Queue {
    /// A queue of jobs, each of which takes a device for itself or not.
    pub(super) fn new(exclusive: impl Iterator<Item = bool>) -> Queue {
        let (exclusive, shared): (Vec<_>, Vec<_>) = exclusive.enumerate().partition(|(_, is_exclusive)| *is_exclusive);
        let numbers = |jobs: Vec<(usize, bool)>| Mutex::new(jobs.into_iter().map(|(job, _)| job).collect());
        Queue { exclusive: numbers(exclusive), shared: numbers(shared), device: Mutex::new(()) }
    }

    /// Number of jobs that nobody has begun.
    fn waiting(&self) -> usize {
        [&self.exclusive, &self.shared]
            .map(|jobs| jobs.lock().unwrap_or_else(PoisonError::into_inner).len())
            .iter()
            .sum()
    }

    /// Runs trials until none is left or `run` returns false (stopped) or fails; counts those not finished here.
    fn drain(&self, run: &(impl Fn(usize) -> Result<bool> + Sync)) -> Result<usize> {
        loop {
            // Shared trials fill the time while another worker holds the device.
            let mut device = self.device.try_lock().ok();
            let mut next = device.as_ref().and_then(|_| pop(&self.exclusive));
            if next.is_none() {
                device = None;
                next = pop(&self.shared);
            }
            if next.is_none() {
                device = Some(self.device.lock().unwrap_or_else(PoisonError::into_inner));
                next = pop(&self.exclusive);
            }
            let Some(job) = next else { return Ok(0) };
            let finished = run(job)?;
            drop(device);
            if !finished {
                return Ok(1);
            }
        }
    }
}

/// Runs the queue on `jobs` threads, or on one for each trial if there are fewer, or on as many as the system grants; returns the number of
/// trials left.
pub(super) fn work(queue: &Queue, jobs: usize, run: impl Fn(usize) -> Result<bool> + Sync) -> Result<usize> {
    let results: Vec<Result<usize>> = std::thread::scope(|scope| {
        let workers = match start_threads(scope, jobs.min(queue.waiting()), || || queue.drain(&run)) {
            Ok(workers) => workers,
            // This thread is there.
            Err(_) => return vec![queue.drain(&run)],
        };
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut remaining = 0;
    for result in results {
        remaining += result?;
    }
    Ok(remaining + queue.waiting())
}
