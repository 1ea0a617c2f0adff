//! Multiplies by regenerated matrices on slices: tiles of eight rows are made in the first-level cache and used at once.
//!
//! The tile of a row or column begins at a multiple of its size whatever block is asked for, entries outside the block
//! meet zeros, and sums of tiles are added in `f64`: no number depends on threads, and none of `W x` on the range of rows.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::matrix::{EntryLaw, RegeneratedBlock, RegeneratedMatrix};
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

/// The tiles of a size that a range meets: where each begins, and the part of the range in it.
fn tiles(range: &Range<usize>, size: usize) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
    let Range { start, end } = *range;
    let tile = move |first| (first, start.max(first)..end.min(first + size));
    (start / size * size..end).step_by(size).map(tile)
}

/// `Y (P × r)` for X (P × n).
pub(super) fn apply<T: Entry>(block: &RegeneratedBlock, x: &[T]) -> Vec<T> {
    let RegeneratedBlock { matrix: w, rows, columns } = block;
    let count = x.len() / columns.len();
    let tiles: Vec<(usize, Range<usize>)> = tiles(columns, TILE_COLUMNS).collect();
    // Tile after tile of columns, each P × TILE_COLUMNS.
    let mut tiles_of_x = vec![T::ZERO; tiles.len() * count * TILE_COLUMNS];
    for (tile, (first, part)) in tiles_of_x.chunks_mut(count * TILE_COLUMNS).zip(&tiles) {
        for (tile, vector) in tile.chunks_mut(TILE_COLUMNS).zip(x.chunks(columns.len())) {
            tile[part.start - first..][..part.len()]
                .copy_from_slice(&vector[part.start - columns.start..][..part.len()]);
        }
    }
    let products = |task: usize| {
        let mut sums = vec![0.0; TASK_ROWS * count];
        let mut tile = [T::ZERO; TILE_ROWS * TILE_COLUMNS];
        let mut products = vec![T::ZERO; TILE_ROWS * count];
        for (x, (column, _)) in tiles_of_x.chunks(count * TILE_COLUMNS).zip(&tiles) {
            for (eights, sums) in sums.chunks_mut(TILE_ROWS * count).enumerate() {
                T::fill_tile(w, task * TASK_ROWS + eights * TILE_ROWS, *column, &mut tile);
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

/// `Z (P × n)` for G (P × r).
pub(super) fn apply_transpose<T: Entry>(block: &RegeneratedBlock, g: &[T]) -> Vec<T> {
    let RegeneratedBlock { matrix: w, rows, columns } = block;
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
    let mut z = vec![T::ZERO; count * columns.len()];
    // What is to be written of every tile of columns.
    let mut pieces: Vec<_> =
        tiles(columns, TILE_COLUMNS).map(|(first, part)| (first, part, Vec::<&mut [T]>::new())).collect();
    for mut rest in z.chunks_mut(columns.len()) {
        for (_, part, vectors) in &mut pieces {
            let piece;
            (piece, rest) = rest.split_at_mut(part.len());
            vectors.push(piece);
        }
    }
    let scale = w.law.scale();
    pieces.into_par_iter().for_each(|(first, part, vectors)| {
        let total = products(first);
        for (z, total) in vectors.into_iter().zip(total.chunks(TILE_COLUMNS)) {
            let total = &total[part.start - first..];
            z.iter_mut().zip(total).for_each(|(z, total)| *z = T::narrow(scale * total));
        }
    });
    z
}

/// Fills the block (r × n).
pub(super) fn entries<T: Entry>(block: &RegeneratedBlock, mut entries: &mut [T]) {
    let RegeneratedBlock { matrix: w, rows, columns } = block;
    let scale = T::narrow(w.law.scale());
    let mut strips = Vec::new();
    for (first, part) in tiles(rows, TILE_ROWS) {
        let strip;
        (strip, entries) = entries.split_at_mut(part.len() * columns.len());
        strips.push((first, part.start - first, strip));
    }
    strips.into_par_iter().for_each(|(row, skip, strip)| {
        let mut tile = [T::ZERO; TILE_ROWS * TILE_COLUMNS];
        for (column, part) in tiles(columns, TILE_COLUMNS) {
            T::fill_tile(w, row, column, &mut tile);
            let made = tile.chunks(TILE_COLUMNS).skip(skip);
            for (row, made) in strip.chunks_mut(columns.len()).zip(made) {
                let row = &mut row[part.start - columns.start..][..part.len()];
                row.iter_mut().zip(&made[part.start - column..]).for_each(|(entry, made)| *entry = *made * scale);
            }
        }
    });
}
