//! Small networks train side by side; which thread trains which does not matter.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use widenet_core::{Problem, Trajectory, Width, training::Control, trajectory::Status};
use widenet_model::Precision;
use widenet_system::threads::start_threads;

use super::options::FluctuationOptions;
use crate::solver::{EngineChoice, HiddenOptions, Plan, Request, SolveError, Solver};

/// Told the share of the work that is done, from several threads; says whether to go on.
pub(super) type Watch<'a> = &'a (dyn Fn(f64) -> Control + Sync);

/// The networks of one width.
pub(super) struct Networks<'a> {
    solver: &'a dyn Solver,
    /// With the seed of the first network.
    request: Request<'a>,
    count: u64,
    pub(super) plan: Plan,
    threads: usize,
}

impl<'a> Networks<'a> {
    /// As many networks of this width as the options say, from the seed `first` on, by the cheapest engine in `f64`.
    ///
    /// # Errors
    /// [`SolveError`] if no engine takes them.
    pub(super) fn new(
        solver: &'a dyn Solver,
        problem: &'a Problem,
        options: &FluctuationOptions,
        width: u64,
        first: u64,
    ) -> Result<Self, SolveError> {
        let (width, hidden, limit) = (Width::Finite(width), HiddenOptions::default(), options.limit);
        let request = Request { problem, width, seed: first, precision: Precision::F64, hidden, limit };
        let plan = solver.plan(&request, EngineChoice::Auto)?;
        let threads = if plan.exclusive { 1 } else { options.threads.get().min(options.networks) };
        Ok(Self { solver, request, count: options.networks as u64, plan, threads })
    }

    /// Trains them; those before the first that was stopped, in the order of their seeds.
    ///
    /// # Errors
    /// [`SolveError`] of the first network that cannot be trained.
    pub(super) fn train(&self, watch: Watch<'_>) -> Result<Vec<Trajectory>, SolveError> {
        let (next, finished) = (AtomicU64::new(0), AtomicU64::new(0));
        let solved = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.count {
                    return;
                }
                let share = || finished.load(Ordering::Relaxed) as f64 / self.count as f64;
                let request = Request { seed: self.request.seed.wrapping_add(index), ..self.request };
                let result = self.solver.solve(&request, self.plan.engine, None, &|_| watch(share()));
                let goes_on = result.as_ref().is_ok_and(|solution| !is_stopped(&solution.trajectory));
                if !goes_on {
                    next.store(self.count, Ordering::Relaxed);
                }
                finished.fetch_add(1, Ordering::Relaxed);
                let trajectory = result.map(|solution| solution.trajectory);
                solved.lock().unwrap_or_else(PoisonError::into_inner).insert(index, trajectory);
            }
        };
        thread::scope(|scope| match start_threads(scope, self.threads, || work) {
            Ok(threads) => threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
            // This thread is there.
            Err(_) => work(),
        });
        let solved = solved.into_inner().unwrap_or_else(PoisonError::into_inner);
        let whole = |result: &Result<Trajectory, SolveError>| !result.as_ref().is_ok_and(is_stopped);
        solved.into_values().take_while(whole).collect()
    }
}

/// Trains some networks of a wide width, to be compared with what is predicted of it; those before the first that was stopped.
///
/// # Errors
/// [`SolveError`] if no engine takes them, or one cannot be trained.
pub fn wide_networks(
    solver: &dyn Solver,
    problem: &Problem,
    options: &FluctuationOptions,
    (width, networks): (u64, usize),
    watch: Watch<'_>,
) -> Result<Vec<Trajectory>, SolveError> {
    // The limit and the small networks have the seeds before.
    let first = options.seed.wrapping_add(1 + 2 * options.networks as u64);
    let options = FluctuationOptions { networks, ..*options };
    Networks::new(solver, problem, &options, width, first)?.train(watch)
}

fn is_stopped(trajectory: &Trajectory) -> bool {
    matches!(trajectory.status, Status::Interrupted { .. })
}
