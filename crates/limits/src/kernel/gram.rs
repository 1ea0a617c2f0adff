//! Kernel matrices in blocks.

use widenet_core::{Matrix, scaling::KernelNetwork, training::Control};

use super::Result;

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

/// Kernels between the rows of `x1` (N₁ × d) and `x2` (N₂ × d); without `x2` among the rows of `x1`.
///
/// `watch` is called with the share of the work done, in [0, 1].
///
/// # Errors
/// Inputs of different dimensions, or not finite; a kernel that overflows, with its layer and row;
/// [`super::Error::Stopped`].
pub fn kernels(
    _network: &KernelNetwork,
    _x1: &Matrix,
    _x2: Option<&Matrix>,
    _which: Which,
    _watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    Err(super::invalid("not yet".into()))
}

/// `K(x, x)` and `Θ(x, x)` for the rows x of a matrix (N × d).
///
/// # Errors
/// As for [`kernels`].
pub fn diagonals(_network: &KernelNetwork, _x: &Matrix) -> Result<Diagonals> {
    Err(super::invalid("not yet".into()))
}

/// Bytes of the results of [`kernels`] for N₁ × N₂ entries.
pub fn kernel_bytes(n1: usize, n2: usize, which: Which) -> u64 {
    let matrices = if which == Which::Both { 2 } else { 1 };
    8 * matrices * n1 as u64 * n2 as u64
}
