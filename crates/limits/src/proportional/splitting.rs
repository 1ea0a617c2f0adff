//! Simulates the triangular diffusion of the limit by a splitting scheme of weak order 2.
//!
//! ```text
//! dX = X dY,    dY_ii = −(2i − 1)/4 dt + dB_ii/√2,    dY_ij = dB_ij (i > j),    X_0 = I,    Q_α = X_α X_αᵀ
//! step h:  X_·i *= exp(√(h/4) ξ_i − i h/4);    X_·j += √h ξ_ij X_·i for the pairs i > j in turn;    X_·i *= … again
//! ```
//!
//! (docs/theory/proportional-limit.md §5.1, §6, Eq. 5.1, Eq. 6.1.) The pairs go in the order (2,1), (3,1), …, (3,2), … or, with probability
//! ½ in each step, in the reverse order.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use widenet_core::Matrix;

use super::error::{Result, invalid};

/// Standard normals of one step of a matrix of m columns.
#[derive(Debug, Clone, PartialEq)]
pub struct SplittingNormals {
    /// Of the first scaling of the columns, m.
    pub first_half: Vec<f64>,
    /// Of the pairs, m (m − 1)/2, in the order (2,1), (3,1), …, (m,1), (3,2), … whatever the order of the step.
    pub off_diagonal: Vec<f64>,
    /// Of the second scaling of the columns, m.
    pub second_half: Vec<f64>,
}

/// Steps that keep the error of second moments near 1e-2 up to α = 1: `max(16, ⌈16 α⌉)`.
pub fn default_steps(alpha: f64) -> u64 {
    // A float beyond the range of the integer gives its largest value.
    16.max((16.0 * alpha).ceil() as u64)
}

/// The position of the pair (i, j), i > j from 0, among the pairs of m columns.
fn pair(m: usize, i: usize, j: usize) -> usize {
    j * m - j * (j + 1) / 2 + i - j - 1
}

/// Calls `visit(i, j)` for all pairs i > j in the order of a step.
fn sweep(m: usize, reverse: bool, mut visit: impl FnMut(usize, usize)) {
    if reverse {
        (0..m).rev().for_each(|j| (j + 1..m).rev().for_each(|i| visit(i, j)));
    } else {
        (0..m).for_each(|j| (j + 1..m).for_each(|i| visit(i, j)));
    }
}

/// Returns one step of length `step` from `start` (m columns, any number of rows), with the pairs in their reverse order if `reverse`.
///
/// # Errors
/// A step that is negative or not finite; wrong numbers of normals.
pub fn splitting_step(start: &Matrix, step: f64, normals: &SplittingNormals, reverse: bool) -> Result<Matrix> {
    let m = start.ncols();
    if !(step.is_finite() && step >= 0.0) {
        return Err(invalid(format!("a step of {step}: it must be a finite number ≥ 0")));
    }
    let counts = [normals.first_half.len(), normals.off_diagonal.len(), normals.second_half.len()];
    let needed = [m, m * m.saturating_sub(1) / 2, m];
    if counts != needed {
        return Err(invalid(format!("{counts:?} normals for a step of {m} columns, which needs {needed:?}")));
    }
    let mut x = start.clone();
    let scale = |x: &mut Matrix, normals: &[f64]| {
        for (i, (mut column, normal)) in x.column_iter_mut().zip(normals).enumerate() {
            column *= ((step / 4.0).sqrt() * normal - (i + 1) as f64 * step / 4.0).exp();
        }
    };
    scale(&mut x, &normals.first_half);
    sweep(m, reverse, |i, j| {
        let factor = step.sqrt() * normals.off_diagonal[pair(m, i, j)];
        for row in 0..x.nrows() {
            x[(row, j)] += factor * x[(row, i)];
        }
    });
    scale(&mut x, &normals.second_half);
    Ok(x)
}

/// The scheme over all of α: `n` steps for m × m matrices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Splitting {
    size: usize,
    steps: usize,
    step: f64,
}

/// `X = Y diag(e^{s})`, Y a lower triangle with unit diagonal: neither Y nor s over- or underflows at large α.
#[derive(Debug, Clone, Default)]
pub(super) struct Triangle {
    /// Y column by column from the diagonal down, m (m + 1)/2.
    pub(super) entries: Vec<f64>,
    /// s.
    pub(super) logs: Vec<f64>,
    /// Room for the factors of one step.
    factors: Vec<f64>,
}

impl Splitting {
    pub(super) fn new(size: usize, alpha: f64, steps: u64) -> Result<Self> {
        if !(alpha.is_finite() && alpha >= 0.0) {
            return Err(invalid(format!("alpha = {alpha} must be a finite number ≥ 0")));
        }
        if steps == 0 || steps > u64::from(u32::MAX) {
            return Err(invalid(format!(
                "{steps} steps of the splitting scheme: it must be between 1 and {}",
                u32::MAX
            )));
        }
        Ok(Self { size, steps: steps as usize, step: alpha / steps as f64 })
    }

    /// Standard normals that drive a matrix: m for the first half scaling, then per step those of the pairs and m for the scaling
    /// after them (of two half steps in one; of a half step at the end).
    pub(super) fn normals(&self) -> usize {
        self.size + self.steps * self.size * (self.size + 1) / 2
    }

    /// Coins that choose the order of the pairs, one per step.
    pub(super) fn coins(&self) -> usize {
        self.steps
    }

    /// The matrix of these normals and coins (missing ones count as 0 and as the forward order).
    pub(super) fn assemble(&self, normals: &[f64], coins: &[bool], triangle: &mut Triangle) {
        self.run(&mut Given { normals: normals.iter(), coins: coins.iter() }, triangle);
    }

    /// A fresh matrix.
    pub(super) fn sample(&self, rng: &mut impl Rng, triangle: &mut Triangle) {
        self.run(&mut Fresh(rng), triangle);
    }

    fn run(&self, drive: &mut impl Drive, triangle: &mut Triangle) {
        let (m, h) = (self.size, self.step);
        let Triangle { entries, logs, factors } = triangle;
        entries.clear();
        entries.resize(m * (m + 1) / 2, 0.0);
        // Column j starts at its diagonal.
        let start = |j: usize| j * m - j * j.saturating_sub(1) / 2;
        (0..m).for_each(|j| entries[start(j)] = 1.0);
        logs.clear();
        logs.resize(m, 0.0);
        factors.clear();
        factors.resize(m * m.saturating_sub(1) / 2, 0.0);
        scale(logs, drive, h);
        for step in 1..=self.steps {
            sweep(m, false, |i, j| factors[pair(m, i, j)] = h.sqrt() * drive.normal() * (logs[i] - logs[j]).exp());
            sweep(m, drive.coin(), |i, j| {
                let factor = factors[pair(m, i, j)];
                let (left, right) = entries.split_at_mut(start(i));
                let target = &mut left[start(j) + i - j..][..m - i];
                target.iter_mut().zip(right).for_each(|(x, y)| *x += factor * *y);
            });
            // Half steps of neighbouring steps in one.
            scale(logs, drive, if step == self.steps { h } else { 2.0 * h });
        }
    }
}

/// Half a step of length `h`, or half steps of a total length `2h`, of the columns' scaling.
fn scale(logs: &mut [f64], drive: &mut impl Drive, h: f64) {
    for (i, log) in logs.iter_mut().enumerate() {
        *log += (h / 4.0).sqrt() * drive.normal() - (i + 1) as f64 * h / 4.0;
    }
}

/// Where the random numbers of a matrix come from.
trait Drive {
    fn normal(&mut self) -> f64;
    fn coin(&mut self) -> bool;
}

struct Fresh<'a, R>(&'a mut R);

impl<R: Rng> Drive for Fresh<'_, R> {
    fn normal(&mut self) -> f64 {
        StandardNormal.sample(self.0)
    }

    fn coin(&mut self) -> bool {
        self.0.random()
    }
}

struct Given<'a> {
    normals: std::slice::Iter<'a, f64>,
    coins: std::slice::Iter<'a, bool>,
}

impl Drive for Given<'_> {
    fn normal(&mut self) -> f64 {
        self.normals.next().copied().unwrap_or(0.0)
    }

    fn coin(&mut self) -> bool {
        self.coins.next().copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The normals and coins of three steps, in one go and step by step. The merged scaling between two steps is two half scalings
    /// by normals ξ/√2 each.
    #[test]
    fn the_assembled_matrix_is_the_product_of_its_steps() {
        let (m, alpha) = (3, 0.7);
        let splitting = Splitting::new(m, alpha, 3).expect("valid");
        let normals: Vec<f64> = (0..splitting.normals()).map(|k| (2.3 * (k * k) as f64).sin()).collect();
        let coins = [false, true, true];
        assert_eq!(splitting.coins(), 3);
        let mut triangle = Triangle::default();
        splitting.assemble(&normals, &coins, &mut triangle);
        let mut expected = Matrix::identity(m, m);
        let (first, rest) = normals.split_at(m);
        let mut first_half = first.to_vec();
        for (step, chunk) in rest.chunks_exact(m * (m + 1) / 2).enumerate() {
            let (off_diagonal, after) = chunk.split_at(m * (m - 1) / 2);
            let share = if step == 2 { 1.0 } else { 0.5f64.sqrt() };
            let second_half: Vec<f64> = after.iter().map(|normal| share * normal).collect();
            let normals =
                SplittingNormals { first_half, off_diagonal: off_diagonal.to_vec(), second_half: second_half.clone() };
            expected = splitting_step(&expected, alpha / 3.0, &normals, coins[step]).expect("valid");
            first_half = second_half;
        }
        let mut entries = triangle.entries.iter();
        for j in 0..m {
            for i in j..m {
                let got = entries.next().expect("an entry") * triangle.logs[j].exp();
                assert!((got - expected[(i, j)]).abs() < 1e-14, "({i}, {j}): {got} against {}", expected[(i, j)]);
            }
        }
    }

    #[test]
    fn nothing_overflows_at_a_ratio_of_ten_thousand() {
        let splitting = Splitting::new(4, 1e4, default_steps(1e4)).expect("valid");
        let mut triangle = Triangle::default();
        let mut rng = widenet_core::seed::stream(5, widenet_core::seed::Purpose::PriorDraw, 0);
        splitting.sample(&mut rng, &mut triangle);
        assert!(triangle.entries.iter().chain(&triangle.logs).all(|x| x.is_finite()), "{triangle:?}");
    }
}
