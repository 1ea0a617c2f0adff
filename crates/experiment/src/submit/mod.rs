//! Submits a study to a cluster that runs Slurm: what is not done is packed into array jobs, and a last job reports.
//!
//! [`submit`] says what would be asked for, [`Submission::write`] writes the job scripts into the run directory, and who hands them over says so
//! by [`Submission::record`]. Nothing here talks to Slurm.

mod pack;
mod record;
mod script;
mod site;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use widenet_core::humanized;
use widenet_engines::Solver;
use widenet_output::{escape::one_line, remove_file, write_whole};

use self::{
    pack::{Load, Task, pack, pack_into},
    record::{Submitted, SubmittedJob},
    script::{Script, WARNED},
    site::{Array, Site},
};
use crate::{
    error::{Error, Result},
    report::figures,
    run::{directory_name, write_study},
    storage::{Earlier, Found, Store},
    study::Study,
    trials::{PreparedTrial, Tasks, TrialPlan, prepare},
};
pub use record::QueuedTask;
pub(crate) use record::{job_numbers, queued_trials};
pub use script::shell_word;
pub(crate) use site::site_schema;
pub use site::{parse_memory, parse_time};

/// How to submit.
#[derive(Debug, Clone)]
pub struct SubmitOptions {
    /// Folder that holds run directories.
    pub out: PathBuf,
    /// What the cluster needs, if not the usual.
    pub site: Option<PathBuf>,
    /// Wall time of a task in seconds, instead of the site's.
    pub time: Option<u64>,
    /// Memory of a task in mebibytes, instead of the site's.
    pub memory: Option<u64>,
    /// Number of tasks of each array, instead of as few as the wall time allows.
    pub tasks: Option<usize>,
    /// The program that jobs run, if the site names none.
    pub program: PathBuf,
}

/// Asks the batch system which tasks of some jobs have not ended; nothing if it cannot be asked.
pub type Queue<'a> = &'a dyn Fn(&[String]) -> Option<Vec<QueuedTask>>;

/// An array of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayPlan {
    /// `cpu` or `gpu`.
    pub name: &'static str,
    /// Trials of each task, by their indices in the study.
    pub tasks: Vec<Vec<usize>>,
    /// Seconds that the longest task is expected to take.
    pub seconds: f64,
    /// Wall time of a task in seconds.
    pub time: u64,
    /// Memory of a task in mebibytes.
    pub memory: u64,
    /// Processors of a task.
    pub cpus: u64,
}

/// What is submitted.
#[derive(Debug)]
pub struct Submission {
    /// The run directory.
    pub directory: PathBuf,
    /// Trials of the study that have results of their own.
    pub trials: usize,
    /// Those that are done.
    pub done: usize,
    /// Those that are in tasks which have not ended.
    pub queued: usize,
    /// What is asked for.
    pub arrays: Vec<ArrayPlan>,
    /// What should be said before anything is handed over.
    pub warnings: Vec<String>,
    site: Site,
    program: String,
    hash: String,
    study: String,
    submitted: Option<Submitted>,
}

/// A job script that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobScript {
    /// `cpu`, `gpu` or `report`.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// It waits until the jobs before it have ended, however they end.
    pub is_last: bool,
}

/// A trial that is missing, with its plan.
struct Missing<'a> {
    prepared: &'a PreparedTrial,
    plan: TrialPlan,
    /// What it is expected to take.
    seconds: f64,
}

impl Missing<'_> {
    /// Its engine keeps checkpoints: it goes on where its time limit has ended it.
    fn continues(&self) -> bool {
        self.plan.engine.is_some_and(|engine| engine.is_on_device())
    }

    fn bytes(&self) -> u64 {
        self.plan.estimate.map_or(0, |estimate| estimate.bytes)
    }
}

/// Plans what is missing of a study as array jobs, and makes its run directory.
///
/// # Errors
/// [`Error::Core`] for mistakes in the study or the site file, a wall time or memory that its longest or largest trial does not fit into;
/// [`Error::Refused`] if no engine takes a trial; [`Error::File`] for a run directory that cannot be written.
pub fn submit(study: &Study, solver: &dyn Solver, options: &SubmitOptions, queue: Queue<'_>) -> Result<Submission> {
    let site = options.site.as_ref().map_or_else(Site::usual, |path| Site::load(path))?;
    let prepared = prepare(study, &figures::needs(&figures::read(study)?))?;
    let directory = options.out.join(directory_name(study, &prepared));
    let directory = std::path::absolute(&directory).map_err(|error| Error::file("find", &directory, error))?;
    check_path(&directory)?;
    let program = match &site.slurm.program {
        Some(program) => program.clone(),
        None => text_of(&options.program)?.to_owned(),
    };
    let numbers = job_numbers(&directory);
    let mut warnings = Vec::new();
    let queued: BTreeSet<usize> = match if numbers.is_empty() { Some(Vec::new()) } else { queue(&numbers) } {
        Some(queue) => queued_trials(&directory, &queue).into_iter().map(|(trial, _)| trial).collect(),
        None => {
            warnings.push("squeue cannot be asked which earlier jobs wait or run; their trials are submitted again, and whoever is first runs them".into());
            BTreeSet::new()
        }
    };
    let store = Store::new(&directory, prepared.trials.len());
    let (mut missing, mut trials, mut waiting) = (Vec::new(), 0, 0);
    let mut earlier = None;
    for p in prepared.trials.iter().filter(|p| p.is_solved()) {
        trials += 1;
        if !matches!(store.find(p)?, Found::Done(_)) {
            earlier
                .get_or_insert_with(|| Earlier::of(&options.out, &study.name))
                .take_over(&p.directory(&directory))?;
        }
        if matches!(store.find(p)?, Found::Done(_)) {
            continue;
        }
        if queued.contains(&p.trial.index) {
            waiting += 1;
            continue;
        }
        let plan = p
            .plan(solver)
            .map_err(|error| Error::Refused { trial: p.trial.label.clone(), reason: error.to_string() })?;
        let seconds = plan.estimate.map_or(site.slurm.seconds_without_estimate, |estimate| estimate.seconds);
        missing.push(Missing { prepared: p, plan, seconds });
    }
    let done = trials - missing.len() - waiting;
    if let Some(count) =
        Some(missing.iter().filter(|trial| trial.plan.estimate.is_none()).count()).filter(|count| *count > 0)
    {
        let each = humanized::seconds(site.slurm.seconds_without_estimate);
        warnings.push(format!(
            "{count} trials have no estimate of their time; {each} is reckoned with (slurm.seconds_without_estimate)"
        ));
    }
    let is_of_gpu = |trial: &Missing<'_>| {
        site.gpu.as_ref().is_some_and(|gpu| trial.continues() && trial.seconds >= gpu.least_seconds)
    };
    let (gpu, cpu): (Vec<_>, Vec<_>) = missing.into_iter().partition(is_of_gpu);
    let mut arrays = Vec::new();
    let settings = [("cpu", Some(&site.cpu.array), cpu), ("gpu", site.gpu.as_ref().map(|gpu| &gpu.array), gpu)];
    for (name, settings, trials) in settings {
        if let Some(settings) = settings.filter(|_| !trials.is_empty()) {
            arrays.push(array(name, (&site, settings), &trials, options, &mut warnings)?);
        }
    }
    write_study(study, &prepared, &directory)?;
    let (hash, study) = (prepared.hash.clone(), study.name.clone());
    Ok(Submission {
        directory,
        trials,
        done,
        queued: waiting,
        arrays,
        warnings,
        site,
        program,
        hash,
        study,
        submitted: None,
    })
}

/// Paths stand in lines of job scripts, in which these characters have meanings that nothing takes away.
fn check_path(path: &Path) -> Result<()> {
    let text = text_of(path)?;
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return Err(Error::directory(
            path,
            "its name has a control character or a backslash, which no job script can hold; choose another `out`",
        ));
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::directory(path, "its name is not UTF-8, which no job script can hold"))
}

fn refused<T>(text: String) -> Result<T> {
    Err(Error::Core(widenet_core::Error::Invalid(text)))
}

/// Seconds that a task may need after its warning: Slurm warns up to a minute early.
const EARLY_WARNING: u64 = 60;

/// One array: its wall time, memory and tasks.
fn array(
    name: &'static str,
    (site, settings): (&Site, &Array),
    missing: &[Missing<'_>],
    options: &SubmitOptions,
    warnings: &mut Vec<String>,
) -> Result<ArrayPlan> {
    let Some(longest) = missing.iter().max_by(|one, other| one.seconds.total_cmp(&other.seconds)) else {
        return refused(format!("the array {name} has no trials"));
    };
    let margin = site.slurm.margin;
    let reserve = site.slurm.warning_seconds + EARLY_WARNING;
    let usual = (longest.seconds * margin + reserve as f64).max(3600.0);
    let time = options.time.or(settings.time).unwrap_or_else(|| 3600 * (usual / 3600.0).ceil() as u64);
    let said = slurm_time(time);
    let usable = match time.checked_sub(reserve).filter(|usable| *usable > 0) {
        Some(usable) => usable as f64,
        None => {
            return refused(format!(
                "a wall time of {said} leaves nothing: tasks are warned {} s before its end, and Slurm may do it a minute earlier; give more \
                 time, or lower slurm.warning_seconds of the site file",
                site.slurm.warning_seconds
            ));
        }
    };
    for trial in missing.iter().filter(|trial| trial.seconds > usable) {
        let bound = if trial.plan.estimate.is_some_and(|estimate| estimate.is_least) { "at least" } else { "about" };
        let (label, takes) = (one_line(&trial.prepared.trial.label), humanized::seconds(trial.seconds));
        let has = humanized::seconds(usable);
        let fact = format!("trial {label} takes {bound} {takes}, and a wall time of {said} leaves {has} of work");
        if !trial.continues() {
            return refused(format!(
                "{fact}; the {} keeps no checkpoints, so it would never end: give {} or more",
                match trial.plan.engine {
                    Some(engine) => format!("{} engine", engine.name()),
                    None => format!("question {}", trial.plan.runner),
                },
                slurm_time(3600 * ((trial.seconds * margin + reserve as f64) / 3600.0).ceil() as u64)
            ));
        }
        if trial.prepared.trial.index == longest.prepared.trial.index {
            warnings.push(format!("{fact}: it goes back into the queue with a checkpoint, and goes on from there"));
        }
    }
    let loads = missing.iter().map(|trial| Load {
        trial: trial.prepared.trial.index,
        seconds: trial.seconds,
        is_exclusive: trial.plan.exclusive,
    });
    let (loads, cpus): (Vec<Load>, u64) = (loads.collect(), settings.cpus);
    let most = usize::try_from(settings.tasks_at_most).unwrap_or(usize::MAX);
    let tasks: Vec<Task> = match options.tasks {
        Some(count) => pack_into(loads, count.min(most), cpus),
        None => pack(loads, usable / margin, most, cpus),
    };
    let seconds = tasks.iter().map(|task| task.seconds(cpus)).fold(0.0, f64::max);
    if seconds > usable && longest.seconds <= usable {
        warnings.push(format!(
            "tasks of the array {name} take up to {}, and a wall time of {said} leaves {}: they go back into the queue, and go on from there",
            humanized::seconds(seconds),
            humanized::seconds(usable)
        ));
    }
    let memory = memory(settings, missing, options, name)?;
    Ok(ArrayPlan { name, tasks: tasks.into_iter().map(|task| task.trials).collect(), seconds, time, memory, cpus })
}

/// Mebibytes of a task: those that are given, or what its largest trials take at once, with half as much again and half a gibibyte.
fn memory(settings: &Array, missing: &[Missing<'_>], options: &SubmitOptions, name: &str) -> Result<u64> {
    const MEBIBYTE: u64 = 1 << 20;
    let Some(largest) = missing.iter().max_by_key(|trial| trial.bytes()) else { return Ok(0) };
    if let Some(given) = options.memory.or(settings.memory) {
        if largest.bytes() > given.saturating_mul(MEBIBYTE) {
            return refused(format!(
                "trial {} takes {}, and a task of the array {name} has {}; give more memory",
                one_line(&largest.prepared.trial.label),
                humanized::bytes(largest.bytes()),
                humanized::bytes(given.saturating_mul(MEBIBYTE))
            ));
        }
        return Ok(given);
    }
    // Exclusive trials run one at a time.
    let exclusive = missing.iter().filter(|trial| trial.plan.exclusive).map(Missing::bytes).max().unwrap_or(0);
    let mut shared: Vec<u64> = missing.iter().filter(|trial| !trial.plan.exclusive).map(Missing::bytes).collect();
    shared.sort_unstable_by(|one, other| other.cmp(one));
    let at_once = shared.iter().take(usize::try_from(settings.cpus).unwrap_or(usize::MAX));
    let bytes = at_once.fold(exclusive, |sum, bytes| sum.saturating_add(*bytes));
    let mebibytes = (bytes as f64 * 1.5 / MEBIBYTE as f64).ceil() as u64 + 512;
    Ok(mebibytes.next_multiple_of(256))
}

/// A time in Slurm's longest form.
fn slurm_time(seconds: u64) -> String {
    format!("{}-{:02}:{:02}:{:02}", seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// The last job, which reports.
const REPORT: &str = "report";

impl Submission {
    /// Writes the job scripts and the tasks of the arrays into the run directory. Nothing if nothing is missing.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be written.
    pub fn write(&mut self) -> Result<Vec<JobScript>> {
        if self.arrays.is_empty() {
            return Ok(Vec::new());
        }
        let submitted = Submitted::next(&self.directory)?;
        for name in ["cpu", "gpu", REPORT] {
            remove_file(&submitted.folder.join(format!("{name}.sh")))?;
            remove_file(&submitted.tasks_file(name))?;
        }
        let mut scripts = Vec::new();
        for array in &self.arrays {
            let file = submitted.tasks_file(array.name);
            let tasks = Tasks { study: self.hash.clone(), tasks: array.tasks.clone() };
            let bytes = serde_json::to_vec(&tasks).map_err(|error| Error::file("write", &file, error))?;
            write_whole(&file, &bytes)?;
            let path = submitted.folder.join(format!("{}.sh", array.name));
            write_whole(&path, self.array_script(array, &submitted)?.as_bytes())?;
            scripts.push(JobScript { name: array.name, path, is_last: false });
        }
        let path = submitted.folder.join(format!("{REPORT}.sh"));
        write_whole(&path, self.report_script(&submitted)?.as_bytes())?;
        scripts.push(JobScript { name: REPORT, path, is_last: true });
        self.submitted = Some(submitted);
        Ok(scripts)
    }

    /// Writes down that the job of a script was handed over, with its number.
    ///
    /// # Errors
    /// [`Error::File`] if that cannot be written.
    pub fn record(&mut self, script: &JobScript, job: &str) -> Result<()> {
        let Some(submitted) = &mut self.submitted else { return Ok(()) };
        submitted.record(SubmittedJob { name: script.name.into(), job: job.into(), is_array: !script.is_last })
    }

    fn settings(&self, name: &str) -> &Array {
        match &self.site.gpu {
            Some(gpu) if name == "gpu" => &gpu.array,
            _ => &self.site.cpu.array,
        }
    }

    /// What all scripts begin with.
    fn begun(&self, (name, settings): (&str, &Array), (cpus, memory, time): (u64, u64, u64)) -> Script {
        let mut script = Script::new();
        script.option("job-name", &format!("{}-{name}", self.study));
        script.option("ntasks", "1");
        script.option("cpus-per-task", &cpus.to_string());
        script.option("mem", &format!("{memory}M"));
        script.option("time", &slurm_time(time));
        let common = &self.site.slurm;
        let given = [
            ("account", &common.account),
            ("qos", &common.qos),
            ("partition", &settings.partition),
            ("constraint", &settings.constraint),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                script.option(name, value);
            }
        }
        settings.options.iter().flatten().for_each(|option| script.given(option));
        script
    }

    /// What is done before the program starts.
    fn prelude(&self, script: &mut Script) -> Result<()> {
        script.command(&["cd", text_of(&self.directory)?], " || exit 2");
        if let Some(modules) = &self.site.slurm.modules {
            let words: Vec<&str> = ["module", "load"].into_iter().chain(modules.iter().map(String::as_str)).collect();
            script.command(&words, " || exit 2");
        }
        self.site.slurm.lines.iter().flatten().for_each(|line| script.line(line));
        Ok(())
    }

    /// The program with some arguments, in its container.
    fn command<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let container = self.site.slurm.container.iter().flatten().map(String::as_str);
        container.chain([self.program.as_str()]).chain(arguments.iter().copied()).collect()
    }

    fn array_script(&self, array: &ArrayPlan, submitted: &Submitted) -> Result<String> {
        let settings = self.settings(array.name);
        let mut script = self.begun((array.name, settings), (array.cpus, array.memory, array.time));
        let at_most = settings.running_at_most.map_or_else(String::new, |most| format!("%{most}"));
        script.line(&format!("#SBATCH --array=1-{}{at_most}", array.tasks.len()));
        let gpu = self.site.gpu.as_ref().filter(|_| array.name == "gpu");
        if let Some(gpu) = gpu {
            script.option("gres", &format!("gpu:{}", gpu.gpus));
        }
        script.line(&format!("#SBATCH --signal=B:USR1@{}", self.site.slurm.warning_seconds));
        script.flag("requeue");
        script.option("open-mode", "append");
        script.log(text_of(&submitted.folder)?, &format!("{}-%a.log", array.name));
        script.line(WARNED);
        self.prelude(&mut script)?;
        let file = submitted.tasks_file(array.name);
        let every = self.site.slurm.checkpoint_seconds.to_string();
        let device = gpu.map_or("cpu", |gpu| gpu.device.as_str());
        let (directory, file) = (text_of(&self.directory)?, text_of(&file)?);
        let arguments =
            ["study", directory, "--tasks", file, "--shard", "auto", "--device", device, "--checkpoint-every", &every];
        script.command(&self.command(&arguments), " &");
        script.wait();
        Ok(script.text())
    }

    fn report_script(&self, submitted: &Submitted) -> Result<String> {
        let settings = &self.site.cpu.array;
        let largest = self.arrays.iter().map(|array| array.memory).max().unwrap_or(0);
        let time = self.arrays.iter().map(|array| array.time).max().unwrap_or(0);
        let mut script = self.begun((REPORT, settings), (1, largest, time));
        script.log(text_of(&submitted.folder)?, &format!("{REPORT}.log"));
        self.prelude(&mut script)?;
        let directory = text_of(&self.directory)?;
        script.command(&self.command(&["status", directory]), "");
        script.command(&self.command(&["report", directory]), "");
        Ok(script.text())
    }
}
