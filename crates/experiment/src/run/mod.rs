//! Runs a study: it plans every trial, runs what is not done, and collects when all are.

mod leases;
mod queue;
mod reporter;
mod rounds;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, atomic::AtomicBool},
    thread,
    time::Duration,
};

use widenet_engines::{SolveError, Solver};
use widenet_model::DeviceChoice;
use widenet_output::{Lessee, Table, create_directory, remove_leftovers, write_changed, write_whole};

use self::{
    leases::Leases,
    rounds::run_all,
    worker::{Job, Worker, finished},
};
use crate::{
    error::{Error, Result},
    report::{
        self, Report,
        figures::{self, Figure},
    },
    storage::{Build, Earlier, Ending, Found, Manifest, ProcessFile, Store},
    study::Study,
    trials::{Prepared, PreparedTrial, Shard, Trial, TrialPlan, prepare},
};
pub use reporter::{Reporter, Silent};

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Folder that holds run directories.
    pub out: PathBuf,
    /// Trials run at once, ≥ 1. Those that keep a device busy by themselves run one at a time ([`TrialPlan::exclusive`]).
    pub jobs: usize,
    /// Which trials.
    pub shard: Shard,
    /// Where questions multiply weight matrices; a solver has its own device.
    pub device: DeviceChoice,
    /// The job of a batch system that this is.
    pub job: Option<widenet_output::Job>,
    /// How often the process shows that it works. Of processes that share a run directory, one that is silent for six times as long loses its
    /// trials to the others.
    pub beat_every: Duration,
}

/// Usual time between two signs of life.
const BEAT_EVERY: Duration = Duration::from_secs(10);

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            out: PathBuf::from("out"),
            jobs: 1,
            shard: Shard::WHOLE,
            device: DeviceChoice::Auto,
            job: None,
            beat_every: BEAT_EVERY,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All trials of the study are done and reported.
    Finished(Report),
    /// All trials of this shard are done, others are not.
    ShardFinished {
        /// The run directory.
        directory: PathBuf,
        /// Trials of other shards that are not done, and those of this one that other processes run now.
        remaining: usize,
    },
    /// Stopped on request; running again continues.
    Interrupted {
        /// The run directory.
        directory: PathBuf,
        /// Trials of this shard that are not done.
        remaining: usize,
        /// What those of the study that are done say, if there are any.
        partial: Option<Report>,
    },
}

/// A trial with what runs it, or why nothing does.
#[derive(Debug)]
pub struct PlannedTrial {
    /// The trial.
    pub trial: Trial,
    /// What runs it, why, and what that takes.
    pub plan: std::result::Result<TrialPlan, SolveError>,
    /// The label of the trial whose result it shares, if it is not solved itself.
    pub solved_as: Option<String>,
}

/// Says what a run would do: every trial with its engine. Reads the data, runs nothing.
///
/// # Errors
/// [`crate::Error::Core`] for mistakes in the study, its problem or data.
pub fn plan(study: &Study, solver: &dyn Solver) -> Result<Vec<PlannedTrial>> {
    let prepared = prepare(study, &figures::needs(&figures::read(study)?))?;
    let plan = |p: PreparedTrial| PlannedTrial {
        plan: p.plan(solver),
        solved_as: (!p.is_solved()).then(|| p.solved_as.label.clone()),
        trial: p.trial,
    };
    Ok(prepared.trials.into_iter().map(plan).collect())
}

/// Runs a study, or what is left of it, in `options.out/<name>-<hash8>`, and reports when all its trials are done.
///
/// A process that is killed loses no finished trial. A power cut may take trials of less than a second that finished in the last half
/// minute; they are told by their hashes and run again.
///
/// When `stop` becomes true the run stops at the next step of every running trial and leaves everything resumable. The
/// results of a resumed run equal those of an undisturbed one. Tables, figures and report of what is done are made, and marked as partial.
///
/// # Errors
/// [`crate::Error::Refused`] before anything runs if no engine takes a trial that is left to do; [`crate::Error::Failed`] if an
/// engine fails; [`crate::Error::File`] and [`crate::Error::Directory`] for the run directory, and for a result that cannot be read back.
pub fn run(
    study: &Study,
    solver: &dyn Solver,
    options: &RunOptions,
    stop: &AtomicBool,
    reporter: &dyn Reporter,
) -> Result<Outcome> {
    let figures = figures::read(study)?;
    let prepared = prepare(study, &figures::needs(&figures))?;
    options.shard.check(&prepared.hash)?;
    let directory = options.out.join(directory_name(study, &prepared));
    let store = Store::new(&directory, prepared.trials.len());
    reporter.begins(prepared.trials.iter().filter(|p| options.shard.contains(p.solved_as.index)).count());
    let mut jobs = Vec::new();
    let (mut earlier, mut taken_over) = (None, 0);
    let mut sharing: BTreeMap<usize, Vec<&Trial>> = BTreeMap::new();
    for p in prepared.trials.iter().filter(|p| !p.is_solved()) {
        sharing.entry(p.solved_as.index).or_default().push(&p.trial);
    }
    let solved = || prepared.trials.iter().filter(|p| p.is_solved());
    for p in solved().filter(|p| options.shard.contains(p.trial.index)) {
        let trial_directory = p.directory(&directory);
        let sharing = sharing.remove(&p.trial.index).unwrap_or_default();
        if !matches!(store.find(p)?, Found::Done(_)) {
            let earlier = earlier.get_or_insert_with(|| Earlier::of(&options.out, &study.name));
            taken_over += usize::from(earlier.take_over(&trial_directory)?);
        }
        match store.find(p)? {
            Found::Done(found) => {
                trial_directory.remove_leftovers();
                trial_directory.remove_leases()?;
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
    if taken_over > 0 {
        reporter.note(&format!(
            "{taken_over} trials are taken over from earlier runs of this study, {} are new",
            jobs.len()
        ));
    }
    solver.take_notes().iter().for_each(|note| reporter.note(note));
    write_study(study, &prepared, &directory)?;
    let ready = Ready { study, prepared: &prepared, figures: &figures, store: &store, solver, options, reporter };
    if jobs.is_empty() {
        return ready.collect(stop, &BTreeSet::new());
    }
    write_whole(&directory.join(options.shard.plan_file()), &plan_table(&jobs)?)?;
    let lessee = Lessee::new(options.job.clone(), options.beat_every);
    let process = ProcessFile::begin(&directory, &lessee, options.shard.to_string(), jobs.len())?;
    let outcome = ready.run(&jobs, (lessee, &process), stop);
    let (how, why) = ending(&outcome);
    process.end(how, why);
    outcome
}

/// How a process ended, and why.
fn ending(outcome: &Result<Outcome>) -> (Ending, String) {
    match outcome {
        Ok(Outcome::Finished(_)) => (Ending::Finished, "all trials of the study are done".into()),
        Ok(Outcome::ShardFinished { remaining, .. }) => {
            (Ending::Finished, format!("its part is done; {remaining} trials of others were not"))
        }
        Ok(Outcome::Interrupted { remaining, .. }) => {
            (Ending::Stopped, format!("a signal stopped it with {remaining} trials to go"))
        }
        Err(error) => (Ending::Failed, error.to_string()),
    }
}

/// A study whose trials are to be run.
struct Ready<'a> {
    study: &'a Study,
    prepared: &'a Prepared,
    figures: &'a [Figure],
    store: &'a Store<'a>,
    solver: &'a dyn Solver,
    options: &'a RunOptions,
    reporter: &'a dyn Reporter,
}

impl Ready<'_> {
    /// Runs what is not done, and reports if all is.
    fn run(&self, jobs: &[Job<'_>], (lessee, process): (Lessee, &ProcessFile), stop: &AtomicBool) -> Result<Outcome> {
        let worker = Worker {
            metrics: &self.study.metrics,
            solver: self.solver,
            device: self.options.device,
            directory: self.store.directory(),
            store: self.store,
            stop,
            failed: AtomicBool::new(false),
            said: Mutex::default(),
            reporter: self.reporter,
            leases: Leases::new(lessee),
            process,
            busy: Mutex::default(),
            dead: Mutex::default(),
        };
        let rest = thread::scope(|scope| {
            // Where the system gives no thread for it, a process of another machine may take over what this one runs.
            let _ = thread::Builder::new().spawn_scoped(scope, || worker.leases.beat(process));
            let _end = worker.leases.end();
            run_all(&worker, jobs, self.options.jobs)
        })?;
        if rest.remaining > 0 {
            let is_done = |p: &PreparedTrial| matches!(self.store.find(p), Ok(Found::Done(_)));
            // A report that cannot be made, or not without solving a limit, must not hide that the run was stopped; `report` makes it.
            let report = || self.report(stop).ok().flatten();
            let partial = if self.prepared.trials.iter().any(is_done) { report() } else { None };
            let directory = self.store.directory().to_owned();
            return Ok(Outcome::Interrupted { directory, remaining: rest.remaining, partial });
        }
        let elsewhere = rest.elsewhere.into_iter().map(|job| jobs[job].prepared.trial.index).collect();
        self.collect(stop, &elsewhere)
    }

    fn report(&self, stop: &AtomicBool) -> Result<Option<Report>> {
        report::collect(self.study, (self.prepared, self.figures), self.store, (self.solver, stop))
    }

    /// Reports if all trials are done; those `elsewhere` are run by other processes.
    fn collect(&self, stop: &AtomicBool, elsewhere: &BTreeSet<usize>) -> Result<Outcome> {
        let directory = self.store.directory().to_owned();
        let mut remaining = 0;
        for p in self.prepared.trials.iter().filter(|p| p.is_solved()) {
            let reason = match self.store.find(p)? {
                Found::Done(_) => continue,
                Found::Pending => format!("trial {}: its result is gone", p.trial.label),
                Found::Unusable(reason) => reason,
            };
            if self.options.shard.contains(p.trial.index) && !elsewhere.contains(&p.trial.index) {
                // Running it again would come to the same.
                return Err(Error::directory(&directory, format!("{reason}, though it has just been stored")));
            }
            remaining += 1;
        }
        if remaining > 0 {
            return Ok(Outcome::ShardFinished { directory, remaining });
        }
        let Some(report) = self.report(stop)? else {
            return Ok(Outcome::Interrupted { directory, remaining, partial: None });
        };
        report.notes.iter().for_each(|note| self.reporter.note(note));
        Ok(Outcome::Finished(report))
    }
}

/// The name of the run directory of a study.
pub(crate) fn directory_name(study: &Study, prepared: &Prepared) -> String {
    format!("{}-{}", study.name, &prepared.hash[..8])
}

/// Makes the run directory with what is known before any trial runs.
pub(crate) fn write_study(study: &Study, prepared: &Prepared, directory: &Path) -> Result<()> {
    if study.base.to_str().is_none() {
        let reason =
            "its name is not UTF-8, and manifest.json has no way to say where the data files are; rename the folder";
        return Err(Error::directory(&study.base, reason));
    }
    create_directory(directory)?;
    remove_leftovers(directory);
    let (text, extension) = &study.source;
    let source = format!("study.{extension}");
    let manifest = Manifest {
        program: "widenet".into(),
        builds: vec![Build::own()],
        study: study.name.clone(),
        hash: prepared.hash.clone(),
        trials: prepared.trials.len(),
        base: study.base.clone(),
        source: source.clone(),
    };
    manifest.claim(directory)?;
    write_changed(&directory.join(source), text.as_bytes())?;
    Ok(write_changed(&directory.join("resolved.toml"), study.resolved().as_bytes())?)
}

fn plan_table(jobs: &[Job<'_>]) -> Result<Vec<u8>> {
    let header = ["trial", "label", "width", "seed", "engine", "reason", "bytes", "seconds"];
    let rows = jobs.iter().map(|Job { prepared: PreparedTrial { trial, .. }, plan, .. }| {
        vec![
            trial.index.to_string(),
            trial.label.clone(),
            trial.width_text(),
            trial.seed.to_string(),
            plan.runner.into(),
            plan.reason.clone(),
            plan.estimate.map_or_else(String::new, |estimate| estimate.bytes.to_string()),
            plan.estimate.map_or_else(String::new, |estimate| format!("{:.3}", estimate.seconds)),
        ]
    });
    Ok(Table::new(header, rows).to_csv()?)
}
