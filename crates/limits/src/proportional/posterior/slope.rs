//! Computes how the evidence starts to change with depth.
//!
//! ```text
//! d log p(Y)/dα = ‖Σ_i G_i‖² + (D + 1)/2 Σ_i a_i² (D/2 − b_i)   at α = 0,
//! G_i = ½ a_i (ỹ_i ỹ_iᵀ/s_i − I),    a_i = λ_i/s_i,    b_i = ‖ỹ_i‖²/s_i,    s_i = λ_i + τ²
//! ```
//!
//! (docs/theory/proportional-limit.md §8.3, Eq. 8.10.)

use widenet_core::Matrix;

use super::{
    error::{Result, finite},
    regression::Regression,
};

impl Regression {
    /// Returns `d log p(Y)/dα` at α = 0. Positive: some depth is better than the Gaussian process; finite networks near it have the same
    /// slope in `Σ 1/N`. Without noise, and with a singular kernel, densities are those on the range of the kernel.
    ///
    /// # Errors
    /// A slope that is not finite: squares of the targets over the noise are beyond doubles.
    pub fn evidence_slope(&self) -> Result<f64> {
        let outputs = self.outputs();
        let (mut gradient, mut curvature) = (Matrix::zeros(outputs, outputs), 0.0);
        for (value, y) in self.values.iter().zip(self.targets.row_iter()) {
            let s = value + self.noise;
            let a = value / s;
            gradient += (y.transpose() * y / s - Matrix::identity(outputs, outputs)) * (0.5 * a);
            curvature += a * a * (0.5 * outputs as f64 - y.norm_squared() / s);
        }
        let slope = gradient.norm_squared() + 0.5 * (outputs as f64 + 1.0) * curvature;
        finite("slope of the log evidence", [&slope])?;
        Ok(slope)
    }
}
