//! Ensembles: many independent networks of one problem, their records averaged.
//!
//! Network i has the seed [`widenet_core::seed::member`]`(seed, i)`. Of an antithetic pair both networks have the seed of the
//! first, and the second starts with its readout negated. On the CPU as many networks run at once as there are threads; what is
//! added up is added in the order of the networks.

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use widenet_core::{
    Error, Problem,
    problem::{Ensemble, Quantity},
    seed,
    training::{Control, Progress, Start, mlp::MlpTraining},
    trajectory::{Record, Status},
};

use super::{
    moments::{Averages, plan_of_one},
    network::{check_range, mlp_with_panels},
};
use crate::{
    ModelError,
    device::Placement,
    estimate::MemoryEstimate,
    solve::{DenseRun, DenseSolution, Keeper, solution},
};

/// How long to wait for a network before the caller is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(100);

/// See [`crate::solve_dense`].
pub(super) fn solve(
    run: &DenseRun<'_>,
    ensemble: Ensemble,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DenseSolution, ModelError> {
    let Ensemble { networks, .. } = ensemble;
    if networks < 2 {
        return Err(Error::Invalid(format!("ensemble.networks = {networks}; an ensemble has at least 2")).into());
    }
    let wants_kurtosis = run.problem.record.quantities.contains(&Quantity::FunctionKurtosis);
    if wants_kurtosis && networks < 4 {
        let name = Quantity::FunctionKurtosis.name();
        return Err(Error::Invalid(format!("`{name}` needs ensemble.networks ≥ 4, not {networks}")).into());
    }
    let placement = run.device.placement(run.precision)?;
    let memory = MemoryEstimate::check(run.problem, run.width, run.precision, &run.device.info)?;
    check_range(&run.problem.scaling(), run.width)?;
    let at_once = match run.device.info.available_memory {
        _ if !placement.on_host => 1,
        Some(available) => (available / memory.bytes().max(1)).min(rayon::current_num_threads() as u64),
        None => rayon::current_num_threads() as u64,
    };
    let one = Problem { ensemble: None, record: plan_of_one(&run.problem.record), ..run.problem.clone() };
    let members =
        Members { run, ensemble, problem: &one, placement, stopped: AtomicBool::new(false), steps: AtomicU64::new(0) };

    let mut averages = Averages::new(run.problem);
    let (mut keeper, found) = Keeper::open_ensemble(run, watch, |json| averages.restored(json));
    averages = found.unwrap_or(averages);
    members.steps.store(averages.networks * members.steps_of_one(), Ordering::Relaxed);
    let finished = members.solve_all(at_once.clamp(1, networks), &mut averages, &mut keeper)?;
    let notes = keeper.close()?;
    let (records, status) = match finished {
        true => averages.finish(&run.problem.record),
        false => (Vec::new(), Status::Interrupted { step: averages.networks * members.steps_of_one() }),
    };
    Ok(solution(run, records, status, notes))
}

/// What all networks share.
struct Members<'a> {
    run: &'a DenseRun<'a>,
    ensemble: Ensemble,
    /// The problem of one network.
    problem: &'a Problem,
    placement: Placement,
    stopped: AtomicBool,
    /// Steps taken by all networks.
    steps: AtomicU64,
}

/// What one network came to.
type Member = Result<(Vec<Record>, Status), ModelError>;

impl Members<'_> {
    fn steps_of_one(&self) -> u64 {
        self.problem.optimizer.horizon() as u64
    }

    /// Adds the networks that `averages` lacks, `at_once` at a time; false if it was stopped before the end.
    fn solve_all(&self, at_once: u64, averages: &mut Averages, keeper: &mut Keeper<'_>) -> Result<bool, ModelError> {
        let next = AtomicU64::new(averages.networks);
        let (sender, receiver) = mpsc::channel::<(u64, Member)>();
        thread::scope(|scope| {
            let next = &next;
            let spawn = |sender| scope.spawn(move || self.work(next, &sender));
            let workers: Vec<_> = (0..at_once).map(|_| spawn(sender.clone())).collect();
            drop(sender);
            let mut failure = None;
            let mut waiting = BTreeMap::new();
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Ok((_, Err(error))) => {
                        failure = Some(error);
                        self.stopped.store(true, Ordering::Relaxed);
                    }
                    Ok((_, Ok((_, Status::Interrupted { .. })))) | Err(RecvTimeoutError::Timeout) => {}
                    Ok((index, Ok(member))) => {
                        waiting.insert(index, member);
                        while let Some((records, status)) = waiting.remove(&averages.networks) {
                            averages.add(records, status);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if !self.stopped.load(Ordering::Relaxed)
                    && keeper.keep_ensemble(&self.progress(), || averages.to_json()) == Control::Stop
                {
                    self.stopped.store(true, Ordering::Relaxed);
                }
            }
            for worker in workers {
                worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
            }
            failure.map_or(Ok(()), Err)
        })?;
        let finished = averages.networks == self.ensemble.networks;
        if !finished {
            keeper.save_ensemble(&self.progress(), averages.to_json());
        }
        Ok(finished)
    }

    /// Solves networks until there are no more.
    fn work(&self, next: &AtomicU64, sender: &mpsc::Sender<(u64, Member)>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= self.ensemble.networks {
                break;
            }
            // A device that fails in the middle of a run is reported by a panic, which is the caller's to catch; the other networks
            // need not go on.
            let member = panic::catch_unwind(AssertUnwindSafe(|| self.solve_one(index)));
            let member = member.unwrap_or_else(|cause| {
                self.stopped.store(true, Ordering::Relaxed);
                panic::resume_unwind(cause)
            });
            if sender.send((index, member)).is_err() {
                break;
            }
        }
    }

    fn progress(&self) -> Progress<'static> {
        let (step, all) = (self.steps.load(Ordering::Relaxed), self.ensemble.networks * self.steps_of_one());
        let fraction = step as f64 / all as f64;
        let time = self.problem.optimizer.time(fraction * self.problem.optimizer.horizon());
        Progress { step, time, fraction, step_size: None, records: &[] }
    }

    fn solve_one(&self, index: u64) -> Member {
        let (index, negated) = if self.ensemble.antithetic { (index / 2 * 2, index % 2 == 1) } else { (index, false) };
        let seed = seed::member(self.run.seed, index);
        let panel_bytes = self.run.device.info.panel_bytes();
        let network = mlp_with_panels(self.problem, self.run.width, (seed, negated), &self.placement, panel_bytes);
        let mut training = MlpTraining::new(self.problem, network, seed)?;
        Ok(training.run(Start::default(), &mut |_, _| {
            self.steps.fetch_add(1, Ordering::Relaxed);
            if self.stopped.load(Ordering::Relaxed) { Control::Stop } else { Control::Continue }
        }))
    }
}
