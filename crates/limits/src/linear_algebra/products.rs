//! Multiplies matrices.

use faer::{Accum, MatMut, MatRef, linalg::matmul::matmul};
use widenet_core::Matrix;

use super::parallel::fixed_split;

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
    matmul(view_mut(&mut product), Accum::Replace, a, b, 1.0, fixed_split());
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
