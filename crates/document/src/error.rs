//! Errors of files are a mistake at a place, or a file that cannot be read.

use std::path::PathBuf;

use crate::excerpt::path_excerpt;

/// Result with this crate's [`Error`], or with one that it becomes.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A mistake in a TOML or JSON text, at a place in it.
    #[error("{origin}:{line}:{column}: {message}")]
    Document {
        /// File name, or what the text came from (for example `--set network.hidden_layers=0`).
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong, with the value and what would be right.
        message: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {reason}", path_excerpt(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's or the decoder's reason.
        reason: String,
    },
}
