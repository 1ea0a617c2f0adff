//! What can go wrong with laws of random networks: an argument has no answer.

pub use widenet_core::{Error, Result};

/// Makes an [`Error::Invalid`] with this message.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid(message.into())
}
