//! Computes second moments of kernels and fourth moments of outputs, for any numbers of inputs and outputs.
//!
//! ```text
//! E[(K_L)_ij (K_L)_kl] = (a + b + c)/3 S + (2a − b − c)/3 A,    a = K_ij K_kl, b = K_ik K_jl, c = K_il K_jk at K0
//! S = Π (1 + 2/N_l) → e^{2α},    A = Π (1 − 1/N_l) → e^{−α}
//! ```
//!
//! (docs/theory/proportional-limit.md §4, Eq. 4.1.) All are for gain 1: with gain g they are times g².

use std::cmp::Ordering;

use widenet_core::Matrix;

use super::{
    error::{Result, invalid},
    layers::HiddenLayers,
};

/// The two factors by which hidden layers change second moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondMoments {
    log_symmetric: f64,
    antisymmetric: f64,
}

impl SecondMoments {
    /// Computes the moments of these layers.
    pub fn new(layers: &HiddenLayers) -> Self {
        let sum = |change: f64| -> f64 {
            layers.groups().iter().map(|group| group.count as f64 * (change / group.width as f64).ln_1p()).sum()
        };
        Self {
            log_symmetric: sum(2.0) + 2.0 * layers.continuum(),
            // Zero after a layer of width 1: log1p(−1) = −∞.
            antisymmetric: (sum(-1.0) - layers.continuum()).exp(),
        }
    }

    /// Returns `S`, the factor of the symmetric part; infinite if it overflows.
    pub fn symmetric(&self) -> f64 {
        self.log_symmetric.exp()
    }

    /// Returns `A`, the factor of the rest; 0 after a layer of width 1.
    pub fn antisymmetric(&self) -> f64 {
        self.antisymmetric
    }

    /// Returns `E[(K_L)_ij (K_L)_kl] = E[f_d(i) f_d(j) f_e(k) f_e(l)]`, outputs d ≠ e, at the inputs `[i, j, k, l]` of the kernel K0; NaN
    /// if there is no such input.
    pub fn kernel(&self, kernel: &Matrix, inputs: [usize; 4]) -> f64 {
        let [a, b, c] = products(kernel, inputs);
        part(a + b + c, self.symmetric()) + part(2.0 * a - b - c, self.antisymmetric)
    }

    /// Returns `E[f(i) f(j) f(k) f(l)]` of one output.
    pub fn same_output(&self, kernel: &Matrix, inputs: [usize; 4]) -> f64 {
        let [a, b, c] = products(kernel, inputs);
        3.0 * part(a + b + c, self.symmetric())
    }

    /// Returns `Cov(f_d(i)², f_e(k)²)` of two different outputs.
    pub fn covariance_of_squares(&self, kernel: &Matrix, i: usize, k: usize) -> f64 {
        // S + 2A − 3 and S − A without cancellation for wide layers.
        let [s, a] = [self.log_symmetric.exp_m1(), self.antisymmetric - 1.0];
        let [variances, covariance, _] = products(kernel, [i, i, k, k]);
        part(variances, s + 2.0 * a) + 2.0 * part(covariance, s - a)
    }

    /// Returns the correlation of `f_d²` and `f_e²` at one input, d ≠ e: `(S − 1)/(3S − 1)`, from 0 (NNGP) to 1/3.
    pub fn correlation_of_squares(&self) -> f64 {
        // Divided by S, which may overflow.
        let decay = (-self.log_symmetric).exp();
        -(-self.log_symmetric).exp_m1() / (3.0 - decay)
    }
}

/// A third of a product, 0 if the first factor is 0 and the other infinite.
fn part(value: f64, factor: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / 3.0 * factor }
}

fn products(kernel: &Matrix, [i, j, k, l]: [usize; 4]) -> [f64; 3] {
    let at = |i, j| kernel.get((i, j)).map_or(f64::NAN, |value: &f64| *value);
    [at(i, j) * at(k, l), at(i, k) * at(j, l), at(i, l) * at(j, k)]
}

/// Returns `E X_ij²` of the triangular factor, `size × size`: rows sum to 1, so that `E Q = I`.
///
/// Below the diagonal the entries of a Bartlett factor are centred and independent, so that squares of a product multiply:
/// `E X∘X = ∏_l A_l`, with `A_jj = (N − j + 1)/N` and `A_ij = 1/N`. The continuum's factor has `e^{−(j−1)α'} − e^{−jα'}` below the
/// diagonal and `e^{−(j−1)α'}` on it (docs/theory/proportional-limit.md §5.1).
///
/// # Errors
/// A layer narrower than `size`, whose factor has fewer columns.
pub fn factor_second_moments(layers: &HiddenLayers, size: usize) -> Result<Matrix> {
    if let Some(narrowest) = layers.narrowest().filter(|width| *width < size as u64) {
        return Err(invalid(format!("a factor of size {size} needs widths of at least {size}, not {narrowest}")));
    }
    let lower = |diagonal: &dyn Fn(f64) -> f64, below: &dyn Fn(f64) -> f64| {
        Matrix::from_fn(size, size, |i, j| match i.cmp(&j) {
            Ordering::Less => 0.0,
            Ordering::Equal => diagonal(j as f64),
            Ordering::Greater => below(j as f64),
        })
    };
    let alpha = layers.continuum();
    let mut product = lower(&|j| (-j * alpha).exp(), &|j| -(-j * alpha).exp() * (-alpha).exp_m1());
    for group in layers.groups() {
        let width = group.width as f64;
        let (mut power, mut count) = (lower(&|j| (width - j) / width, &|_| 1.0 / width), group.count);
        while count > 0 {
            if count % 2 == 1 {
                product *= &power;
            }
            power = &power * &power;
            count /= 2;
        }
    }
    Ok(product)
}
