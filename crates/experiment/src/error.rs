//! Errors of studies and run directories name the thing, its value and what would be right.

use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a study cannot be loaded, run or reported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mistake in the study, its problem or its data.
    #[error(transparent)]
    Core(#[from] widenet_core::Error),
    /// A file or directory that cannot be read or written.
    #[error(transparent)]
    File(#[from] widenet_output::Error),
    /// A directory that is not the run directory of this study.
    #[error("{path}: {reason}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// No engine takes a trial.
    #[error("trial {trial} cannot run: {reason}")]
    Refused {
        /// The trial's label.
        trial: String,
        /// Why, and what would fit.
        reason: String,
    },
    /// An engine failed on a trial.
    #[error("trial {trial} failed: {reason}")]
    Failed {
        /// The trial's label.
        trial: String,
        /// The engine's error.
        reason: String,
    },
    /// A shard that does not exist.
    #[error("shard `{0}` is not I/N with 1 ≤ I ≤ N, for example 2/4")]
    Shard(String),
}

impl From<widenet_core::document::Error> for Error {
    fn from(error: widenet_core::document::Error) -> Self {
        Error::Core(error.into())
    }
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path, reason: impl ToString) -> Error {
        Error::File(widenet_output::Error::new(action, path, reason))
    }

    pub(crate) fn directory(path: &Path, reason: impl Into<String>) -> Error {
        Error::Directory { path: path.to_owned(), reason: reason.into() }
    }
}
