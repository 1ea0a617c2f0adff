//! Computes the squared risk and its residual covariance.
//!
//! ```text
//! R(β) = (1/2P) Σ_p ‖β x_p − y_p‖²,    D = ∂R/∂β = β Σ − C,    Σ = XᵀX/P,  C = YᵀX/P
//! ```
//!
//! (docs/theory/mean-field.md §1, Eq. residual.) Both are divided by k where the loss is the mean over outputs.

use nalgebra::SymmetricEigen;

use crate::{
    data::Samples,
    matrix::Matrix,
    problem::{Loss, Problem},
};

/// Returns `D` on the rows `batch` of the samples, k × d.
pub fn batch_residual(samples: &Samples, loss: Loss, batch: &[usize], predictor: &Matrix) -> Matrix {
    let inputs = samples.inputs.select_rows(batch);
    let targets = samples.targets.select_rows(batch);
    loss.gradient(&(&inputs * predictor.transpose()), &targets).tr_mul(&inputs)
}

/// `D` on all samples, by whichever of its two forms is cheaper.
#[derive(Debug, Clone)]
pub struct FullBatch<'a> {
    samples: &'a Samples,
    loss: Loss,
    covariances: Option<(Matrix, Matrix)>,
}

impl<'a> FullBatch<'a> {
    /// Prepares Σ and C when d ≤ P.
    pub fn new(samples: &'a Samples, loss: Loss) -> Self {
        let (count, inputs) = samples.inputs.shape();
        let denominator = loss.denominator(count, samples.targets.ncols());
        let covariances = (inputs <= count).then(|| {
            let gram = samples.inputs.tr_mul(&samples.inputs);
            (gram / denominator, samples.targets.tr_mul(&samples.inputs) / denominator)
        });
        Self { samples, loss, covariances }
    }

    /// Returns `D(β)`, k × d.
    pub fn residual(&self, predictor: &Matrix) -> Matrix {
        match &self.covariances {
            Some((sigma, cross)) => predictor * sigma - cross,
            None => {
                let outputs = &self.samples.inputs * predictor.transpose();
                self.loss.gradient(&outputs, &self.samples.targets).tr_mul(&self.samples.inputs)
            }
        }
    }
}

/// Returns Σ, d × d.
pub fn input_covariance(samples: &Samples) -> Matrix {
    samples.inputs.tr_mul(&samples.inputs) / samples.inputs.nrows() as f64
}

/// Returns the largest eigenvalue of Σ, from whichever of XᵀX and XXᵀ is smaller.
pub fn largest_curvature(samples: &Samples) -> f64 {
    let inputs = &samples.inputs;
    let gram = if inputs.ncols() <= inputs.nrows() { inputs.tr_mul(inputs) } else { inputs * inputs.transpose() };
    SymmetricEigen::new(gram).eigenvalues.max() / inputs.nrows() as f64
}

/// Returns the minimal-norm minimiser of the risk, `β = (X⁺ Y)ᵀ`, k × d (docs/theory/mean-field.md §2.3).
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

/// Returns the learning rate above which gradient descent is unstable at initialisation, `2 / (λ_max(Σ) Θ_0 + λ)` with the weight decay
/// λ, for the tangent kernel `Θ_0` per unit of input covariance ([`crate::scaling::Normalized::tangent_kernel`]).
pub fn stable_learning_rate(problem: &Problem, tangent_kernel: f64) -> f64 {
    // The loss is the mean over samples, or over samples and outputs.
    let share = problem.data.train.targets.nrows() as f64 / problem.loss_denominator();
    let curvature = share * largest_curvature(&problem.data.train) * tangent_kernel;
    2.0 / (curvature + problem.optimizer.weight_decay)
}
