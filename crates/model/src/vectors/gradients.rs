//! The products of gradients of weights that are shared over positions, in `f64` on the CPU.
//!
//! ```text
//! G(x) = Σ_p g_p a_pᵀ,    ⟨G(x), G(x')⟩ = Σ_{p,p'} (g_p · g'_p')(a_p · a'_p')
//! ```
//!
//! (docs/theory/convolutions.md §7, Eq. tangent.) The left side takes `R N P n n' + (R N)² n n'` multiplications for N samples of P positions,
//! R signals of length n' each and inputs of length n, the right side `(R N P)² n' + (N P)² n`; both go through memory in pieces.

use burn::Tensor;
use widenet_core::{Matrix, training::gradient_gram};

/// Numbers of a piece.
const PIECE: usize = 1 << 22;

/// Signals and inputs of some samples: vectors as rows.
#[derive(Clone, Copy)]
pub(super) struct Factors<'a> {
    /// (R N P) × n'.
    pub(super) signals: &'a Tensor<2>,
    /// (N P) × n.
    pub(super) inputs: &'a Tensor<2>,
    /// P.
    pub(super) positions: usize,
}

impl Factors<'_> {
    /// N.
    fn samples(&self) -> usize {
        self.inputs.dims()[0] / self.positions
    }

    /// R N.
    fn gradients(&self) -> usize {
        self.signals.dims()[0] / self.positions
    }

    /// Entries of one gradient.
    fn entries(&self) -> usize {
        self.signals.dims()[1] * self.inputs.dims()[1]
    }

    /// Some rows of the gradients of every sample and signal, R N × (rows n).
    fn slab(&self, first: usize, rows: usize) -> Tensor<2> {
        let ([vectors, _], [columns, n], p) = (self.signals.dims(), self.inputs.dims(), self.positions);
        let (samples, repeats) = (self.samples(), vectors / columns);
        let signals = self.signals.clone().narrow(1, first, rows).reshape([repeats, samples, p, rows]);
        let inputs: Tensor<4> = self.inputs.clone().reshape([1, samples, p, n]);
        let gradients = signals.swap_dims(2, 3).matmul(inputs.expand([repeats, samples, p, n]));
        gradients.reshape([repeats * samples, rows * n])
    }
}

/// The matrix of all products (module formula), R N × R' N'.
pub(super) fn products(left: Factors<'_>, right: Factors<'_>) -> Matrix {
    if multiplications(left, right).is_by_gradients() { by_gradients(left, right) } else { by_positions(left, right) }
}

/// Multiplications of either side of the module's formula.
struct Multiplications {
    gradients: f64,
    positions: f64,
}

impl Multiplications {
    fn is_by_gradients(&self) -> bool {
        self.gradients <= self.positions
    }
}

fn multiplications(left: Factors<'_>, right: Factors<'_>) -> Multiplications {
    let [[vectors, n_out], [columns, n]] = [left.signals.dims(), left.inputs.dims()];
    let others = [right.signals.dims()[0], right.inputs.dims()[0]];
    let entries = left.entries() as f64;
    let made = (vectors + others[0]) as f64 * entries;
    Multiplications {
        gradients: made + left.gradients() as f64 * right.gradients() as f64 * entries,
        positions: vectors as f64 * others[0] as f64 * n_out as f64 + columns as f64 * others[1] as f64 * n as f64,
    }
}

fn by_gradients(left: Factors<'_>, right: Factors<'_>) -> Matrix {
    let ([_, n_out], [_, n]) = (left.signals.dims(), left.inputs.dims());
    let gradients = left.gradients() + right.gradients();
    let rows = (PIECE / (gradients * n)).clamp(1, n_out);
    let mut sum = Matrix::zeros(left.gradients(), right.gradients());
    for first in (0..n_out).step_by(rows) {
        let rows = rows.min(n_out - first);
        let product = left.slab(first, rows).matmul(right.slab(first, rows).transpose());
        sum += matrix(&product);
    }
    sum
}

fn by_positions(left: Factors<'_>, right: Factors<'_>) -> Matrix {
    let (p, samples) = (left.positions, left.samples());
    let others = right.signals.dims()[0];
    let at_a_time = (PIECE / (others * p)).clamp(1, samples);
    let mut found = Matrix::zeros(left.gradients(), right.gradients());
    for first in (0..samples).step_by(at_a_time) {
        let count = at_a_time.min(samples - first);
        let inputs = matrix(&rows(left.inputs, first * p, count * p).matmul(right.inputs.clone().transpose()));
        for repeat in 0..left.gradients() / samples {
            let start = repeat * samples + first;
            let signals = matrix(&rows(left.signals, start * p, count * p).matmul(right.signals.clone().transpose()));
            found.rows_mut(start, count).copy_from(&gradient_gram(&signals, &inputs, [p, right.positions]));
        }
    }
    found
}

fn rows(tensor: &Tensor<2>, first: usize, count: usize) -> Tensor<2> {
    tensor.clone().narrow(0, first, count)
}

/// A matrix in `f64` on the CPU.
fn matrix(tensor: &Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    let values: Vec<f64> = tensor
        .to_data_as::<f64>()
        .try_to_vec()
        .unwrap_or_else(|error| unreachable!("the data was converted to f64: {error}"));
    Matrix::from_row_slice(rows, columns, &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceChoice, Precision};

    /// Either form, and the sums written out, for signals of two outputs and other samples on the right.
    #[test]
    fn both_forms_are_the_sum_over_pairs_of_positions() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let wave = |rows: usize, columns: usize, frequency: f64| {
            let values = (0..rows * columns).map(|i| (i as f64 * frequency + 0.3).sin()).collect();
            placement.tensor(values, [rows, columns])
        };
        let (positions, [n_out, n]) = (3, [4, 5]);
        let [samples, others] = [2, 6];
        let (signals, inputs) = (wave(2 * samples * positions, n_out, 0.7), wave(samples * positions, n, 1.1));
        let (other_signals, other_inputs) =
            (wave(2 * others * positions, n_out, 1.3), wave(others * positions, n, 0.9));
        let left = Factors { signals: &signals, inputs: &inputs, positions };
        let right = Factors { signals: &other_signals, inputs: &other_inputs, positions };
        let [s, a, s2, a2] = [&signals, &inputs, &other_signals, &other_inputs].map(matrix);
        let expected = Matrix::from_fn(2 * samples, 2 * others, |i, j| {
            let pairs = (0..positions).flat_map(|p| (0..positions).map(move |q| (p, q)));
            let product = |(p, q): (usize, usize)| {
                let [row, column] = [i * positions + p, j * positions + q];
                let [x, y] = [row % (samples * positions), column % (others * positions)];
                s.row(row).dot(&s2.row(column)) * a.row(x).dot(&a2.row(y))
            };
            pairs.map(product).sum::<f64>()
        });
        for found in [by_gradients(left, right), by_positions(left, right), products(left, right)] {
            assert!((found - &expected).amax() < 1e-13 * expected.amax());
        }
    }

    /// Few samples of many positions have small gradients; many samples of few positions have few pairs.
    #[test]
    fn the_cheaper_form_is_taken() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let is_by_gradients = |samples: usize, positions: usize| {
            let [signals, inputs] = [8, 72]
                .map(|length| placement.tensor(vec![0.0; samples * positions * length], [samples * positions, length]));
            let factors = Factors { signals: &signals, inputs: &inputs, positions };
            multiplications(factors, factors).is_by_gradients()
        };
        assert!(is_by_gradients(3, 64) && !is_by_gradients(40, 2));
    }
}
