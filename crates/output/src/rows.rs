//! Writes matrices in JSON as lists of rows.

use serde::{Serialize, Serializer};
use widenet_core::{Matrix, trajectory::Number};

/// A matrix as a list of rows, without a copy.
pub struct Rows<'a>(pub &'a Matrix);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.0.nrows()).map(|row| Row(self.0, row)))
    }
}

struct Row<'a>(&'a Matrix, usize);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.row(self.1).iter().copied().map(Number))
    }
}
