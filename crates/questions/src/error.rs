//! Errors say why a question has no answer.

use widenet_limits::{kernel, proportional::posterior};
use widenet_model::ModelError;

/// Result with this crate's [`QuestionError`].
pub type QuestionResult<T> = std::result::Result<T, QuestionError>;

/// Why a question cannot be read, answered or its answer written.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// A mistake in the file, its data or what is asked.
    #[error(transparent)]
    Invalid(#[from] widenet_core::Error),
    /// A finite network that cannot be made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An output file that cannot be written.
    #[error(transparent)]
    File(#[from] widenet_output::Error),
    /// Stopped on request.
    #[error("stopped on request")]
    Stopped,
}

impl From<widenet_core::document::Error> for QuestionError {
    fn from(error: widenet_core::document::Error) -> Self {
        QuestionError::Invalid(error.into())
    }
}

impl From<kernel::Error> for QuestionError {
    fn from(error: kernel::Error) -> Self {
        match error {
            kernel::Error::Invalid(error) => QuestionError::Invalid(error),
            kernel::Error::Stopped => QuestionError::Stopped,
        }
    }
}

impl From<posterior::Error> for QuestionError {
    fn from(error: posterior::Error) -> Self {
        match error {
            posterior::Error::Invalid(error) => QuestionError::Invalid(error),
            posterior::Error::Stopped => QuestionError::Stopped,
        }
    }
}

/// An [`QuestionError::Invalid`] with this message.
pub(crate) fn invalid(message: String) -> QuestionError {
    QuestionError::Invalid(widenet_core::Error::Invalid(message))
}
