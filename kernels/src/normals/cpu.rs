//! Makes normals in lanes and multiplies by them on slices: a tile of normals is made in the cache and used at once.
//!
//! Logarithm, sine and cosine are polynomials, so that the loops over lanes become SIMD: those of Cephes (S. L. Moshier), and
//! for the logarithm in `f64` that of FreeBSD's libm. Products and sums are separate instructions: the numbers are the same
//! on every processor.

use std::f64::consts::TAU;

use multiversion::multiversion;
use rayon::prelude::*;

use super::stream::{NormalBlock, NormalStream};
use crate::{
    cpu::{Coefficients, Real, Rows, RowsMut},
    philox::philox_lanes,
};

/// Counters per call of the generator.
const LANES: usize = 16;
/// Rows per call of the generator: four words per counter.
const GROUP: usize = 4 * LANES;
/// Rows and vectors of a tile: in `f32` it fills half a first-level cache.
const TILE_ROWS: usize = 512;
const TILE_VECTORS: usize = 8;
/// Rows per task.
const SLAB_ROWS: usize = 4096;

/// `2⁻³²`
const WORD: f32 = 1.0 / 4_294_967_296.0;

/// A float type with a Box–Muller transform over lanes.
pub(crate) trait Normal: Real {
    /// Rows `first_row ..` of a vector.
    fn fill(stream: NormalStream, vector: u32, first_row: u64, out: &mut [Self]);

    /// The same number.
    fn wide(self) -> f64;
}

/// `√(−2 ln u)` with `u = (w + ½) 2⁻³²`.
#[inline(always)]
fn radius_f32(word: u32) -> f32 {
    // Above 1/√2 the distance to 1 is known exactly; rounded to f32, u would lose it.
    let near_one = word >= 0xB504_F334;
    let bits = (word as f32 + 0.5).to_bits().wrapping_add(0x3F80_0000 - 0x3F35_04F3);
    let exponent = (bits >> 23) as i32 - (127 + 32);
    let mantissa = f32::from_bits((bits & 0x007F_FFFF) + 0x3F35_04F3);
    let f = if near_one { (!word as f32 + 0.5) * -WORD } else { mantissa - 1.0 };
    let exponent = if near_one { 0.0 } else { exponent as f32 };
    let mut tail = 7.037_683_6e-2 * f - 1.151_461e-1;
    tail = tail * f + 1.167_699_9e-1;
    tail = tail * f - 1.242_014_1e-1;
    tail = tail * f + 1.424_932_3e-1;
    tail = tail * f - 1.666_805_8e-1;
    tail = tail * f + 2.000_071_5e-1;
    tail = tail * f - 2.499_999_4e-1;
    tail = tail * f + 3.333_333e-1;
    // ln 2 in two parts, of which the first is exact in nine bits.
    let square = f * f;
    let correction = tail * f * square - exponent * 2.121_944_4e-4 - 0.5 * square;
    (-2.0 * (correction + f + exponent * 0.693_359_4)).sqrt()
}

/// `(cos, sin)` of `2π w 2⁻³²`: the nearest quarter turn and the rest of it are split as integers.
#[inline(always)]
fn turn_f32(word: u32) -> (f32, f32) {
    let quarter = word.wrapping_add(1 << 29) >> 30;
    let angle = word.wrapping_sub(quarter << 30) as i32 as f32 * (TAU as f32 * WORD);
    let square = angle * angle;
    let sin = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * angle + angle;
    let cos = ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * square * square - 0.5 * square;
    let cos = cos + 1.0;
    let (x, y) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let signs = (((quarter + 1) & 2) << 30, (quarter & 2) << 30);
    (f32::from_bits(x.to_bits() ^ signs.0), f32::from_bits(y.to_bits() ^ signs.1))
}

/// As [`radius_f32`], where u is exact.
#[inline(always)]
fn radius_f64(word: u32) -> f64 {
    let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
    let bits = u.to_bits().wrapping_add(0x3FF0_0000_0000_0000 - 0x3FE6_A09E_0000_0000);
    let exponent = f64::from((bits >> 52) as i32 - 1023);
    let f = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + 0x3FE6_A09E_0000_0000) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut tail = 1.479_819_860_511_658_6e-1 * z + 1.531_383_769_920_937_3e-1;
    tail = tail * z + 1.818_357_216_161_805e-1;
    tail = tail * z + 2.222_219_843_214_978_4e-1;
    tail = tail * z + 2.857_142_874_366_239e-1;
    tail = tail * z + 3.999_999_999_940_942e-1;
    tail = tail * z + 6.666_666_666_666_735e-1;
    let half_square = 0.5 * f * f;
    let correction = s * (half_square + tail * z) + exponent * 1.908_214_929_270_587_7e-10;
    (-2.0 * (exponent * 6.931_471_803_691_238e-1 - ((half_square - correction) - f))).sqrt()
}

/// As [`turn_f32`].
#[inline(always)]
fn turn_f64(word: u32) -> (f64, f64) {
    let quarter = word.wrapping_add(1 << 29) >> 30;
    let angle = f64::from(word.wrapping_sub(quarter << 30) as i32) * (TAU / 4_294_967_296.0);
    let square = angle * angle;
    let mut sin = 1.589_623_015_765_465_7e-10 * square - 2.505_074_776_285_780_7e-8;
    sin = sin * square + 2.755_731_362_138_572_5e-6;
    sin = sin * square - 1.984_126_982_958_954e-4;
    sin = sin * square + 8.333_333_333_322_118e-3;
    sin = sin * square - 1.666_666_666_666_663e-1;
    sin = sin * square * angle + angle;
    let mut cos = 2.087_570_084_197_473e-9 - 1.135_853_652_138_768_2e-11 * square;
    cos = cos * square - 2.755_731_417_929_674e-7;
    cos = cos * square + 2.480_158_728_885_170_5e-5;
    cos = cos * square - 1.388_888_888_887_305_6e-3;
    cos = cos * square + 4.166_666_666_666_659e-2;
    cos = cos * square * square - 0.5 * square + 1.0;
    let (x, y) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let signs = (u64::from((quarter + 1) & 2) << 62, u64::from(quarter & 2) << 62);
    (f64::from_bits(x.to_bits() ^ signs.0), f64::from_bits(y.to_bits() ^ signs.1))
}

macro_rules! normal {
    ($type:ty, $box_muller:ident, $group:ident, $radius:ident, $turn:ident) => {
        /// The normals of four words: even ones `ρ cos`, odd ones `ρ sin`.
        #[inline(always)]
        pub(crate) fn $box_muller<const L: usize>(words: [[u32; L]; 4]) -> [[$type; L]; 4] {
            let mut normals = [[0.0; L]; 4];
            for pair in [0, 2] {
                for lane in 0..L {
                    let radius = $radius(words[pair][lane]);
                    let (cos, sin) = $turn(words[pair + 1][lane]);
                    normals[pair][lane] = radius * cos;
                    normals[pair + 1][lane] = radius * sin;
                }
            }
            normals
        }

        /// Whole groups of rows from `4 block` on.
        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $group(stream: NormalStream, vector: u32, block: u64, out: &mut [[$type; GROUP]]) {
            for (group, out) in out.iter_mut().enumerate() {
                let first = block.wrapping_add((group * LANES) as u64);
                let mut counters = [[0; LANES], [0; LANES], [vector; LANES], [stream.tag; LANES]];
                for lane in 0..LANES {
                    let block = first.wrapping_add(lane as u64);
                    counters[0][lane] = block as u32;
                    counters[1][lane] = (block >> 32) as u32;
                }
                let normals = $box_muller(philox_lanes(counters, stream.key));
                for lane in 0..LANES {
                    for row in 0..4 {
                        out[4 * lane + row] = normals[row][lane];
                    }
                }
            }
        }

        impl Normal for $type {
            fn fill(stream: NormalStream, vector: u32, first_row: u64, out: &mut [Self]) {
                let mut group = [[0.0; GROUP]];
                let skip = (first_row % 4) as usize;
                let (head, rest) = out.split_at_mut(((4 - skip) % 4).min(out.len()));
                if !head.is_empty() {
                    $group(stream, vector, first_row / 4, &mut group);
                    head.copy_from_slice(&group[0][skip..][..head.len()]);
                }
                let block = first_row.div_ceil(4);
                let (whole, tail) = rest.as_chunks_mut();
                $group(stream, vector, block, whole);
                if !tail.is_empty() {
                    $group(stream, vector, block + (whole.len() * LANES) as u64, &mut group);
                    tail.copy_from_slice(&group[0][..tail.len()]);
                }
            }

            fn wide(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

normal!(f32, box_muller_f32, groups_f32, radius_f32, turn_f32);
normal!(f64, box_muller_f64, groups_f64, radius_f64, turn_f64);

/// Fills Ξ (V × n).
pub(crate) fn normals<T: Normal>(block: &NormalBlock, values: &mut [T], n: usize) {
    values.par_chunks_mut(n).zip(block.vectors.clone().into_par_iter()).for_each(|(row, vector)| {
        row.par_chunks_mut(SLAB_ROWS).enumerate().for_each(|(slab, row)| {
            T::fill(block.stream, vector, block.first_row + (slab * SLAB_ROWS) as u64, row);
        });
    });
}

/// Calls `use_tile(first vector, tile)` for tiles of all vectors on `width` rows from `row` on.
fn for_tiles<T: Normal>(block: &NormalBlock, row: usize, width: usize, mut use_tile: impl FnMut(usize, &[T])) {
    let mut tile = [T::ZERO; TILE_VECTORS * TILE_ROWS];
    for first in (0..block.count()).step_by(TILE_VECTORS) {
        let tile = &mut tile[..TILE_VECTORS.min(block.count() - first) * width];
        for (vector, row_of_tile) in (block.vectors.start + first as u32..).zip(tile.chunks_mut(width)) {
            T::fill(block.stream, vector, block.first_row + row as u64, row_of_tile);
        }
        use_tile(first, tile);
    }
}

/// `x_c ← x_c + Σ_j k[c, j] ξ_j` for X (P × n) and K (P × V).
pub(crate) fn normals_add<T: Normal>(x: &mut [T], n: usize, coefficients: &[T], block: &NormalBlock) {
    let mut slabs: Vec<Vec<&mut [T]>> = (0..n.div_ceil(SLAB_ROWS)).map(|_| Vec::new()).collect();
    for vector in x.chunks_mut(n) {
        slabs.iter_mut().zip(vector.chunks_mut(SLAB_ROWS)).for_each(|(slab, piece)| slab.push(piece));
    }
    slabs.into_par_iter().enumerate().for_each(|(slab, mut vectors)| {
        let rows = vectors.first().map_or(0, |vector| vector.len());
        let mut sums = vec![T::ZERO; vectors.len() * TILE_ROWS];
        for row in (0..rows).step_by(TILE_ROWS) {
            let width = TILE_ROWS.min(rows - row);
            let sums = &mut sums[..vectors.len() * width];
            sums.fill(T::ZERO);
            for_tiles(block, slab * SLAB_ROWS + row, width, |first, tile| {
                let target = RowsMut { values: sums, stride: width, columns: 0..width };
                let source = Rows { values: tile, stride: width, columns: 0..width };
                let values = &coefficients[first..];
                T::accumulate(target, source, Coefficients { values, target_stride: block.count(), source_stride: 1 });
            });
            for (vector, sums) in vectors.iter_mut().zip(sums.chunks(width)) {
                vector[row..].iter_mut().zip(sums).for_each(|(x, sum)| *x += *sum);
            }
        }
    });
}

/// Partial inner products `ξ_j · x_c`, one V × P matrix per slab of rows, for X (P × n). Tiles are added in `f64`.
pub(crate) fn normals_grams<T: Normal>(x: &[T], n: usize, block: &NormalBlock) -> Vec<f64> {
    let count = x.len() / n;
    let gram = |slab: usize| {
        let mut gram = vec![0.0; block.count() * count];
        let (mut pieces, mut products) = (vec![T::ZERO; count * TILE_ROWS], vec![T::ZERO; TILE_VECTORS * count]);
        for row in (slab * SLAB_ROWS..n.min((slab + 1) * SLAB_ROWS)).step_by(TILE_ROWS) {
            let width = TILE_ROWS.min(n - row);
            let pieces = &mut pieces[..count * width];
            for (piece, vector) in pieces.chunks_mut(width).zip(x.chunks(n)) {
                piece.copy_from_slice(&vector[row..][..width]);
            }
            for_tiles::<T>(block, row, width, |first, tile| {
                let products = &mut products[..tile.len() / width * count];
                T::dot_products(tile, pieces, width, products);
                gram[first * count..].iter_mut().zip(products).for_each(|(sum, product)| *sum += product.wide());
            });
        }
        gram
    };
    (0..n.div_ceil(SLAB_ROWS)).into_par_iter().map(gram).collect::<Vec<_>>().concat()
}
