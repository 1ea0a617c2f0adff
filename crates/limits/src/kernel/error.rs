//! Errors say what stopped a computation with kernels.

/// What can stop a computation with kernels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument is wrong or has no answer; the message names it.
    #[error(transparent)]
    Invalid(#[from] widenet_core::Error),
    /// `watch` said stop.
    #[error("stopped on request")]
    Stopped,
}

/// Result with this module's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An [`Error::Invalid`] with this message.
pub(super) fn invalid(message: String) -> Error {
    Error::Invalid(widenet_core::Error::Invalid(message))
}

/// The error of the vocabulary; nothing here is stopped.
pub(super) fn core_error(error: Error) -> widenet_core::Error {
    match error {
        Error::Invalid(error) => error,
        Error::Stopped => widenet_core::Error::Invalid(error.to_string()),
    }
}
