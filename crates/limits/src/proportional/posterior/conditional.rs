//! A Gaussian process is left when the shape of the mixing matrix is given; it is a function of its scale.
//!
//! ```text
//! log p(Y | u) = −½ Σ_k [n ln s_k + A_k/s_k] + const,    s_k = e^u μ_k + τ²
//! outputs:  μ = λ_i δ_d,  A = (Vᵀ Y O)_id²,  n = 1,   Q̂ = O δ Oᵀ        inputs:  μ_k eigenvalues of the mixed kernel,  n = D
//! ```
//!
//! (docs/theory/proportional-limit.md §8.2, Eq. 8.9.) One output, or one input, is the second form with the eigenvalues of K itself.

use std::f64::consts::TAU;

use widenet_core::Matrix;

use super::regression::{JointRoot, Regression};

/// A shape of the mixing matrix.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// The identity: one output, one input, or the Gaussian process.
    Scalar,
    /// Eigenvalues and eigenvectors (columns) of the D × D matrix over outputs.
    Outputs { eigenvalues: Vec<f64>, rotation: Matrix },
    /// A factor of the matrix over inputs, joint rank × any.
    Inputs { factor: Matrix },
}

impl Shape {
    /// Of a factor X, `Q̂ = X Xᵀ`, on the side that the regression mixes.
    pub(super) fn new(regression: &Regression, factor: Matrix) -> Self {
        if regression.joint.is_some() {
            return Self::Inputs { factor };
        }
        let size = factor.nrows();
        let mut rotation = factor;
        let columns = rotation.ncols();
        rotation = rotation.resize_horizontally(columns.max(size), 0.0);
        orthogonalise(&mut rotation, size);
        let eigenvalues = normalise(&mut rotation, size);
        Self::Outputs { eigenvalues, rotation }
    }

    /// The matrix itself, where there is one.
    pub(super) fn matrix(&self) -> Matrix {
        match self {
            Shape::Scalar => Matrix::identity(1, 1),
            Shape::Outputs { eigenvalues, rotation } => {
                let diagonal = Matrix::from_diagonal(&eigenvalues.clone().into());
                rotation * diagonal * rotation.transpose()
            }
            Shape::Inputs { factor } => factor * factor.transpose(),
        }
    }
}

/// Most sweeps of one-sided Jacobi rotations. They converge quadratically, so that ten are enough for a thousand columns; only columns that
/// are the rounding error of longer ones, as behind bottlenecks, are never orthogonal to these, and they are that short.
const SWEEPS: usize = 40;

/// Rotates columns until they are orthogonal in their first `rows` entries (one-sided Jacobi: the singular values of a graded matrix
/// keep their relative accuracy).
fn orthogonalise(matrix: &mut Matrix, rows: usize) {
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for j in 1..matrix.ncols() {
            for i in 0..j {
                let (x, y) = (matrix.column(i), matrix.column(j));
                let (x, y) = (x.rows(0, rows), y.rows(0, rows));
                let (a, b, c) = (x.norm_squared(), y.norm_squared(), x.dot(&y));
                // Also false for 0 and for NaN.
                if c.abs() > 4.0 * f64::EPSILON * (a * b).sqrt() {
                    rotated = true;
                    let zeta = (b - a) / (2.0 * c);
                    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                    let cosine = 1.0 / tangent.hypot(1.0);
                    let sine = cosine * tangent;
                    for row in 0..matrix.nrows() {
                        let (x, y) = (matrix[(row, i)], matrix[(row, j)]);
                        matrix[(row, i)] = cosine * x - sine * y;
                        matrix[(row, j)] = sine * x + cosine * y;
                    }
                }
            }
        }
        if !rotated {
            break;
        }
    }
}

/// Scales orthogonal columns to norm 1, completes vanishing ones to a basis, keeps the `size` longest; their squared norms.
fn normalise(matrix: &mut Matrix, size: usize) -> Vec<f64> {
    let norms: Vec<f64> = matrix.column_iter().map(|column| column.norm()).collect();
    let mut order: Vec<usize> = (0..norms.len()).collect();
    order.sort_by(|a, b| norms[*b].total_cmp(&norms[*a]));
    let largest = order.first().map_or(0.0, |k| norms[*k]);
    let mut basis = Matrix::zeros(size, size);
    let mut squares = vec![0.0; size];
    for (k, source) in order.into_iter().take(size).enumerate() {
        let norm = norms[source];
        if norm > f64::MIN_POSITIVE.sqrt() * largest && norm > f64::MIN_POSITIVE {
            basis.set_column(k, &(matrix.column(source) / norm));
            squares[k] = norm * norm;
            continue;
        }
        // The unit vector that is farthest from the span of the others.
        let mut best = nalgebra::DVector::zeros(size);
        for e in 0..size {
            let mut candidate = nalgebra::DVector::zeros(size);
            candidate[e] = 1.0;
            for _ in 0..2 {
                for j in 0..k {
                    let overlap = basis.column(j).dot(&candidate);
                    candidate.axpy(-overlap, &basis.column(j), 1.0);
                }
            }
            if candidate.norm() > best.norm() {
                best = candidate;
            }
        }
        let length = best.norm();
        basis.set_column(k, &(best / length));
    }
    *matrix = basis;
    squares
}

/// The likelihood as a function of the scale.
#[derive(Debug, Clone)]
pub(super) struct Modes {
    values: Vec<f64>,
    squares: Vec<f64>,
    multiplicity: f64,
    noise: f64,
    constant: f64,
}

impl Modes {
    fn new(regression: &Regression, values: Vec<f64>, squares: Vec<f64>, multiplicity: usize) -> Self {
        let (noise, outputs) = (regression.noise, regression.outputs() as f64);
        let silent = (regression.inputs - regression.rank()) as f64;
        let constant = if noise > 0.0 {
            -0.5 * (outputs * (regression.inputs as f64 * TAU.ln() + silent * noise.ln()) + regression.outside / noise)
        } else {
            -0.5 * outputs * regression.rank() as f64 * TAU.ln()
        };
        Self { values, squares, multiplicity: multiplicity as f64, noise, constant }
    }

    /// `log p(Y | u)`, −∞ where the density vanishes.
    pub(super) fn log_likelihood(&self, u: f64) -> f64 {
        let scale = u.exp();
        let (mut logs, mut quadratic) = (0.0, 0.0);
        for (value, square) in self.values.iter().zip(&self.squares) {
            let s = scale * value + self.noise;
            logs += s.ln();
            quadratic += square / s;
        }
        let value = self.constant - 0.5 * (self.multiplicity * logs + quadratic);
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }

    /// Its first and second derivative.
    pub(super) fn derivatives(&self, u: f64) -> (f64, f64) {
        let scale = u.exp();
        let (mut first, mut second) = (0.0, 0.0);
        for (value, square) in self.values.iter().zip(&self.squares) {
            let s = scale * value + self.noise;
            let (share, ratio) = (scale * value / s, square / s);
            first -= 0.5 * share * (self.multiplicity - ratio);
            second -= 0.5 * share * (self.multiplicity * (1.0 - share) - ratio * (1.0 - 2.0 * share));
        }
        (first, second)
    }

    /// Whether the targets vanish without noise: small scales are then ever more likely.
    pub(super) fn is_silent(&self) -> bool {
        self.noise == 0.0 && self.squares.iter().all(|square| *square == 0.0)
    }

    /// Degrees of freedom of the data.
    pub(super) fn freedom(&self) -> f64 {
        self.multiplicity * self.values.len() as f64
    }
}

/// The Gaussian process of a shape.
#[derive(Debug, Clone)]
pub(super) struct Conditional<'a> {
    regression: &'a Regression,
    pub(super) modes: Modes,
    form: Form<'a>,
}

#[derive(Debug, Clone)]
enum Form<'a> {
    /// `rotated = Vᵀ Y O`.
    Outputs { eigenvalues: &'a [f64], rotation: &'a Matrix, rotated: Matrix },
    /// Targets, test covariances (T × r) and prior variances in the eigenbasis of the mixed kernel.
    Inputs { targets: Matrix, cross: Matrix, variances: Vec<f64> },
    /// The same, unmixed.
    Scalar,
}

impl<'a> Conditional<'a> {
    pub(super) fn new(regression: &'a Regression, shape: &'a Shape) -> Self {
        match (shape, &regression.joint) {
            (Shape::Outputs { eigenvalues, rotation }, _) => {
                let rotated = &regression.targets * rotation;
                let values = eigenvalues.iter().flat_map(|d| regression.values.iter().map(move |l| l * d)).collect();
                let squares = rotated.iter().map(|a| a * a).collect();
                let modes = Modes::new(regression, values, squares, 1);
                Self { regression, modes, form: Form::Outputs { eigenvalues, rotation, rotated } }
            }
            (Shape::Inputs { factor }, Some(root)) => Self::mixed(regression, root, factor),
            _ => {
                let modes = Modes::new(
                    regression,
                    regression.values.clone(),
                    row_squares(&regression.targets),
                    regression.outputs(),
                );
                Self { regression, modes, form: Form::Scalar }
            }
        }
    }

    fn mixed(regression: &'a Regression, root: &JointRoot, factor: &Matrix) -> Self {
        let (train, test) = (root.train.nrows(), root.test.nrows());
        // Covariances are those of the rows of the stacked matrix, whatever rotates its columns.
        let mut stacked = Matrix::zeros(train + test, factor.ncols().max(train));
        stacked.view_mut((0, 0), (train, factor.ncols())).copy_from(&(&root.train * factor));
        stacked.view_mut((train, 0), (test, factor.ncols())).copy_from(&(&root.test * factor));
        orthogonalise(&mut stacked, train);
        let tests = stacked.rows(train, test).into_owned();
        let variances = tests.row_iter().map(|row| row.norm_squared()).collect();
        let upper = stacked.rows(0, train).into_owned();
        let mut basis = upper.clone();
        let values = normalise(&mut basis, train);
        let cross = tests * upper.transpose() * &basis;
        let targets = basis.transpose() * &regression.targets;
        let modes = Modes::new(regression, values, row_squares(&targets), regression.outputs());
        Self { regression, modes, form: Form::Inputs { targets, cross, variances } }
    }

    /// Means and variances at a test input for all outputs, at a scale.
    pub(super) fn predict(&self, test: usize, u: f64, mean: &mut [f64], variance: &mut [f64]) {
        mean.fill(0.0);
        variance.fill(0.0);
        let (scale, noise) = (u.exp(), self.regression.noise);
        let values = &self.regression.values;
        match &self.form {
            Form::Outputs { eigenvalues, rotation, rotated } => {
                let cross = self.regression.cross.row(test);
                for (d, eigenvalue) in eigenvalues.iter().enumerate() {
                    let delta = scale * eigenvalue;
                    let (mut sum, mut explained) = (0.0, 0.0);
                    for ((value, k), a) in values.iter().zip(cross.iter()).zip(rotated.column(d).iter()) {
                        let s = delta * value + noise;
                        sum += k * a / s;
                        explained += k * k / s;
                    }
                    // Without noise 0/0 where a direction has underflowed.
                    let (centre, spread) = if delta == 0.0 {
                        (0.0, 0.0)
                    } else {
                        (delta * sum, delta * (self.regression.variances[test] - delta * explained).max(0.0))
                    };
                    for (e, (mean, variance)) in mean.iter_mut().zip(variance.iter_mut()).enumerate() {
                        let o = rotation[(e, d)];
                        *mean += o * centre;
                        *variance += o * o * spread;
                    }
                }
            }
            Form::Inputs { targets, cross, variances } => {
                let modes = &self.modes.values;
                predict_row(modes, noise, scale, cross.row(test).iter(), targets, variances[test], mean, variance);
            }
            Form::Scalar => {
                let (cross, prior) = (self.regression.cross.row(test), self.regression.variances[test]);
                let targets = &self.regression.targets;
                predict_row(values, noise, scale, cross.iter(), targets, prior, mean, variance);
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "one formula of two callers")]
fn predict_row<'a>(
    values: &[f64],
    noise: f64,
    scale: f64,
    cross: impl Iterator<Item = &'a f64>,
    targets: &Matrix,
    prior: f64,
    mean: &mut [f64],
    variance: &mut [f64],
) {
    let mut explained = 0.0;
    for (i, (value, k)) in values.iter().zip(cross).enumerate() {
        let s = scale * value + noise;
        if s == 0.0 {
            continue;
        }
        explained += k * k / s;
        let factor = scale * k / s;
        mean.iter_mut().enumerate().for_each(|(e, mean)| *mean += factor * targets[(i, e)]);
    }
    variance.fill(scale * (prior - scale * explained).max(0.0));
}

fn row_squares(matrix: &Matrix) -> Vec<f64> {
    matrix.row_iter().map(|row| row.norm_squared()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a start whose columns are far from orthogonal, some by factors of 10⁷ shorter than others.
    #[test]
    fn graded_columns_become_orthogonal() {
        let cosine = |matrix: &Matrix, i: usize, j: usize| {
            let (x, y) = (matrix.column(i), matrix.column(j));
            x.dot(&y).abs() / (x.norm() * y.norm())
        };
        let worst = |matrix: &Matrix| {
            let pairs = (0..60).flat_map(|i| (0..i).map(move |j| (i, j)));
            pairs.map(|(i, j)| cosine(matrix, i, j)).fold(0.0, f64::max)
        };
        let mut matrix = Matrix::from_fn(60, 60, |i, j| ((i * 61 + j * j) as f64).sin() * (-0.3 * j as f64).exp());
        assert!(worst(&matrix) > 0.3);
        orthogonalise(&mut matrix, 60);
        assert!(worst(&matrix) < 1e-14, "{}", worst(&matrix));
    }
}
