//! An ensemble is many independent networks of one problem whose records are averaged.
//!
//! Network i has the seed [`widenet_core::seed::member`]`(seed, i)`. Of an antithetic pair both networks have the seed of the
//! first, and the second starts with its readout negated. Small networks are trained in groups ([`MlpGroup`]), which finish together,
//! where it is a gain ([`group_size`]) and every quantity is a function of the outputs: kernels, linearisations, the decomposition, and
//! movements of weights and activations are those of networks trained alone. On the CPU as many networks or groups run at once
//! as there are threads. What is added up is added in the order of the networks.

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
    training::{
        Control, Progress, Start, Training,
        mlp::{MlpGroup, MlpTraining},
    },
    trajectory::{Record, Status},
};
use widenet_system::threads::start_threads;

use super::{
    keeper::Keeper,
    moments::{Averages, plan_of_one},
    request::{DeviceSolution, Run},
};
use crate::{
    cost::{need::MemoryEstimate, perceptron::group_size},
    device::Placement,
    error::ModelError,
    network::{
        dense::{mlp_group, mlp_with_panels},
        layers::{Member, check_range},
    },
};

/// How long to wait for a network before the caller is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(100);

/// See [`crate::solve_on_device`].
pub(super) fn solve(
    run: &Run<'_>,
    ensemble: Ensemble,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
    let size = |one: &Problem, memory| group_size(one, run.width, ensemble.networks, memory, &run.device.info);
    solve_in_groups(run, ensemble, size, watch)
}

/// The same in groups of this size for the problem and the memory of one network; none is every network alone.
fn solve_in_groups(
    run: &Run<'_>,
    ensemble: Ensemble,
    size: impl Fn(&Problem, MemoryEstimate) -> Option<u64>,
    watch: &mut dyn FnMut(&Progress<'_>) -> Control,
) -> Result<DeviceSolution, ModelError> {
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
    // Networks train to the horizon: the mean over all of them says where the ensemble stops.
    let one = Problem { ensemble: None, stop: None, record: plan_of_one(&run.problem.record), ..run.problem.clone() };
    let group = size(&one, memory);
    let at_once = match run.device.info.available_memory {
        _ if !placement.on_host => 1,
        Some(available) => {
            (available / memory.bytes().max(1) / group.unwrap_or(1)).min(rayon::current_num_threads() as u64)
        }
        None => rayon::current_num_threads() as u64,
    };
    let members = Members {
        run,
        ensemble,
        problem: &one,
        placement,
        group,
        stopped: AtomicBool::new(false),
        steps: AtomicU64::new(0),
    };

    let mut averages = Averages::new(run.problem);
    let (mut keeper, found) = Keeper::open_ensemble(run, watch, |json| averages.restored(json));
    averages = found.unwrap_or(averages);
    members.steps.store(averages.networks * members.steps_of_one(), Ordering::Relaxed);
    let finished = members.solve_all(at_once.clamp(1, networks), &mut averages, &mut keeper)?;
    let notes = keeper.close()?;
    let (records, status) = if finished {
        averages.finish(run.problem)
    } else {
        (Vec::new(), Status::Interrupted { step: averages.networks * members.steps_of_one() })
    };
    Ok(run.solution(records, status, notes))
}

/// What all networks share.
struct Members<'a> {
    run: &'a Run<'a>,
    ensemble: Ensemble,
    /// The problem of one network.
    problem: &'a Problem,
    placement: Placement,
    /// Networks trained as one, where networks are trained in groups.
    group: Option<u64>,
    stopped: AtomicBool,
    /// Steps taken by all networks.
    steps: AtomicU64,
}

/// What each network of a group came to.
type Group = Result<Vec<(Vec<Record>, Status)>, ModelError>;

impl Members<'_> {
    fn steps_of_one(&self) -> u64 {
        self.problem.optimizer.horizon() as u64
    }

    /// Adds the networks that `averages` lacks, `at_once` at a time; false if it was stopped before the end.
    fn solve_all(&self, at_once: u64, averages: &mut Averages, keeper: &mut Keeper<'_>) -> Result<bool, ModelError> {
        let next = AtomicU64::new(averages.networks);
        let (sender, receiver) = mpsc::channel::<(u64, Group)>();
        thread::scope(|scope| {
            let next = &next;
            let worker = || {
                let sender = sender.clone();
                move || self.work(next, &sender)
            };
            let workers = start_threads(scope, at_once as usize, worker)
                .map_err(|error| ModelError::DeviceFailed { what: "ensemble".into(), message: error.to_string() })?;
            drop(sender);
            let mut failure = None;
            let mut waiting = BTreeMap::new();
            loop {
                match receiver.recv_timeout(PATIENCE) {
                    Ok((_, Err(error))) => {
                        failure = Some(error);
                        self.stopped.store(true, Ordering::Relaxed);
                    }
                    Ok((first, Ok(group))) => {
                        if !group.iter().any(|(_, status)| matches!(status, Status::Interrupted { .. })) {
                            waiting.insert(first, group);
                        }
                        while let Some(group) = waiting.remove(&averages.networks) {
                            group.into_iter().for_each(|(records, status)| averages.add(records, status));
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
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

    /// Solves groups of networks until there are no more.
    fn work(&self, next: &AtomicU64, sender: &mpsc::Sender<(u64, Group)>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let first = next.fetch_add(self.group.unwrap_or(1), Ordering::Relaxed);
            if first >= self.ensemble.networks {
                break;
            }
            // A device that fails in the middle of a run is reported by a panic, which is the caller's to catch; the other networks
            // need not go on.
            let group = panic::catch_unwind(AssertUnwindSafe(|| self.solve_group(first)));
            let group = group.unwrap_or_else(|cause| {
                self.stopped.store(true, Ordering::Relaxed);
                panic::resume_unwind(cause)
            });
            if sender.send((first, group)).is_err() {
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

    /// Solves the networks from `first` on that are trained as one.
    fn solve_group(&self, first: u64) -> Group {
        let end = self.ensemble.networks.min(first + self.group.unwrap_or(1));
        let starts: Vec<Member> = (first..end).map(|index| self.start(index)).collect();
        let observe = || {
            self.steps.fetch_add(end - first, Ordering::Relaxed);
            if self.stopped.load(Ordering::Relaxed) { Control::Stop } else { Control::Continue }
        };
        if let (None, &[member]) = (self.group, &starts[..]) {
            let panel_bytes = self.run.device.info.panel_bytes();
            let network = mlp_with_panels(self.problem, self.run.width, member, &self.placement, panel_bytes)?;
            let mut training = MlpTraining::new(self.problem, network, member.seed)?;
            return Ok(vec![training.run(Start::default(), &mut |_, _| observe())]);
        }
        let networks = mlp_group(self.problem, self.run.width, &starts, &self.placement)?;
        let seeds: Vec<u64> = starts.iter().map(|member| member.seed).collect();
        Ok(MlpGroup::new(self.problem, networks, &seeds)?.run(&mut || observe()))
    }

    /// A network of the ensemble.
    fn start(&self, index: u64) -> Member {
        let (of_pair, negated) =
            if self.ensemble.antithetic { (index / 2 * 2, index % 2 == 1) } else { (index, false) };
        Member { seed: seed::member(self.run.seed, of_pair), negated }
    }
}

#[cfg(test)]
mod tests {
    use widenet_core::{
        Matrix,
        data::{Dataset, Samples},
        problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule, Schedule, Stop},
        trajectory::Value,
    };

    use super::{super::request::Matrices, *};
    use crate::{
        checkpoint::{CheckpointPlan, Every},
        device::{DeviceChoice, DeviceInfo, DeviceKind, Precision},
    };

    const NETWORKS: u64 = 11;

    fn problem(learning_rate: f64) -> Problem {
        let wave = |rows, columns, frequency: f64| {
            Matrix::from_fn(rows, columns, |i, j| ((i * columns + j) as f64 * frequency).sin())
        };
        let rule = Rule::Descent { learning_rate, steps: 50, momentum: 0.3, nesterov: false, batch_size: Some(4) };
        Problem {
            network: Network {
                hidden_layers: 2,
                activation: Activation::Relu,
                entry_law: EntryLaw::Gaussian,
                centered: false,
                image: None,
            },
            parameterization: Parameterization::ntk(2, 1.4),
            data: Dataset {
                train: Samples { inputs: wave(6, 3, 1.7), targets: wave(6, 2, 0.9) },
                test: None,
                provenance: Default::default(),
            },
            loss: Loss::SQUARED,
            optimizer: Optimizer { rule, weight_decay: 0.01, schedule: Schedule::CONSTANT },
            record: RecordPlan {
                at: vec![0.0, 7.0, 50.0],
                quantities: vec![Quantity::TrainLoss, Quantity::Outputs, Quantity::OutputStd],
            },
            ensemble: Some(Ensemble { networks: NETWORKS, antithetic: false }),
            stop: None,
        }
    }

    fn solve(
        problem: &Problem,
        precision: Precision,
        group: Option<u64>,
        checkpoints: Option<CheckpointPlan>,
        watch: &mut dyn FnMut(&Progress<'_>) -> Control,
    ) -> DeviceSolution {
        let device = DeviceChoice::Flex.open().unwrap();
        let run =
            Run { problem, width: 12, seed: 5, matrices: Matrices::Dense, device: &device, precision, checkpoints };
        solve_in_groups(&run, problem.ensemble.unwrap(), |_, _| group, watch).unwrap()
    }

    fn undisturbed(problem: &Problem, precision: Precision, group: Option<u64>) -> DeviceSolution {
        solve(problem, precision, group, None, &mut |_| Control::Continue)
    }

    #[test]
    fn the_size_of_groups_changes_no_bit_and_networks_alone_agree() {
        for (precision, tolerance) in [(Precision::F32, 1e-5), (Precision::F64, 1e-12)] {
            let in_groups = |group| undisturbed(&problem(0.1), precision, group).trajectory;
            let (of_four, alone) = (in_groups(Some(4)), in_groups(None));
            assert_eq!(of_four.records.len(), 3);
            for group in [1, 3, NETWORKS] {
                assert_eq!(in_groups(Some(group)), of_four, "groups of {group}");
            }
            for (found, expected) in of_four.records.iter().zip(&alone.records) {
                for (quantity, value) in &expected.values {
                    for (found, expected) in found.values[quantity].flatten().iter().zip(value.flatten()) {
                        assert!((found - expected).abs() < tolerance, "{}: {found}, {expected}", quantity.name());
                    }
                }
            }
        }
    }

    /// Some networks reach the goal long before others: the mean decides, in groups of any size, on the same records.
    #[test]
    fn an_ensemble_stops_by_its_mean() {
        let mut whole = problem(0.1);
        whole.record.at = (0..=50).map(f64::from).collect();
        let all = undisturbed(&whole, Precision::F64, Some(4)).trajectory;
        let loss = |record: &Record| match record.values[&Quantity::TrainLoss] {
            Value::Scalar(loss) => loss,
            _ => panic!("a loss is a number"),
        };
        let goal = loss(&all.records[20]);
        let first = all.records.iter().position(|record| loss(record) <= goal).unwrap();
        let stop = Some(Stop { train_loss: Some(goal), train_accuracy: None });
        let stopping = Problem { stop, ..whole.clone() };
        for group in [None, Some(1), Some(4), Some(NETWORKS)] {
            let found = undisturbed(&stopping, Precision::F64, group).trajectory;
            let expected = undisturbed(&whole, Precision::F64, group).trajectory;
            let Status::Stopped(stopped) = found.status else { panic!("{:?}", found.status) };
            assert_eq!((stopped.step as usize, &found.records[..]), (first, &expected.records[..=first]), "{group:?}");
        }
        // Alone, networks of these seeds stop at other steps.
        let alone = Problem { ensemble: None, record: plan_of_one(&stopping.record), ..stopping.clone() };
        let device = DeviceChoice::Flex.open().unwrap();
        let steps = (0..4).map(|i| {
            let run = Run {
                problem: &alone,
                width: 12,
                seed: seed::member(5, i),
                matrices: Matrices::Dense,
                device: &device,
                precision: Precision::F64,
                checkpoints: None,
            };
            match crate::solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory.status {
                Status::Stopped(stopped) => stopped.step,
                _ => u64::MAX,
            }
        });
        let steps: Vec<u64> = steps.collect();
        assert!(steps.iter().any(|step| *step != steps[0]), "{steps:?}");
    }

    #[test]
    fn an_ensemble_resumed_between_groups_is_the_undisturbed_one() {
        let folder = tempfile::tempdir().unwrap();
        let ensemble = Problem { ensemble: Some(Ensemble { networks: 100, antithetic: true }), ..problem(0.1) };
        let expected = undisturbed(&ensemble, Precision::F64, Some(4)).trajectory;
        let plan =
            || CheckpointPlan { path: folder.path().join("checkpoint"), every: Every::Steps(1_000_000), asked: None };
        let run = |group, watch: &mut dyn FnMut(&Progress<'_>) -> Control| {
            solve(&ensemble, Precision::F64, Some(group), Some(plan()), watch)
        };
        // One group after the other, so that the first has finished when the second is under way.
        let one_by_one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let stopped = one_by_one
            .install(|| run(4, &mut |progress| if progress.step >= 300 { Control::Stop } else { Control::Continue }));
        let Status::Interrupted { step } = stopped.trajectory.status else { panic!("{:?}", stopped.trajectory.status) };
        assert!(step > 0 && step.is_multiple_of(4 * 50), "{step}");
        // The next group is the first unfinished one, or as many networks from there on as now fit.
        let resumed = run(3, &mut |_| Control::Continue);
        assert!(resumed.notes[0].contains("resumed"), "{:?}", resumed.notes);
        assert_eq!(resumed.trajectory, expected);
    }

    #[test]
    fn groups_are_those_of_small_networks_that_record_outputs() {
        let info = DeviceChoice::Flex.open().unwrap().info;
        let gpu = DeviceInfo { kind: DeviceKind::Gpu, available_memory: None, ..info.clone() };
        let size = |problem: &Problem, width, info| {
            let memory = MemoryEstimate::new(problem, width, Precision::F32);
            group_size(problem, width, 10_000, memory, info)
        };
        let mut one = Problem { ensemble: None, ..problem(0.1) };
        one.record.quantities = vec![Quantity::Outputs];
        // 2^15 / 64² stacked matrices; 10^8 / (2 · 64² · 4) in as many groups.
        assert_eq!([64, 512].map(|width| size(&one, width, &info)), [Some(8), None]);
        assert_eq!([64, 512, 4096].map(|width| size(&one, width, &gpu)), [Some(2500), Some(47), None]);
        one.record.quantities.push(Quantity::MeanTangentKernel);
        assert_eq!([&info, &gpu].map(|info| size(&one, 64, info)), [None, None]);
    }
}
