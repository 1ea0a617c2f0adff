//! Kernel matrices are made in one blocked pass: a tile of the Gram matrix, then all layers on that tile while it is in cache.
//!
//! Memory is the results and one tile per thread. The tiling depends on the sizes alone, so the numbers do not depend on
//! the number of threads. (docs/theory/ntk.md §10.1.)

use std::{cell::RefCell, ops::Range};

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul, reborrow::ReborrowMut};
use widenet_core::{Matrix, scaling::KernelNetwork, training::Control};

use super::{
    convolution,
    dual::arc::LANES,
    error::{Error, Result, invalid},
    matrices::{Diagonals, Kernels, Which},
    recursion::{Recursion, Side, prepare_series},
};
use crate::linear_algebra::{view, view_mut};

/// Largest side of a tile: two of them fit in a second-level cache of 1 MiB.
const TILE: usize = 256;

/// Columns between two calls of `watch`.
const PANEL: usize = 1024;

/// Returns kernels between the rows of `x1` (N₁ × d) and `x2` (N₂ × d); without `x2` among the rows of `x1`.
///
/// `watch` is called with the share of the work done, in [0, 1].
///
/// # Errors
/// Inputs of different dimensions, or not finite; a kernel that overflows, or variances too large for the series of an activation
/// without closed form, with layer and row; [`Error::Stopped`].
pub fn kernels(
    network: &KernelNetwork,
    x1: &Matrix,
    x2: Option<&Matrix>,
    which: Which,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    if let Some(image) = &network.image {
        return convolution::kernels(network, image, (x1, x2), which, watch);
    }
    if let Some(x2) = x2.filter(|x2| x2.ncols() != x1.ncols()) {
        return Err(invalid(format!(
            "x1 has inputs of dimension {} and x2 of dimension {}; they must be the same",
            x1.ncols(),
            x2.ncols()
        )));
    }
    if which != Which::Nngp {
        check_kinks(network, x1, "x1")?;
        x2.map_or(Ok(()), |x2| check_kinks(network, x2, "x2"))?;
    }
    let mut left = Side::new(network, x1, "x1")?;
    let mut right = x2.map(|x2| Side::new(network, x2, "x2")).transpose()?;
    prepare_series(network, &mut left, right.as_mut());
    let (n1, n2) = (x1.nrows(), x2.map_or(x1.nrows(), Matrix::nrows));
    // Zeros straight from the system, whose pages the threads then touch first.
    let matrix = |wanted: bool| wanted.then(|| Matrix::from_vec(n1, n2, vec![0.0; n1 * n2]));
    let mut kernels = Kernels { nngp: matrix(which != Which::Tangent), tangent: matrix(which != Which::Nngp) };
    let recursion = Recursion::new(network, &left, right.as_ref().unwrap_or(&left));
    let blocks = Blocks { recursion, left: x1, right: x2.unwrap_or(x1) };
    let mut results =
        Results { nngp: kernels.nngp.as_mut().map(view_mut), tangent: kernels.tangent.as_mut().map(view_mut) };
    for first in (0..n2).step_by(PANEL) {
        let columns = first..n2.min(first + PANEL);
        let last = columns.end;
        // Of a symmetric matrix the columns up to `last` hold `last²` entries.
        let done = if x2.is_none() { (last as f64 / n2 as f64).powi(2) } else { last as f64 / n2 as f64 };
        if x2.is_none() {
            let [_, above, beside, corner] = results.rb_mut().split(first, first);
            let (corner, _) = corner.split_columns(columns.len());
            let (corner, _) = corner.split_rows(columns.len());
            let (above, _) = above.split_columns(columns.len());
            let (beside, _) = beside.split_rows(columns.len());
            rayon::join(
                || blocks.rectangle(0..first, columns.clone(), above, Some(beside)),
                || blocks.triangle(columns.clone(), corner),
            );
        } else {
            let (_, panel) = results.rb_mut().split_columns(first);
            let (panel, _) = panel.split_columns(columns.len());
            blocks.rectangle(0..n1, columns, panel, None);
        }
        if watch(done) == Control::Stop {
            return Err(Error::Stopped);
        }
    }
    if x2.is_none() {
        set_diagonals(&mut kernels, &left);
    }
    Ok(kernels)
}

/// Refuses inputs 0 of which all pre-activations are at a kink and gradients pass through it: those of biases that start at 0 and are trained.
fn check_kinks(network: &KernelNetwork, inputs: &Matrix, name: &str) -> Result<()> {
    let has_kink = network.activation.slopes().is_some_and(|(below, above)| below != above);
    let (mut variance, mut tangent) = (network.layers[0].bias_variance, network.layers[0].bias_tangent);
    let is_ambiguous = network.layers[1..].iter().any(|next| {
        let at_kink = variance == 0.0 && tangent > 0.0;
        (variance, tangent) = (variance.max(next.bias_variance), tangent.max(next.bias_tangent));
        at_kink
    });
    let zero = inputs.row_iter().position(|row| row.iter().all(|x| *x == 0.0));
    match zero.filter(|_| has_kink && is_ambiguous) {
        None => Ok(()),
        Some(row) => Err(invalid(format!(
            "{name}, row {}: the input is 0 and biases start at 0, so that all pre-activations are at the kink of the activation and the tangent kernel \
             depends on the derivative there; leave the input out, or let the biases have a standard deviation at the start",
            row + 1
        ))),
    }
}

/// The diagonals have their own recursion, without angles.
fn set_diagonals(kernels: &mut Kernels, side: &Side<'_>) {
    for i in 0..side.len() {
        if let Some(nngp) = &mut kernels.nngp {
            nngp[(i, i)] = side.nngp()[i];
        }
        if let Some(tangent) = &mut kernels.tangent {
            tangent[(i, i)] = side.tangent[i];
        }
    }
}

/// Returns `K(x, x)` and `Θ(x, x)` for the rows x of a matrix (N × d).
///
/// # Errors
/// As for [`kernels`].
pub fn diagonals(network: &KernelNetwork, x: &Matrix) -> Result<Diagonals> {
    if let Some(image) = &network.image {
        return convolution::diagonals(network, image, x);
    }
    let side = Side::new(network, x, "x")?;
    Ok(Diagonals { nngp: side.nngp().to_vec(), tangent: side.tangent })
}

fn rows_of<'a>(matrix: &'a Matrix, rows: &Range<usize>) -> MatRef<'a, f64> {
    view(matrix).subrows(rows.start, rows.len())
}

/// The same part of the matrices that are computed.
struct Results<'a> {
    nngp: Option<MatMut<'a, f64>>,
    tangent: Option<MatMut<'a, f64>>,
}

impl<'a> Results<'a> {
    fn rb_mut(&mut self) -> Results<'_> {
        Results {
            nngp: self.nngp.as_mut().map(ReborrowMut::rb_mut),
            tangent: self.tangent.as_mut().map(ReborrowMut::rb_mut),
        }
    }

    fn split_rows(self, at: usize) -> (Results<'a>, Results<'a>) {
        let (nngp, nngp_below) = self.nngp.map(|matrix| matrix.split_at_row_mut(at)).unzip();
        let (tangent, tangent_below) = self.tangent.map(|matrix| matrix.split_at_row_mut(at)).unzip();
        (Results { nngp, tangent }, Results { nngp: nngp_below, tangent: tangent_below })
    }

    fn split_columns(self, at: usize) -> (Results<'a>, Results<'a>) {
        let (nngp, nngp_right) = self.nngp.map(|matrix| matrix.split_at_col_mut(at)).unzip();
        let (tangent, tangent_right) = self.tangent.map(|matrix| matrix.split_at_col_mut(at)).unzip();
        (Results { nngp, tangent }, Results { nngp: nngp_right, tangent: tangent_right })
    }

    /// Copies the upper triangle to the lower one.
    fn mirror(self) {
        for mut matrix in [self.nngp, self.tangent].into_iter().flatten() {
            for column in 0..matrix.ncols() {
                for row in 0..column {
                    matrix[(column, row)] = matrix[(row, column)];
                }
            }
        }
    }

    /// Top left, top right, bottom left, bottom right.
    fn split(self, row: usize, column: usize) -> [Results<'a>; 4] {
        let (top, bottom) = self.split_rows(row);
        let ((a, b), (c, d)) = (top.split_columns(column), bottom.split_columns(column));
        [a, b, c, d]
    }
}

/// Kernels of a tile, columns one after the other, padded to whole lanes.
#[derive(Default)]
struct Tile {
    values: Vec<f64>,
    tangent: Vec<f64>,
}

thread_local! {
    static SCRATCH: RefCell<Tile> = RefCell::default();
}

struct Blocks<'a> {
    recursion: Recursion<'a>,
    left: &'a Matrix,
    right: &'a Matrix,
}

impl Blocks<'_> {
    /// Computes a rectangle; with `mirror` also its transpose.
    fn rectangle(&self, rows: Range<usize>, columns: Range<usize>, results: Results<'_>, mirror: Option<Results<'_>>) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        if rows.len().max(columns.len()) <= TILE {
            return self.tile(rows, columns, results, mirror);
        }
        if rows.len() >= columns.len() {
            let half = rows.len() / 2;
            let middle = rows.start + half;
            let (above, below) = results.split_rows(half);
            let (mirror_above, mirror_below) = mirror.map(|mirror| mirror.split_columns(half)).unzip();
            rayon::join(
                || self.rectangle(rows.start..middle, columns.clone(), above, mirror_above),
                || self.rectangle(middle..rows.end, columns.clone(), below, mirror_below),
            );
        } else {
            let half = columns.len() / 2;
            let middle = columns.start + half;
            let (before, behind) = results.split_columns(half);
            let (mirror_before, mirror_behind) = mirror.map(|mirror| mirror.split_rows(half)).unzip();
            rayon::join(
                || self.rectangle(rows.clone(), columns.start..middle, before, mirror_before),
                || self.rectangle(rows.clone(), middle..columns.end, behind, mirror_behind),
            );
        }
    }

    /// Computes a square on the diagonal from its upper triangle.
    fn triangle(&self, range: Range<usize>, results: Results<'_>) {
        if range.len() <= TILE {
            let mut results = results;
            self.tile(range.clone(), range, results.rb_mut(), None);
            return results.mirror();
        }
        let half = range.len() / 2;
        let middle = range.start + half;
        let [first, above, beside, second] = results.split(half, half);
        rayon::join(
            || self.rectangle(range.start..middle, middle..range.end, above, Some(beside)),
            || rayon::join(|| self.triangle(range.start..middle, first), || self.triangle(middle..range.end, second)),
        );
    }

    fn tile(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        mut results: Results<'_>,
        mut mirror: Option<Results<'_>>,
    ) {
        SCRATCH.with_borrow_mut(|scratch| {
            let padded = rows.len().next_multiple_of(LANES);
            // An odd number of cache lines, so that a row of the tile does not fall into few sets of the cache.
            let stride = padded + LANES / 2;
            scratch.values.resize(stride * columns.len(), 0.0);
            scratch.tangent.resize(stride * columns.len(), 0.0);
            let (left, right) = (rows_of(self.left, &rows), rows_of(self.right, &columns));
            let gram =
                MatMut::from_column_major_slice_with_stride_mut(&mut scratch.values, rows.len(), columns.len(), stride);
            matmul(gram, Accum::Replace, left, right.transpose(), 1.0, Par::Seq);
            let strips = scratch.values.chunks_mut(stride).zip(scratch.tangent.chunks_mut(stride));
            for (column, (values, tangent)) in columns.clone().zip(strips) {
                values[rows.len()..].fill(0.0);
                self.recursion.strip(rows.start, column, &mut values[..padded], &mut tangent[..padded]);
            }
            let computed = [(&scratch.values, &mut results.nngp), (&scratch.tangent, &mut results.tangent)];
            for (values, result) in computed {
                let Some(result) = result else { continue };
                let values = MatRef::from_column_major_slice_with_stride(values, rows.len(), columns.len(), stride);
                result.copy_from(values);
            }
            let Some(mirror) = &mut mirror else { return };
            let computed = [(&scratch.values, &mut mirror.nngp), (&scratch.tangent, &mut mirror.tangent)];
            for (values, result) in computed {
                let Some(result) = result else { continue };
                let values = MatRef::from_column_major_slice_with_stride(values, rows.len(), columns.len(), stride);
                result.copy_from(values.transpose());
            }
        });
    }
}
