//! A shard is the part of a study that one of several processes or machines runs.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use widenet_system::files;

use crate::error::{Error, Result};

/// Part `number` of `count` of the trials: those with `index % count == number − 1`, or those that a file of tasks lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    count: usize,
    listed: Option<Listed>,
}

/// The trials of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    trials: Arc<BTreeSet<usize>>,
    /// Hash of the study that the numbers are of.
    study: String,
    /// The file that lists them.
    file: PathBuf,
}

/// A file of tasks: which trials of a study each of them runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// Hash of the study.
    pub study: String,
    /// Indices of the trials of each task.
    pub tasks: Vec<Vec<usize>>,
}

impl Tasks {
    /// Reads a file of tasks.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is no such file.
    pub fn load(path: &Path) -> Result<Tasks> {
        let bytes = files::read(path).map_err(|error| Error::file("read", path, error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::file("read", path, format!("it is no file of tasks: {error}")))
    }
}

impl Shard {
    /// All trials.
    pub const WHOLE: Shard = Shard { number: 1, count: 1, listed: None };

    /// Returns part `number` of `count`.
    ///
    /// # Errors
    /// [`Error::Shard`] unless `1 ≤ number ≤ count`.
    pub fn new(number: usize, count: usize) -> Result<Shard> {
        match (1..=count).contains(&number) {
            true => Ok(Shard { number, count, listed: None }),
            false => Err(Error::Shard(format!("{number}/{count}"))),
        }
    }

    /// Returns the trials of task `number`, from 1, of a file of tasks.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or has no such task.
    pub fn of_task(file: &Path, number: usize) -> Result<Shard> {
        let Tasks { study, tasks } = Tasks::load(file)?;
        let trials = number.checked_sub(1).and_then(|position| tasks.get(position));
        let missing = || Error::file("read", file, format!("it has {} tasks, and no task {number}", tasks.len()));
        let trials = Arc::new(trials.ok_or_else(missing)?.iter().copied().collect());
        Ok(Shard { number, count: tasks.len(), listed: Some(Listed { trials, study, file: file.to_owned() }) })
    }

    /// Returns which part it is, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    pub(crate) fn contains(&self, index: usize) -> bool {
        match &self.listed {
            Some(listed) => listed.trials.contains(&index),
            None => index % self.count == self.number - 1,
        }
    }

    /// Refuses a list of trials of another study.
    pub(crate) fn check(&self, study: &str) -> Result<()> {
        match &self.listed {
            Some(listed) if listed.study != study => {
                let reason = "it lists trials of another study: the study, its data or the program have changed; submit it again";
                Err(Error::file("use", &listed.file, reason))
            }
            _ => Ok(()),
        }
    }

    /// Shards of one run directory plan in files of their own.
    pub(crate) fn plan_file(&self) -> String {
        match &self.listed {
            Some(listed) => {
                let name = |path: Option<&Path>| {
                    path.and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
                };
                let (folder, file) = (name(listed.file.parent()), name(Some(&listed.file)));
                format!("plan-{folder}-{file}-{}-of-{}.csv", self.number, self.count)
            }
            None if *self == Shard::WHOLE => "plan.csv".into(),
            None => format!("plan-{}-of-{}.csv", self.number, self.count),
        }
    }
}

impl FromStr for Shard {
    type Err = Error;

    /// Reads `2/4`.
    fn from_str(text: &str) -> Result<Shard> {
        let parts = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        parts.and_then(|(number, count)| Shard::new(number, count).ok()).ok_or_else(|| Error::Shard(text.into()))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}
