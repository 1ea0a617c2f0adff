//! The error of files and directories names the thing, what was tried and the reason.

use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A file or directory that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} {path}: {reason}")]
pub struct Error {
    /// `read`, `write`, `create`, ….
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The operating system's or the encoder's reason.
    pub reason: String,
}

impl Error {
    /// Says that an action on a path failed, and why.
    pub fn new(action: &'static str, path: &Path, reason: impl ToString) -> Error {
        Error { action, path: path.to_owned(), reason: reason.to_string() }
    }
}
