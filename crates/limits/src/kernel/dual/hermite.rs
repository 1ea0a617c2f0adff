//! Dual activations without closed form are Hermite series in the correlation.
//!
//! ```text
//! b_m(q) = E[φ'(√q z) He_m(z)]/√m!,     E[φ'φ'] = Σ_m b_m(q1) b_m(q2) ρ^m,     ρ = c/√(q1 q2)
//! a_0(q) = E[φ(√q z)],                  E[φφ]   = a_0(q1) a_0(q2) + c Σ_m b_m(q1) b_m(q2) ρ^m/(m + 1)
//! ```
//!
//! (docs/theory/ntk.md §10.4, Eq. hermite; the second line is the first with Stein's identity a_{m+1} = √(q/(m+1)) b_m, which keeps its
//! digits as q → 0.) The b_m are trapezoid sums over a Gaussian: these converge exponentially, like `exp(−2π p/h)` for
//! singularities of φ' at distance p from the real axis (tanh: p = π/(2√q)), and `b_m ~ exp(−p √m)`.

use std::{f64::consts::PI, sync::LazyLock};

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use widenet_core::problem::Activation;

use super::expectations::Expectations;

/// Largest number of terms. Of tanh at variance 10 it leaves 2e-11 of `E[φ²]` and 6e-9 of `E[φ'²]`.
pub(crate) const MAX_TERMS: usize = 600;

/// Nodes per unit of z.
const NODES_PER_UNIT: usize = 32;

/// Nodes reach from −RANGE to RANGE, where e^{−z²/4} is below rounding.
const RANGE: usize = 13;

/// What a series leaves out of `E[φ'²]`, relatively, where [`MAX_TERMS`] allow it.
const TAIL: f64 = 1e-16;

/// The trapezoid rule of a standard Gaussian: nodes, and `weight · He_m(z)/√m!`, MAX_TERMS × nodes, row-major.
struct Rule {
    nodes: Vec<f64>,
    weighted: Vec<f64>,
}

static RULE: LazyLock<Rule> = LazyLock::new(|| {
    let half = (RANGE * NODES_PER_UNIT) as i32;
    let nodes: Vec<f64> = (-half..=half).map(|i| f64::from(i) / NODES_PER_UNIT as f64).collect();
    let step = 1.0 / NODES_PER_UNIT as f64;
    let count = nodes.len();
    let mut weighted = vec![0.0; MAX_TERMS * count];
    for (j, z) in nodes.iter().enumerate() {
        // Half of the Gaussian goes into the polynomials, so that neither overflows.
        let half_weight = (-0.25 * z * z).exp();
        let (mut before, mut now) = (0.0, half_weight);
        for m in 0..MAX_TERMS {
            weighted[m * count + j] = step / (2.0 * PI).sqrt() * half_weight * now;
            let next = (z * now - (m as f64).sqrt() * before) / ((m + 1) as f64).sqrt();
            (before, now) = (now, next);
        }
    }
    Rule { nodes, weighted }
});

/// Coefficients for a list of variances.
#[derive(Debug, Clone)]
pub(crate) struct Coefficients {
    /// `a_0` per variance.
    pub(crate) constants: Vec<f64>,
    /// `b_m`, row r holding those of degree `m = r · step`, one number per variance, padded as `stride` says.
    pub(crate) table: Vec<f64>,
    /// 2 where φ' is even, as of tanh, so that odd degrees vanish; else 1.
    pub(crate) step: usize,
    /// Numbers per row of the table: variances, and zeros up to a multiple of the lanes and one more.
    pub(crate) stride: usize,
    /// Number of rows.
    pub(crate) terms: usize,
    /// `√(Σ b²)` from each row on at the largest variance, relative to all of it.
    pub(crate) tails: Vec<f64>,
}

impl Coefficients {
    /// Coefficients at variances `0 ≤ q ≤ largest`; equal variances are computed once. The number of terms depends on the largest
    /// alone.
    pub(crate) fn new(activation: Activation, q: &[f64], largest: f64) -> Self {
        let at_largest = series(activation, &[largest], MAX_TERMS);
        let largest_of =
            |parity: usize| at_largest.iter().skip(parity).step_by(2).fold(0.0, |a: f64, b| a.max(b.abs()));
        let step = if largest_of(1) < 1e-15 * largest_of(0) { 2 } else { 1 };
        let tails = tails(&at_largest.into_iter().step_by(step).collect::<Vec<_>>());
        let terms = tails.iter().position(|tail| tail * tail < TAIL).unwrap_or(tails.len()).max(1);

        let mut distinct = q.to_vec();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let of_distinct = series(activation, &distinct, (terms - 1) * step + 1);
        let constants: Vec<f64> = distinct.iter().map(|q| gaussian_mean(|u| activation.value(u), *q, 1)).collect();
        let position = |q: &f64| distinct.partition_point(|other| other < q);
        let positions: Vec<usize> = q.iter().map(position).collect();

        let stride = (q.len() / super::arc::LANES + 2) * super::arc::LANES;
        let mut table = vec![0.0; terms * stride];
        let rows = of_distinct.chunks(distinct.len().max(1)).step_by(step);
        for (row, values) in table.chunks_mut(stride).zip(rows) {
            for (entry, position) in row.iter_mut().zip(&positions) {
                *entry = values[*position];
            }
        }
        let mut constants: Vec<f64> = positions.iter().map(|position| constants[*position]).collect();
        constants.resize(stride, 0.0);
        Self { constants, table, step, stride, terms, tails }
    }

    /// The expectations of variances i and j with covariance c and correlation ρ.
    pub(crate) fn sum(&self, i: usize, j: usize, c: f64, correlation: f64) -> Expectations {
        let (mut value, mut derivative, mut power) = (0.0, 0.0, 1.0);
        for r in 0..self.terms {
            let term = self.table[r * self.stride + i] * self.table[r * self.stride + j] * power;
            derivative += term;
            value += term / (r * self.step + 1) as f64;
            power *= correlation.powi(self.step as i32);
        }
        Expectations { value: self.constants[i] * self.constants[j] + c * value, derivative }
    }
}

/// `b_m(q)` for m < terms: row m holds one number per variance.
fn series(activation: Activation, q: &[f64], terms: usize) -> Vec<f64> {
    let (rule, variances) = (&*RULE, q.len());
    let count = rule.nodes.len();
    // Few variances at a time: the values on the nodes are 900 times as many.
    const CHUNK: usize = 256;
    let mut table = vec![0.0; terms * variances];
    for (chunk, q) in q.chunks(CHUNK).enumerate() {
        let values: Vec<f64> = q
            .iter()
            .flat_map(|q| {
                let root = q.sqrt();
                rule.nodes.iter().map(move |z| activation.derivative(root * z))
            })
            .collect();
        let target = MatMut::from_row_major_slice_mut(&mut table, terms, variances);
        let target = target.submatrix_mut(0, chunk * CHUNK, terms, q.len());
        let weighted = MatRef::from_row_major_slice(&rule.weighted[..terms * count], terms, count);
        let values = MatRef::from_column_major_slice(&values, count, q.len());
        matmul(target, Accum::Replace, weighted, values, 1.0, Par::Seq);
    }
    table
}

/// `√(Σ_{n ≥ m} b_n²)` for every m, relative to the first.
fn tails(coefficients: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut tails: Vec<f64> = coefficients
        .iter()
        .rev()
        .map(|b| {
            sum += b * b;
            sum
        })
        .collect();
    tails.reverse();
    tails.iter_mut().for_each(|tail| *tail = (*tail / sum).sqrt());
    tails
}

/// `E[g(√q z)]` with `refinement` times as many nodes as the series has.
fn gaussian_mean(g: impl Fn(f64) -> f64, q: f64, refinement: usize) -> f64 {
    let (root, per_unit) = (q.sqrt(), NODES_PER_UNIT * refinement);
    let half = (RANGE * per_unit) as i32;
    let term = |i: i32| {
        let z = f64::from(i) / per_unit as f64;
        (-0.5 * z * z).exp() * g(root * z)
    };
    (-half..=half).map(term).sum::<f64>() / (per_unit as f64 * (2.0 * PI).sqrt())
}

/// `E[φ²]` and `E[φ'²]`.
pub(super) fn diagonal(activation: Activation, q: f64) -> Expectations {
    Expectations {
        value: gaussian_mean(|u| activation.value(u).powi(2), q, 2),
        derivative: gaussian_mean(|u| activation.derivative(u).powi(2), q, 2),
    }
}

/// What the series leaves out at variances up to q: for any pair at most the geometric mean of what is missing in Parseval's
/// identity at both, and that is largest at q and ρ = 1.
pub(super) fn error(activation: Activation, q: f64) -> Expectations {
    let coefficients = Coefficients::new(activation, &[q], q);
    let series = coefficients.sum(0, 0, q, 1.0);
    let refined = Expectations {
        value: gaussian_mean(|u| activation.value(u).powi(2), q, 8),
        derivative: gaussian_mean(|u| activation.derivative(u).powi(2), q, 8),
    };
    let rounding = 64.0 * f64::EPSILON;
    Expectations {
        value: (series.value - refined.value).abs() + rounding * refined.value,
        derivative: (series.derivative - refined.derivative).abs() + rounding * refined.derivative,
    }
}
