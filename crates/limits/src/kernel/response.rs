//! Under squared loss, training up to a moment acts on residuals by matrices M and C.
//!
//! ```text
//! f_X = y + C r_0,     f_T = f_0(T) − G_TX M r_0,     C = 1 − G M,     r_0 = f_0(X) − y
//! ```
//!
//! (docs/theory/ntk.md §4, Eq. filter.) With closed filters M and C are diagonal in the eigenbasis of G; minibatches make them matrices.

use widenet_core::Matrix;

use super::{factorization::Factorization, filter::Procedure};
use crate::linear_algebra::{product, product_transpose, scale_columns, scale_rows};

/// `M` and `C` at a moment.
#[derive(Debug)]
pub(super) enum Response<'a> {
    /// In a basis of modes.
    Modes {
        basis: &'a Factorization,
        /// `c` per mode.
        remaining: Vec<f64>,
        /// `h` per mode.
        inverse: Vec<f64>,
        /// `(1 − c²)/λ` per mode, with the ridge in every place: the reduction of variance when only the readout is trained.
        reduction: Vec<f64>,
        /// Modes that the cutoff at t = ∞ leaves alone.
        dropped: Option<usize>,
    },
    /// As matrices, N × N.
    Matrices { remaining: Matrix, inverse: Matrix },
}

impl<'a> Response<'a> {
    /// Training by a procedure with a closed form, on `G + r I` with predictions by G (docs/theory/ntk.md §4).
    pub(super) fn at(basis: &'a Factorization, procedure: Procedure, ridge: f64, denominator: f64) -> Self {
        let Factorization::Eigen { values, .. } = basis else { return Self::at_infinity(basis, ridge, None) };
        let filters = procedure.filters(values.iter().map(|value| value + ridge), denominator);
        let modes = values.iter().zip(filters).map(|(value, filter)| {
            let remaining = if ridge > 0.0 { 1.0 - value * filter.inverse } else { filter.remaining };
            (remaining, filter.inverse, (1.0 + filter.remaining) * filter.inverse)
        });
        Self::from_modes(basis, modes, None)
    }

    /// The end of training. With a cutoff (an eigenvalue) smaller modes are left alone and counted.
    pub(super) fn at_infinity(basis: &'a Factorization, ridge: f64, cutoff: Option<f64>) -> Self {
        match basis {
            Factorization::Cholesky { factor, ridge } => {
                Self::from_modes(basis, std::iter::repeat_n((*ridge, 1.0, 1.0), factor.nrows()), None)
            }
            Factorization::Eigen { values, .. } => {
                let kept = |value: &f64| value + ridge > cutoff.unwrap_or(0.0);
                let modes = values.iter().map(|value| {
                    if kept(value) {
                        (ridge / (value + ridge), 1.0 / (value + ridge), 1.0 / (value + ridge))
                    } else {
                        (1.0, 0.0, 0.0)
                    }
                });
                let dropped = values.iter().filter(|value| !kept(value)).count();
                Self::from_modes(basis, modes, cutoff.map(|_| dropped))
            }
        }
    }

    fn from_modes(
        basis: &'a Factorization,
        modes: impl Iterator<Item = (f64, f64, f64)>,
        dropped: Option<usize>,
    ) -> Self {
        let (mut remaining, mut inverse, mut reduction) = (Vec::new(), Vec::new(), Vec::new());
        for (c, h, g) in modes {
            remaining.push(c);
            inverse.push(h);
            reduction.push(g);
        }
        Response::Modes { basis, remaining, inverse, reduction, dropped }
    }

    /// `C r` of residuals (N × k).
    pub(super) fn remaining(&self, residual: &Matrix) -> Matrix {
        match self {
            Response::Modes { basis, remaining, .. } => in_basis(basis, remaining, residual),
            Response::Matrices { remaining, .. } => product(remaining, residual),
        }
    }

    /// `(1 − C) r` of residuals (N × k): exactly 0 where nothing has been learned yet.
    pub(super) fn learned(&self, residual: &Matrix) -> Matrix {
        match self {
            Response::Modes { basis: basis @ Factorization::Eigen { .. }, remaining, .. } => {
                in_basis(basis, &remaining.iter().map(|c| 1.0 - c).collect::<Vec<_>>(), residual)
            }
            _ => residual - self.remaining(residual),
        }
    }

    /// `M r` of residuals (N × k).
    pub(super) fn inverse(&self, residual: &Matrix) -> Matrix {
        match self {
            Response::Modes { basis, inverse, .. } => in_basis(basis, inverse, residual),
            Response::Matrices { inverse, .. } => product(inverse, residual),
        }
    }

    /// `C`, N × N.
    pub(super) fn remaining_matrix(&self) -> Matrix {
        match self {
            Response::Modes { basis: Factorization::Eigen { vectors, .. }, remaining, .. } => {
                let mut scaled = vectors.clone();
                scale_columns(&mut scaled, remaining);
                product_transpose(&scaled, vectors)
            }
            Response::Modes { basis, remaining, .. } => {
                in_basis(basis, remaining, &Matrix::identity(basis.len(), basis.len()))
            }
            Response::Matrices { remaining, .. } => remaining.clone(),
        }
    }

    /// `A = G_TX M`, T × N.
    pub(super) fn test_map(&self, test_train: &Matrix) -> Matrix {
        match self {
            // M is symmetric.
            Response::Modes { basis, inverse, .. } => in_basis(basis, inverse, &test_train.transpose()).transpose(),
            Response::Matrices { inverse, .. } => product(test_train, inverse),
        }
    }
}

/// `V diag(factors) Vᵀ B`.
fn in_basis(basis: &Factorization, factors: &[f64], b: &Matrix) -> Matrix {
    let mut modes = basis.to(b);
    scale_rows(&mut modes, factors);
    basis.from(modes)
}

/// `V diag(factors)` applied to `Vᵀ B` from the right: `Bᵀ V diag(factors) Vᵀ B` for the reduction of a covariance.
pub(super) fn reduced(basis: &Factorization, factors: &[f64], b: &Matrix) -> (Matrix, Matrix) {
    let modes = basis.to(b).transpose();
    let mut scaled = modes.clone();
    scale_columns(&mut scaled, factors);
    (scaled, modes)
}
