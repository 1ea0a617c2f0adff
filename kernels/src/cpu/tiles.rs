//! Register tiles are loops over lane arrays that the compiler turns into SIMD for the machine it finds.
//!
//! Products and sums are separate instructions (no fused multiply-add) in a fixed order of lanes, so the numbers are
//! the same with SSE2, AVX2, AVX-512 and NEON; the loops are bound by memory, not by arithmetic.

use std::{
    array,
    ops::{Add, AddAssign, Mul, Range},
};

use multiversion::multiversion;

/// The float types of the kernels: `f32` and `f64`.
pub trait Real: Copy + Send + Sync + Add<Output = Self> + Mul<Output = Self> + AddAssign {
    /// 0.
    const ZERO: Self;

    /// `y[i, c] = w_i · x_c` for all rows of W (r × n) and X (P × n); `y` is r × P.
    #[doc(hidden)]
    fn dot_products(w: &[Self], x: &[Self], n: usize, y: &mut [Self]);

    /// `t_c += Σ_r k[c, r] s_r` for all target rows, on ranges of columns of equal width.
    #[doc(hidden)]
    fn accumulate(target: RowsMut<'_, Self>, source: Rows<'_, Self>, coefficients: Coefficients<'_, Self>);
}

/// Some columns of all rows of a row-major matrix.
#[derive(Debug, Clone)]
pub struct Rows<'a, T> {
    /// All entries.
    pub values: &'a [T],
    /// Entries per row.
    pub stride: usize,
    /// The columns meant.
    pub columns: Range<usize>,
}

/// Some columns of all rows of a row-major matrix, to be changed.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    /// All entries.
    pub values: &'a mut [T],
    /// Entries per row.
    pub stride: usize,
    /// The columns meant.
    pub columns: Range<usize>,
}

/// `k[c, r] = values[c · target_stride + r · source_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Coefficients<'a, T> {
    /// All entries.
    pub values: &'a [T],
    /// Step from target row to target row.
    pub target_stride: usize,
    /// Step from source row to source row.
    pub source_stride: usize,
}

impl<T: Copy> Coefficients<'_, T> {
    #[inline(always)]
    fn tile<const C: usize, const R: usize>(&self, target: usize, source: usize) -> [[T; R]; C] {
        array::from_fn(|c| {
            array::from_fn(|r| self.values[(target + c) * self.target_stride + (source + r) * self.source_stride])
        })
    }
}

/// Partial sums per dot product. Long enough that the loop over them is the one that the compiler vectorises.
const SUMS: usize = 64;

/// `s[r][c][l] += Σ_k w_r[k, l] x_c[k, l]` over K consecutive groups of [`SUMS`] columns.
#[inline(always)]
fn add_products<T: Real, const K: usize, const R: usize, const C: usize>(
    sums: &mut [[[T; SUMS]; C]; R],
    w: [&[T]; R],
    x: [&[T]; C],
) {
    let w: [&[[T; SUMS]]; R] = w.map(|row| &row.as_chunks().0[..K]);
    let x: [&[[T; SUMS]]; C] = x.map(|vector| &vector.as_chunks().0[..K]);
    for lane in 0..SUMS {
        for r in 0..R {
            for c in 0..C {
                let mut sum = sums[r][c][lane];
                for k in 0..K {
                    sum += w[r][k][lane] * x[c][k][lane];
                }
                sums[r][c][lane] = sum;
            }
        }
    }
}

/// The sum of all partial sums, by halves.
#[inline(always)]
fn total<T: Real>(mut sums: [T; SUMS]) -> T {
    let mut width = SUMS;
    while width > 1 {
        width /= 2;
        let (lower, upper) = sums.split_at_mut(width);
        lower.iter_mut().zip(upper).for_each(|(lower, upper)| *lower += *upper);
    }
    sums[0]
}

/// `w_r · x_c` for R rows and C vectors.
#[inline(always)]
fn dot_tile<T: Real, const R: usize, const C: usize>(w: [&[T]; R], x: [&[T]; C]) -> [[T; C]; R] {
    let n = w[0].len();
    let mut sums = [[[T::ZERO; SUMS]; C]; R];
    let mut j = 0;
    while j + 4 * SUMS <= n {
        add_products::<T, 4, R, C>(&mut sums, w.map(|row| &row[j..]), x.map(|vector| &vector[j..]));
        j += 4 * SUMS;
    }
    while j + SUMS <= n {
        add_products::<T, 1, R, C>(&mut sums, w.map(|row| &row[j..]), x.map(|vector| &vector[j..]));
        j += SUMS;
    }
    array::from_fn(|r| {
        array::from_fn(|c| {
            let mut sum = total(sums[r][c]);
            for j in j..n {
                sum += w[r][j] * x[c][j];
            }
            sum
        })
    })
}

/// Writes one tile of dot products.
#[inline(always)]
fn dot_block<T: Real, const R: usize, const C: usize>(
    w: &[T],
    x: &[T],
    n: usize,
    y: &mut [T],
    (row, vector): (usize, usize),
) {
    let tile = dot_tile::<T, R, C>(
        array::from_fn(|r| &w[(row + r) * n..][..n]),
        array::from_fn(|c| &x[(vector + c) * n..][..n]),
    );
    let vectors = x.len() / n;
    for (r, products) in tile.iter().enumerate() {
        y[(row + r) * vectors + vector..][..C].copy_from_slice(products);
    }
}

#[inline(always)]
fn dot_products<T: Real>(w: &[T], x: &[T], n: usize, y: &mut [T]) {
    let (rows, vectors) = (w.len() / n, x.len() / n);
    let mut row = 0;
    while row < rows {
        let two_rows = row + 2 <= rows;
        let mut vector = 0;
        while vector < vectors {
            let two_vectors = vector + 2 <= vectors;
            let at = (row, vector);
            match (two_rows, two_vectors) {
                (true, true) => dot_block::<T, 2, 2>(w, x, n, y, at),
                (true, false) => dot_block::<T, 2, 1>(w, x, n, y, at),
                (false, true) => dot_block::<T, 1, 2>(w, x, n, y, at),
                (false, false) => dot_block::<T, 1, 1>(w, x, n, y, at),
            }
            vector += if two_vectors { 2 } else { 1 };
        }
        row += if two_rows { 2 } else { 1 };
    }
}

/// `t_c += Σ_r k[c][r] s_r` for C target rows and R source rows.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "one index runs over all rows")]
fn accumulate_tile<T: Real, const LANES: usize, const R: usize, const C: usize>(
    target: [&mut [T]; C],
    source: [&[T]; R],
    k: [[T; R]; C],
) {
    let n = source[0].len();
    let whole = n / LANES;
    let s_lanes: [&[[T; LANES]]; R] = array::from_fn(|r| &source[r].as_chunks().0[..whole]);
    let target = target.map(|row| {
        let (lanes, tail) = row.as_chunks_mut::<LANES>();
        (&mut lanes[..whole], tail)
    });
    for j in 0..whole {
        let mut sums: [[T; LANES]; C] = array::from_fn(|c| target[c].0[j]);
        for r in 0..R {
            for c in 0..C {
                for lane in 0..LANES {
                    sums[c][lane] += k[c][r] * s_lanes[r][j][lane];
                }
            }
        }
        for c in 0..C {
            target[c].0[j] = sums[c];
        }
    }
    for c in 0..C {
        for (offset, entry) in target[c].1.iter_mut().enumerate() {
            for r in 0..R {
                *entry += k[c][r] * source[r][whole * LANES + offset];
            }
        }
    }
}

#[inline(always)]
fn accumulate_block<T: Real, const LANES: usize, const R: usize, const C: usize>(
    target: &mut RowsMut<'_, T>,
    source: &Rows<'_, T>,
    coefficients: Coefficients<'_, T>,
    (row, from): (usize, usize),
) {
    let (stride, columns) = (target.stride, target.columns.clone());
    let mut rest = &mut target.values[row * stride..];
    let rows: [&mut [T]; C] = array::from_fn(|_| {
        let (row, after) = std::mem::take(&mut rest).split_at_mut(stride);
        rest = after;
        &mut row[columns.clone()]
    });
    let source_rows = array::from_fn(|r| &source.values[(from + r) * source.stride..][source.columns.clone()]);
    accumulate_tile::<T, LANES, R, C>(rows, source_rows, coefficients.tile(row, from));
}

#[inline(always)]
fn accumulate<T: Real, const LANES: usize>(
    mut target: RowsMut<'_, T>,
    source: Rows<'_, T>,
    coefficients: Coefficients<'_, T>,
) {
    let targets = target.values.len() / target.stride;
    let sources = source.values.len() / source.stride;
    let mut from = 0;
    while from < sources {
        let eights = from + 8 <= sources;
        let mut row = 0;
        while row < targets {
            let at = (row, from);
            match (eights, row + 4 <= targets) {
                (true, true) => accumulate_block::<T, LANES, 8, 4>(&mut target, &source, coefficients, at),
                (true, false) => accumulate_block::<T, LANES, 8, 1>(&mut target, &source, coefficients, at),
                (false, true) => accumulate_block::<T, LANES, 1, 4>(&mut target, &source, coefficients, at),
                (false, false) => accumulate_block::<T, LANES, 1, 1>(&mut target, &source, coefficients, at),
            }
            row += if row + 4 <= targets { 4 } else { 1 };
        }
        from += if eights { 8 } else { 1 };
    }
}

macro_rules! real {
    ($type:ty, $lanes:literal, $dot_products:ident, $accumulate:ident) => {
        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $dot_products(w: &[$type], x: &[$type], n: usize, y: &mut [$type]) {
            dot_products::<$type>(w, x, n, y);
        }

        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $accumulate(target: RowsMut<'_, $type>, source: Rows<'_, $type>, coefficients: Coefficients<'_, $type>) {
            accumulate::<$type, $lanes>(target, source, coefficients);
        }

        impl Real for $type {
            const ZERO: Self = 0.0;

            fn dot_products(w: &[Self], x: &[Self], n: usize, y: &mut [Self]) {
                $dot_products(w, x, n, y);
            }

            fn accumulate(target: RowsMut<'_, Self>, source: Rows<'_, Self>, coefficients: Coefficients<'_, Self>) {
                $accumulate(target, source, coefficients);
            }
        }
    };
}

// One AVX-512 register or two AVX2 registers of lanes.
real!(f32, 16, dot_products_f32, accumulate_f32);
real!(f64, 8, dot_products_f64, accumulate_f64);
