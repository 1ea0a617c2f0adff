//! Multilayer perceptrons at width ∞ in the kernel regime: NNGP and tangent kernel, and training in closed form.
//!
//! ```text
//! f ← f − η Θ ∂R/∂f,      f_0 ~ N(0, K)        K: NNGP kernel, Θ: tangent kernel of the infinitely wide network
//! ```
//!
//! (docs/theory/ntk.md §2–§7.) The tangent kernel does not move, so a network follows its linearisation: squared loss has a
//! closed form in the kernel's spectrum, other losses a differential equation or recursion in function space.

mod blocks;
pub mod dual;
mod ensemble;
mod filter;
mod function_space;
mod gram;
pub(crate) mod linear_algebra;
mod predict;
mod rates;
mod recursion;
mod response;
mod solve;
mod spectrum;

pub use gram::{Diagonals, Kernels, Which, diagonals, kernel_bytes, kernels};
pub use linear_algebra::eigenvalues;
pub use predict::{
    GivenKernel, GivenKernels, Initial, Moment, Moments, Prediction, Question, Ridge, Spread, Trained, predict,
    warnings,
};
pub use rates::{critical_rate, largest_stable_rate};
pub use solve::{Start, solve};
pub use spectrum::largest_eigenvalue;

/// What can stop a computation with kernels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument is wrong or has no answer; the message names it.
    #[error(transparent)]
    Invalid(#[from] widenet_core::Error),
    /// `watch` said stop.
    #[error("stopped on request")]
    Stopped,
}

/// Result with this module's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An [`Error::Invalid`] with this message.
fn invalid(message: String) -> Error {
    Error::Invalid(widenet_core::Error::Invalid(message))
}
