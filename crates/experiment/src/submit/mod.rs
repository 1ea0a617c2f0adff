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
    let mut warnings = Vec::new();
    let queued = queued(&directory, queue).unwrap_or_else(|| {
        let said = "squeue cannot be asked which earlier jobs wait or run; their trials are submitted again, and whoever is first runs them";
        warnings.push(said.into());
        BTreeSet::new()
    });
    let store = Store::new(&directory, prepared.trials.len());
    let mut earlier = None;
    let (mut done, mut waiting, mut missing) = (0, 0, Vec::new());
    for p in prepared.trials.iter().filter(|p| p.is_solved()) {
        let is_done = || Ok::<bool, Error>(matches!(store.find(p)?, Found::Done(_)));
        if !is_done()? {
            let earlier = earlier.get_or_insert_with(|| Earlier::of(&options.out, &study.name));
            earlier.take_over(&p.directory(&directory))?;
        }
        if is_done()? {
            done += 1;
        } else if queued.contains(&p.trial.index) {
            waiting += 1;
        } else {
            missing.push(Missing::new(p, solver, site.slurm.seconds_without_estimate)?);
        }
    }
    let trials = done + waiting + missing.len();
    let unknown = missing.iter().filter(|trial| trial.plan.estimate.is_none()).count();
    if unknown > 0 {
        let each = humanized::seconds(site.slurm.seconds_without_estimate);
        warnings.push(format!(
            "{unknown} trials have no estimate of their time; {each} is reckoned with (slurm.seconds_without_estimate)"
        ));
    }
    let is_of_gpu = |trial: &Missing<'_>| {
        site.gpu.as_ref().is_some_and(|gpu| trial.continues() && trial.seconds >= gpu.least_seconds)
    };
    let (gpu, cpu): (Vec<_>, Vec<_>) = missing.into_iter().partition(is_of_gpu);
    let mut arrays = Vec::new();
    if !cpu.is_empty() {
        arrays.push(array("cpu", (&site, &site.cpu.array), &cpu, &options.tasks, &mut warnings)?);
    }
    if let Some(settings) = site.gpu.as_ref().filter(|_| !gpu.is_empty()) {
        arrays.push(array("gpu", (&site, &settings.array), &gpu, &options.tasks, &mut warnings)?);
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

/// Trials of earlier jobs that wait or run; nothing if nobody can be asked.
fn queued(directory: &Path, queue: Queue<'_>) -> Option<BTreeSet<usize>> {
    let numbers = job_numbers(directory);
    let queue = if numbers.is_empty() { Vec::new() } else { queue(&numbers)? };
    Some(queued_trials(directory, &queue).into_iter().map(|(trial, _)| trial).collect())
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
