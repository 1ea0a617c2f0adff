//! `manifest.json` says what a run directory was made from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use widenet_output::write_whole;
use widenet_system::files;

use crate::{
    error::{Error, Result},
    version::VERSION,
};

/// What a run directory was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Always `widenet`.
    pub(crate) program: String,
    /// Programs that have worked in the directory, in the order in which they came.
    pub(crate) builds: Vec<Build>,
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

/// A program, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// Version of the program.
    pub(crate) version: String,
    /// Commit that it was built from, with `+` after it if files had changed; empty if that is not known.
    pub(crate) commit: String,
    /// System and optimisation that it was built for.
    pub(crate) target: String,
}

impl Build {
    /// This program.
    pub(crate) fn own() -> Build {
        Build { version: VERSION.into(), commit: env!("WIDENET_COMMIT").into(), target: env!("WIDENET_TARGET").into() }
    }
}

const MANIFEST: &str = "manifest.json";

impl Manifest {
    /// Reads the manifest of a run directory.
    pub(crate) fn read(directory: &Path) -> Result<Manifest> {
        let path = directory.join(MANIFEST);
        let text = files::read(&path).map_err(|error| {
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
        // The same trials may be run from another place, by another file, or by another build whose results are the same.
        let mut found = Manifest::read(directory)?;
        let is_same = (&found.program, &found.study, &found.hash, found.trials)
            == (&self.program, &self.study, &self.hash, self.trials);
        if !is_same {
            let reason = format!(
                "belongs to study `{}` with hash {}, not to `{}` with hash {}; choose another `out`",
                found.study, found.hash, self.study, self.hash
            );
            return Err(Error::directory(directory, reason));
        }
        let before = found.clone();
        found.builds.extend(self.builds.iter().filter(|build| !before.builds.contains(build)).cloned());
        (found.base, found.source) = (self.base.clone(), self.source.clone());
        if found != before {
            write_whole(&path, &pretty(&path, &found)?)?;
        }
        Ok(())
    }
}

/// JSON of several lines, for a file.
pub(super) fn pretty(path: &Path, value: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::file("write", path, error))?;
    text.push(b'\n');
    Ok(text)
}
