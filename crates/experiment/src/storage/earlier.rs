//! Results of earlier runs of the same study: a study that grows by a seed, a width or a value of an axis runs only what is new.
//!
//! A trial is the same as another, of this run directory or of an earlier one, if its `trial.toml` is, which holds everything that its result depends on.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use widenet_output::{Durability, create_directory, stream_whole};
use widenet_system::files;

use super::trial::{TRIAL, TrialDirectory, status_of};
use crate::error::Result;

/// Trial directories with results, by the SHA-256 of their `trial.toml`.
#[derive(Debug, Default)]
pub(crate) struct Earlier(BTreeMap<String, PathBuf>);

impl Earlier {
    /// Finds those of all run directories of a study. What cannot be read is no result.
    pub(crate) fn of(out: &Path, study: &str) -> Earlier {
        let mut found = BTreeMap::new();
        for run in folders(out).into_iter().filter(|run| is_of(run, study)) {
            for trial in folders(&run.join("trials")) {
                if let Some((hash, _)) = status_of(&trial) {
                    found.entry(hash).or_insert(trial);
                }
            }
        }
        Earlier(found)
    }

    /// Copies the result of the same trial into its directory, if there is one; the status last, so that what is there is whole.
    ///
    /// # Errors
    /// Those of writing the files.
    pub(crate) fn take_over(&self, directory: &TrialDirectory) -> Result<bool> {
        let Some(earlier) = self.0.get(directory.hash()).filter(|earlier| *earlier != directory.path()) else {
            return Ok(false);
        };
        let Some((_, names)) = status_of(earlier) else { return Ok(false) };
        let mut contents = Vec::new();
        for name in [TRIAL].into_iter().chain(names) {
            let Ok(bytes) = files::read(&earlier.join(name)) else { return Ok(false) };
            contents.push((name, bytes));
        }
        create_directory(directory.path())?;
        for (name, bytes) in contents {
            stream_whole(&directory.path().join(name), Durability::of(0.0), |file| file.write_all(&bytes))?;
        }
        Ok(true)
    }
}

/// The folders in a folder, in the order of their names.
fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Whether a folder is named as the run directories of a study are: its name and eight digits of a hash.
fn is_of(run: &Path, study: &str) -> bool {
    let hash = run.file_name().and_then(|name| name.to_str()?.strip_prefix(study)?.strip_prefix('-'));
    hash.is_some_and(|hash| hash.len() == 8 && hash.chars().all(|c| c.is_ascii_hexdigit()))
}
