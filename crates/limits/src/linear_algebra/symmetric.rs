//! Takes symmetric matrices apart: eigenvalues, eigenvectors, Cholesky factors.

use faer::{
    ColRef, MatMut, Par,
    diag::DiagMut,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch},
        evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch},
        triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place},
    },
    matrix_free::eigen::{PartialEigenParams, partial_self_adjoint_eigen, partial_self_adjoint_eigen_scratch},
};
use widenet_core::Matrix;

use super::{
    parallel::fixed_split,
    products::{product, view, view_mut},
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

/// Residual at which the largest eigenvalue counts as found, relative to the Rayleigh quotient of the start, which is below it: the
/// eigenvalue is off by no more.
const RESIDUAL: f64 = 1e-13;

/// Restarts of the Krylov solver, after which all eigenvalues are computed.
const RESTARTS: usize = 8;

/// Largest eigenvalue of a symmetric positive semi-definite matrix to about 1e-12 of itself, by faer's restarted Lanczos solver. Small
/// matrices, and those whose leading eigenvalues are too close for that, by all eigenvalues. `None` if these do not converge.
pub fn largest_eigenvalue(matrix: &Matrix) -> Option<f64> {
    let n = matrix.nrows();
    if n <= DIRECT {
        return eigenvalues(matrix)?.last().copied();
    }
    // Kernels have positive entries for the most part: the constant vector is close to the leading one. A little of every other
    // direction, fixed, keeps any from being orthogonal to the start.
    let start = Matrix::from_fn(n, 1, |i, _| 1.0 + 0.1 * ((i + 1) as f64 * 0.754_877_666).sin());
    let quotient = product(matrix, &start).dot(&start) / start.norm_squared();
    let operator = view(matrix);
    let (par, parameters) = (fixed_split(), PartialEigenParams { max_restarts: RESTARTS, ..Default::default() });
    let (mut value, mut vector) = ([0.0], vec![0.0; n]);
    let mut memory = MemBuffer::new(partial_self_adjoint_eigen_scratch(&operator, 1, par, parameters));
    let found = partial_self_adjoint_eigen(
        MatMut::from_column_major_slice_mut(&mut vector, n, 1),
        &mut value,
        &operator,
        ColRef::from_slice(start.as_slice()),
        RESIDUAL * quotient,
        par,
        MemStack::new(&mut memory),
        parameters,
    );
    if found.n_converged_eigen == 1 { Some(value[0]) } else { eigenvalues(matrix)?.last().copied() }
}
