//! The squared risk and its residual covariance.
//!
//! ```text
//! R(β) = (1/2P) Σ_p ‖β x_p − y_p‖²,    D = ∂R/∂β = β Σ − C,    Σ = XᵀX/P,  C = YᵀX/P
//! ```

use nalgebra::SymmetricEigen;

use crate::{Matrix, data::Samples};

/// `R(β)` on some samples; β is k × d.
pub fn squared_loss(samples: &Samples, predictor: &Matrix) -> f64 {
    let residual = &samples.inputs * predictor.transpose() - &samples.targets;
    residual.norm_squared() / (2.0 * samples.inputs.nrows() as f64)
}

/// `D` on the rows `batch` of the samples, k × d.
pub fn batch_residual(samples: &Samples, batch: &[usize], predictor: &Matrix) -> Matrix {
    let inputs = samples.inputs.select_rows(batch);
    let targets = samples.targets.select_rows(batch);
    let residual = &inputs * predictor.transpose() - targets;
    residual.tr_mul(&inputs) / batch.len() as f64
}

/// `D` on all samples, by whichever of its two forms is cheaper.
#[derive(Debug, Clone)]
pub struct FullBatch<'a> {
    samples: &'a Samples,
    covariances: Option<(Matrix, Matrix)>,
}

impl<'a> FullBatch<'a> {
    /// Prepares Σ and C when d ≤ P.
    pub fn new(samples: &'a Samples) -> Self {
        let count = samples.inputs.nrows();
        let covariances = (samples.inputs.ncols() <= count)
            .then(|| (input_covariance(samples), samples.targets.tr_mul(&samples.inputs) / count as f64));
        Self { samples, covariances }
    }

    /// `D(β)`, k × d.
    pub fn residual(&self, predictor: &Matrix) -> Matrix {
        match &self.covariances {
            Some((sigma, cross)) => predictor * sigma - cross,
            None => {
                let residual = &self.samples.inputs * predictor.transpose() - &self.samples.targets;
                residual.tr_mul(&self.samples.inputs) / self.samples.inputs.nrows() as f64
            }
        }
    }
}

/// Σ, d × d.
pub fn input_covariance(samples: &Samples) -> Matrix {
    samples.inputs.tr_mul(&samples.inputs) / samples.inputs.nrows() as f64
}

/// Largest eigenvalue of Σ, from whichever of XᵀX and XXᵀ is smaller.
pub fn largest_curvature(samples: &Samples) -> f64 {
    let inputs = &samples.inputs;
    let gram = if inputs.ncols() <= inputs.nrows() { inputs.tr_mul(inputs) } else { inputs * inputs.transpose() };
    SymmetricEigen::new(gram).eigenvalues.max() / inputs.nrows() as f64
}

/// The minimal-norm minimiser of the risk, `β = (X⁺ Y)ᵀ`, k × d (mean-field page §2.3).
///
/// Singular values of X below `ε · max(P, d) · σ_max` count as zero.
pub fn min_norm_predictor(samples: &Samples) -> Matrix {
    let inputs = &samples.inputs;
    let svd = inputs.clone().svd(true, true);
    let cutoff = f64::EPSILON * inputs.nrows().max(inputs.ncols()) as f64 * svd.singular_values.max();
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        unreachable!("both factors were asked for");
    };
    let mut coefficients = u.tr_mul(&samples.targets);
    for (mut row, sigma) in coefficients.row_iter_mut().zip(svd.singular_values.iter()) {
        row *= if *sigma > cutoff { 1.0 / sigma } else { 0.0 };
    }
    coefficients.tr_mul(&v_t)
}
