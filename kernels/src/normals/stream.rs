//! Normal vectors have addresses.

use std::ops::Range;

/// A family of independent standard normal vectors, addressed by (key, tag, vector, row).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormalStream {
    /// Key of the generator.
    pub key: [u32; 2],
    /// Tells families under one key apart: the last word of the counter.
    pub tag: u32,
}

/// Some vectors of a family, from some row on.
#[derive(Debug, Clone)]
pub(crate) struct NormalBlock {
    pub(crate) stream: NormalStream,
    pub(crate) vectors: Range<u32>,
    pub(crate) first_row: u64,
}

impl NormalBlock {
    /// Returns the number of vectors.
    pub(crate) fn count(&self) -> usize {
        self.vectors.len()
    }
}
