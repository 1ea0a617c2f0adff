//! Takes symmetric matrices apart: eigenvalues, eigenvectors, Cholesky factors.

use faer::{
    Par,
    diag::DiagMut,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch},
        evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch},
        triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place},
    },
};
use widenet_core::Matrix;

use super::{
    parallel::fixed_split,
    products::{view, view_mut},
};

/// Eigenvalues of a symmetric matrix in ascending order, and eigenvectors as columns; `None` without convergence.
pub(crate) fn eigendecomposition(matrix: &Matrix) -> Option<(Vec<f64>, Matrix)> {
    let mut vectors = Matrix::zeros(matrix.nrows(), matrix.nrows());
    let values = decompose(matrix, Some(&mut vectors))?;
    Some((values, vectors))
}

/// Eigenvalues of a symmetric matrix, in ascending order; its lower triangle is read. `None` if the iteration does not converge.
pub fn eigenvalues(matrix: &Matrix) -> Option<Vec<f64>> {
    decompose(matrix, None)
}

/// On one thread: a split would change the sums of the reduction to tridiagonal form, and gains little on a few threads.
fn decompose(matrix: &Matrix, vectors: Option<&mut Matrix>) -> Option<Vec<f64>> {
    let (par, parameters) = (Par::Seq, Default::default());
    let compute = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let mut values = vec![0.0; matrix.nrows()];
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(matrix.nrows(), compute, par, parameters));
    self_adjoint_evd(
        view(matrix),
        DiagMut::from_slice_mut(&mut values),
        vectors.map(view_mut),
        par,
        MemStack::new(&mut memory),
        parameters,
    )
    .ok()?;
    Some(values)
}

/// The lower triangular L with `L Lᵀ` = the matrix (of which the lower triangle is read); `None` if it is not positive definite.
/// Above the diagonal L keeps what the matrix has there.
pub(crate) fn cholesky(mut matrix: Matrix) -> Option<Matrix> {
    let (par, parameters) = (fixed_split(), Default::default());
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(matrix.nrows(), par, parameters));
    cholesky_in_place(view_mut(&mut matrix), Default::default(), par, MemStack::new(&mut memory), parameters).ok()?;
    Some(matrix)
}

/// `L⁻¹ B`.
pub(crate) fn solve_lower(factor: &Matrix, mut b: Matrix) -> Matrix {
    solve_lower_triangular_in_place(view(factor), view_mut(&mut b), fixed_split());
    b
}

/// `L⁻ᵀ B`.
pub(crate) fn solve_lower_transposed(factor: &Matrix, mut b: Matrix) -> Matrix {
    solve_upper_triangular_in_place(view(factor).transpose(), view_mut(&mut b), fixed_split());
    b
}

/// Matrices up to this size have their largest eigenvalue from all of them.
const DIRECT: usize = 256;

/// Steps of Lanczos' method, after which all eigenvalues are computed.
const STEPS: usize = 200;

/// Returns the largest eigenvalue of a symmetric positive semi-definite matrix to about 1e-12 of itself, by Lanczos with full
/// orthogonalization. Small matrices, and those whose leading eigenvalues are too close for that, by all eigenvalues. `None` if these
/// do not converge.
///
/// faer 0.24's restarted solver does not return where a Krylov space is exhausted exactly, as that of the matrix 0 is.
pub fn largest_eigenvalue(matrix: &Matrix) -> Option<f64> {
    let n = matrix.nrows();
    if n <= DIRECT {
        return eigenvalues(matrix)?.last().copied();
    }
    // Kernels have positive entries for the most part: the constant vector is close to the leading one. A little of every other
    // direction, fixed, keeps any from being orthogonal to the start.
    let mut q = nalgebra::DVector::from_fn(n, |i, _| 1.0 + 0.1 * ((i + 1) as f64 * 0.754_877_666).sin()).normalize();
    let (mut basis, mut alpha, mut beta) = (Vec::new(), Vec::new(), Vec::new());
    let mut largest = 0.0;
    for step in 1..=STEPS {
        let mut w = matrix * &q;
        alpha.push(q.dot(&w));
        basis.push(q);
        // Twice is enough.
        for _ in 0..2 {
            for v in &basis {
                w.axpy(-v.dot(&w), v, 1.0);
            }
        }
        let mut tridiagonal = Matrix::from_diagonal(&nalgebra::DVector::from_column_slice(&alpha));
        for (i, b) in beta.iter().enumerate() {
            tridiagonal[(i, i + 1)] = *b;
            tridiagonal[(i + 1, i)] = *b;
        }
        let before = largest;
        largest = *eigenvalues(&tridiagonal)?.last()?;
        let norm: f64 = w.norm();
        if (step > 4 && (largest - before).abs() <= 1e-14 * largest) || norm <= f64::EPSILON * largest {
            return Some(largest);
        }
        beta.push(norm);
        q = w / norm;
    }
    eigenvalues(matrix)?.last().copied()
}
