//! A χ² test with the full covariance of the test outputs says whether the mean output of an ensemble agrees with the limit.
//!
//! ```text
//! X = M Σ_c (f̄_c − μ_c)ᵀ C⁺ (f̄_c − μ_c)  ~  χ²(k rank C)
//! ```
//!
//! for the mean f̄ over M networks, and the limit's mean μ and covariance C between test inputs, the same for all k outputs
//! (docs/theory/statistics.md §2, Eq. chi-square; docs/theory/ntk.md §E3). Directions in which the limit hardly varies, with eigenvalues
//! below 10⁻³ of the largest, are left out: there the 1/m corrections of a finite network outweigh the limit.

use statrs::distribution::{ChiSquared, ContinuousCDF};
use widenet_core::Matrix;

/// Eigenvalues of the covariance below this part of the largest are left out.
const CUTOFF: f64 = 1e-3;

/// Returns the chance of a larger X under the limit's law, for the difference f̄ − μ of the means (T × k), the covariance C of one network
/// (T × T) and the number M of networks.
///
/// # Errors
/// A covariance that is 0, in words.
pub fn p_value(difference: &Matrix, covariance: Matrix, networks: f64) -> Result<f64, String> {
    let eigen = nalgebra::SymmetricEigen::new(covariance);
    let cutoff = CUTOFF * eigen.eigenvalues.max();
    let coordinates = eigen.eigenvectors.tr_mul(difference);
    let (mut statistic, mut degrees) = (0.0, 0.0);
    for (row, eigenvalue) in coordinates.row_iter().zip(eigen.eigenvalues.iter()) {
        if *eigenvalue > cutoff {
            statistic += networks * row.norm_squared() / eigenvalue;
            degrees += row.ncols() as f64;
        }
    }
    let law = ChiSquared::new(degrees).map_err(|_| "the limit has no spread to compare with".to_owned())?;
    Ok(law.sf(statistic))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two independent test inputs of unit variance: X is the squared distance over the variance, and P(χ²(2) > x) = e^(−x/2).
    #[test]
    fn the_p_value_of_a_known_distance() {
        let difference = Matrix::from_column_slice(2, 1, &[0.3, -0.4]);
        let p = p_value(&difference, Matrix::identity(2, 2), 16.0).unwrap();
        assert!((p - (-2.0f64).exp()).abs() < 1e-12, "{p}");
    }

    /// A direction without variance is not counted.
    #[test]
    fn degenerate_directions_are_left_out() {
        let covariance = Matrix::from_row_slice(2, 2, &[1.0, 1.0, 1.0, 1.0]);
        let along = Matrix::from_column_slice(2, 1, &[0.5, 0.5]);
        let law = ChiSquared::new(1.0).unwrap();
        let p = p_value(&along, covariance, 9.0).unwrap();
        assert!((p - law.sf(9.0 * 0.25)).abs() < 1e-12, "{p}");
        assert!(p_value(&along, Matrix::zeros(2, 2), 9.0).is_err());
    }
}
