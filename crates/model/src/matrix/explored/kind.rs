//! Says how hidden matrices are made, and how exact their answers are.

use crate::device::Precision;

/// How hidden matrices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenMatrix {
    /// Gaussian, known in law by what has been asked.
    Conditioned(ImageStorage),
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

/// How a conditioned matrix keeps its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStorage {
    /// As vectors: 4 m r numbers per matrix.
    Stored,
    /// By the counters of their normals: 2 m r numbers per matrix, and the normals are made again for every product.
    Regenerated,
}

impl ImageStorage {
    /// Words of the command line.
    pub const WORDS: [(&str, ImageStorage); 2] =
        [("stored", ImageStorage::Stored), ("recomputed", ImageStorage::Regenerated)];
}

/// Returns the default tolerance on what counts as a new direction: above what `f32` or `f64` can tell from rounding on a thousand
/// directions.
pub fn default_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-12,
    }
}
