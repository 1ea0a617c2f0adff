//! Computes the joint density of one output at several inputs.
//!
//! ```text
//! p(y) = |2π g K0|^{−1/2} E[q^{−P/2} e^{−a/(2q)}] = Γ(P/2) (π a)^{−P/2} |g K0|^{−1/2} p_W(ln a),   a = yᵀ(g K0)⁻¹y,   W = log q + log χ²_P
//! ```
//!
//! (docs/theory/proportional-limit.md §3.4, Eq. 3.6.) The law is spherical in the metric of the kernel, so the law of a is all there is to
//! know.

use std::f64::consts::PI;

use super::{
    error::{Result, invalid},
    layers::HiddenLayers,
    log_law::LogLaw,
};

/// Returns `ln p(y)` of one output at P inputs with a regular kernel, or on the range of a kernel of rank P. `quadratic` is
/// `a = yᵀ(g K0)⁻¹y ≥ 0`, `log_determinant` is `ln |g K0|`. +∞ at a = 0 if the narrowest layer is at most P wide.
///
/// # Errors
/// P = 0; a quadratic form that is negative or not finite; a log determinant that is not finite.
pub fn log_joint_density(layers: &HiddenLayers, rank: u64, quadratic: f64, log_determinant: f64) -> Result<f64> {
    if rank == 0 {
        return Err(invalid("a joint density needs at least 1 input"));
    }
    if !(quadratic >= 0.0 && quadratic.is_finite()) {
        return Err(invalid(format!("quadratic form {quadratic} must be finite and not negative")));
    }
    if !log_determinant.is_finite() {
        return Err(invalid(format!("log determinant {log_determinant} must be finite")));
    }
    let half = 0.5 * rank as f64;
    let gaussian = -half * (2.0 * PI).ln() - 0.5 * log_determinant;
    if layers.is_nngp() {
        return Ok(gaussian - 0.5 * quadratic);
    }
    let scale = LogLaw::scale(layers);
    if quadratic == 0.0 {
        return Ok(gaussian + scale.cumulant(-half));
    }
    let log = quadratic.ln();
    let density = scale.with_chi_square(rank)?.log_density(log)?;
    Ok(density + libm::lgamma(half) - half * (PI.ln() + log) - 0.5 * log_determinant)
}
