//! The three products with panels on slices: rayon takes pieces of fixed size, each a loop over the register tiles of `tiles`.

mod tiles;

use rayon::prelude::*;

pub use tiles::Real;
pub(crate) use tiles::{Coefficients, Rows, RowsMut};

/// Rows of W per task in [`panel_apply`].
const APPLY_ROWS: usize = 32;
/// Rows and columns of W per task in [`panel_apply_transpose`]: its partial sums are 1/1024 of the panel per vector.
const TRANSPOSE_ROWS: usize = 1024;
const STRIPE: usize = 1024;
/// Multiplications below which a second thread is not worth its start.
pub(crate) const INLINE: usize = 1 << 17;
/// Rows of W per task in [`panel_rank_update`]: a stripe of them stays in the first-level cache.
const UPDATE_ROWS: usize = 8;

/// Returns `Y (P × r)` with `y_c = W x_c`, for W (r × n) and X (P × n), row-major.
///
/// # Panics
/// If a length is not a multiple of `n`, or `n` is 0.
pub fn panel_apply<T: Real>(w: &[T], x: &[T], n: usize) -> Vec<T> {
    assert!(w.len().is_multiple_of(n) && x.len().is_multiple_of(n), "lengths {}, {} of rows of {n}", w.len(), x.len());
    let (rows, vectors) = (w.len() / n, x.len() / n);
    let mut by_row = vec![T::ZERO; rows * vectors];
    let piece = |(y, w): (&mut [T], &[T])| T::dot_products(w, x, n, y);
    let (y_piece, w_piece) = (APPLY_ROWS * vectors.max(1), APPLY_ROWS * n);
    if w.len() * vectors <= INLINE {
        by_row.chunks_mut(y_piece).zip(w.chunks(w_piece)).for_each(piece);
    } else {
        by_row.par_chunks_mut(y_piece).zip(w.par_chunks(w_piece)).for_each(piece);
    }
    if vectors == 1 { by_row } else { transposed(&by_row, vectors) }
}

/// Returns `Z (P × n)` with `z_c = Wᵀ g_c`, for W (r × n) and G (P × r), row-major.
///
/// # Panics
/// If lengths do not fit, or `n` is 0.
pub fn panel_apply_transpose<T: Real>(w: &[T], g: &[T], n: usize) -> Vec<T> {
    let rows = w.len() / n;
    assert!(w.len() == rows * n && g.len().is_multiple_of(rows), "panel {rows} x {n} against {} numbers", g.len());
    let vectors = g.len() / rows;
    let (chunks, stripes) = (rows.div_ceil(TRANSPOSE_ROWS), n.div_ceil(STRIPE));
    let partial_sum = |task: usize| {
        let (first, column) = (task / stripes * TRANSPOSE_ROWS, task % stripes * STRIPE);
        let last = rows.min(first + TRANSPOSE_ROWS);
        let columns = column..n.min(column + STRIPE);
        let width = columns.len();
        let mut z = vec![T::ZERO; vectors * width];
        let source = Rows { values: &w[first * n..last * n], stride: n, columns };
        let coefficients = Coefficients { values: &g[first..], target_stride: rows, source_stride: 1 };
        T::accumulate(RowsMut { values: &mut z, stride: width, columns: 0..width }, source, coefficients);
        z
    };
    let tasks = chunks * stripes;
    let partial_sums: Vec<Vec<T>> = if w.len() * vectors <= INLINE {
        (0..tasks).map(partial_sum).collect()
    } else {
        (0..tasks).into_par_iter().map(partial_sum).collect()
    };
    let mut z = vec![T::ZERO; vectors * n];
    for (task, sums) in partial_sums.iter().enumerate() {
        let column = task % stripes * STRIPE;
        let width = n.min(column + STRIPE) - column;
        for (vector, sums) in sums.chunks(width).enumerate() {
            let target = &mut z[vector * n + column..][..width];
            target.iter_mut().zip(sums).for_each(|(z, sum)| *z += *sum);
        }
    }
    z
}

/// Does `W ← p W + Σ_q a_q b_qᵀ` in place, for W (r × n), A (Q × r) and B (Q × n), row-major.
///
/// # Panics
/// If lengths do not fit, or `n` is 0.
pub fn panel_rank_update<T: Real>(w: &mut [T], factor: T, a: &[T], b: &[T], n: usize) {
    let rows = w.len() / n;
    assert!(
        w.len() == rows * n && b.len().is_multiple_of(n) && a.len() == b.len() / n * rows,
        "panel {rows} x {n} against factors of {} and {} numbers",
        a.len(),
        b.len()
    );
    if b.is_empty() {
        return w.par_iter_mut().for_each(|w| *w = factor * *w);
    }
    let inline = w.len() * (b.len() / n) <= INLINE;
    let update = |(chunk, w): (usize, &mut [T])| {
        for column in (0..n).step_by(STRIPE) {
            let columns = column..n.min(column + STRIPE);
            let width = columns.len();
            // Summed by themselves first: small terms added to a large entry one by one would round alike each time.
            let mut sums = vec![T::ZERO; w.len() / n * width];
            let source = Rows { values: b, stride: n, columns: columns.clone() };
            let coefficients =
                Coefficients { values: &a[chunk * UPDATE_ROWS..], target_stride: 1, source_stride: rows };
            T::accumulate(RowsMut { values: &mut sums, stride: width, columns: 0..width }, source, coefficients);
            for (row, sums) in w.chunks_mut(n).zip(sums.chunks(width)) {
                row[columns.clone()].iter_mut().zip(sums).for_each(|(w, sum)| *w = factor * *w + *sum);
            }
        }
    };
    if inline {
        w.chunks_mut(UPDATE_ROWS * n).enumerate().for_each(update);
    } else {
        w.par_chunks_mut(UPDATE_ROWS * n).enumerate().for_each(update);
    }
}

/// `(rows × columns) → (columns × rows)`.
fn transposed<T: Real>(values: &[T], columns: usize) -> Vec<T> {
    let rows = values.len() / columns.max(1);
    let mut transposed = vec![T::ZERO; values.len()];
    for (c, row) in transposed.chunks_mut(rows.max(1)).enumerate() {
        row.iter_mut().zip(values.iter().skip(c).step_by(columns)).for_each(|(target, value)| *target = *value);
    }
    transposed
}
