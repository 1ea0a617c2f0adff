//! Normals and the products with them are CubeCL kernels in `f32` and portable WGSL, with sums in a fixed order.
//!
//! The transform is the CPU's, polynomial for polynomial: the logarithm and the sine of a shading language may be off by
//! 2⁻²¹ and 2⁻¹¹. Drivers may still fuse a product and a sum, so numbers agree with the CPU's to a few units in the last
//! place.

use burn::{
    backend::{Cube, TensorMetadata},
    tensor::{DType, Shape},
};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{composed, ops::NormalOps, stream::NormalBlock};
use crate::{
    gpu::{ENTRIES_PER_LAUNCH, UNITS, add_units, grid, groups, own, pieces, submit, task},
    philox::gpu::philox,
};

/// Normal vectors per cube in the inner products: so often is a number of X used once it is read.
const TILE_VECTORS: usize = 4;
/// Counters per partial inner product: 16384 rows.
const SLAB_ROWS: u32 = 4096;

/// `2⁻³²`
const WORD: f32 = 1.0 / 4_294_967_296.0;

/// `√(−2 ln u)` with `u = (w + ½) 2⁻³²`.
#[cube]
fn radius(word: u32) -> f32 {
    let bits = u32::reinterpret(f32::cast_from(word) + 0.5) + comptime!(0x3F80_0000u32 - 0x3F35_04F3u32);
    let mut f = f32::reinterpret((bits & 0x007F_FFFFu32) + 0x3F35_04F3u32) - 1.0;
    let mut exponent = f32::cast_from(bits >> 23u32) - 159.0;
    // Above 1/√2 the distance to 1 is known exactly; rounded to f32, u would lose it.
    if word >= 0xB504_F334u32 {
        f = (f32::cast_from(!word) + 0.5) * -WORD;
        exponent = 0.0f32.runtime();
    }
    let mut tail = 7.037_683_6e-2f32 * f - 1.151_461e-1f32;
    tail = tail * f + 1.167_699_9e-1f32;
    tail = tail * f - 1.242_014_1e-1f32;
    tail = tail * f + 1.424_932_3e-1f32;
    tail = tail * f - 1.666_805_8e-1f32;
    tail = tail * f + 2.000_071_5e-1f32;
    tail = tail * f - 2.499_999_4e-1f32;
    tail = tail * f + 3.333_333e-1f32;
    let square = f * f;
    let correction = tail * f * square - exponent * 2.121_944_4e-4f32 - 0.5f32 * square;
    f32::sqrt(-2.0f32 * (correction + f + exponent * 0.693_359_4f32))
}

/// `(cos, sin)` of `2π w 2⁻³²`: the nearest quarter turn and the rest of it are split as integers.
#[cube]
fn turn(word: u32) -> (f32, f32) {
    let quarter = (word + 0x2000_0000u32) >> 30u32;
    let rest = i32::reinterpret(word - (quarter << 30u32));
    let angle = f32::cast_from(rest) * comptime!(std::f32::consts::TAU * WORD);
    let square = angle * angle;
    let sin = ((square * -1.951_529_6e-4f32 + 8.332_161e-3f32) * square - 1.666_665_5e-1f32) * square * angle + angle;
    let cos = ((square * 2.443_315_7e-5f32 - 1.388_731_6e-3f32) * square + 4.166_664_6e-2f32) * square * square
        - 0.5f32 * square
        + 1.0f32;
    let odd = (quarter & 1u32) == 1u32;
    let x = u32::reinterpret(select(odd, sin, cos)) ^ (((quarter + 1u32) & 2u32) << 30u32);
    let y = u32::reinterpret(select(odd, cos, sin)) ^ ((quarter & 2u32) << 30u32);
    (f32::reinterpret(x), f32::reinterpret(y))
}

/// The four normals of four words.
#[cube]
pub(crate) fn box_muller(w0: u32, w1: u32, w2: u32, w3: u32) -> (f32, f32, f32, f32) {
    let first = radius(w0);
    let (x0, y0) = turn(w1);
    let second = radius(w2);
    let (x1, y1) = turn(w3);
    (first * x0, first * y0, second * x1, second * y1)
}

/// The address of a block of normals: counters of rows from `(low, high)` on, of which the first `skip` rows are not meant.
#[derive(CubeLaunch, CubeType)]
struct Address {
    key0: u32,
    key1: u32,
    tag: u32,
    first_vector: u32,
    low: u32,
    high: u32,
    skip: u32,
}

/// Rows `4 b … 4 b + 3` of vector `j`, both counted from the start of the block.
#[cube]
fn normals_of(at: &Address, j: u32, b: u32) -> Array<f32> {
    let low = at.low + b;
    let high = at.high + select(low < b, 1u32, 0u32);
    let (w0, w1, w2, w3) = philox(low, high, at.first_vector + j, at.tag, at.key0, at.key1);
    let (z0, z1, z2, z3) = box_muller(w0, w1, w2, w3);
    let mut normals = Array::<f32>::new(4usize);
    normals[0] = z0;
    normals[1] = z1;
    normals[2] = z2;
    normals[3] = z3;
    normals
}

/// One unit per counter and vector, for counters `first_counter .. end_counter`.
#[cube(launch)]
fn normals_kernel(
    values: &mut [f32],
    at: &Address,
    n: u32,
    first_counter: u32,
    end_counter: u32,
    first: u32,
    end: u32,
) {
    let b = first_counter + CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let j = first + task();
    if b < end_counter && j < end {
        let normals = normals_of(at, j, b);
        #[unroll]
        for k in 0..4usize {
            // Rows before the start wrap around to numbers that are not below n.
            let row = 4 * b + k as u32 - at.skip;
            if row < n {
                values[(j * n + row) as usize] = normals[k];
            }
        }
    }
}

/// One unit per counter: it makes the four rows of all vectors and adds them to as many entries of each `x_c`.
#[cube(launch)]
fn add_kernel(
    x: &mut [f32],
    coefficients: &[f32],
    at: &Address,
    n: u32,
    count: u32,
    first_counter: u32,
    end_counter: u32,
    first: u32,
    #[comptime] vectors: usize,
) {
    let b = first_counter + task() * CUBE_DIM + UNIT_POS;
    if b < end_counter {
        let mut sums = Array::<f32>::new(comptime!(4 * vectors));
        #[unroll]
        for entry in 0..comptime!(4 * vectors) {
            sums[entry] = 0.0f32.runtime();
        }
        for j in 0..count {
            let normals = normals_of(at, j, b);
            #[unroll]
            for c in 0..vectors {
                let coefficient = coefficients[((first + c as u32) * count + j) as usize];
                #[unroll]
                for k in 0..4usize {
                    sums[4 * c + k] += coefficient * normals[k];
                }
            }
        }
        #[unroll]
        for c in 0..vectors {
            #[unroll]
            for k in 0..4usize {
                let row = 4 * b + k as u32 - at.skip;
                if row < n {
                    x[((first + c as u32) * n + row) as usize] += sums[4 * c + k];
                }
            }
        }
    }
}

/// One cube per slab of rows and tile of normal vectors from `from` on: strided sums per unit, then a tree over the units.
/// `partial[slab, j, c]` for all P vectors of X.
#[cube(launch)]
fn gram_kernel(
    x: &[f32],
    partial: &mut [f32],
    at: &Address,
    n: u32,
    count: u32,
    all: u32,
    first: u32,
    slabs: u32,
    counters: u32,
    slab_counters: u32,
    first_slab: u32,
    from: u32,
    #[comptime] vectors: usize,
    #[comptime] tile: usize,
    #[comptime] units: usize,
) {
    let slab = first_slab + task();
    let first_vector = from + CUBE_POS_X * tile as u32;
    let mut sums = Array::<f32>::new(comptime!(tile * vectors));
    #[unroll]
    for entry in 0..comptime!(tile * vectors) {
        sums[entry] = 0.0f32.runtime();
    }
    if slab < slabs {
        let end = min(counters, (slab + 1) * slab_counters);
        let mut b = slab * slab_counters + UNIT_POS;
        while b < end {
            let mut entries = Array::<f32>::new(comptime!(4 * vectors));
            #[unroll]
            for k in 0..4usize {
                let row = 4 * b + k as u32 - at.skip;
                #[unroll]
                for c in 0..vectors {
                    // A row outside counts as zero; what is read in its place exists.
                    let entry = x[((first + c as u32) * n + select(row < n, row, 0u32)) as usize];
                    entries[4 * c + k] = select(row < n, entry, 0.0f32.runtime());
                }
            }
            #[unroll]
            for t in 0..tile {
                // Vectors past the last are made and not stored.
                let normals = normals_of(at, first_vector + t as u32, b);
                #[unroll]
                for c in 0..vectors {
                    #[unroll]
                    for k in 0..4usize {
                        sums[t * vectors + c] += entries[4 * c + k] * normals[k];
                    }
                }
            }
            b += CUBE_DIM;
        }
    }
    let mut shared = Shared::<[f32]>::new_slice(comptime!(tile * vectors * units));
    #[unroll]
    for entry in 0..comptime!(tile * vectors) {
        shared[entry * units + UNIT_POS as usize] = sums[entry];
    }
    add_units::<f32>(&mut shared, comptime!(tile * vectors), units);
    if UNIT_POS == 0 && slab < slabs {
        #[unroll]
        for t in 0..tile {
            let j = first_vector + t as u32;
            if j < count {
                #[unroll]
                for c in 0..vectors {
                    let at = (slab * count + j) * all + first + c as u32;
                    partial[at as usize] = shared[(t * vectors + c) * units];
                }
            }
        }
    }
}

fn address(block: &NormalBlock) -> AddressLaunch {
    let counter = block.first_row / 4;
    AddressLaunch::new(
        block.stream.key[0],
        block.stream.key[1],
        block.stream.tag,
        block.vectors.start,
        counter as u32,
        (counter >> 32) as u32,
        (block.first_row % 4) as u32,
    )
}

/// Counters of the rows of a block with n rows: a tensor holds fewer than 2³² entries.
fn counters(block: &NormalBlock, n: usize) -> u32 {
    ((block.first_row % 4) as usize + n).div_ceil(4) as u32
}

impl NormalOps for Cube {
    fn normals(like: CubeTensor, block: NormalBlock) -> CubeTensor {
        if like.dtype != DType::F32 {
            return composed::normals::<Cube>(&like, &block);
        }
        let (count, [_, n]) = (block.count(), like.shape().dims());
        let shape = Shape::new([count, n]);
        let out = empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, like.dtype);
        let counters = counters(&block, n);
        for (first_counter, end_counter) in pieces(counters, ENTRIES_PER_LAUNCH / 4) {
            for (first, end) in pieces(count as u32, ENTRIES_PER_LAUNCH / (4 * (end_counter - first_counter))) {
                normals_kernel::launch(
                    &out.client,
                    grid((end_counter - first_counter).div_ceil(UNITS), end - first),
                    CubeDim::new_1d(UNITS),
                    out.clone().into_buffer_arg(),
                    address(&block),
                    n as u32,
                    first_counter,
                    end_counter,
                    first,
                    end,
                );
                submit(&out.client);
            }
        }
        out
    }

    fn normals_add(x: CubeTensor, coefficients: CubeTensor, block: NormalBlock) -> CubeTensor {
        if x.dtype != DType::F32 {
            return composed::normals_add::<Cube>(x, coefficients, &block);
        }
        let (x, coefficients) = (own(x), into_contiguous(coefficients));
        let [vectors, n] = x.shape().dims();
        let counters_per_launch = (ENTRIES_PER_LAUNCH / 4 / block.count() as u32).max(UNITS);
        for (first, group) in groups(vectors as u32) {
            for (first_counter, end_counter) in pieces(counters(&block, n), counters_per_launch) {
                add_kernel::launch(
                    &x.client,
                    grid(1, (end_counter - first_counter).div_ceil(UNITS)),
                    CubeDim::new_1d(UNITS),
                    x.clone().into_buffer_arg(),
                    coefficients.clone().into_buffer_arg(),
                    address(&block),
                    n as u32,
                    block.count() as u32,
                    first_counter,
                    end_counter,
                    first,
                    group,
                );
                submit(&x.client);
            }
        }
        x
    }

    fn normals_grams(x: CubeTensor, block: NormalBlock) -> CubeTensor {
        if x.dtype != DType::F32 {
            return composed::normals_grams::<Cube>(x, &block);
        }
        let x = into_contiguous(x);
        let [vectors, n] = x.shape().dims();
        let (counters, count) = (counters(&block, n), block.count() as u32);
        let slabs = counters.div_ceil(SLAB_ROWS);
        let shape = Shape::new([slabs as usize, block.count() * vectors]);
        let partial = empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), shape, x.dtype);
        // Tiles of one slab that are a launch.
        let tiles_per_launch = ENTRIES_PER_LAUNCH / (4 * SLAB_ROWS) / TILE_VECTORS as u32;
        for (first, group) in groups(vectors as u32) {
            for (first_tile, end_tile) in pieces(count.div_ceil(TILE_VECTORS as u32), tiles_per_launch) {
                let tiles = end_tile - first_tile;
                for (first_slab, end_slab) in pieces(slabs, tiles_per_launch / tiles) {
                    gram_kernel::launch(
                        &x.client,
                        grid(tiles, end_slab - first_slab),
                        CubeDim::new_1d(UNITS),
                        x.clone().into_buffer_arg(),
                        partial.clone().into_buffer_arg(),
                        address(&block),
                        n as u32,
                        count,
                        vectors as u32,
                        first,
                        end_slab,
                        counters,
                        SLAB_ROWS,
                        first_slab,
                        first_tile * TILE_VECTORS as u32,
                        group,
                        TILE_VECTORS,
                        UNITS as usize,
                    );
                    submit(&x.client);
                }
            }
        }
        partial
    }
}
