//! The run directory: whole files, hashes, and which trials are done.
//!
//! ```text
//! <study>-<hash8>/
//!   study.toml  resolved.toml  manifest.json
//!   plan.csv                                      what was left to do when the study was last started;
//!   plan-1-of-4.csv … trials/0007-<label>/  trial.toml  status.json  trajectory.json (of a question: answer.json)  checkpoint.safetensors
//!   table.csv  metrics.csv  fits.csv  figures/*.svg *.png  report.md
//! ```
//!
//! A file appears whole or not at all: it is written aside, synced, and renamed. A trial is done when its `status.json`
//! says so and names the trial and its result by their SHA-256. Several processes may work in one directory: what
//! two of them write is the same, and neither touches what the other is writing.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use widenet_core::{
    Trajectory,
    trajectory::{Engine, Record, Status},
};

use crate::{Error, Result, Subject, Trial, answers::Answer, measure::TrialResult};

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file being written is never this old: older ones were left by a killed process.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// A name next to `path` that no other process or thread uses, on this or another machine.
pub(crate) fn aside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    path.with_file_name(format!(".{name}.{}-{count}-{nanoseconds}.tmp", std::process::id()))
}

/// Removes a file that another process may remove first.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", path, error)),
        _ => Ok(()),
    }
}

/// What a power cut may take. A killed process loses nothing that it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing: the file is on the disk when it is there.
    Synced,
    /// A file that the system has not written yet, which it does within half a minute. Hashes tell a file that is not whole, and its
    /// trial runs again.
    Repeatable,
}

/// Seconds of work that are worth two syncs of milliseconds each: files of shorter trials may be lost to a power cut, and are made again.
const WORTH_A_SYNC: f64 = 1.0;

impl Durability {
    /// Of files that took so many seconds to make.
    pub(crate) fn of(seconds: f64) -> Durability {
        if seconds < WORTH_A_SYNC { Durability::Repeatable } else { Durability::Synced }
    }

    /// Of the results of a run that took so many seconds since it was last started: what replaces a checkpoint is worth the work before it.
    fn of_run(seconds: f64, has_checkpoint: bool) -> Durability {
        if has_checkpoint { Durability::Synced } else { Durability::of(seconds) }
    }
}

#[cfg(test)]
mod durability {
    use super::*;

    #[test]
    fn what_replaces_a_checkpoint_is_synced_however_short_the_last_leg() {
        assert_eq!(Durability::of_run(0.1, false), Durability::Repeatable);
        assert_eq!(Durability::of_run(0.1, true), Durability::Synced);
        assert_eq!(Durability::of_run(1.5, false), Durability::Synced);
    }
}

/// Writes a file so that it appears whole: aside, synced, renamed, and the directory synced.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    stream_whole(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], for a file that is made piece by piece.
pub(crate) fn stream_whole(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    place(path, Durability::Synced, write)
}

fn place(path: &Path, durability: Durability, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    let aside = aside(path);
    let written = File::create(&aside).and_then(|mut file| {
        write(&mut file)?;
        if durability == Durability::Repeatable {
            return fs::rename(&aside, path);
        }
        file.sync_all()?;
        fs::rename(&aside, path)?;
        match path.parent() {
            // Only Unix can sync a directory; the parent of a bare file name is the current one.
            Some(parent) if cfg!(unix) => File::open(Path::new(".").join(parent))?.sync_all(),
            _ => Ok(()),
        }
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&aside);
        Error::file("write", path, error)
    })
}

/// Makes a directory and its parents.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::file("create", path, error))
}

/// What a run directory was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Always `widenet`.
    pub(crate) program: String,
    /// Version of the program.
    pub(crate) version: String,
    /// Name of the study.
    pub(crate) study: String,
    /// SHA-256 of all trials, that is of everything their results depend on.
    pub(crate) hash: String,
    /// Number of trials.
    pub(crate) trials: usize,
    /// Folder that relative data paths are relative to.
    pub(crate) base: PathBuf,
    /// Name of the study file's copy.
    pub(crate) source: String,
}

const MANIFEST: &str = "manifest.json";

impl Manifest {
    /// Reads the manifest of a run directory.
    pub(crate) fn read(directory: &Path) -> Result<Manifest> {
        let path = directory.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| {
            Error::directory(directory, format!("not a run directory: cannot read {MANIFEST}: {error}"))
        })?;
        serde_json::from_slice(&text).map_err(|error| {
            let reason = format!("{MANIFEST} is damaged ({error}); remove the directory, or choose another `out`");
            Error::directory(directory, reason)
        })
    }

    /// Writes the manifest, unless that of other trials is there.
    pub(crate) fn claim(&self, directory: &Path) -> Result<()> {
        let path = directory.join(MANIFEST);
        if !path.exists() {
            return write_whole(&path, &pretty(self));
        }
        // The same trials may be run from another place, or by another file.
        let found = Manifest::read(directory)?;
        match (Manifest { base: self.base.clone(), source: self.source.clone(), ..found.clone() }) == *self {
            true if found == *self => Ok(()),
            true => write_whole(&path, &pretty(self)),
            false => Err(Error::directory(
                directory,
                format!(
                    "belongs to study `{}` of version {} with hash {}, not to `{}` of version {} with hash {}; \
                     choose another `out`",
                    found.study, found.version, found.hash, self.study, self.version, self.hash
                ),
            )),
        }
    }
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    // Plain structs of strings and numbers always serialise.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// `status.json` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TrialStatus {
    /// `done` or `diverged`; `interrupted` leaves a checkpoint. An answer is `done` or `unreliable`.
    state: String,
    /// Engine that ran.
    engine: String,
    /// Why that engine, and on which device.
    reason: String,
    /// Step (and time) of divergence, or the step that would have come next.
    step: Option<u64>,
    time: Option<f64>,
    /// SHA-256 of `trial.toml`.
    trial: String,
    /// SHA-256 of `trajectory.json`; none for an interrupted trial.
    trajectory: Option<String>,
    /// SHA-256 of `answer.json`, for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// Number of records.
    records: usize,
}

/// What is known of a trial.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its result.
    Done(Box<Finished>),
    /// Nothing, or only a checkpoint.
    Pending,
    /// Files that cannot be used, with the reason.
    Unusable(String),
}

/// A result with how it was made.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) result: TrialResult,
    /// Why its engine, and on which device.
    pub(crate) reason: String,
}

/// The directory of one trial.
#[derive(Debug, Clone)]
pub(crate) struct TrialDirectory {
    path: PathBuf,
    text: String,
    hash: String,
}

const TRIAL: &str = "trial.toml";
const STATUS: &str = "status.json";
const TRAJECTORY: &str = "trajectory.json";
const ANSWER: &str = "answer.json";

impl TrialDirectory {
    /// The directory `name` of trials whose resolved form is `text`.
    pub(crate) fn new(run_directory: &Path, name: &str, text: &str) -> TrialDirectory {
        let path = run_directory.join("trials").join(name);
        TrialDirectory { path, text: text.into(), hash: sha256(text.as_bytes()) }
    }

    /// Where an engine keeps its checkpoint.
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// Makes it ready for a run of its trial that is expected to take some seconds. A checkpoint of another trial is removed.
    pub(crate) fn prepare(&self, expected_seconds: f64) -> Result<()> {
        create_directory(&self.path)?;
        self.remove_leftovers()?;
        let trial = self.path.join(TRIAL);
        if fs::read(&trial).is_ok_and(|found| found == self.text.as_bytes()) {
            return Ok(());
        }
        for foreign in [self.checkpoint(), self.path.join(STATUS)] {
            remove_file(&foreign)?;
        }
        // With a checkpoint it tells whose that is.
        self.write(TRIAL, self.text.as_bytes(), Durability::of(expected_seconds))
    }

    fn write(&self, name: &str, bytes: &[u8], durability: Durability) -> Result<()> {
        place(&self.path.join(name), durability, |file| file.write_all(bytes))
    }

    /// Removes files that a process killed long ago was writing; younger ones may be another process's.
    pub(crate) fn remove_leftovers(&self) -> Result<()> {
        let entries = fs::read_dir(&self.path).map_err(|error| Error::file("read", &self.path, error))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let is_aside =
                path.extension().is_some_and(|extension| ["tmp", "partial"].map(OsStr::new).contains(&extension));
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            let age = modified.and_then(|time| time.elapsed().ok()).unwrap_or_default();
            if is_aside && age > LEFTOVER_AGE {
                remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The result, if it is whole and belongs to the trial.
    pub(crate) fn read(&self, trial: &Trial) -> Found {
        let Ok(status) = fs::read(self.path.join(STATUS)) else { return Found::Pending };
        let unusable = |reason: String| Found::Unusable(format!("trial {}: {reason}", trial.label));
        let status: TrialStatus = match serde_json::from_slice(&status) {
            Ok(status) => status,
            Err(error) => return unusable(format!("{STATUS} is damaged ({error})")),
        };
        if status.trial != self.hash {
            return unusable(format!("{STATUS} belongs to another trial or version"));
        }
        let (file, expected) = match trial.subject {
            Subject::Problem => (TRAJECTORY, &status.trajectory),
            Subject::Prior | Subject::Posterior => (ANSWER, &status.answer),
        };
        let Some(expected) = expected else { return Found::Pending };
        let bytes = match fs::read(self.path.join(file)) {
            Ok(bytes) if sha256(&bytes) == *expected => bytes,
            Ok(_) => return unusable(format!("{file} is not the one that {STATUS} names")),
            Err(error) => return unusable(format!("cannot read {file}: {error}")),
        };
        let result = match trial.subject {
            Subject::Problem => decode(&bytes, &status, trial).map(TrialResult::Trajectory),
            Subject::Prior | Subject::Posterior => decode_answer(&bytes, &status).map(TrialResult::Answer),
        };
        match result {
            Ok(result) => Found::Done(Box::new(Finished { result, reason: status.reason })),
            Err(reason) => unusable(format!("{file}: {reason}")),
        }
    }

    /// Stores a result that took some seconds; an interrupted trajectory leaves only its state, the records are in the checkpoint.
    /// `reason` says why its engine, and on which device.
    pub(crate) fn store(&self, trajectory: &Trajectory, reason: &str, seconds: f64) -> Result<()> {
        let durability = Durability::of_run(seconds, self.checkpoint().exists());
        let (step, time) = match trajectory.status {
            Status::Done => (None, None),
            Status::Diverged { step, time } => (Some(step), Some(time)),
            Status::Interrupted { step } => (Some(step), None),
        };
        let finished = !matches!(trajectory.status, Status::Interrupted { .. });
        let hash = match finished {
            true => {
                let path = self.path.join(TRAJECTORY);
                let bytes = serde_json::to_vec(trajectory).map_err(|error| Error::file("write", &path, error))?;
                self.write(TRAJECTORY, &bytes, durability)?;
                Some(sha256(&bytes))
            }
            false => None,
        };
        let status = TrialStatus {
            state: trajectory.status.word().into(),
            engine: trajectory.engine.name().into(),
            reason: reason.into(),
            step,
            time,
            trial: self.hash.clone(),
            trajectory: hash,
            answer: None,
            records: trajectory.records.len(),
        };
        self.write(STATUS, &pretty(&status), durability)?;
        if finished { remove_file(&self.checkpoint()) } else { Ok(()) }
    }

    /// Stores the answer of a question, found in some seconds; `reason` says how.
    pub(crate) fn store_answer(&self, subject: Subject, answer: &Answer, reason: &str, seconds: f64) -> Result<()> {
        let durability = Durability::of(seconds);
        let path = self.path.join(ANSWER);
        let bytes = serde_json::to_vec(&answer.value).map_err(|error| Error::file("write", &path, error))?;
        self.write(ANSWER, &bytes, durability)?;
        let status = TrialStatus {
            state: answer.word().into(),
            engine: subject.name().into(),
            reason: reason.into(),
            step: None,
            time: None,
            trial: self.hash.clone(),
            trajectory: None,
            answer: Some(sha256(&bytes)),
            records: 0,
        };
        self.write(STATUS, &pretty(&status), durability)
    }
}

fn decode_answer(bytes: &[u8], status: &TrialStatus) -> std::result::Result<Answer, String> {
    let value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match status.state.as_str() {
        state @ ("done" | "unreliable") => Ok(Answer { value, reliable: state == "done" }),
        state => Err(format!("unknown state `{state}`")),
    }
}

fn decode(bytes: &[u8], status: &TrialStatus, trial: &Trial) -> std::result::Result<Trajectory, String> {
    let tree: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let records = tree["records"].as_array().ok_or("it has no list `records`")?;
    let records = records
        .iter()
        .map(|record| Record::from_json(record).map_err(|error| error.to_string()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let engine = Engine::ALL.into_iter().find(|e| e.name() == status.engine);
    let status = match (status.state.as_str(), status.step) {
        ("done", _) => Status::Done,
        // JSON has no ∞: a time that overflowed is missing.
        ("diverged", Some(step)) => Status::Diverged { step, time: status.time.unwrap_or(f64::INFINITY) },
        (state, _) => return Err(format!("unknown state `{state}`")),
    };
    let engine = engine.ok_or("unknown engine")?;
    let width = trial.width.ok_or("it has no width")?;
    Ok(Trajectory { width, engine, seed: trial.seed, status, records })
}
