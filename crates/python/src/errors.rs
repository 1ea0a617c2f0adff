//! Errors become exceptions of Python, with the same texts.

use pyo3::{PyErr, import_exception};
use widenet::{Error, SolveError, core::document, experiment, questions::QuestionError};

import_exception!(widenet._errors, DataError);
import_exception!(widenet._errors, FileError);
import_exception!(widenet._errors, LimitError);
import_exception!(widenet._errors, ProblemError);
import_exception!(widenet._errors, EngineError);

/// What errors call a problem that was made in Python. It has no lines.
pub(crate) const IN_PYTHON: &str = "problem";

/// An error that becomes an exception.
pub(crate) trait Exception {
    /// The exception.
    fn exception(self) -> PyErr;
}

impl Exception for document::Error {
    fn exception(self) -> PyErr {
        match self {
            document::Error::Document { origin, message, .. } if origin == IN_PYTHON => ProblemError::new_err(message),
            document::Error::Document { .. } => ProblemError::new_err(self.to_string()),
            document::Error::Unreadable { .. } => FileError::new_err(self.to_string()),
        }
    }
}

impl Exception for Error {
    fn exception(self) -> PyErr {
        match self {
            Error::Document(error) => error.exception(),
            Error::Unreadable { .. } => FileError::new_err(self.to_string()),
            Error::Data { .. } => DataError::new_err(self.to_string()),
            Error::NoLimit(_) | Error::LimitNotComputed(_) | Error::OutsideKernelRegime(_) => {
                LimitError::new_err(self.to_string())
            }
            Error::Invalid(_) => ProblemError::new_err(self.to_string()),
        }
    }
}

impl Exception for SolveError {
    fn exception(self) -> PyErr {
        match self {
            SolveError::Problem(error) => error.exception(),
            SolveError::Unfit { ref fitting, .. } if !fitting.is_empty() => {
                let words: Vec<_> = fitting.iter().map(|word| format!("engine=\"{word}\"")).collect();
                EngineError::new_err(format!("{self} ({})", words.join(" or ")))
            }
            SolveError::Refused(_) | SolveError::Unfit { .. } => EngineError::new_err(self.to_string()),
        }
    }
}

impl Exception for QuestionError {
    fn exception(self) -> PyErr {
        match self {
            QuestionError::Invalid(error) => error.exception(),
            QuestionError::Model(_) | QuestionError::Stopped => EngineError::new_err(self.to_string()),
            QuestionError::File(_) => FileError::new_err(self.to_string()),
        }
    }
}

impl Exception for experiment::Error {
    fn exception(self) -> PyErr {
        match self {
            experiment::Error::Core(error) => error.exception(),
            experiment::Error::File(_) | experiment::Error::Directory { .. } => FileError::new_err(self.to_string()),
            experiment::Error::Refused { .. } | experiment::Error::Failed { .. } => {
                EngineError::new_err(self.to_string())
            }
            experiment::Error::Shard(_) => ProblemError::new_err(self.to_string()),
        }
    }
}
