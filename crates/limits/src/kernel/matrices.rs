//! Kernels are asked for and answered as matrices.

use widenet_core::Matrix;

/// Which kernels are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The NNGP kernel.
    Nngp,
    /// The tangent kernel.
    Tangent,
    /// Both, in one pass.
    Both,
}

/// Kernel matrices, N₁ × N₂; those that were asked for are present.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernels {
    /// `K(x_i, x'_j)`.
    pub nngp: Option<Matrix>,
    /// `Θ(x_i, x'_j)`.
    pub tangent: Option<Matrix>,
}

/// Diagonals of both kernels, one number per input.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonals {
    /// `K(x_i, x_i)`.
    pub nngp: Vec<f64>,
    /// `Θ(x_i, x_i)`.
    pub tangent: Vec<f64>,
}

/// Bytes of the results of [`super::gram::kernels`] for N₁ × N₂ entries.
pub fn kernel_bytes(n1: usize, n2: usize, which: Which) -> u64 {
    let matrices = if which == Which::Both { 2 } else { 1 };
    8 * matrices * n1 as u64 * n2 as u64
}
