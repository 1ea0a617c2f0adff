//! Says how likely the targets are under the Gaussian process of infinitely wide networks whose readout alone is trained.
//!
//! ```text
//! log p(Y) = Σ_c log N(y_c; 0, K_XX + r I),        (1/T) Σ_i Σ_c log N(y_ic; mean_ic, cov_ii + r)
//! ```
//!
//! (docs/theory/ntk.md §5, Eq. evidence, Eq. test-likelihood; the ridge r is the variance of the noise of the targets.)

use widenet_core::Matrix;

use super::question::{Likelihood, Moments};
use crate::kernel::factorization::Factorization;

/// `log 2π`.
const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// Log evidence and test log-likelihood at the end of training.
pub(super) fn at_infinity(
    basis: &Factorization,
    ridge: f64,
    targets: &Matrix,
    tests: Option<TestTargets<'_>>,
) -> Likelihood {
    Likelihood { log_evidence: log_evidence(basis, ridge, targets), test: tests.map(|tests| tests.mean_log(ridge)) }
}

/// `log p(Y)` of the targets (P × k).
fn log_evidence(basis: &Factorization, ridge: f64, targets: &Matrix) -> Result<f64, String> {
    let modes = basis.to(targets);
    let (quadratic, log_determinant) = match basis {
        Factorization::Cholesky { factor, .. } => {
            (modes.norm_squared(), 2.0 * factor.diagonal().iter().map(|pivot| pivot.ln()).sum::<f64>())
        }
        Factorization::Eigen { values, .. } => {
            let cutoff = basis.cutoff();
            let singular = values.iter().filter(|value| **value + ridge <= cutoff).count();
            if singular > 0 {
                return Err(format!(
                    "the NNGP kernel is singular ({singular} of its eigenvalues are 0 up to rounding): give a ridge"
                ));
            }
            let of_mode = |(row, value): (usize, &f64)| modes.row(row).norm_squared() / (value + ridge);
            (values.iter().enumerate().map(of_mode).sum(), values.iter().map(|value| (value + ridge).ln()).sum::<f64>())
        }
    };
    let (samples, outputs) = targets.shape();
    Ok(-0.5 * (quadratic + outputs as f64 * (log_determinant + samples as f64 * LOG_TWO_PI)))
}

/// Test targets and their law.
pub(super) struct TestTargets<'a> {
    /// T × k.
    pub(super) targets: &'a Matrix,
    /// Mean and standard deviations on the same inputs.
    pub(super) moments: &'a Moments,
    /// Variances at the start, against which rounding is measured.
    pub(super) start: &'a [f64],
}

impl TestTargets<'_> {
    fn mean_log(&self, ridge: f64) -> Result<f64, String> {
        let (tests, outputs) = self.targets.shape();
        let Some(std) = &self.moments.std else { return Err("no spread is asked for".into()) };
        let mut sum = 0.0;
        for (i, (std, start)) in std.iter().zip(self.start).enumerate() {
            let variance = std * std + ridge;
            // Of a test input that is a training input nothing is left but rounding (docs/theory/ntk.md §10.3).
            if variance <= tests.max(64) as f64 * 16.0 * f64::EPSILON * start {
                return Err(format!("the variance at test sample {} is 0 up to rounding: give a ridge", i + 1));
            }
            let squares = (self.targets.row(i) - self.moments.mean.row(i)).norm_squared();
            sum -= 0.5 * (squares / variance + outputs as f64 * (variance.ln() + LOG_TWO_PI));
        }
        Ok(sum / tests as f64)
    }
}
