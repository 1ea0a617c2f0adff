//! Takes a training kernel apart: into eigenvectors for any moment, or a Cholesky factor for t = ∞ alone.
//!
//! ```text
//! G = V diag(λ) Vᵀ,     or    G + r I = L Lᵀ with V = L⁻ᵀ:     (G + r I)⁻¹ = V Vᵀ
//! ```
//!
//! (docs/theory/ntk.md §10.3, Eq. factors.)

use widenet_core::{Matrix, Problem, humanized::exact};

use super::error::{Error, Result, invalid};
use crate::linear_algebra::{
    cholesky, eigendecomposition, eigenvalues, product, product_transpose, scale_columns, solve_lower,
    solve_lower_transposed, transpose_product,
};

/// Entries of a symmetric matrix may differ by this, relative to the largest.
const ASYMMETRY: f64 = 1e-10;

/// Refuses what is not a kernel on the training inputs: not square, not finite, not symmetric.
pub(super) fn check_symmetric(kernel: &Matrix, name: &str) -> Result<()> {
    let (rows, columns) = kernel.shape();
    if rows != columns {
        return Err(invalid(format!("{name} is {rows} × {columns}; it must be square")));
    }
    let largest = kernel.amax();
    if let Some(position) = kernel.iter().position(|x| !x.is_finite()) {
        return Err(invalid(format!(
            "{name}: entry ({}, {}) is {}; all entries must be finite",
            position % rows + 1,
            position / rows + 1,
            kernel[position]
        )));
    }
    for j in 0..columns {
        for i in 0..j {
            let (above, below) = (kernel[(i, j)], kernel[(j, i)]);
            if (above - below).abs() > ASYMMETRY * largest {
                return Err(invalid(format!(
                    "{name} is not symmetric: entry ({}, {}) is {above} and entry ({}, {}) is {below}",
                    i + 1,
                    j + 1,
                    j + 1,
                    i + 1
                )));
            }
        }
    }
    Ok(())
}

/// `N ε λ_max`: eigenvalues within it are rounding.
fn rounding(n: usize, largest: f64) -> f64 {
    n.max(8) as f64 * f64::EPSILON * largest.abs()
}

/// Eigenvalues of kernels of convolutional networks are known to so much of the largest: of parallel patches of different brightness dual activations cancel
/// (docs/theory/convolutions.md §3.4).
const PARALLEL_PATCHES: f64 = 1e-9;

/// A training kernel as errors speak of it, and how exact it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) name: &'static str,
    /// Eigenvalues are known to this share of the largest, beside rounding.
    noise: f64,
}

impl Named {
    /// A kernel of a problem's network.
    pub(super) fn of(name: &'static str, problem: &Problem) -> Named {
        Named { name, noise: if problem.network.image.is_some() { PARALLEL_PATCHES } else { 0.0 } }
    }

    /// What an eigenvalue may be below 0.
    fn tolerance(self, n: usize, largest: f64) -> f64 {
        rounding(n, largest).max(self.noise * largest.abs())
    }
}

/// An eigenvalue that is below 0 by more than rounding: not a kernel.
fn indefinite(name: &str, smallest: f64, largest: f64) -> Error {
    invalid(format!(
        "{name} is not positive semi-definite: its smallest eigenvalue is {smallest:e} and its largest {largest:e}, so it is no kernel; \
         a kernel computed in single precision needs a ridge above its noise"
    ))
}

/// A basis in which a training kernel acts by numbers.
#[derive(Debug, Clone)]
pub(super) enum Factorization {
    /// Eigenvalues (ascending, ≥ 0) with eigenvectors as columns.
    Eigen { values: Vec<f64>, vectors: Matrix },
    /// L of `G + r I`.
    Cholesky { factor: Matrix, ridge: f64 },
}

impl Factorization {
    /// Eigenvalues and eigenvectors; those below 0 by rounding become 0.
    pub(super) fn eigen(kernel: &Matrix, named: Named) -> Result<Factorization> {
        let name = named.name;
        check_symmetric(kernel, name)?;
        let (mut values, vectors) = eigendecomposition(kernel)
            .ok_or_else(|| invalid(format!("the eigendecomposition of {name} did not converge")))?;
        if let (Some(smallest), Some(largest)) = (values.first(), values.last())
            && *smallest < -named.tolerance(values.len(), *largest)
        {
            return Err(indefinite(name, *smallest, *largest));
        }
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        Ok(Factorization::Eigen { values, vectors })
    }

    /// The factor of `G + r I`; where there is none, an error with what the kernel's spectrum suggests.
    pub(super) fn cholesky(kernel: &Matrix, ridge: f64, named: Named) -> Result<Factorization> {
        let name = named.name;
        check_symmetric(kernel, name)?;
        let n = kernel.nrows();
        let mut shifted = kernel.clone();
        (0..n).for_each(|i| shifted[(i, i)] += ridge);
        // A pivot within rounding of 0 comes from a singular matrix, whatever its sign.
        let negligible = rounding(n, shifted.diagonal().amax());
        let regular = |factor: &Matrix| factor.diagonal().iter().all(|pivot| pivot * pivot > negligible);
        if let Some(factor) = cholesky(shifted).filter(regular) {
            return Ok(Factorization::Cholesky { factor, ridge });
        }
        let values = eigenvalues(kernel).unwrap_or_default();
        let (smallest, largest) =
            (values.first().copied().unwrap_or(f64::NAN), values.last().copied().unwrap_or(f64::NAN));
        if smallest < -named.tolerance(n, largest) {
            return Err(indefinite(name, smallest, largest));
        }
        // With the largest entry of the diagonal, not the mean of docs/theory/ntk.md §10.3, it is enough for inputs of any norms.
        let suggested = 4.0 * rounding(n, kernel.diagonal().amax());
        Err(invalid(format!(
            "t = infinity has no answer: {name} ({n} × {n}) with ridge {} is singular, its smallest eigenvalue is {} and its largest {}. Give a ridge of {} or more, or \
             ask for the pseudo-inverse with cutoff (duplicate inputs with different targets, or more samples than features, make it singular)",
            exact(ridge),
            exact(smallest),
            exact(largest),
            exact(suggested)
        )))
    }

    /// `Vᵀ B`.
    pub(super) fn to(&self, b: &Matrix) -> Matrix {
        match self {
            Factorization::Eigen { vectors, .. } => transpose_product(vectors, b),
            Factorization::Cholesky { factor, .. } => solve_lower(factor, b.clone()),
        }
    }

    /// `V B`.
    pub(super) fn from(&self, b: Matrix) -> Matrix {
        match self {
            Factorization::Eigen { vectors, .. } => product(vectors, &b),
            Factorization::Cholesky { factor, .. } => solve_lower_transposed(factor, b),
        }
    }

    /// Eigenvalues below this are rounding, `N ε λ_max`; 0 without eigenvalues.
    pub(super) fn cutoff(&self) -> f64 {
        match self {
            Factorization::Eigen { values, .. } => {
                values.len() as f64 * f64::EPSILON * values.last().copied().unwrap_or(0.0)
            }
            Factorization::Cholesky { .. } => 0.0,
        }
    }

    /// Number of training numbers.
    pub(super) fn len(&self) -> usize {
        match self {
            Factorization::Eigen { values, .. } => values.len(),
            Factorization::Cholesky { factor, .. } => factor.nrows(),
        }
    }
}

/// The symmetric square root of a positive semi-definite matrix. It depends continuously on the matrix, so functions drawn with it
/// do not depend on how rounding turns the eigenvectors of equal eigenvalues.
pub(super) fn square_root(kernel: &Matrix, named: Named) -> Result<Matrix> {
    match Factorization::eigen(kernel, named)? {
        Factorization::Eigen { values, vectors } => {
            let mut scaled = vectors.clone();
            scale_columns(&mut scaled, &values.iter().map(|value| value.sqrt()).collect::<Vec<_>>());
            Ok(product_transpose(&scaled, &vectors))
        }
        Factorization::Cholesky { .. } => Err(invalid(format!("{} has no eigendecomposition", named.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What parallel patches leave below 0 is no fault of the kernel; more is, and of other networks less.
    #[test]
    fn kernels_of_convolutions_may_be_below_zero_by_what_parallel_patches_leave() {
        let kernel = |smallest: f64| Matrix::from_diagonal(&vec![2.0, 1.0, smallest].into());
        let [convolution, other] = [PARALLEL_PATCHES, 0.0].map(|noise| Named { name: "a kernel", noise });
        for (smallest, named, is_kernel) in
            [(-1.9e-9, convolution, true), (-2.1e-9, convolution, false), (-1e-15, other, true), (-1e-14, other, false)]
        {
            let values = match Factorization::eigen(&kernel(smallest), named) {
                Ok(Factorization::Eigen { values, .. }) => Some(values),
                _ => None,
            };
            assert_eq!(values.is_some(), is_kernel, "{smallest}");
            assert!(values.is_none_or(|values| values[0] == 0.0), "{smallest}");
        }
    }
}
