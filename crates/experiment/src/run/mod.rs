//! Running a study: plan every trial, run what is not done, collect when all are.

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use widenet_core::{
    training::{Control, Progress},
    trajectory::Status,
};

use crate::{
    DeviceChoice, Error, Plan, Result, Shard, SolveError, Solver, Study, Trial,
    answers::Answer,
    prepare::{Prepared, PreparedTrial, ProblemTask, Task, prepare},
    question::{AnswerTree, PosteriorQuestion, QuestionError},
    report::{self, Report},
    run_directory::{Found, Manifest, TrialDirectory, create_directory, write_whole},
};

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Folder that holds run directories.
    pub out: PathBuf,
    /// Trials run at once, ≥ 1. Those that keep a device busy by themselves run one at a time ([`Plan::alone`](crate::Plan)).
    pub jobs: usize,
    /// Which trials.
    pub shard: Shard,
    /// Where questions multiply weight matrices; a solver has its own device.
    pub device: DeviceChoice,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { out: PathBuf::from("out"), jobs: 1, shard: Shard::WHOLE, device: DeviceChoice::Auto }
    }
}

/// Told about a run as it goes. Called from several threads.
pub trait Reporter: Sync {
    /// A trial begins.
    fn started(&self, _trial: &Trial, _plan: &Plan) {}
    /// A trial has come this far, a share in [0, 1].
    fn progress(&self, _trial: &Trial, _fraction: f64) {}
    /// A trial has its result; `reused` if it was there already, or is that of another trial.
    fn finished(&self, _trial: &Trial, _status: &Status, _reused: bool) {}
    /// Something the user should know, for example that a damaged result is made again.
    fn note(&self, _message: &str) {}
}

/// Reports nothing.
pub struct Silent;

impl Reporter for Silent {}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All trials of the study are done and reported.
    Finished(Report),
    /// All trials of this shard are done, others are not.
    ShardFinished {
        /// The run directory.
        directory: PathBuf,
        /// Trials of other shards that are not done.
        remaining: usize,
    },
    /// Stopped on request; running again continues.
    Interrupted {
        /// The run directory.
        directory: PathBuf,
        /// Trials of this shard that are not done.
        remaining: usize,
    },
}

/// A trial with its engine, or why none takes it; plans of questions have no estimates.
#[derive(Debug)]
pub struct PlannedTrial {
    /// The trial.
    pub trial: Trial,
    /// Engine, reason and estimates.
    pub plan: std::result::Result<Plan, SolveError>,
    /// The label of the trial whose result it shares, if it is not solved itself.
    pub solved_as: Option<String>,
}

/// What a run would do: every trial with its engine. Reads the data, runs nothing.
///
/// # Errors
/// [`Error::Core`] for mistakes in the study, its problem or data.
pub fn plan(study: &Study, solver: &dyn Solver) -> Result<Vec<PlannedTrial>> {
    let prepared = prepare(study)?;
    let plan = |p: PreparedTrial| PlannedTrial {
        plan: p.plan(solver),
        solved_as: (!p.is_solved()).then(|| p.solved_as.label.clone()),
        trial: p.trial,
    };
    Ok(prepared.trials.into_iter().map(plan).collect())
}

/// Runs a study, or what is left of it, in `options.out/<name>-<hash8>`, and reports when all its trials are done.
///
/// A process that is killed loses no finished trial. A power cut may take trials of less than a second that finished in the last half minute;
/// they are told by their hashes and run again.
///
/// When `stop` becomes true the run stops at the next step of every running trial and leaves everything resumable. The
/// results of a resumed run equal those of an undisturbed one.
///
/// # Errors
/// [`Error::Refused`] before anything runs if no engine takes a trial that is left to do; [`Error::Failed`] if an
/// engine fails; [`Error::File`] and [`Error::Directory`] for the run directory.
pub fn run(
    study: &Study,
    solver: &dyn Solver,
    options: &RunOptions,
    stop: &AtomicBool,
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    let prepared = prepare(study)?;
    let directory = options.out.join(format!("{}-{}", study.name, &prepared.hash[..8]));
    let mut jobs = Vec::new();
    let mut sharing: BTreeMap<usize, Vec<&Trial>> = BTreeMap::new();
    for p in prepared.trials.iter().filter(|p| !p.is_solved()) {
        sharing.entry(p.solved_as.index).or_default().push(&p.trial);
    }
    let solved = || prepared.trials.iter().filter(|p| p.is_solved());
    for p in solved().filter(|p| options.shard.contains(p.trial.index)) {
        let trial_directory = p.directory(&directory);
        let sharing = sharing.remove(&p.trial.index).unwrap_or_default();
        match trial_directory.read(&p.trial) {
            Found::Done(found) => {
                trial_directory.remove_leftovers()?;
                finished(reporter, &p.trial, &sharing, &found.result.status(), true);
            }
            found => {
                if let Found::Unusable(reason) = found {
                    reporter.note(&format!("{reason}; running it again"));
                }
                jobs.push(Job::new(p, sharing, solver)?);
            }
        }
    }
    solver.take_notes().iter().for_each(|note| reporter.note(note));
    write_study(study, &prepared, &directory)?;
    if !jobs.is_empty() {
        write_whole(&directory.join(options.shard.plan_file()), &plan_table(&jobs)?)?;
    }

    let queue = Queue::of(&jobs);
    let worker = Worker {
        solver,
        device: options.device,
        directory: &directory,
        stop,
        failed: AtomicBool::new(false),
        reporter,
    };
    let run = |job: usize| worker.run(&jobs[job]).inspect_err(|_| worker.failed.store(true, Ordering::Relaxed));
    let remaining = work(&queue, options.jobs, run)?;
    if remaining > 0 {
        return Ok(Outcome::Interrupted { directory, remaining });
    }
    let is_pending = |p: &&PreparedTrial| !matches!(p.directory(&directory).read(&p.trial), Found::Done(_));
    match solved().filter(is_pending).count() {
        0 => Ok(Outcome::Finished(report::collect(study, &prepared, &directory, solver)?)),
        remaining => Ok(Outcome::ShardFinished { directory, remaining }),
    }
}

/// Makes the run directory with what is known before any trial runs.
fn write_study(study: &Study, prepared: &Prepared, directory: &Path) -> Result<()> {
    create_directory(directory)?;
    let (text, extension) = &study.source;
    let source = format!("study.{extension}");
    let manifest = Manifest {
        program: "widenet".into(),
        version: crate::VERSION.into(),
        study: study.name.clone(),
        hash: prepared.hash.clone(),
        trials: prepared.trials.len(),
        base: study.base.clone(),
        source: source.clone(),
    };
    manifest.claim(directory)?;
    write_whole(&directory.join(source), text.as_bytes())?;
    write_whole(&directory.join("resolved.toml"), study.resolved().as_bytes())
}

/// Tells that a trial has its result, and those that share it.
fn finished(reporter: &dyn Reporter, trial: &Trial, sharing: &[&Trial], status: &Status, reused: bool) {
    reporter.finished(trial, status, reused);
    sharing.iter().for_each(|trial| reporter.finished(trial, status, true));
}

/// A trial to run.
struct Job<'a> {
    prepared: &'a PreparedTrial,
    /// Trials that share its result.
    sharing: Vec<&'a Trial>,
    plan: Plan,
}

impl<'a> Job<'a> {
    fn new(prepared: &'a PreparedTrial, sharing: Vec<&'a Trial>, solver: &dyn Solver) -> Result<Job<'a>> {
        let trial = &prepared.trial;
        let refused = |error: SolveError| Error::Refused { trial: trial.label.clone(), reason: error.to_string() };
        Ok(Job { prepared, sharing, plan: prepared.plan(solver).map_err(refused)? })
    }
}

fn plan_table(jobs: &[Job<'_>]) -> Result<Vec<u8>> {
    let header = ["trial", "label", "width", "seed", "engine", "reason", "bytes", "seconds"];
    let rows = jobs.iter().map(|Job { prepared: PreparedTrial { trial, .. }, plan, .. }| {
        vec![
            trial.index.to_string(),
            trial.label.clone(),
            trial.width_text(),
            trial.seed.to_string(),
            trial.engine_word(plan).into(),
            plan.reason.clone(),
            plan.bytes.to_string(),
            format!("{:.3}", plan.seconds),
        ]
    });
    crate::tables::csv_bytes(&header.map(String::from), rows)
}

/// Numbers of the jobs to run, apart those that take a device for themselves.
#[derive(Debug)]
struct Queue {
    alone: Mutex<VecDeque<usize>>,
    light: Mutex<VecDeque<usize>>,
    /// Held while one of them runs.
    device: Mutex<()>,
}

fn pop(queue: &Mutex<VecDeque<usize>>) -> Option<usize> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

impl Queue {
    fn of(jobs: &[Job<'_>]) -> Queue {
        let is_alone = |job: &usize| jobs[*job].plan.alone;
        let (alone, light): (VecDeque<_>, VecDeque<_>) = (0..jobs.len()).partition(is_alone);
        Queue { alone: Mutex::new(alone), light: Mutex::new(light), device: Mutex::new(()) }
    }

    /// Runs trials until none is left or `run` returns false (stopped) or fails; counts those not finished here.
    fn drain(&self, run: &(impl Fn(usize) -> Result<bool> + Sync)) -> Result<usize> {
        loop {
            // Light trials fill the time while another worker holds the device.
            let mut device = self.device.try_lock().ok();
            let mut next = device.as_ref().and_then(|_| pop(&self.alone));
            if next.is_none() {
                device = None;
                next = pop(&self.light);
            }
            if next.is_none() {
                device = Some(self.device.lock().unwrap_or_else(PoisonError::into_inner));
                next = pop(&self.alone);
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

/// Runs the queue on `jobs` threads and returns the number of trials left.
fn work(queue: &Queue, jobs: usize, run: impl Fn(usize) -> Result<bool> + Sync) -> Result<usize> {
    let results: Vec<Result<usize>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(|| queue.drain(&run))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut remaining = 0;
    for result in results {
        remaining += result?;
    }
    let waiting = |queue: &Mutex<VecDeque<usize>>| queue.lock().unwrap_or_else(PoisonError::into_inner).len();
    Ok(remaining + waiting(&queue.alone) + waiting(&queue.light))
}

struct Worker<'a> {
    solver: &'a dyn Solver,
    device: DeviceChoice,
    directory: &'a Path,
    stop: &'a AtomicBool,
    /// A trial failed: the others stop too.
    failed: AtomicBool,
    reporter: &'a dyn Reporter,
}

impl Worker<'_> {
    fn must_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Runs one trial and stores its result; false if it was stopped.
    fn run(&self, job: &Job<'_>) -> Result<bool> {
        let Job { prepared, plan, .. } = job;
        let trial = &prepared.trial;
        if self.must_stop() {
            return Ok(false);
        }
        let directory: TrialDirectory = prepared.directory(self.directory);
        if let Found::Done(found) = directory.read(trial) {
            // By another process, since the plan was made.
            finished(self.reporter, trial, &job.sharing, &found.result.status(), true);
            return Ok(true);
        }
        directory.prepare(plan.seconds)?;
        self.reporter.started(trial, plan);
        let start = Instant::now();
        match &prepared.task {
            Task::Problem(task) => self.solve(job, task, &directory, start),
            Task::Prior(question) => {
                let watch = &mut |fraction| self.watch(trial, fraction);
                let answer = question.answer(self.device, trial.precision, watch);
                self.keep(job, answer, &directory, start)
            }
            Task::Posterior(question) => {
                let answer = question.answer(&mut |fraction| self.watch(trial, fraction));
                self.keep(job, answer, &directory, start)
            }
        }
    }

    fn watch(&self, trial: &Trial, fraction: f64) -> Control {
        self.reporter.progress(trial, fraction);
        if self.must_stop() { Control::Stop } else { Control::Continue }
    }

    fn failed(trial: &Trial, error: &dyn std::error::Error) -> Error {
        Error::Failed { trial: trial.label.clone(), reason: error.to_string() }
    }

    /// Stores an answer; a question that was stopped starts again.
    fn keep(
        &self,
        Job { prepared: PreparedTrial { trial, .. }, sharing, plan }: &Job<'_>,
        answer: std::result::Result<AnswerTree, QuestionError>,
        directory: &TrialDirectory,
        start: Instant,
    ) -> Result<bool> {
        let answer = match answer {
            Err(QuestionError::Stopped) => return Ok(false),
            answer => answer.map_err(|error| Self::failed(trial, &error))?,
        };
        let doubt = PosteriorQuestion::unreliable(&answer);
        if let Some(reason) = doubt {
            self.reporter.note(&format!("trial {}: UNRELIABLE: {reason}", trial.label));
        }
        let value = serde_json::to_value(&answer).map_err(|error| Self::failed(trial, &error))?;
        let answer = Answer { value, reliable: doubt.is_none() };
        directory.store_answer(trial.subject, &answer, &plan.reason, start.elapsed().as_secs_f64())?;
        finished(self.reporter, trial, sharing, &Status::Done, false);
        Ok(true)
    }

    fn solve(
        &self,
        Job { prepared: PreparedTrial { trial, .. }, sharing, plan }: &Job<'_>,
        task: &ProblemTask,
        directory: &TrialDirectory,
        start: Instant,
    ) -> Result<bool> {
        let watch = |progress: &Progress<'_>| self.watch(trial, progress.fraction);
        let solution = self
            .solver
            .solve(&task.request(trial), plan.engine, Some(&directory.checkpoint()), &watch)
            .map_err(|error| Self::failed(trial, &error))?;
        for note in &solution.notes {
            self.reporter.note(&format!("trial {}: {note}", trial.label));
        }
        let interrupted = matches!(solution.trajectory.status, Status::Interrupted { .. });
        if interrupted && matches!(directory.read(trial), Found::Done(_)) {
            // Another process was faster; its result stays.
            return Ok(false);
        }
        directory.store(&solution.trajectory, &plan.reason, start.elapsed().as_secs_f64())?;
        if interrupted {
            return Ok(false);
        }
        finished(self.reporter, trial, sharing, &solution.trajectory.status, false);
        Ok(true)
    }
}
