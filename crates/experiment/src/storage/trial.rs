//! The directory of one trial holds its checkpoint and its result, and says whether that is whole and its own.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use widenet_core::{
    Trajectory,
    trajectory::{Engine, Record, Status},
};
use widenet_output::{Durability, create_directory, remove_file, remove_leftovers, sha256, stream_whole};

use super::{
    manifest::pretty,
    result::{Answer, TrialResult},
};
use crate::{
    error::{Error, Result},
    study::Subject,
    trials::{PreparedTrial, Trial},
};

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
}

impl PreparedTrial {
    /// Where its result is, in a run directory.
    pub(crate) fn directory(&self, run_directory: &Path) -> TrialDirectory {
        TrialDirectory::new(run_directory, &self.solved_as.directory, &self.text)
    }
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
        self.remove_leftovers();
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
        Ok(stream_whole(&self.path.join(name), durability, |file| file.write_all(bytes))?)
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
        let status = match fs::read(&path) {
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
        let (file, expected) = match trial.subject {
            Subject::Problem => (TRAJECTORY, &status.trajectory),
            Subject::Prior | Subject::Posterior => (ANSWER, &status.answer),
        };
        let Some(expected) = expected else { return Ok(Read::Pending) };
        let path = self.path.join(file);
        let bytes = match fs::read(&path) {
            Ok(bytes) if sha256(&bytes) == *expected => bytes,
            Ok(_) => return unusable(format!("{file} is not the one that {STATUS} names")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return unusable(format!("cannot read {file}: {error}"));
            }
            Err(error) => return Err(Error::file("read", &path, error)),
        };
        let result = match trial.subject {
            Subject::Problem => decode(&bytes, &status, trial).map(TrialResult::Trajectory),
            Subject::Prior | Subject::Posterior => decode_answer(&bytes, &status).map(TrialResult::Answer),
        };
        match result {
            Ok(result) => Ok(Read::Done(Box::new(Finished { result, reason: status.reason }))),
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
        let hash = if finished {
            let path = self.path.join(TRAJECTORY);
            let bytes = serde_json::to_vec(trajectory).map_err(|error| Error::file("write", &path, error))?;
            self.write(TRAJECTORY, &bytes, durability)?;
            Some(sha256(&bytes))
        } else {
            None
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
            sha256: String::new(),
        };
        self.write_status(status, durability)?;
        if finished {
            remove_file(&self.checkpoint())?;
        }
        Ok(())
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
            sha256: String::new(),
        };
        self.write_status(status, durability)
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
