//! `slurm/0001/` in a run directory holds what was submitted at one time: job scripts, tasks, logs, and the numbers of the jobs.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use widenet_output::{create_directory, write_whole};
use widenet_system::files;

use crate::{
    error::{Error, Result},
    trials::Tasks,
};

const FOLDER: &str = "slurm";
const RECORD: &str = "submission.json";

/// What the batch system says of a task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    /// Number of its job.
    pub job: String,
    /// Number of the task in its array; none for a job without tasks.
    pub task: Option<usize>,
    /// The state, in the words of the batch system.
    pub state: String,
}

/// A job that was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubmittedJob {
    /// Name of its script, without `.sh`.
    pub(crate) name: String,
    /// Its number in the batch system.
    pub(crate) job: String,
    /// Whether it is an array, whose tasks are listed in a file of its name.
    pub(crate) is_array: bool,
}

/// The jobs that were handed over at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) jobs: Vec<SubmittedJob>,
}

/// What was submitted at one time.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    pub(crate) folder: PathBuf,
    pub(crate) record: Record,
}

impl Submitted {
    /// Those of a run directory, in order. What cannot be read counts as not handed over.
    pub(crate) fn all(directory: &Path) -> Vec<Submitted> {
        let entries = fs::read_dir(directory.join(FOLDER)).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| number(path).is_some()).collect();
        folders.sort_by_key(|path| number(path));
        let read = |folder: PathBuf| {
            let record = files::read(&folder.join(RECORD)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            Submitted { folder, record: record.unwrap_or_default() }
        };
        folders.into_iter().map(read).collect()
    }

    /// Makes the folder of what is submitted next: a new one, or the last if nothing in it was handed over from here and its tasks are the same. People may
    /// have handed it over themselves, and what their jobs run must not change.
    pub(super) fn next(directory: &Path, tasks: &[(&str, Vec<u8>)]) -> Result<Submitted> {
        let all = Submitted::all(directory);
        let is_same = |last: &&Submitted| {
            let has = |(name, bytes): &(&str, Vec<u8>)| {
                files::read(&last.tasks_file(name)).is_ok_and(|found| found == *bytes)
            };
            last.record.jobs.is_empty() && tasks.iter().all(has)
        };
        if let Some(last) = all.last().filter(is_same) {
            return Ok(last.clone());
        }
        let parent = directory.join(FOLDER);
        create_directory(&parent)?;
        let mut next = all.last().and_then(|last| number(&last.folder)).map_or(1, |number| number + 1);
        loop {
            let folder = parent.join(format!("{next:04}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Submitted { folder, record: Record::default() }),
                // Somebody else submits at this moment.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => next += 1,
                Err(error) => return Err(Error::file("create", &folder, error)),
            }
        }
    }

    /// Writes down that a job was handed over.
    pub(super) fn record(&mut self, job: SubmittedJob) -> Result<()> {
        self.record.jobs.push(job);
        let path = self.folder.join(RECORD);
        let bytes = serde_json::to_vec_pretty(&self.record).map_err(|error| Error::file("write", &path, error))?;
        Ok(write_whole(&path, &bytes)?)
    }

    /// The file of the tasks of an array.
    pub(crate) fn tasks_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn number(folder: &Path) -> Option<u64> {
    folder.file_name()?.to_str()?.parse().ok()
}

/// Numbers of all jobs that were handed over from a run directory.
pub(crate) fn job_numbers(directory: &Path) -> Vec<String> {
    Submitted::all(directory).into_iter().flat_map(|submitted| submitted.record.jobs).map(|job| job.job).collect()
}

/// Trials of the tasks that have not ended, with the state of the task.
pub(crate) fn queued_trials(directory: &Path, queue: &[QueuedTask]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for submitted in Submitted::all(directory) {
        for job in submitted.record.jobs.iter().filter(|job| job.is_array) {
            let Ok(tasks) = Tasks::load(&submitted.tasks_file(&job.name)) else { continue };
            for queued in queue.iter().filter(|queued| queued.job == job.job) {
                let listed = queued.task.and_then(|task| tasks.tasks.get(task.checked_sub(1)?));
                let new = listed.into_iter().flatten().filter(|trial| known.insert(**trial));
                found.extend(new.map(|trial| (*trial, queued.state.clone())));
            }
        }
    }
    found
}
