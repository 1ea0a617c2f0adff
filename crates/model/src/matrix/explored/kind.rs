//! Says how hidden matrices are made, and how exact their responses are.

use crate::device::Precision;
use widenet_core::document::Word;

/// How hidden matrices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenMatrix {
    /// Gaussian, known in law by what it has been probed with.
    Conditioned(ResponseStorage),
    /// Fixed by the seed and produced inside the product, with entries of the problem's law.
    Regenerated,
}

/// How hidden matrices are made, with their tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hidden {
    /// Conditioned or regenerated.
    pub matrix: HiddenMatrix,
    /// On what counts as a new direction, relative to its length, in (0, 1).
    pub tolerance: f64,
}

/// How a conditioned matrix keeps its responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseStorage {
    /// As vectors: 4 m r numbers per matrix.
    Stored,
    /// By the counters of their normals: 2 m r numbers per matrix, and the normals are made again for every product.
    Recomputed,
}

impl Word for ResponseStorage {
    const WORDS: &'static [(&'static str, ResponseStorage)] =
        &[("stored", ResponseStorage::Stored), ("recomputed", ResponseStorage::Recomputed)];
}

/// Returns the default tolerance on what counts as a new direction: above what `f32` or `f64` can tell from rounding on a thousand
/// directions.
pub fn default_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-12,
    }
}
