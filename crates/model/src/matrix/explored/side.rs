//! A matrix has two sides.

/// Which side of the matrix is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// `W x`.
    Direct,
    /// `Wᵀ g`.
    Transpose,
}
