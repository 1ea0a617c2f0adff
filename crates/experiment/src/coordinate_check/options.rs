//! The options of a coordinate check say what is checked, and how.

use widenet_core::Width;
use widenet_model::Precision;

/// Options of a coordinate check.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateOptions {
    /// Finite, distinct, at least [`MIN_WIDTHS`].
    pub widths: Vec<Width>,
    /// Seeds 1 … N.
    pub seeds: u64,
    /// Steps of training, instead of those of the problem.
    pub steps: u64,
    /// Difference > 0 from a predicted exponent that is allowed.
    pub tolerance: f64,
    /// Float type of the networks.
    pub precision: Precision,
}

/// Fewest widths: two points are always on a line.
pub const MIN_WIDTHS: usize = 3;
