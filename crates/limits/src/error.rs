//! Errors say which argument is wrong.

use widenet_core::Error;

/// An [`Error::Invalid`] with this message.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid(message.into())
}
