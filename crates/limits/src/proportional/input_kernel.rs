//! Factors the kernel of the inputs into the Gaussian coordinates in which it is the identity.
//!
//! ```text
//! K0 = X Xᵀ/N0 = R Rᵀ,    R: P × r, r the rank
//! ```
//!
//! (docs/theory/proportional-limit.md §1, §9.) Repeated inputs are one input: they share their row of R, so that their outputs are equal.

use nalgebra::DVector;
use widenet_core::Matrix;

use super::error::{Result, invalid};

/// Asymmetry, and negative eigenvalues, of a kernel that are put down to rounding, relative to its largest entry or eigenvalue.
const TOLERANCE: f64 = 1e-8;

/// A positive semidefinite kernel of P ≥ 1 inputs with its root.
#[derive(Debug, Clone)]
pub struct InputKernel {
    matrix: Matrix,
    root: Matrix,
    /// `R = basis · triangle`: an orthonormal basis of the range and an upper triangle.
    basis: Matrix,
    triangle: Matrix,
}

impl InputKernel {
    /// Factors the kernel matrix `K0`, P × P.
    ///
    /// # Errors
    /// A matrix that is empty, not square, not finite, not symmetric, or not positive semidefinite, the last two up to 1e-8.
    pub fn new(matrix: &Matrix) -> Result<Self> {
        Self::with_input_size(matrix, matrix.nrows())
    }

    /// Factors the kernel of inputs `X`, P × N0, one per row: `K0 = X Xᵀ/N0`.
    ///
    /// # Errors
    /// No inputs, inputs of size 0, entries that are not finite or whose squares overflow.
    pub fn from_inputs(inputs: &Matrix) -> Result<Self> {
        let size = inputs.ncols();
        if size == 0 {
            return Err(invalid("inputs of size N0 = 0: at least one coordinate is needed"));
        }
        Self::with_input_size(&(inputs * inputs.transpose() / size as f64), size)
    }

    fn with_input_size(matrix: &Matrix, input_size: usize) -> Result<Self> {
        let (rows, columns) = matrix.shape();
        if rows == 0 || rows != columns {
            return Err(invalid(format!(
                "the input kernel, `kernel`, is {rows} × {columns}; it must be square, P × P with P ≥ 1"
            )));
        }
        if let Some(at) = matrix.iter().position(|x| !x.is_finite()) {
            let (i, j) = (at % rows, at / rows);
            return Err(invalid(format!(
                "entry ({i}, {j}) of the input kernel is {}; it must be finite",
                matrix[(i, j)]
            )));
        }
        let largest = matrix.amax();
        for j in 0..rows {
            for i in j + 1..rows {
                let (a, b) = (matrix[(i, j)], matrix[(j, i)]);
                if (a - b).abs() > TOLERANCE * largest {
                    return Err(invalid(format!(
                        "the input kernel, `kernel`, must be symmetric; its entries ({i}, {j}) and ({j}, {i}) are {a:?} and {b:?}"
                    )));
                }
            }
        }
        let matrix = Matrix::from_fn(rows, rows, |i, j| 0.5 * matrix[(i, j)] + 0.5 * matrix[(j, i)]);
        let owner = representatives(&matrix);
        let distinct: Vec<usize> = (0..rows).filter(|i| owner[*i] == *i).collect();
        let reduced = Matrix::from_fn(distinct.len(), distinct.len(), |i, j| matrix[(distinct[i], distinct[j])]);
        let cutoff = rows.max(input_size) as f64 * f64::EPSILON;
        let of_distinct = root(&reduced, cutoff)?;
        let position = |i: usize| distinct.partition_point(|j| *j < owner[i]);
        let root = Matrix::from_fn(rows, of_distinct.ncols(), |i, k| of_distinct[(position(i), k)]);
        let qr = root.clone().qr();
        Ok(Self { basis: qr.q(), triangle: qr.r(), matrix, root })
    }

    /// Returns the number P of inputs.
    pub fn inputs(&self) -> usize {
        self.matrix.nrows()
    }

    /// Returns the rank r.
    pub fn rank(&self) -> usize {
        self.root.ncols()
    }

    /// Returns `K0`, P × P, symmetric.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Returns `R`, P × r, with `R Rᵀ = K0`; the lower Cholesky factor if K0 is regular.
    pub fn root(&self) -> &Matrix {
        &self.root
    }

    /// Returns the logarithm of the product of the non-zero eigenvalues (0 for K0 = 0).
    pub fn log_pseudo_determinant(&self) -> f64 {
        (0..self.rank()).map(|k| 2.0 * self.triangle[(k, k)].abs().ln()).sum()
    }

    /// `z` with `R z = y`.
    fn coordinates(&self, y: &[f64]) -> Result<DVector<f64>> {
        if y.len() != self.inputs() {
            return Err(invalid(format!("{} values for {} inputs", y.len(), self.inputs())));
        }
        let y = DVector::from_column_slice(y);
        let projected = self.basis.transpose() * &y;
        let left = (&y - &self.basis * &projected).norm();
        // Written so that NaN is refused as well.
        if !(y.norm().is_finite() && left <= TOLERANCE * y.norm()) {
            return Err(invalid(format!(
                "a vector of norm {} has a part of norm {left} outside the range of the input kernel, whose rank is {} for {} inputs: \
                 outputs without noise cannot take these values",
                y.norm(),
                self.rank(),
                self.inputs()
            )));
        }
        self.triangle
            .solve_upper_triangular(&projected)
            .ok_or_else(|| invalid("the input kernel is singular on its range"))
    }

    /// Returns `yᵀ K0⁺ y` with the pseudo-inverse.
    ///
    /// # Errors
    /// y of another length than P, or (beyond 1e-8 of its norm) outside the range of K0.
    pub fn quadratic_form(&self, y: &[f64]) -> Result<f64> {
        Ok(self.coordinates(y)?.norm_squared())
    }

    /// Returns `K0⁺ y` with the pseudo-inverse.
    ///
    /// # Errors
    /// As [`Self::quadratic_form`].
    pub fn solve(&self, y: &[f64]) -> Result<Vec<f64>> {
        let coordinates = self.coordinates(y)?;
        let solved = self.triangle.tr_solve_upper_triangular(&coordinates);
        let solved = solved.ok_or_else(|| invalid("the input kernel is singular on its range"))?;
        Ok((&self.basis * solved).iter().copied().collect())
    }
}

/// For every input the first one that is equal to it up to rounding of its kernel.
fn representatives(matrix: &Matrix) -> Vec<usize> {
    let size = matrix.nrows();
    let norms: Vec<f64> = (0..size).map(|i| matrix[(i, i)].max(0.0).sqrt()).collect();
    let close = |a: f64, b: f64, scale: f64| (a - b).abs() <= 4.0 * f64::EPSILON * scale;
    let equal = |i: usize, j: usize| {
        close(matrix[(i, i)], matrix[(i, j)], norms[i] * norms[i])
            && (0..size).all(|k| close(matrix[(i, k)], matrix[(j, k)], norms[i] * norms[k]))
    };
    let mut owner: Vec<usize> = Vec::with_capacity(size);
    for i in 0..size {
        let first = (0..i).find(|j| owner[*j] == *j && equal(*j, i));
        owner.push(first.unwrap_or(i));
    }
    owner
}

/// A root of full column rank; directions with eigenvalues below `cutoff` times the largest are left out.
fn root(matrix: &Matrix, cutoff: f64) -> Result<Matrix> {
    let size = matrix.nrows();
    let scale = matrix.amax();
    if scale == 0.0 {
        return Ok(Matrix::zeros(size, 0));
    }
    let scaled = matrix / scale;
    let eigen = scaled.clone().symmetric_eigen();
    let largest = eigen.eigenvalues.max();
    let smallest = eigen.eigenvalues.min();
    if largest <= 0.0 || smallest < -TOLERANCE * largest {
        return Err(invalid(format!(
            "the input kernel, `kernel`, has the eigenvalue {:?}; it must be positive semidefinite (largest eigenvalue {:?})",
            smallest * scale,
            largest * scale
        )));
    }
    if smallest > cutoff * largest
        && let Some(cholesky) = scaled.cholesky()
    {
        return Ok(cholesky.l() * scale.sqrt());
    }
    let kept: Vec<usize> = (0..size).filter(|k| eigen.eigenvalues[*k] > cutoff * largest).collect();
    Ok(Matrix::from_fn(size, kept.len(), |i, k| {
        eigen.eigenvectors[(i, kept[k])] * (eigen.eigenvalues[kept[k]] * scale).sqrt()
    }))
}
