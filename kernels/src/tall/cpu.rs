//! Multiplies on slices: by slabs of the long dimension that stay in the cache, fixed groups of slabs for rayon, tiles of
//! registers.
//!
//! A slab of the vectors is packed, for rows of a large power of two would share the lines of the cache; each element of
//! the basis is then read from memory once and used for all vectors. Sums run over lanes and then over halves of them
//! within a slab, in the float type of the tensors, and from slab to slab in `f64`. As in the tiles of the panels, products
//! and sums are separate instructions in a fixed order: any machine, the same numbers.

use std::{array, iter::repeat_n, ops::Range};

use burn::tensor::{Element, ElementConversion};
use bytemuck::Pod;
use multiversion::multiversion;
use rayon::prelude::*;

use crate::cpu::{INLINE, Real};

/// Entries of the long dimension per slab of inner products: sixteen vectors of them stay in the second-level cache and four basis vectors
/// in the first, and no lane adds more than 64 products of `f32`, 128 of `f64`.
const SLAB_ROWS: usize = 512;
/// The same of updates: long enough that memory delivers the basis in one stream, short enough for many threads.
const UPDATE_SLAB_ROWS: usize = 1024;
/// Basis vectors and vectors of a tile of inner products, and steps per bounds check: what compilers keep in registers.
const TILE: [usize; 2] = [4, 2];
const STEPS: usize = 8;
/// Entries per step of updates: long enough that the loop over them is the one that the compiler vectorises.
const LANES: usize = 64;
/// Groups of slabs at most: enough for many threads, few enough that the sums of all groups are small beside the basis.
const GROUPS: usize = 256;

/// Entries of one vector in one step, zeros past the end of a slab.
type Lanes<T, const N: usize> = [T; N];

/// The float types of the products. `q` are the entries of each basis vector in a slab.
pub(super) trait Tall: Real + Element + Pod + Into<f64> {
    /// Packs vectors for [`Tall::add_products`].
    fn pack(packed: &mut Vec<Self>, x: &[&[Self]]);

    /// `sums[j, c] += Σ_k q_j[k] x_c[k]` for packed vectors; `sums` is r × P.
    fn add_products(q: &[&[Self]], x: &[Self], sums: &mut [f64]);

    /// `x_c += Σ_j k[j, c] q_j` for vectors packed by step, then by vector; `k` is r × P.
    fn add_combinations(x: &mut [Lanes<Self, LANES>], q: &[&[Self]], k: &[Self]);
}

/// What becomes of X.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sums {
    /// X + Cᵀ Q.
    Added,
    /// Cᵀ Q.
    Alone,
}

/// `Q Xᵀ (r × P)`, for Q (r × n) and X (P × n).
pub(super) fn gram<T: Tall>(q: &[T], x: &[T], n: usize) -> Vec<f64> {
    let (rank, vectors) = (q.len() / n, x.len() / n);
    let length = group_length(n, SLAB_ROWS);
    let products = |group: usize| {
        let mut sums = vec![0.0; rank * vectors];
        let mut packed = Vec::new();
        for columns in slabs(group * length..n.min((group + 1) * length), SLAB_ROWS) {
            T::pack(&mut packed, &rows(x, n, &columns));
            T::add_products(&rows(q, n, &columns), &packed, &mut sums);
        }
        sums
    };
    sums_of_groups(q.len() * vectors, n.div_ceil(length), products)
}

/// `X Xᵀ` in `f64`, for X (P × n).
pub(super) fn self_gram<T: Tall>(x: &[T], n: usize) -> Vec<f64> {
    let vectors = x.len() / n;
    let length = group_length(n, SLAB_ROWS);
    let products = |group: usize| {
        let mut products = SelfProducts::new(vectors);
        for columns in slabs(group * length..n.min((group + 1) * length), SLAB_ROWS) {
            products.add(&rows(x, n, &columns));
        }
        products.sums
    };
    sums_of_groups(x.len() * vectors, n.div_ceil(length), products)
}

/// The sums of so many groups, added in order; `multiplications` are those of all groups.
fn sums_of_groups(multiplications: usize, groups: usize, sums: impl Fn(usize) -> Vec<f64> + Sync + Send) -> Vec<f64> {
    total(if multiplications <= INLINE {
        (0..groups).map(sums).collect()
    } else {
        (0..groups).into_par_iter().map(sums).collect()
    })
}

/// Inner products of vectors with themselves, summed in `f64` slab by slab.
struct SelfProducts {
    sums: Vec<f64>,
    converted: Vec<f64>,
    packed: Vec<f64>,
}

impl SelfProducts {
    fn new(vectors: usize) -> Self {
        Self { sums: vec![0.0; vectors * vectors], converted: Vec::new(), packed: Vec::new() }
    }

    fn add<T: Tall>(&mut self, x: &[&[T]]) {
        let length = x[0].len();
        self.converted.clear();
        self.converted.extend(x.iter().copied().flatten().map(|entry| -> f64 { (*entry).into() }));
        let x: Vec<&[f64]> = self.converted.chunks(length).collect();
        f64::pack(&mut self.packed, &x);
        f64::add_products(&x, &self.packed, &mut self.sums);
    }
}

/// `X ← X + Cᵀ Q` or `X ← Cᵀ Q` for Q (r × n), C (r × P) and X (P × n), and `X Xᵀ` of the result if it is asked for; `before` stands for
/// X on the right, if it is not what is in its place.
pub(super) fn update<T: Tall>(
    x: &mut [T],
    before: Option<&[T]>,
    q: &[T],
    coefficients: &[f64],
    (n, kind): (usize, Sums),
    with_gram: bool,
) -> Vec<f64> {
    let vectors = x.len() / n;
    let inline = q.len() * vectors <= INLINE;
    let coefficients: Vec<T> = coefficients.iter().map(|c| c.elem()).collect();
    let length = group_length(n, UPDATE_SLAB_ROWS);
    let update_group = |(group, mut x): (usize, Vec<&mut [T]>)| {
        let mut products = SelfProducts::new(if with_gram { vectors } else { 0 });
        let mut sums = Vec::new();
        let first = group * length;
        for columns in slabs(first..n.min(first + length), UPDATE_SLAB_ROWS) {
            let slab = columns.start - first..columns.end - first;
            // Summed by themselves first: small terms added to a large entry one by one would round alike each time.
            sums.clear();
            sums.extend(repeat_n([T::ZERO; LANES], vectors * slab.len().div_ceil(LANES)));
            T::add_combinations(&mut sums, &rows(q, n, &columns), &coefficients);
            for (c, x) in x.iter_mut().enumerate() {
                let x = &mut x[slab.clone()];
                if let Some(before) = before {
                    x.copy_from_slice(&before[c * n..][columns.clone()]);
                }
                for (x, sums) in x.chunks_mut(LANES).zip(sums.iter().skip(c).step_by(vectors)) {
                    match kind {
                        Sums::Added => x.iter_mut().zip(sums).for_each(|(x, sum)| *x += *sum),
                        Sums::Alone => x.copy_from_slice(&sums[..x.len()]),
                    }
                }
            }
            if with_gram {
                for part in slabs(slab, SLAB_ROWS) {
                    let part: Vec<&[T]> = x.iter().map(|x| &x[part.clone()]).collect();
                    products.add(&part);
                }
            }
        }
        products.sums
    };
    let pieces = pieces(x, n, length);
    let sums: Vec<Vec<f64>> = if inline {
        pieces.into_iter().enumerate().map(update_group).collect()
    } else {
        pieces.into_par_iter().enumerate().map(update_group).collect()
    };
    total(sums)
}

/// The columns of all rows of a matrix.
fn rows<'a, T>(values: &'a [T], n: usize, columns: &Range<usize>) -> Vec<&'a [T]> {
    values.chunks(n).map(|row| &row[columns.clone()]).collect()
}

/// Writes vectors tile by tile, in a tile step by step, then by vector; zeros past the end, and the last vector again where a tile has
/// none.
fn pack_tiles<T: Real, const C: usize, const S: usize>(packed: &mut Vec<T>, x: &[&[T]]) {
    let length = x[0].len().next_multiple_of(STEPS * S);
    packed.resize(x.len().next_multiple_of(C) * length, T::ZERO);
    for (first, tile) in (0..).step_by(C).zip(packed.chunks_mut(C * length)) {
        let (steps, _) = tile.as_chunks_mut::<S>();
        for c in 0..C {
            let (whole, rest) = x[(first + c).min(x.len() - 1)].as_chunks::<S>();
            let mut target = steps.iter_mut().skip(c).step_by(C);
            // The shorter first: the other must not lose one.
            whole.iter().zip(&mut target).for_each(|(entries, target)| *target = *entries);
            for (step, target) in target.enumerate() {
                let rest = if step == 0 { rest } else { &[] };
                target.fill(T::ZERO);
                target[..rest.len()].copy_from_slice(rest);
            }
        }
    }
}

/// The first entries, and zeros if there are too few.
#[inline(always)]
fn padded<T: Real, const N: usize>(entries: &[T]) -> Lanes<T, N> {
    let mut lanes = [T::ZERO; N];
    let count = entries.len().min(N);
    lanes[..count].copy_from_slice(&entries[..count]);
    lanes
}

/// Columns per group of slabs.
fn group_length(n: usize, slab: usize) -> usize {
    n.div_ceil(slab).div_ceil(GROUPS) * slab
}

fn slabs(columns: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let end = columns.end;
    columns.step_by(length).map(move |start| start..end.min(start + length))
}

/// The columns of each group, in all rows.
fn pieces<T>(x: &mut [T], n: usize, length: usize) -> Vec<Vec<&mut [T]>> {
    let mut pieces: Vec<Vec<&mut [T]>> = (0..n.div_ceil(length)).map(|_| Vec::new()).collect();
    for row in x.chunks_mut(n) {
        pieces.iter_mut().zip(row.chunks_mut(length)).for_each(|(piece, columns)| piece.push(columns));
    }
    pieces
}

/// The sums of all groups, added in order.
fn total(groups: Vec<Vec<f64>>) -> Vec<f64> {
    let add = |mut total: Vec<f64>, group: Vec<f64>| {
        total.iter_mut().zip(group).for_each(|(total, sum)| *total += sum);
        total
    };
    groups.into_iter().reduce(add).unwrap_or_default()
}

/// `q_j x_c` summed in each lane over some steps. Plain loops, for closures would not be compiled for the machine found at run time.
#[inline(always)]
fn add_products_in_lanes<T: Real, const J: usize, const C: usize, const S: usize>(
    sums: &mut [[Lanes<T, S>; C]; J],
    q: [&[Lanes<T, S>; STEPS]; J],
    x: &[[Lanes<T, S>; C]; STEPS],
) {
    for step in 0..STEPS {
        for j in 0..J {
            let q = &q[j][step];
            for c in 0..C {
                let x = &x[step][c];
                let mut sum = sums[j][c];
                for lane in 0..S {
                    sum[lane] += q[lane] * x[lane];
                }
                sums[j][c] = sum;
            }
        }
    }
}

/// The sum of all lanes, by halves.
#[inline(always)]
fn total_of_lanes<T: Real, const S: usize>(mut lanes: Lanes<T, S>) -> T {
    let mut width = S / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Tiles of J basis vectors and C vectors. One shape for all, as some others compile badly: past the end, tiles repeat the last
/// vector and drop the products.
#[inline(always)]
fn add_products<T: Tall, const J: usize, const C: usize, const S: usize>(q: &[&[T]], x: &[T], sums: &mut [f64]) {
    let (vectors, length) = (sums.len() / q.len(), q[0].len());
    let whole = length / (STEPS * S);
    for first in (0..q.len()).step_by(J) {
        let mut blocks: [&[[Lanes<T, S>; STEPS]]; J] = [&[]; J];
        let mut rest = [[[T::ZERO; S]; STEPS]; J];
        for j in 0..J {
            let row = q[(first + j).min(q.len() - 1)];
            blocks[j] = row.as_chunks().0.as_chunks().0;
            rest[j].as_flattened_mut()[..length - whole * STEPS * S].copy_from_slice(&row[whole * STEPS * S..]);
        }
        for (tile, x) in x.chunks(length.next_multiple_of(STEPS * S) * C).enumerate() {
            let x: &[[[Lanes<T, S>; C]; STEPS]] = x.as_chunks().0.as_chunks().0.as_chunks().0;
            let mut lanes = [[[T::ZERO; S]; C]; J];
            for block in 0..whole {
                let mut q = [&rest[0]; J];
                for j in 0..J {
                    q[j] = &blocks[j][block];
                }
                add_products_in_lanes(&mut lanes, q, &x[block]);
            }
            if x.len() > whole {
                add_products_in_lanes(&mut lanes, rest.each_ref(), &x[whole]);
            }
            for j in 0..J.min(q.len() - first) {
                for c in 0..C.min(vectors - tile * C) {
                    sums[(first + j) * vectors + tile * C + c] += total_of_lanes(lanes[j][c]).into();
                }
            }
        }
    }
}

/// `x_c += Σ_j k[c][j] q_j` in each lane.
#[inline(always)]
fn add_combinations_of_step<T: Real, const J: usize, const C: usize>(
    x: &mut [Lanes<T, LANES>; C],
    q: [&Lanes<T, LANES>; J],
    k: [[T; J]; C],
) {
    for lane in 0..LANES {
        for c in 0..C {
            let mut sum = x[c][lane];
            for j in 0..J {
                sum += k[c][j] * q[j][lane];
            }
            x[c][lane] = sum;
        }
    }
}

/// All vectors of one step, C by C.
#[inline(always)]
fn add_combinations_to<T: Real, const J: usize, const C: usize>(
    x: &mut [Lanes<T, LANES>],
    q: [&Lanes<T, LANES>; J],
    k: &[T],
) {
    let vectors = x.len();
    let (tiles, rest) = x.as_chunks_mut::<C>();
    let first_of_rest = tiles.len() * C;
    for (tile, x) in tiles.iter_mut().enumerate() {
        let k = array::from_fn(|c| array::from_fn(|j| k[j * vectors + tile * C + c]));
        add_combinations_of_step::<T, J, C>(x, q, k);
    }
    for (c, x) in rest.iter_mut().enumerate() {
        let k = array::from_fn(|j| k[j * vectors + first_of_rest + c]);
        add_combinations_of_step::<T, J, 1>(array::from_mut(x), q, [k]);
    }
}

#[inline(always)]
fn add_combinations_of_rows<T: Real, const J: usize, const C: usize>(x: &mut [Lanes<T, LANES>], q: [&[T]; J], k: &[T]) {
    let vectors = k.len() / J;
    let lanes = q.map(|row| row.as_chunks::<LANES>().0);
    for (step, x) in x.chunks_mut(vectors).enumerate() {
        if step < lanes[0].len() {
            add_combinations_to::<T, J, C>(x, lanes.map(|row| &row[step]), k);
        } else {
            let rest = q.map(|row| padded(&row[step * LANES..]));
            add_combinations_to::<T, J, C>(x, rest.each_ref(), k);
        }
    }
}

#[inline(always)]
fn add_combinations<T: Real, const J: usize, const C: usize>(x: &mut [Lanes<T, LANES>], q: &[&[T]], k: &[T]) {
    let vectors = k.len() / q.len();
    let (tiles, rest) = q.as_chunks::<J>();
    let (k_of_tiles, k_of_rest) = k.split_at(tiles.len() * J * vectors);
    for (q, k) in tiles.iter().zip(k_of_tiles.chunks(J * vectors)) {
        add_combinations_of_rows::<T, J, C>(x, *q, k);
    }
    for (q, k) in rest.iter().zip(k_of_rest.chunks(vectors)) {
        add_combinations_of_rows::<T, 1, C>(x, [q], k);
    }
}

macro_rules! tall {
    ($type:ty, $sums:literal, $add_products:ident, $add_combinations:ident) => {
        // Tiles of this shape are slower with the longer registers of AVX-512.
        #[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
        fn $add_products(q: &[&[$type]], x: &[$type], sums: &mut [f64]) {
            add_products::<$type, { TILE[0] }, { TILE[1] }, $sums>(q, x, sums);
        }

        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $add_combinations(x: &mut [Lanes<$type, LANES>], q: &[&[$type]], k: &[$type]) {
            add_combinations::<$type, 4, 4>(x, q, k);
        }

        impl Tall for $type {
            fn pack(packed: &mut Vec<Self>, x: &[&[Self]]) {
                pack_tiles::<$type, { TILE[1] }, $sums>(packed, x);
            }

            fn add_products(q: &[&[Self]], x: &[Self], sums: &mut [f64]) {
                $add_products(q, x, sums);
            }

            fn add_combinations(x: &mut [Lanes<Self, LANES>], q: &[&[Self]], k: &[Self]) {
                $add_combinations(x, q, k);
            }
        }
    };
}

tall!(f32, 8, add_products_f32, add_combinations_f32);
tall!(f64, 4, add_products_f64, add_combinations_f64);
