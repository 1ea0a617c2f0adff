//! Errors of this crate name the thing, its value and what would be right.

use std::path::PathBuf;

use widenet_document::path_excerpt;

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with a problem or its data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A mistake in a TOML or JSON text, or such a file that cannot be read.
    #[error(transparent)]
    Document(#[from] widenet_document::Error),
    /// A data file that cannot be read.
    #[error("cannot read {}: {reason}", path_excerpt(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's or the decoder's reason.
        reason: String,
    },
    /// A data file or array whose content is not what it must be.
    #[error("{what}: {message}")]
    Data {
        /// Which data (a path or `data.inputs`).
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// The scaling has no infinite-width limit.
    #[error("no infinite-width limit: {0}")]
    NoLimit(String),
    /// There is a limit, or may be one, and nothing here computes it.
    #[error("the infinite-width limit is not computed: {0}")]
    LimitNotComputed(String),
    /// The scaling has no kernels of order 1 at infinite width; its limit is that of another theory.
    #[error("outside the kernel regime: {0}")]
    OutsideKernelRegime(String),
    /// Anything else that is wrong with an argument.
    #[error("{0}")]
    Invalid(String),
}
