//! Claims of trials: of all processes that work in a run directory, one runs a trial.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use widenet_output::{Claim, Claimant, Claimed, Seen};

use crate::{error::Result, storage::ProcessFile};

/// A trial that is ours to run.
#[derive(Debug)]
pub(super) struct Held {
    claim: Claim,
    /// Somebody has taken it over: this process was so slow that it was taken for dead.
    lost: AtomicBool,
}

impl Held {
    /// Whether somebody else runs the trial now.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The same, asked of the claim itself.
    pub(super) fn check_lost(&self) -> bool {
        self.lost.fetch_or(!self.claim.is_held(), Ordering::Relaxed) || self.is_lost()
    }
}

/// The trials that this process runs now.
pub(super) struct Claims {
    pub(super) claimant: Claimant,
    held: Mutex<Vec<Arc<Held>>>,
    is_over: Mutex<bool>,
    over: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Claims {
    pub(super) fn new(claimant: Claimant) -> Claims {
        Claims { claimant, held: Mutex::default(), is_over: Mutex::new(false), over: Condvar::new() }
    }

    /// Claims a trial by its folder, whose last holder may have been found dead.
    pub(super) fn claim(&self, folder: &Path, dead: Option<&Seen>) -> Result<std::result::Result<Arc<Held>, Seen>> {
        let claimed = match dead {
            Some(dead) => self.claimant.take_over(folder, dead)?,
            None => self.claimant.claim(folder)?,
        };
        Ok(match claimed {
            Claimed::Held(claim) => {
                let held = Arc::new(Held { claim, lost: AtomicBool::new(false) });
                lock(&self.held).push(Arc::clone(&held));
                Ok(held)
            }
            Claimed::Busy(seen) => Err(seen),
        })
    }

    fn forget(&self, held: &Arc<Held>) {
        lock(&self.held).retain(|other| !Arc::ptr_eq(other, held));
    }

    /// Gives a trial up; another process may go on.
    pub(super) fn give_up(&self, held: &Arc<Held>) {
        self.forget(held);
    }

    /// Ends the claim of a trial that has its result.
    pub(super) fn finish(&self, held: &Arc<Held>) -> Result<()> {
        self.forget(held);
        Ok(held.claim.finish()?)
    }

    /// Beats for all trials and for the process until [`Claims::end`].
    pub(super) fn beat(&self, process: &ProcessFile) {
        let mut is_over = lock(&self.is_over);
        while !*is_over {
            let (waited, timeout) =
                self.over.wait_timeout(is_over, self.claimant.every()).unwrap_or_else(PoisonError::into_inner);
            is_over = waited;
            if timeout.timed_out() && !*is_over {
                drop(is_over);
                let held = lock(&self.held).clone();
                for held in held {
                    if !held.claim.beat() {
                        held.lost.store(true, Ordering::Relaxed);
                    }
                }
                process.beat();
                is_over = lock(&self.is_over);
            }
        }
    }

    /// Ends [`Claims::beat`] when it is dropped.
    pub(super) fn end(&self) -> impl Drop + '_ {
        struct End<'a>(&'a Claims);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *lock(&self.0.is_over) = true;
                self.0.over.notify_all();
            }
        }
        End(self)
    }

    /// Waits for the time between two beats; false if `stop` became true.
    pub(super) fn wait(&self, stop: &AtomicBool) -> bool {
        const TICK: std::time::Duration = std::time::Duration::from_millis(20);
        let start = std::time::Instant::now();
        while start.elapsed() < self.claimant.every() && !stop.load(Ordering::Relaxed) {
            thread::sleep(TICK.min(self.claimant.every()));
        }
        !stop.load(Ordering::Relaxed)
    }
}
