//! The determinant of an m × m mixing matrix is a product of independent factors.
//!
//! ```text
//! log det Q = Σ_l Σ_{i<m} log(χ²_{N_l−i}/N_l),    limit: N(−α m(m+1)/2, 2mα)
//! ```
//!
//! (docs/theory/proportional-limit.md §2.4, §5.2, Eq. 2.5.)

use super::{
    error::{Result, invalid},
    gamma,
    layers::HiddenLayers,
};

/// Mean and variance of a log determinant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogDeterminant {
    /// Returns the mean.
    pub mean: f64,
    /// Returns the variance.
    pub variance: f64,
}

/// Returns the mean and variance of `log det Q` of the `size × size` mixing matrix. In the limit without bottlenecks the law is normal.
///
/// # Errors
/// A size of 0; a layer narrower than the size, where `det Q = 0`.
pub fn log_determinant(layers: &HiddenLayers, size: u64) -> Result<LogDeterminant> {
    if size == 0 {
        return Err(invalid("the determinant of a 0 × 0 mixing matrix: the size must be at least 1"));
    }
    if let Some(width) = layers.narrowest()
        && width < size
    {
        return Err(invalid(format!(
            "a hidden layer of width {width} makes the {size} × {size} mixing matrix singular; a determinant needs widths ≥ {size}"
        )));
    }
    let (alpha, m) = (layers.continuum(), size as f64);
    let mut law = LogDeterminant { mean: -alpha * m * (m + 1.0) / 2.0, variance: 2.0 * m * alpha };
    for group in layers.groups() {
        let (half, count) = (0.5 * group.width as f64, group.count as f64);
        for i in 0..size {
            let shift = -0.5 * i as f64;
            law.mean += count * gamma::slope(half, shift);
            law.variance += count * gamma::trigamma(half + shift);
        }
    }
    Ok(law)
}
