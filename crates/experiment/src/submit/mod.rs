//! Submits a study to a cluster that runs Slurm: what is not done is packed into array jobs, and a last job reports.
//!
//! [`submit`] says what would be asked for, [`Submission::write`] writes the job scripts into the run directory, and who hands them over says so
//! by [`Submission::record`]. Nothing here talks to Slurm.

mod array;
mod pack;
mod record;
mod script;
mod site;
mod submission;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use widenet_core::humanized;
use widenet_engines::Solver;

use self::{
    array::{Missing, array},
    script::text_of,
    site::Site,
};
use crate::{
    error::{Error, Result},
    report::figures,
    run::{directory_name, write_study},
    storage::{Earlier, Found, Store},
    study::Study,
    trials::prepare,
};
pub use array::{ArrayPlan, TaskOptions};
pub use record::QueuedTask;
pub(crate) use record::{job_numbers, queued_trials};
pub use script::shell_word;
pub(crate) use site::site_schema;
pub use site::{parse_memory, parse_time};
pub use submission::{JobScript, Submission};

/// How to submit.
#[derive(Debug, Clone)]
pub struct SubmitOptions {
    /// Folder that holds run directories.
    pub out: PathBuf,
    /// What the cluster needs, if not the usual.
    pub site: Option<PathBuf>,
    /// What tasks are to have.
    pub tasks: TaskOptions,
    /// The program that jobs run, if the site names none.
    pub program: PathBuf,
}

/// Asks the batch system which tasks of some jobs have not ended; nothing if it cannot be asked.
pub type Queue<'a> = &'a dyn Fn(&[String]) -> Option<Vec<QueuedTask>>;

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
            arrays.push(array(name, (&site, settings), &trials, &options.tasks, &mut warnings)?);
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
