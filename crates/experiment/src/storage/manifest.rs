//! `manifest.json` says what a run directory was made from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use widenet_output::write_whole;

use crate::error::{Error, Result};

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
    /// Folder that relative data paths are relative to; JSON holds names in UTF-8 only.
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
            return Ok(write_whole(&path, &pretty(&path, self)?)?);
        }
        // The same trials may be run from another place, or by another file.
        let found = Manifest::read(directory)?;
        if found == *self {
            Ok(())
        } else if (Manifest { base: self.base.clone(), source: self.source.clone(), ..found.clone() }) == *self {
            Ok(write_whole(&path, &pretty(&path, self)?)?)
        } else {
            Err(Error::directory(
                directory,
                format!(
                    "belongs to study `{}` of version {} with hash {}, not to `{}` of version {} with hash {}; \
                     choose another `out`",
                    found.study, found.version, found.hash, self.study, self.version, self.hash
                ),
            ))
        }
    }
}

/// JSON of several lines, for a file.
pub(super) fn pretty(path: &Path, value: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::file("write", path, error))?;
    text.push(b'\n');
    Ok(text)
}
