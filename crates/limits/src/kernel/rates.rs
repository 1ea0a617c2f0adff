//! Learning rates that the linear model allows.

use widenet_core::{Problem, Result};

/// The largest stable learning rate of a problem's infinitely wide network, in the problem's loss (kernel-regime page §7).
///
/// # Errors
/// A scaling without infinite-width limit; kernels that overflow; a kernel that is 0.
pub fn largest_stable_rate(_problem: &Problem) -> Result<f64> {
    Err(widenet_core::Error::Invalid("not yet".into()))
}

/// `η_crit = 2 denominator/(λ_min + λ_max)` of the tangent kernel, below which the convergence theorem is proved (kernel-regime page
/// §7; no momentum).
///
/// # Errors
/// As for [`largest_stable_rate`].
pub fn critical_rate(_problem: &Problem) -> Result<f64> {
    Err(widenet_core::Error::Invalid("not yet".into()))
}
