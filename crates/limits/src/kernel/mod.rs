//! Multilayer perceptrons and convolutional networks at width ∞ in the kernel regime have an NNGP and a tangent kernel, and train in closed form.
//!
//! ```text
//! f ← f − η Θ ∂R/∂f,      f_0 ~ N(0, K)        K: NNGP kernel, Θ: tangent kernel of the infinitely wide network
//! ```
//!
//! (docs/theory/ntk.md §2–§7.) The tangent kernel does not move, so a network follows its linearisation: squared loss has a
//! closed form in the kernel's spectrum, other losses a differential equation or recursion in function space.

mod blocks;
mod convolution;
pub mod dual;
mod ensemble;
mod error;
mod factorization;
mod filter;
mod function_space;
mod gram;
mod matrices;
mod predict;
mod rates;
mod recursion;
mod refusal;
mod response;
mod solve;
mod start;

pub use convolution::{ConvolutionCost, convolution_cost};
pub use error::{Error, Result};
pub use gram::{diagonals, kernels};
pub use matrices::{Diagonals, Kernels, Which, kernel_bytes};
pub use predict::{
    GivenKernel, GivenKernels, Initial, Likelihood, Moment, Moments, Prediction, Question, Ridge, Spread, Trained,
    predict, warnings,
};
pub use rates::{critical_rate, largest_stable_rate};
pub use solve::{check_stop, solve};
pub use start::Start;
