//! The precision is the float type of weights and vectors.

use std::{fmt, str::FromStr};

use burn::tensor::DType;

use crate::error::ModelError;
use widenet_core::document::Word;

/// The float type of weights and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
}

impl Word for Precision {
    const WORDS: &'static [(&'static str, Precision)] = &[("f32", Precision::F32), ("f64", Precision::F64)];
}

impl Precision {
    /// Returns the word on the command line.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Returns the distance from 1 to the next number.
    pub fn epsilon(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::EPSILON),
            Precision::F64 => f64::EPSILON,
        }
    }

    /// Bytes per number.
    pub fn bytes(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }

    pub(crate) fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        match word {
            "f32" => Ok(Precision::F32),
            "f64" => Ok(Precision::F64),
            _ => Err(ModelError::UnknownPrecision(word.to_owned())),
        }
    }
}
