//! Regenerated products on slices: tiles of eight rows are made in the first-level cache and used at once.
//!
//! The tile of a row or column begins at a multiple of its size whatever rows are asked for, entries outside the matrix
//! meet zeros, and sums of tiles are added in `f64`: no number depends on threads, and none of `W x` on the range of rows.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::{EntryLaw, RegeneratedMatrix};
use crate::{
    cpu::{Coefficients, Rows, RowsMut},
    normals::cpu::{Normal, box_muller_f32, box_muller_f64},
    philox::philox_lanes,
};

/// Counters per call of the generator.
const LANES: usize = 16;
/// Rows of a tile: the register tiles take eight at a time.
const TILE_ROWS: usize = 8;
/// Columns of a tile: sixteen counters of the law with most columns each.
const TILE_COLUMNS: usize = 32 * LANES;
/// Rows per task in [`apply`].
const TASK_ROWS: usize = 4 * TILE_ROWS;
/// Rows whose sum is formed in the precision of the vectors in [`apply_transpose`].
const SUM_ROWS: usize = 128 * TILE_ROWS;

/// Rows of a tile, one after another.
type Tile<T> = [T; TILE_ROWS * TILE_COLUMNS];

/// A float type that entries are made in.
pub(super) trait Entry: Normal {
    /// Entries before the scale of their law, of the tile that begins at `(row, column)`.
    fn fill_tile(w: &RegeneratedMatrix, row: usize, column: usize, tile: &mut Tile<Self>);

    /// Rounds.
    fn narrow(value: f64) -> Self;
}

/// `T` of a byte.
#[inline(always)]
fn c8(byte: u8) -> i32 {
    let n = 2 * i32::from(byte) - 255;
    (n * (n * n + 22_956) + (1 << 17)) >> 18
}

macro_rules! entry {
    ($type:ty, $box_muller:ident, $fill:ident) => {
        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $fill(w: &RegeneratedMatrix, row: usize, column: usize, tile: &mut Tile<$type>) {
            let width = w.law.columns() * LANES;
            for (fours, rows) in tile.chunks_exact_mut(4 * TILE_COLUMNS).enumerate() {
                for start in (0..TILE_COLUMNS).step_by(width) {
                    let first = ((column + start) / w.law.columns()) as u32;
                    let mut counters =
                        [[0; LANES], [(row / 4 + fours) as u32; LANES], [w.law.number(); LANES], [w.tag; LANES]];
                    for lane in 0..LANES {
                        counters[0][lane] = first.wrapping_add(lane as u32);
                    }
                    let words = philox_lanes(counters, w.key);
                    let mut rows = rows.chunks_exact_mut(TILE_COLUMNS).map(|row| &mut row[start..][..width]);
                    match w.law {
                        EntryLaw::Gaussian => {
                            let normals = $box_muller(words);
                            rows.zip(&normals).for_each(|(row, normals)| row.copy_from_slice(normals));
                        }
                        EntryLaw::Rademacher => {
                            for (row, words) in rows.zip(&words) {
                                for (entries, word) in row.as_chunks_mut::<32>().0.iter_mut().zip(words) {
                                    for k in 0..32 {
                                        entries[k] = if word >> k & 1 == 1 { 1.0 } else { -1.0 };
                                    }
                                }
                            }
                        }
                        EntryLaw::C8 => {
                            for words in &words {
                                let Some(row) = rows.next() else { break };
                                for (entries, word) in row.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                                    for k in 0..4 {
                                        entries[k] = c8((word >> (8 * k)) as u8) as $type;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }

        impl Entry for $type {
            fn fill_tile(w: &RegeneratedMatrix, row: usize, column: usize, tile: &mut Tile<Self>) {
                $fill(w, row, column, tile);
            }

            fn narrow(value: f64) -> Self {
                value as $type
            }
        }
    };
}

entry!(f32, box_muller_f32, fill_tile_f32);
entry!(f64, box_muller_f64, fill_tile_f64);

/// `Y (P × rows.len())` for X (P × columns).
pub(super) fn apply<T: Entry>(w: &RegeneratedMatrix, rows: Range<usize>, x: &[T]) -> Vec<T> {
    let count = x.len() / w.columns;
    // Tile after tile of columns, each P × TILE_COLUMNS.
    let mut tiles_of_x = vec![T::ZERO; w.columns.div_ceil(TILE_COLUMNS) * count * TILE_COLUMNS];
    for (c, vector) in x.chunks(w.columns).enumerate() {
        for (tile, piece) in tiles_of_x.chunks_mut(count * TILE_COLUMNS).zip(vector.chunks(TILE_COLUMNS)) {
            tile[c * TILE_COLUMNS..][..piece.len()].copy_from_slice(piece);
        }
    }
    let products = |task: usize| {
        let mut sums = vec![0.0; TASK_ROWS * count];
        let mut tile = [T::ZERO; TILE_ROWS * TILE_COLUMNS];
        let mut products = vec![T::ZERO; TILE_ROWS * count];
        for (index, x) in tiles_of_x.chunks(count * TILE_COLUMNS).enumerate() {
            for (eights, sums) in sums.chunks_mut(TILE_ROWS * count).enumerate() {
                T::fill_tile(w, task * TASK_ROWS + eights * TILE_ROWS, index * TILE_COLUMNS, &mut tile);
                T::dot_products(&tile, x, TILE_COLUMNS, &mut products);
                sums.iter_mut().zip(&products).for_each(|(sum, product)| *sum += product.wide());
            }
        }
        sums
    };
    let tasks = rows.start / TASK_ROWS..rows.end.div_ceil(TASK_ROWS);
    let by_row = tasks.into_par_iter().map(products).collect::<Vec<_>>().concat();
    let by_row = &by_row[rows.start % TASK_ROWS * count..][..rows.len() * count];
    let scale = w.law.scale();
    let entries = (0..count).flat_map(|c| by_row.iter().skip(c).step_by(count));
    entries.map(|sum| T::narrow(scale * sum)).collect()
}

/// `Z (P × columns)` for G (P × rows.len()).
pub(super) fn apply_transpose<T: Entry>(w: &RegeneratedMatrix, rows: Range<usize>, g: &[T]) -> Vec<T> {
    let count = g.len() / rows.len();
    let start = rows.start / TILE_ROWS * TILE_ROWS;
    let length = (rows.end - start).next_multiple_of(TILE_ROWS);
    let mut padded = vec![T::ZERO; count * length];
    for (padded, g) in padded.chunks_mut(length).zip(g.chunks(rows.len())) {
        padded[rows.start - start..][..rows.len()].copy_from_slice(g);
    }
    let products = |column: usize| {
        let mut total = vec![0.0; count * TILE_COLUMNS];
        let mut sums = vec![T::ZERO; count * TILE_COLUMNS];
        let mut tile = [T::ZERO; TILE_ROWS * TILE_COLUMNS];
        for first in (0..length).step_by(SUM_ROWS) {
            sums.fill(T::ZERO);
            for row in (first..length.min(first + SUM_ROWS)).step_by(TILE_ROWS) {
                T::fill_tile(w, start + row, column, &mut tile);
                let target = RowsMut { values: &mut sums, stride: TILE_COLUMNS, columns: 0..TILE_COLUMNS };
                let source = Rows { values: &tile, stride: TILE_COLUMNS, columns: 0..TILE_COLUMNS };
                let coefficients = Coefficients { values: &padded[row..], target_stride: length, source_stride: 1 };
                T::accumulate(target, source, coefficients);
            }
            total.iter_mut().zip(&sums).for_each(|(total, sum)| *total += sum.wide());
        }
        total
    };
    let mut z = vec![T::ZERO; count * w.columns];
    let mut pieces: Vec<Vec<&mut [T]>> = (0..w.columns.div_ceil(TILE_COLUMNS)).map(|_| Vec::new()).collect();
    for vector in z.chunks_mut(w.columns) {
        pieces.iter_mut().zip(vector.chunks_mut(TILE_COLUMNS)).for_each(|(piece, columns)| piece.push(columns));
    }
    let scale = w.law.scale();
    pieces.into_par_iter().enumerate().for_each(|(index, piece)| {
        let total = products(index * TILE_COLUMNS);
        for (z, total) in piece.into_iter().zip(total.chunks(TILE_COLUMNS)) {
            z.iter_mut().zip(total).for_each(|(z, total)| *z = T::narrow(scale * total));
        }
    });
    z
}

/// Fills the rows (rows.len() × columns).
pub(super) fn rows<T: Entry>(w: &RegeneratedMatrix, rows: Range<usize>, entries: &mut [T]) {
    let scale = T::narrow(w.law.scale());
    // The first chunk ends where a tile does.
    let head = (TILE_ROWS - rows.start % TILE_ROWS).min(rows.len()) * w.columns;
    let (head, rest) = entries.split_at_mut(head);
    let start = rows.start / TILE_ROWS * TILE_ROWS;
    let fill = |(index, entries): (usize, &mut [T])| {
        let skip = if index == 0 { rows.start % TILE_ROWS } else { 0 };
        let mut tile = [T::ZERO; TILE_ROWS * TILE_COLUMNS];
        for column in (0..w.columns).step_by(TILE_COLUMNS) {
            T::fill_tile(w, start + index * TILE_ROWS, column, &mut tile);
            let made = tile.chunks(TILE_COLUMNS).skip(skip);
            for (row, made) in entries.chunks_mut(w.columns).zip(made) {
                row[column..].iter_mut().zip(made).for_each(|(entry, made)| *entry = *made * scale);
            }
        }
    };
    fill((0, head));
    rest.par_chunks_mut(TILE_ROWS * w.columns).enumerate().for_each(|(index, entries)| fill((index + 1, entries)));
}
