//! What can stop the computation of a posterior, and the rule that only finite numbers leave it.

use widenet_core::training::Control;

use super::super::error::invalid as invalid_argument;

/// What can stop the computation of a posterior.
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
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid(invalid_argument(message))
}

/// The numbers by which all answers about posteriors leave: what is not finite is never reliable.
pub(super) fn finite<'v>(name: &str, values: impl IntoIterator<Item = &'v f64>) -> Result<()> {
    match values.into_iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(invalid(format!(
            "the {name} came out as {value}: targets, noise and network are too far apart for double precision"
        ))),
    }
}

/// Asks `watch` whether to go on.
pub(super) fn check(watch: &mut dyn FnMut(f64) -> Control, share: f64) -> Result<()> {
    match watch(share) {
        Control::Continue => Ok(()),
        Control::Stop => Err(Error::Stopped),
    }
}
