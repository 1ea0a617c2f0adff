//! Leases of trials: of all processes that work in a run directory, one runs a trial.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use widenet_output::{Lease, Leased, Lessee, Seen};

use crate::{error::Result, storage::ProcessFile};

/// A trial that is ours to run.
#[derive(Debug)]
pub(super) struct Held {
    lease: Lease,
    /// Somebody has taken it over: this process was so slow that it was taken for dead.
    lost: AtomicBool,
}

impl Held {
    /// Whether somebody else runs the trial now.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The same, asked of the lease itself.
    pub(super) fn check_lost(&self) -> bool {
        self.lost.fetch_or(!self.lease.is_held(), Ordering::Relaxed) || self.is_lost()
    }
}

/// The trials that this process runs now.
pub(super) struct Leases {
    pub(super) lessee: Lessee,
    held: Mutex<Vec<Arc<Held>>>,
    is_over: Mutex<bool>,
    over: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leases {
    pub(super) fn new(lessee: Lessee) -> Leases {
        Leases { lessee, held: Mutex::default(), is_over: Mutex::new(false), over: Condvar::new() }
    }

    /// Leases a trial by its folder, whose last holder may have been found dead.
    pub(super) fn lease(&self, folder: &Path, dead: Option<&Seen>) -> Result<std::result::Result<Arc<Held>, Seen>> {
        let leased = match dead {
            Some(dead) => self.lessee.take_over(folder, dead)?,
            None => self.lessee.lease(folder)?,
        };
        Ok(match leased {
            Leased::Held(lease) => {
                let held = Arc::new(Held { lease, lost: AtomicBool::new(false) });
                lock(&self.held).push(Arc::clone(&held));
                Ok(held)
            }
            Leased::Busy(seen) => Err(seen),
        })
    }

    fn forget(&self, held: &Arc<Held>) {
        lock(&self.held).retain(|other| !Arc::ptr_eq(other, held));
    }

    /// Gives a trial up; another process may go on.
    pub(super) fn give_up(&self, held: &Arc<Held>) {
        self.forget(held);
    }

    /// Ends the lease of a trial that has its result.
    pub(super) fn finish(&self, held: &Arc<Held>) -> Result<()> {
        self.forget(held);
        Ok(held.lease.finish()?)
    }

    /// Beats for all trials and for the process until [`Leases::end`].
    pub(super) fn beat(&self, process: &ProcessFile) {
        let mut is_over = lock(&self.is_over);
        while !*is_over {
            let (waited, timeout) =
                self.over.wait_timeout(is_over, self.lessee.every()).unwrap_or_else(PoisonError::into_inner);
            is_over = waited;
            if timeout.timed_out() && !*is_over {
                drop(is_over);
                let held = lock(&self.held).clone();
                for held in held {
                    if !held.lease.beat() {
                        held.lost.store(true, Ordering::Relaxed);
                    }
                }
                process.beat();
                is_over = lock(&self.is_over);
            }
        }
    }

    /// Ends [`Leases::beat`] when it is dropped.
    pub(super) fn end(&self) -> impl Drop + '_ {
        struct End<'a>(&'a Leases);
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
        while start.elapsed() < self.lessee.every() && !stop.load(Ordering::Relaxed) {
            thread::sleep(TICK.min(self.lessee.every()));
        }
        !stop.load(Ordering::Relaxed)
    }
}
