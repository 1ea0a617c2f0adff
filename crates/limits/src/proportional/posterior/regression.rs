//! Holds the data of a regression in the eigenbasis of the training kernel.
//!
//! ```text
//! g K0 = V Λ Vᵀ,    Ỹ = Vᵀ Y,    k̃ = Vᵀ k*
//! ```
//!
//! (docs/theory/proportional-limit.md §8.1, §9, Eq. 8.1.) Eigenvalues below `max(P, N0) ε λ_max` are zero: there the targets are noise
//! alone.

use widenet_core::Matrix;

use super::error::{Result, invalid};
use crate::linear_algebra::eigendecomposition;

/// Asymmetry, negative eigenvalues, and targets outside the range of the kernel that are put down to rounding.
const TOLERANCE: f64 = 1e-8;

/// Training inputs with targets, test inputs, gain and noise: everything but the hidden layers. The training kernel is taken apart
/// once, whatever the number of architectures that are compared.
#[derive(Debug, Clone)]
pub struct Regression {
    /// Non-zero eigenvalues of the training kernel, g included.
    pub(super) values: Vec<f64>,
    /// `Ỹ`, r × D.
    pub(super) targets: Matrix,
    /// Squared norm of the targets outside the range of the kernel.
    pub(super) outside: f64,
    /// `k̃ᵀ`, T × r.
    pub(super) cross: Matrix,
    /// Prior variances at the test inputs, g included.
    pub(super) variances: Vec<f64>,
    /// τ².
    pub(super) noise: f64,
    /// P.
    pub(super) inputs: usize,
    /// Present if the joint kernel of training and test inputs has a rank below D.
    pub(super) joint: Option<JointRoot>,
}

/// A root of the joint kernel, for the mixing over inputs.
#[derive(Debug, Clone)]
pub(super) struct JointRoot {
    /// `√g Vᵀ R`, training rank × joint rank.
    pub(super) train: Matrix,
    /// `√g R` of the test inputs, T × joint rank.
    pub(super) test: Matrix,
    /// `R` of the training inputs, P × joint rank, without the gain.
    pub(super) features: Matrix,
}

impl JointRoot {
    pub(super) fn rank(&self) -> usize {
        self.features.ncols()
    }
}

impl Regression {
    /// Takes training inputs `X` (P × N0), targets `Y` (P × D), test inputs (T × N0), the gain g of the network and the variance
    /// τ² ≥ 0 of the noise. P = 0 and T = 0 are allowed.
    ///
    /// # Errors
    /// X and Y with different P; test inputs of another N0; N0 = 0 or D = 0; entries that are not finite or whose squares overflow;
    /// g ≤ 0; τ² < 0; τ² = 0 with targets outside the range of the kernel.
    pub fn new(inputs: &Matrix, targets: &Matrix, test_inputs: &Matrix, gain: f64, noise: f64) -> Result<Self> {
        let size = inputs.ncols();
        if size == 0 {
            return Err(invalid("inputs of size N0 = 0: at least one coordinate is needed"));
        }
        if test_inputs.ncols() != size {
            return Err(invalid(format!(
                "the test inputs have N0 = {} coordinates and the training inputs {size}; they must be the same",
                test_inputs.ncols()
            )));
        }
        finite("the training inputs", inputs)?;
        finite("the test inputs", test_inputs)?;
        same_count(inputs.nrows(), targets)?;
        let scale = size as f64;
        let blocks = Blocks {
            train: inputs * inputs.transpose() / scale,
            cross: test_inputs * inputs.transpose() / scale,
            diagonal: test_inputs.row_iter().map(|x| x.norm_squared() / scale).collect(),
        };
        let (train, test) = (inputs, test_inputs);
        let row = |i: usize| if i < train.nrows() { train.row(i) } else { test.row(i - train.nrows()) };
        Self::assemble(blocks, targets, size, gain, noise, &|i, j| row(i).dot(&row(j)) / scale)
    }

    /// Takes the joint kernel `K0` of P training inputs, which come first, and T test inputs; P is the number of rows of the targets.
    ///
    /// # Errors
    /// As [`Self::new`], and a kernel that is not square, not symmetric, not positive semidefinite on the training inputs, or smaller
    /// than P.
    pub fn from_kernel(kernel: &Matrix, targets: &Matrix, gain: f64, noise: f64) -> Result<Self> {
        let (size, train) = (kernel.nrows(), targets.nrows());
        if kernel.ncols() != size {
            return Err(invalid(format!(
                "the joint kernel, `kernel`, is {size} × {}; it must be square",
                kernel.ncols()
            )));
        }
        if train > size {
            return Err(invalid(format!(
                "`targets` has {train} rows, and the joint kernel, `kernel`, is of {size} inputs; give at most one row per input"
            )));
        }
        finite("the joint kernel", kernel)?;
        let largest = if size == 0 { 0.0 } else { kernel.amax() };
        for j in 0..size {
            for i in j + 1..size {
                let (a, b) = (kernel[(i, j)], kernel[(j, i)]);
                if (a - b).abs() > TOLERANCE * largest {
                    return Err(invalid(format!(
                        "the joint kernel, `kernel`, must be symmetric; its entries ({i}, {j}) and ({j}, {i}) are {a:?} and {b:?}"
                    )));
                }
            }
        }
        let blocks = Blocks {
            train: kernel.view((0, 0), (train, train)).into_owned(),
            cross: kernel.view((train, 0), (size - train, train)).into_owned(),
            diagonal: (train..size).map(|i| kernel[(i, i)]).collect(),
        };
        Self::assemble(blocks, targets, size, gain, noise, &|i, j| kernel[(i.max(j), i.min(j))])
    }

    /// Refuses targets, a gain and a noise that no inputs go with, at the cost of one look at the targets.
    ///
    /// # Errors
    /// D = 0; targets that are not finite or whose squares overflow; g ≤ 0; τ² < 0.
    pub fn check(targets: &Matrix, gain: f64, noise: f64) -> Result<()> {
        if targets.ncols() == 0 {
            return Err(invalid("targets of D = 0 outputs: at least one is needed"));
        }
        finite("the targets", targets)?;
        if !(gain.is_finite() && gain > 0.0) {
            return Err(invalid(format!("a gain of {gain}: it must be positive and finite")));
        }
        if !(noise.is_finite() && noise >= 0.0) {
            return Err(invalid(format!("a noise variance tau2 = {noise}: it must be a finite number ≥ 0")));
        }
        let norm = targets.norm();
        if !(norm.is_finite() && norm * norm < f64::INFINITY) {
            return Err(invalid(format!(
                "the squares of the targets overflow: the largest of `targets` is {:e}; divide the targets by a number and the noise and the gain by its \
                 square",
                targets.amax()
            )));
        }
        Ok(())
    }

    fn assemble(
        blocks: Blocks,
        targets: &Matrix,
        input_size: usize,
        gain: f64,
        noise: f64,
        entry: &dyn Fn(usize, usize) -> f64,
    ) -> Result<Self> {
        let (inputs, outputs) = targets.shape();
        Self::check(targets, gain, noise)?;
        let Blocks { train, cross, diagonal } = blocks;
        finite("the kernel of the training inputs", &train)?;
        finite("the kernel of test and training inputs", &cross)?;
        if let Some(bad) = diagonal.iter().find(|x| !(x.is_finite() && **x >= 0.0)) {
            return Err(invalid(format!("a prior variance of {bad} at a test input: it must be finite and ≥ 0")));
        }
        let (all, vectors) = eigendecomposition(&train)
            .ok_or_else(|| invalid("the eigendecomposition of the training kernel did not converge"))?;
        let largest = all.last().copied().unwrap_or(0.0).max(0.0);
        if let Some(smallest) = all.first()
            && *smallest < -TOLERANCE * largest.max(f64::MIN_POSITIVE)
        {
            return Err(invalid(format!(
                "the training kernel, in `kernel`, has the eigenvalue {smallest:?}; it must be positive semidefinite (largest \
                 eigenvalue {largest:?})"
            )));
        }
        let cutoff = inputs.max(input_size) as f64 * f64::EPSILON * largest;
        let kept = all.iter().filter(|value| **value > cutoff).count();
        // Ascending: the kept ones are last.
        let vectors = vectors.columns(inputs - kept, kept).into_owned();
        let values: Vec<f64> = all[inputs - kept..].iter().map(|value| value * gain).collect();
        let projected = vectors.transpose() * targets;
        let outside = (targets - &vectors * &projected).norm_squared();
        let norm = targets.norm();
        if noise == 0.0 && outside.sqrt() > TOLERANCE * norm {
            return Err(invalid(format!(
                "tau2 = 0 with targets of norm {norm} that have a part of norm {} outside the range of the training kernel, whose rank is \
                 {kept} for {inputs} inputs: the evidence is zero; they need noise",
                outside.sqrt()
            )));
        }
        let rotated = &cross * &vectors * gain;
        let joint = (outputs > 1 && kept < outputs)
            .then(|| low_rank_root(inputs + diagonal.len(), outputs, input_size, entry))
            .flatten()
            .map(|root| {
                let features = root.rows(0, inputs).into_owned();
                let train = vectors.transpose() * &features * gain.sqrt();
                JointRoot { train, test: root.rows(inputs, diagonal.len()) * gain.sqrt(), features }
            });
        Ok(Self {
            values,
            targets: projected,
            outside,
            cross: rotated,
            variances: diagonal.iter().map(|variance| gain * variance).collect(),
            noise,
            inputs,
            joint,
        })
    }

    /// Returns the number P of training inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number D of outputs.
    pub fn outputs(&self) -> usize {
        self.targets.ncols()
    }

    /// Returns the number T of test inputs.
    pub fn tests(&self) -> usize {
        self.variances.len()
    }

    /// Returns the rank of the training kernel.
    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// Returns the size m of the random mixing matrix: D, or the joint rank of training and test inputs if that is smaller.
    pub fn mixing_size(&self) -> usize {
        self.joint.as_ref().map_or(self.outputs(), JointRoot::rank)
    }
}

/// Parts of the joint kernel that a posterior needs, without the gain.
struct Blocks {
    train: Matrix,
    cross: Matrix,
    diagonal: Vec<f64>,
}

fn finite(name: &str, matrix: &Matrix) -> Result<()> {
    match matrix.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (i, j) = (at % matrix.nrows(), at / matrix.nrows());
            Err(invalid(format!("entry ({i}, {j}) of {name} is {}; it must be finite", matrix[(i, j)])))
        }
    }
}

fn same_count(inputs: usize, targets: &Matrix) -> Result<()> {
    if inputs == targets.nrows() {
        return Ok(());
    }
    Err(invalid(format!(
        "`targets` has {} rows, and there are {inputs} training inputs; give one row per input",
        targets.nrows()
    )))
}

/// A root `R`, size × r, of a kernel of rank r below `limit`, by the Cholesky factorisation with complete pivoting; `None` if the rank
/// reaches the limit.
fn low_rank_root(size: usize, limit: usize, input_size: usize, entry: &dyn Fn(usize, usize) -> f64) -> Option<Matrix> {
    let mut left: Vec<f64> = (0..size).map(|i| entry(i, i)).collect();
    let cutoff = size.max(input_size) as f64 * f64::EPSILON * left.iter().copied().fold(0.0, f64::max);
    let mut columns: Vec<Vec<f64>> = Vec::new();
    loop {
        let (pivot, largest) =
            left.iter().copied().enumerate().fold((0, 0.0), |best, (i, x)| if x > best.1 { (i, x) } else { best });
        if largest <= cutoff {
            return Some(Matrix::from_fn(size, columns.len(), |i, k| columns[k][i]));
        }
        if columns.len() + 1 == limit {
            return None;
        }
        let diagonal = largest.sqrt();
        let column: Vec<f64> = (0..size)
            .map(|i| (entry(i, pivot) - columns.iter().map(|c| c[i] * c[pivot]).sum::<f64>()) / diagonal)
            .collect();
        left.iter_mut().zip(&column).for_each(|(left, x)| *left -= x * x);
        left[pivot] = 0.0;
        columns.push(column);
    }
}
