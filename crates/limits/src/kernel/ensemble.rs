//! Computes the spread of infinitely many networks over their initializations, at a moment of training with squared loss.
//!
//! ```text
//! all layers:    cov_TT = K_TT + A K_XX Aᵀ − A K_XT − (A K_XT)ᵀ,     cov_XX = C K_XX Cᵀ
//! readout only:  cov_TT = K_TT − K_TX V ((1 − c²)/λ) Vᵀ K_XT
//! ```
//!
//! (docs/theory/ntk.md §5, Eq. ensemble, Eq. readout; A = G_TX M, and M, C of [`Response`].) The covariance is shared by all outputs. With
//! a ridge r, the second has λ + r in every place: at t = ∞ the posterior of a Gaussian process with noise variance r.

use widenet_core::Matrix;

use super::{
    error::{Error, Result, invalid},
    factorization::Factorization,
    response::{Response, reduced},
};
use crate::linear_algebra::{product, product_transpose, row_products};

/// The law of the outputs at the start: blocks of the NNGP kernel.
#[derive(Debug, Clone)]
pub(super) struct Prior {
    /// N × N.
    pub(super) train: Matrix,
    /// T × N, where there are test inputs.
    pub(super) test_train: Option<Matrix>,
    /// `K(x, x)` of the test inputs.
    pub(super) test_diagonal: Option<Vec<f64>>,
    /// T × T, where a covariance or a sample is asked for.
    pub(super) test: Option<Matrix>,
}

impl Prior {
    /// That of centered networks, whose outputs at the start are 0.
    pub(super) fn without_spread(&self) -> Prior {
        let zeros = |matrix: &Matrix| Matrix::zeros(matrix.nrows(), matrix.ncols());
        Prior {
            train: zeros(&self.train),
            test_train: self.test_train.as_ref().map(zeros),
            test_diagonal: self.test_diagonal.as_ref().map(|diagonal| vec![0.0; diagonal.len()]),
            test: self.test.as_ref().map(zeros),
        }
    }
}

/// Variances of a set of inputs, and their covariance where asked for.
#[derive(Debug, Clone)]
pub(super) struct Variances {
    pub(super) diagonal: Vec<f64>,
    pub(super) covariance: Option<Matrix>,
}

impl Variances {
    /// Standard deviation per input.
    pub(super) fn std(&self) -> Vec<f64> {
        self.diagonal.iter().map(|variance| variance.sqrt()).collect()
    }
}

/// Whether only the readout is trained, so that the training kernel is the NNGP kernel and docs/theory/ntk.md Eq. readout holds.
fn posterior<'a>(response: &'a Response<'a>, readout_only: bool) -> Option<(&'a Factorization, &'a [f64])> {
    match response {
        Response::Modes { basis, reduction, .. } if readout_only => Some((basis, reduction)),
        _ => None,
    }
}

/// Spread on the training inputs.
pub(super) fn train(prior: &Prior, response: &Response<'_>, readout_only: bool, covariance: bool) -> Result<Variances> {
    let start: Vec<f64> = prior.train.diagonal().iter().copied().collect();
    if let Some((basis, reduction)) = posterior(response, readout_only) {
        return conditioned(&prior.train, &prior.train, &start, (basis, reduction), covariance);
    }
    let map = response.remaining_matrix();
    let moved = product(&map, &prior.train);
    if covariance {
        return with_covariance(product_transpose(&moved, &map), &start);
    }
    Ok(Variances { diagonal: non_negative(row_products(&moved, &map), &start)?, covariance: None })
}

/// Spread on the test inputs, for the training kernel's block `test_train` (T × N).
pub(super) fn test(
    prior: &Prior,
    response: &Response<'_>,
    test_train: &Matrix,
    readout_only: bool,
    covariance: bool,
) -> Result<Variances> {
    let (Some(prior_test_train), Some(diagonal)) = (&prior.test_train, &prior.test_diagonal) else {
        return Err(missing("between test and training inputs"));
    };
    let whole = match (&prior.test, covariance) {
        (Some(test), true) => Some(test),
        (None, true) => return Err(missing("among test inputs")),
        (_, false) => None,
    };
    if let Some(modes) = posterior(response, readout_only) {
        let block = prior_test_train.transpose();
        return match whole {
            Some(test) => conditioned(test, &block, diagonal, modes, true),
            None => conditioned(&Matrix::zeros(0, 0), &block, diagonal, modes, false),
        };
    }
    let map = response.test_map(test_train);
    let moved = product(&map, &prior.train);
    // Rounding is measured against the terms that cancel.
    let second = row_products(&moved, &map);
    let sizes: Vec<f64> = diagonal.iter().zip(&second).map(|(a, b)| a + b).collect();
    if let Some(test) = whole {
        let cross = product_transpose(&map, prior_test_train);
        let covariance = test + product_transpose(&moved, &map) - &cross - cross.transpose();
        return with_covariance(covariance, &sizes);
    }
    let cross = row_products(&map, prior_test_train);
    let variances = sizes.iter().zip(&cross).map(|(size, cross)| size - 2.0 * cross).collect();
    Ok(Variances { diagonal: non_negative(variances, &sizes)?, covariance: None })
}

/// docs/theory/ntk.md Eq. readout: `whole − Bᵀ V diag(reduction) Vᵀ B` with the block B = K_XT (N × T).
fn conditioned(
    whole: &Matrix,
    block: &Matrix,
    diagonal: &[f64],
    (basis, reduction): (&Factorization, &[f64]),
    covariance: bool,
) -> Result<Variances> {
    let (scaled, modes) = reduced(basis, reduction, block);
    if covariance {
        return with_covariance(whole - product_transpose(&scaled, &modes), diagonal);
    }
    let reductions = row_products(&scaled, &modes);
    let variances = diagonal.iter().zip(&reductions).map(|(variance, reduction)| variance - reduction).collect();
    Ok(Variances { diagonal: non_negative(variances, diagonal)?, covariance: None })
}

fn with_covariance(covariance: Matrix, sizes: &[f64]) -> Result<Variances> {
    let mut covariance = 0.5 * (&covariance + covariance.transpose());
    let diagonal = non_negative(covariance.diagonal().iter().copied().collect(), sizes)?;
    covariance.set_diagonal(&nalgebra::DVector::from_column_slice(&diagonal));
    Ok(Variances { diagonal, covariance: Some(covariance) })
}

/// Variances that rounding made negative become 0; others that are negative are an error (docs/theory/ntk.md §10.3).
fn non_negative(mut variances: Vec<f64>, sizes: &[f64]) -> Result<Vec<f64>> {
    let rounding = variances.len().max(64) as f64 * 16.0 * f64::EPSILON;
    for (i, (variance, size)) in variances.iter_mut().zip(sizes).enumerate() {
        if *variance < -rounding * size {
            return Err(invalid(format!(
                "the variance of sample {} is {variance:e}, below 0 by more than rounding: the kernels do not belong together or are \
                 too close to singular; give a ridge",
                i + 1
            )));
        }
        // Not `max`, which would make 0 of the NaN of a diverged run.
        if *variance < 0.0 {
            *variance = 0.0;
        }
    }
    Ok(variances)
}

fn missing(block: &str) -> Error {
    invalid(format!("spreads need the NNGP kernel {block}"))
}
