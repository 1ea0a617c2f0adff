//! The directory of one trial holds its checkpoint and its result, and says whether that is whole and its own.

use std::{
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use widenet_core::{
    Trajectory,
    document::Word,
    trajectory::{Engine, Number, Record, Status, Stopped},
};
use widenet_output::{
    Durability, create_directory, remove_file, remove_leases, remove_leftovers, sha256, stream_whole,
};
use widenet_system::files;

use super::{manifest::pretty, process::now};
use crate::{
    error::{Error, Result},
    study::TaskKind,
    trials::{Answer, PreparedTrial, Trial, TrialResult},
};

/// `status.json` of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TrialStatus {
    /// `done`, `stopped` or `diverged`; `interrupted` leaves a checkpoint. An answer is `done` or `unreliable`.
    state: String,
    /// Engine that ran.
    engine: String,
    /// Why that engine, and on which device.
    reason: String,
    /// Step (and time) at which it stopped or diverged, or the step that would have come next.
    step: Option<u64>,
    time: Option<Number>,
    /// SHA-256 of `trial.toml`.
    trial: String,
    /// SHA-256 of `trajectory.json`; none for an interrupted trial.
    trajectory: Option<String>,
    /// SHA-256 of `answer.json`, for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// Number of records.
    records: usize,
    /// The device that computed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// SHA-256 of this file with nothing here: a step, a time or a reason that was changed is found out.
    sha256: String,
}

impl TrialStatus {
    /// The file's bytes without its own hash.
    fn unsealed(&self, path: &Path) -> Result<Vec<u8>> {
        pretty(path, &TrialStatus { sha256: String::new(), ..self.clone() })
    }
}

/// What the directory of a trial holds.
#[derive(Debug)]
pub(super) enum Read {
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
    /// The device that computed, if one did.
    pub(crate) device: Option<String>,
}

impl PreparedTrial {
    /// Where its result is, in a run directory.
    pub(crate) fn directory(&self, run_directory: &Path) -> TrialDirectory {
        TrialDirectory::new(run_directory, &self.solved_as.directory, &self.text)
    }
}

/// Why a trial could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// In words.
    pub(crate) why: String,
    /// When, in seconds since 1970.
    pub(crate) at: u64,
}

/// How a result was made.
pub(crate) struct Made<'a> {
    /// Why its engine, and on which device.
    pub(crate) reason: &'a str,
    /// The device that computed, if one did.
    pub(crate) device: Option<&'a str>,
    /// Seconds that it took since it was last started.
    pub(crate) seconds: f64,
}

/// The directory of one trial.
#[derive(Debug, Clone)]
pub(crate) struct TrialDirectory {
    path: PathBuf,
    text: String,
    hash: String,
}

pub(super) const TRIAL: &str = "trial.toml";
const STATUS: &str = "status.json";
const TRAJECTORY: &str = "trajectory.json";
const ANSWER: &str = "answer.json";
const FAILED: &str = "failed.json";

/// The hash of the trial of a directory and the names of its files, result first, if its status says that it has a result. Whether the result is
/// whole is found out when it is read.
pub(super) fn status_of(directory: &Path) -> Option<(String, [&'static str; 2])> {
    let status: TrialStatus = serde_json::from_slice(&files::read(&directory.join(STATUS)).ok()?).ok()?;
    let result = if status.trajectory.is_some() { TRAJECTORY } else { status.answer.as_ref().map(|_| ANSWER)? };
    Some((status.trial, [result, STATUS]))
}

impl TrialDirectory {
    /// The directory `name` of trials whose resolved form is `text`.
    pub(crate) fn new(run_directory: &Path, name: &str, text: &str) -> TrialDirectory {
        let path = run_directory.join("trials").join(name);
        TrialDirectory { path, text: text.into(), hash: sha256(text.as_bytes()) }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the resolved trial.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Where an engine keeps its checkpoint.
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// Makes the folder, if it is not there.
    pub(crate) fn create(&self) -> Result<()> {
        Ok(create_directory(&self.path)?)
    }

    /// Makes it ready for a run of its trial that is expected to take some seconds. A checkpoint of another trial is removed.
    pub(crate) fn prepare(&self, expected_seconds: f64) -> Result<()> {
        self.remove_leftovers();
        remove_file(&self.path.join(FAILED))?;
        let trial = self.path.join(TRIAL);
        if files::read(&trial).is_ok_and(|found| found == self.text.as_bytes()) {
            return Ok(());
        }
        for foreign in [self.checkpoint(), self.path.join(STATUS)] {
            remove_file(&foreign)?;
        }
        // With a checkpoint it tells whose that is.
        self.write(TRIAL, self.text.as_bytes(), Durability::of(expected_seconds))
    }

    fn write(&self, name: &str, bytes: &[u8], durability: Durability) -> Result<()> {
        Ok(stream_whole(&self.path.join(name), durability, |file| file.write_all(bytes))?)
    }

    /// Says why the trial could not be run. Nobody depends on it.
    pub(crate) fn store_failure(&self, why: &str) {
        let failure = Failure { why: why.into(), at: now() };
        if let Ok(bytes) = pretty(&self.path.join(FAILED), &failure) {
            let _ = self.write(FAILED, &bytes, Durability::Repeatable);
        }
    }

    /// Why it could not be run when it was last tried.
    pub(crate) fn failure(&self) -> Option<Failure> {
        serde_json::from_slice(&files::read(&self.path.join(FAILED)).ok()?).ok()
    }

    /// What its status says and when that was written, if the status is of this trial; whether the result is whole is not looked at.
    pub(crate) fn state(&self) -> Option<(String, SystemTime)> {
        let path = self.path.join(STATUS);
        let status: TrialStatus = serde_json::from_slice(&files::read(&path).ok()?).ok()?;
        let changed = std::fs::metadata(&path).and_then(|found| found.modified()).ok()?;
        (status.trial == self.hash).then_some((status.state, changed))
    }

    /// Removes the leases of a trial that is done.
    pub(crate) fn remove_leases(&self) -> Result<()> {
        Ok(remove_leases(&self.path)?)
    }

    /// Removes what dead processes were writing.
    pub(crate) fn remove_leftovers(&self) {
        remove_leftovers(&self.path);
    }

    /// The result, if it is whole and belongs to the trial.
    ///
    /// # Errors
    /// A file that is there and cannot be read: what is not done is not the same as what may not be seen.
    pub(super) fn read(&self, trial: &Trial) -> Result<Read> {
        let path = self.path.join(STATUS);
        let status = match files::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Read::Pending),
            Err(error) => return Err(Error::file("read", &path, error)),
        };
        let unusable = |reason: String| Ok(Read::Unusable(format!("trial {}: {reason}", trial.label)));
        let status: TrialStatus = match serde_json::from_slice(&status) {
            Ok(status) => status,
            Err(error) => return unusable(format!("{STATUS} is damaged ({error})")),
        };
        if sha256(&status.unsealed(&path)?) != status.sha256 {
            return unusable(format!("{STATUS} is damaged (its own hash is another)"));
        }
        if status.trial != self.hash {
            return unusable(format!("{STATUS} belongs to another trial or version"));
        }
        let (file, expected) = match trial.kind {
            TaskKind::Problem => (TRAJECTORY, &status.trajectory),
            TaskKind::Question(_) => (ANSWER, &status.answer),
        };
        let Some(expected) = expected else { return Ok(Read::Pending) };
        let path = self.path.join(file);
        let bytes = match files::read(&path) {
            Ok(bytes) if sha256(&bytes) == *expected => bytes,
            Ok(_) => return unusable(format!("{file} is not the one that {STATUS} names")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return unusable(format!("cannot read {file}: {error}"));
            }
            Err(error) => return Err(Error::file("read", &path, error)),
        };
        let result = match trial.kind {
            TaskKind::Problem => decode(&bytes, &status, trial).map(TrialResult::Trajectory),
            TaskKind::Question(_) => decode_answer(&bytes, &status).map(TrialResult::Answer),
        };
        match result {
            Ok(result) => Ok(Read::Done(Box::new(Finished { result, reason: status.reason, device: status.device }))),
            Err(reason) => unusable(format!("{file}: {reason}")),
        }
    }

    /// Stores a result; an interrupted trajectory leaves only its state, the records are in the checkpoint.
    pub(crate) fn store(&self, kind: TaskKind, result: &TrialResult, made: &Made<'_>) -> Result<()> {
        let durability = Durability::of_run(made.seconds, self.checkpoint().exists());
        let (step, time) = match result.status() {
            Status::Done => (None, None),
            Status::Stopped(Stopped { step, time, .. }) | Status::Diverged { step, time } => (Some(step), Some(time)),
            Status::Interrupted { step } => (Some(step), None),
        };
        let (file, engine, records) = match result {
            TrialResult::Trajectory(trajectory) => (TRAJECTORY, trajectory.engine.name(), trajectory.records.len()),
            TrialResult::Answer(_) => (ANSWER, kind.name(), 0),
        };
        let is_finished = !matches!(result.status(), Status::Interrupted { .. });
        let hash = if is_finished {
            let path = self.path.join(file);
            let bytes = match result {
                TrialResult::Trajectory(trajectory) => serde_json::to_vec(trajectory),
                TrialResult::Answer(answer) => serde_json::to_vec(&answer.value),
            };
            let bytes = bytes.map_err(|error| Error::file("write", &path, error))?;
            self.write(file, &bytes, durability)?;
            Some(sha256(&bytes))
        } else {
            None
        };
        let (trajectory, answer) = if file == TRAJECTORY { (hash, None) } else { (None, hash) };
        let status = TrialStatus {
            state: result.word().into(),
            engine: engine.into(),
            reason: made.reason.into(),
            step,
            time: time.map(Number),
            trial: self.hash.clone(),
            trajectory,
            answer,
            records,
            device: made.device.map(Into::into),
            sha256: String::new(),
        };
        self.write_status(status, durability)?;
        if is_finished {
            remove_file(&self.checkpoint())?;
        }
        Ok(())
    }

    fn write_status(&self, status: TrialStatus, durability: Durability) -> Result<()> {
        let path = self.path.join(STATUS);
        let sealed = TrialStatus { sha256: sha256(&status.unsealed(&path)?), ..status };
        self.write(STATUS, &pretty(&path, &sealed)?, durability)
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
    let engine = Engine::from_word(&status.engine).ok();
    let status = match (status.state.as_str(), status.step) {
        ("done", _) => Status::Done,
        ("stopped", _) => Status::Stopped(
            Stopped::from_json(&tree["stopped_at"]).ok_or("it does not say in `stopped_at` which goal was reached")?,
        ),
        // Earlier versions left out a time that overflowed.
        ("diverged", Some(step)) => Status::Diverged { step, time: status.time.map_or(f64::INFINITY, |time| time.0) },
        (state, _) => return Err(format!("unknown state `{state}`")),
    };
    let engine = engine.ok_or("unknown engine")?;
    let width = trial.width.ok_or("it has no width")?;
    Ok(Trajectory { width, engine, seed: trial.seed, status, records })
}
