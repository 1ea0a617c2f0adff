//! `processes/` says which processes have worked in a run directory, since when, and why they ended.
//!
//! Each process writes a file of its own: at its start, every few seconds while it works, and at its end. One that ends without a word was killed,
//! or its machine is gone.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use widenet_output::{Durability, Holder, Lessee, create_directory, stream_whole};
use widenet_system::files;

use super::manifest::pretty;
use crate::error::Result;

const FOLDER: &str = "processes";

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has done its part.
    Finished,
    /// A signal stopped it.
    Stopped,
    /// An error.
    Failed,
}

/// How, when and why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub how: Ending,
    /// When, in seconds since 1970 of its clock.
    pub at: u64,
    /// Why, in words.
    pub why: String,
}

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Who it is, and since when it works.
    pub(crate) holder: Holder,
    /// Which part of the study it runs.
    pub(crate) part: String,
    /// Trials of its part that were not done when it started.
    pub(crate) trials: usize,
    /// Trials that it has finished.
    pub(crate) done: usize,
    /// Its end.
    pub(crate) ended: Option<Ended>,
}

/// The file of this process.
#[derive(Debug)]
pub(crate) struct ProcessFile {
    path: PathBuf,
    process: Mutex<Process>,
    done: AtomicUsize,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl ProcessFile {
    /// Begins the file of a process that runs a part of a study.
    ///
    /// # Errors
    /// [`crate::Error::File`] if it cannot be written.
    pub(crate) fn begin(directory: &Path, lessee: &Lessee, part: String, trials: usize) -> Result<ProcessFile> {
        let holder = lessee.holder();
        let folder = directory.join(FOLDER);
        create_directory(&folder)?;
        let (owner, run) = (&holder.owner, holder.run);
        let path = folder.join(format!("{}.{}.{}.{run}.json", owner.host, owner.process, owner.start));
        let process = Mutex::new(Process { holder, part, trials, done: 0, ended: None });
        let file = ProcessFile { path, process, done: AtomicUsize::new(0) };
        file.write()?;
        Ok(file)
    }

    /// Counts a trial that was finished.
    pub(crate) fn has_finished_trial(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows that the process works. What cannot be written is missed.
    pub(crate) fn beat(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).holder.beat += 1;
        let _ = self.write();
    }

    /// Says how the process ended. Nobody depends on it.
    pub(crate) fn end(&self, how: Ending, why: String) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).ended = Some(Ended { how, at: now(), why });
        let _ = self.write();
    }

    fn write(&self) -> Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.done = self.done.load(Ordering::Relaxed);
        let bytes = pretty(&self.path, &*process)?;
        // A beat is not worth a sync.
        Ok(stream_whole(&self.path, Durability::Repeatable, |file| file.write_all(&bytes))?)
    }
}

/// The processes of a run directory with the time of their last word in seconds since 1970, in the order in which they began. What cannot be
/// read is left out.
pub(crate) fn processes(directory: &Path) -> Vec<(Process, u64)> {
    let entries = fs::read_dir(directory.join(FOLDER)).into_iter().flatten().flatten();
    let read = |path: PathBuf| {
        let process: Process = serde_json::from_slice(&files::read(&path).ok()?).ok()?;
        let changed = fs::metadata(&path).ok()?.modified().ok()?;
        Some((process, changed.duration_since(UNIX_EPOCH).ok()?.as_secs()))
    };
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(is_json).filter_map(read).collect();
    found.sort_by_key(|(process, _)| process.holder.since);
    found
}
