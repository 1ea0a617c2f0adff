//! Does dense linear algebra in `f64` on [`Matrix`], by faer. Every routine gives the same numbers on any number of threads:
//! products and Cholesky factors do in parallel, the eigendecomposition because it runs on one thread.

use faer::{
    Accum, MatMut, MatRef, Par, Side,
    diag::DiagMut,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch},
        evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch},
        matmul::matmul,
        triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place},
    },
};
use widenet_core::Matrix;

fn all_threads() -> Par {
    Par::rayon(0)
}

/// faer's view of a matrix.
pub(crate) fn view(matrix: &Matrix) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(matrix.as_slice(), matrix.nrows(), matrix.ncols())
}

/// The same, to be written to.
pub(crate) fn view_mut(matrix: &mut Matrix) -> MatMut<'_, f64> {
    let (rows, columns) = matrix.shape();
    MatMut::from_column_major_slice_mut(matrix.as_mut_slice(), rows, columns)
}

fn multiply(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Matrix {
    let mut product = Matrix::zeros(a.nrows(), b.ncols());
    matmul(view_mut(&mut product), Accum::Replace, a, b, 1.0, all_threads());
    product
}

/// `A B`.
pub(crate) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    multiply(view(a), view(b))
}

/// `Aᵀ B`.
pub(crate) fn transpose_product(a: &Matrix, b: &Matrix) -> Matrix {
    multiply(view(a).transpose(), view(b))
}

/// `A Bᵀ`.
pub(crate) fn product_transpose(a: &Matrix, b: &Matrix) -> Matrix {
    multiply(view(a), view(b).transpose())
}

/// Sums of the products of two matrices row by row: the diagonal of `A Bᵀ`.
pub(crate) fn row_products(a: &Matrix, b: &Matrix) -> Vec<f64> {
    let mut sums = vec![0.0; a.nrows()];
    for (a, b) in a.column_iter().zip(b.column_iter()) {
        sums.iter_mut().zip(a.iter().zip(b.iter())).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums
}

/// Multiplies column j by `factors[j]`.
pub(crate) fn scale_columns(matrix: &mut Matrix, factors: &[f64]) {
    matrix.column_iter_mut().zip(factors).for_each(|(mut column, factor)| column *= *factor);
}

/// Multiplies row i by `factors[i]`.
pub(crate) fn scale_rows(matrix: &mut Matrix, factors: &[f64]) {
    for mut column in matrix.column_iter_mut() {
        column.iter_mut().zip(factors).for_each(|(x, factor)| *x *= factor);
    }
}

/// Eigenvalues of a symmetric matrix in ascending order, and eigenvectors as columns; `None` without convergence.
pub(crate) fn eigendecomposition(matrix: &Matrix) -> Option<(Vec<f64>, Matrix)> {
    let n = matrix.nrows();
    let (mut values, mut vectors) = (vec![0.0; n], Matrix::zeros(n, n));
    let (par, parameters) = (Par::Seq, Default::default());
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, par, parameters));
    self_adjoint_evd(
        view(matrix),
        DiagMut::from_slice_mut(&mut values),
        Some(view_mut(&mut vectors)),
        par,
        MemStack::new(&mut memory),
        parameters,
    )
    .ok()?;
    Some((values, vectors))
}

/// Eigenvalues of a symmetric matrix, in ascending order; its lower triangle is read. `None` if the iteration does not converge.
pub fn eigenvalues(matrix: &Matrix) -> Option<Vec<f64>> {
    view(matrix).self_adjoint_eigenvalues(Side::Lower).ok()
}

/// The lower triangular L with `L Lᵀ` = the matrix (of which the lower triangle is read); `None` if it is not positive definite.
/// Above the diagonal L keeps what the matrix has there.
pub(crate) fn cholesky(mut matrix: Matrix) -> Option<Matrix> {
    let (par, parameters) = (all_threads(), Default::default());
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(matrix.nrows(), par, parameters));
    cholesky_in_place(view_mut(&mut matrix), Default::default(), par, MemStack::new(&mut memory), parameters).ok()?;
    Some(matrix)
}

/// `L⁻¹ B`.
pub(crate) fn solve_lower(factor: &Matrix, mut b: Matrix) -> Matrix {
    solve_lower_triangular_in_place(view(factor), view_mut(&mut b), all_threads());
    b
}

/// `L⁻ᵀ B`.
pub(crate) fn solve_lower_transposed(factor: &Matrix, mut b: Matrix) -> Matrix {
    solve_upper_triangular_in_place(view(factor).transpose(), view_mut(&mut b), all_threads());
    b
}
