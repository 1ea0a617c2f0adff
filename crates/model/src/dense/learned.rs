//! What a matrix has learned: passes over all rows in chunks.
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
    training::mlp::Movement,
};
use widenet_kernels::{panel_apply, panel_apply_transpose, panel_rank_update};

use super::{DenseMatrix, Initial};

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

/// `‖W − W_0‖²` and `‖W_0‖²`, summed on the host in `f64`.
pub(super) fn movement(matrix: &DenseMatrix) -> Movement {
    let mut movement = Movement { moved: 0.0, initial: 0.0 };
    for chunk in matrix.chunks() {
        let initial = matrix.placement.read(&matrix.initial.rows(chunk.2.clone(), &matrix.placement));
        let now = matrix.placement.read(&matrix.rows(chunk));
        add_movement(&mut movement, &now, &initial);
    }
    movement
}

/// Adds what some entries contribute.
pub(crate) fn add_movement(movement: &mut Movement, now: &[f64], initial: &[f64]) {
    movement.moved += now.iter().zip(initial).map(|(now, initial)| (now - initial).powi(2)).sum::<f64>();
    movement.initial += initial.iter().map(|entry| entry * entry).sum::<f64>();
}

/// See [`widenet_core::training::WeightMatrix::learned_singular_values`]; at most [`DIRECTIONS`] of them.
pub(super) fn learned_singular_values(matrix: &DenseMatrix) -> Vec<f64> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let Initial::Random(law) = &matrix.initial else { unreachable!("deep linear networks start at random") };
    let directions = DIRECTIONS.min(rows).min(columns);
    let mut rng = stream(law.seed, Purpose::Sketch, u64::from(law.layer));
    let mut basis = Matrix::from_fn(columns, directions, |_, _| StandardNormal.sample(&mut rng));
    let to_device = |basis: &Matrix| matrix.placement.tensor(basis.as_slice().to_vec(), [directions, columns]);
    let to_host =
        |vectors: &Tensor<2>, length: usize| Matrix::from_vec(length, directions, matrix.placement.read(vectors));
    for _ in 0..=POWER_ITERATIONS {
        let vectors = to_device(&basis);
        let images = matrix.learned_rows().map(|chunk| panel_apply_transpose(&chunk, &panel_apply(&chunk, &vectors)));
        let Some(image) = images.reduce(Tensor::add) else { return Vec::new() };
        basis = to_host(&image, columns).qr().q();
    }
    let vectors = to_device(&basis);
    let images: Vec<Tensor<2>> = matrix.learned_rows().map(|chunk| panel_apply(&chunk, &vectors)).collect();
    let image = to_host(&Tensor::cat(images, 1), rows);
    let mut values: Vec<f64> = image.qr().r().singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let largest = values.first().copied().unwrap_or(0.0);
    // Independent roundings of the entries, of relative size ε, make a matrix of norm about 2 s ε.
    let scale = law.std * (rows.max(columns) as f64).sqrt() * ((1 + matrix.flushes) as f64).sqrt();
    let rounding = ROUNDING_MARGIN * matrix.placement.precision.epsilon() * (scale + largest);
    values.retain(|value| *value > rounding);
    values
}
