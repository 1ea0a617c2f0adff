//! Finds what a matrix has learned, in passes over all rows in chunks.
//!
//! `W − s W_0` is formed entry by entry, with W_0 drawn again from its seed, so no copy of it is kept and large numbers
//! never cancel in a product. Its singular values come from a randomised range finder with power iterations (N. Halko,
//! P. G. Martinsson, J. A. Tropp, SIAM Review 53, 2011, algorithm 4.4).

use std::ops::Range;

use burn::Tensor;
use rand_distr::{Distribution, StandardNormal};
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
    training::{Block, EntryMatrix, LinearLayer, Movement, Neurons},
};
use widenet_kernels::{panel_apply, panel_apply_transpose, panel_rank_update};

use super::{initial::Initial, matrix::DenseMatrix};
use crate::vectors::DeviceBlock;

/// Rows worked on at a time.
const CHUNK: usize = 256;
/// Directions of the range finder, and its power iterations.
const DIRECTIONS: usize = 24;
const POWER_ITERATIONS: usize = 2;
/// Singular values below this many rounding errors of the weights are zero: every flush rounds every entry once.
const ROUNDING_MARGIN: f64 = 8.0;

impl DenseMatrix {
    /// Ranges of rows that cover the matrix, each within one panel, with the panel's index and first row.
    fn chunks(&self) -> impl Iterator<Item = (usize, usize, Range<usize>)> + use<> {
        let ranges = self.panel_ranges();
        ranges.into_iter().enumerate().flat_map(|(panel, rows)| {
            let (start, end) = (rows.start, rows.end);
            rows.step_by(CHUNK).map(move |first| (panel, start, first..end.min(first + CHUNK)))
        })
    }

    /// Rows of W as it is now.
    fn rows(&self, (panel, start, rows): (usize, usize, Range<usize>)) -> Tensor<2> {
        let part = |panels: &[Tensor<2>], factor: f64| {
            panels[panel].clone().narrow(0, rows.start - start, rows.len()).mul_scalar(factor)
        };
        let stored = part(&self.panels, self.stored.weight);
        let stored = match &self.velocity {
            Some((panels, component)) => stored.add(part(panels, component.weight)),
            None => stored,
        };
        match &self.pending {
            Some(pending) => {
                let left = pending.scaled_left(&self.placement, |component| component.weight);
                panel_rank_update(stored, 1.0, &left.narrow(1, rows.start, rows.len()), &pending.right)
            }
            None => stored,
        }
    }

    /// Rows of `W − s W_0`, chunk by chunk; s is what weight decay has left of the initial weights.
    fn learned_rows(&self) -> impl Iterator<Item = Tensor<2>> + '_ {
        self.chunks().map(|chunk| {
            let initial = self.initial.rows(chunk.2.clone(), &self.placement).mul_scalar(self.remaining.weight);
            self.rows(chunk).sub(initial)
        })
    }
}

impl EntryMatrix for DenseMatrix {
    fn epsilon(&self) -> f64 {
        self.placement.precision.epsilon()
    }

    fn zeros_like(&self) -> Self {
        let panel_rows = self.panels[0].dims()[0];
        let initial = Initial::Zero { rows: self.rows, columns: self.columns };
        Self { flush_at: self.flush_at, ..Self::starting_from(initial, panel_rows, self.placement.clone()) }
    }

    /// Summed on the host in `f64`.
    fn movement(&mut self) -> Movement {
        let mut movement = Movement { moved: 0.0, initial: 0.0 };
        for chunk in self.chunks() {
            let initial = self.placement.read(&self.initial.rows(chunk.2.clone(), &self.placement));
            let now = self.placement.read(&self.rows(chunk));
            add_movement(&mut movement, &now, &initial);
        }
        movement
    }
}

/// Adds what some entries contribute.
pub(crate) fn add_movement(movement: &mut Movement, now: &[f64], initial: &[f64]) {
    movement.moved += now.iter().zip(initial).map(|(now, initial)| (now - initial).powi(2)).sum::<f64>();
    movement.initial += initial.iter().map(|entry| entry * entry).sum::<f64>();
}

impl LinearLayer for DenseMatrix {
    /// At most as many as the range finder has directions.
    fn learned_singular_values(&mut self) -> Vec<f64> {
        learned_singular_values(self)
    }

    fn neurons(&self, block: &DeviceBlock) -> Neurons {
        Neurons::Entries(block.to_matrix())
    }
}

fn learned_singular_values(matrix: &DenseMatrix) -> Vec<f64> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    // A start that is not random has no key of its own for the sketch.
    let (mut rng, std) = match &matrix.initial {
        Initial::Random(law) => (stream(law.seed, Purpose::Sketch, u64::from(law.layer)), law.std),
        Initial::Given(entries) => {
            let entries = matrix.placement.read(entries);
            let mean_square = entries.iter().map(|entry| entry * entry).sum::<f64>() / entries.len() as f64;
            (stream(0, Purpose::Sketch, 0), mean_square.sqrt())
        }
        Initial::Zero { .. } => (stream(0, Purpose::Sketch, 0), 0.0),
    };
    let directions = DIRECTIONS.min(rows).min(columns);
    let mut basis = Matrix::from_fn(columns, directions, |_, _| StandardNormal.sample(&mut rng));
    let to_device = |basis: &Matrix| matrix.placement.tensor(basis.as_slice().to_vec(), [directions, columns]);
    let to_host =
        |vectors: &Tensor<2>, length: usize| Matrix::from_vec(length, directions, matrix.placement.read(vectors));
    for _ in 0..=POWER_ITERATIONS {
        let vectors = to_device(&basis);
        let products = matrix.learned_rows().map(|chunk| panel_apply_transpose(&chunk, &panel_apply(&chunk, &vectors)));
        let Some(product) = products.reduce(Tensor::add) else { return Vec::new() };
        basis = to_host(&product, columns).qr().q();
    }
    let vectors = to_device(&basis);
    let products: Vec<Tensor<2>> = matrix.learned_rows().map(|chunk| panel_apply(&chunk, &vectors)).collect();
    let product = to_host(&Tensor::cat(products, 1), rows);
    let mut values: Vec<f64> = product.qr().r().singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let largest = values.first().copied().unwrap_or(0.0);
    // Independent roundings of the entries, of relative size ε, make a matrix of norm about 2 s ε.
    let scale = std * (rows.max(columns) as f64).sqrt() * ((1 + matrix.flushes) as f64).sqrt();
    let rounding = ROUNDING_MARGIN * matrix.placement.precision.epsilon() * (scale + largest);
    values.retain(|value| *value > rounding);
    values
}
