//! Regenerated products are CubeCL kernels in `f32` and portable WGSL, with sums in a fixed order.
//!
//! A launch covers a block of W of at most [`ENTRIES_PER_LAUNCH`] entries: units sum over slabs of it, and a second
//! kernel adds the slabs to the result in order.

use std::ops::Range;

use burn::{
    backend::{Cube, TensorMetadata},
    tensor::{DType, Shape},
};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    composed,
    matrix::{EntryLaw, RegeneratedBlock},
    ops::RegeneratedOps,
};
use crate::{
    gpu::{ENTRIES_PER_LAUNCH, UNITS, VECTORS, grid, groups, pieces, submit, task},
    normals::gpu::box_muller,
    philox::gpu::philox,
};

/// Rows (columns, for the transpose) per launch: with as many columns (rows) a launch is full.
const SPAN: u32 = 1 << 13;
/// Entries of W that a unit sums along.
const SLAB_ENTRIES: u32 = 256;
/// Sums per unit of the transposed product: private arrays stay small enough for every driver. Of signs, two vectors take as many;
/// eight with a quarter of the columns each were measured slower on software Vulkan, where G is then read four times as often.
const SUMS: usize = 64;

/// The address of a block: fours of rows and groups of columns from the first on, of which `skip_rows` rows and `skip_columns`
/// columns are not meant. Kernels count both from there; what lies before the block wraps around to numbers beyond it.
#[derive(CubeLaunch, CubeType)]
struct Address {
    key0: u32,
    key1: u32,
    tag: u32,
    law: u32,
    first_four: u32,
    first_group: u32,
    skip_rows: u32,
    skip_columns: u32,
}

/// One word for each of four rows: what [`entry`] makes the entries of a group of columns from.
#[cube]
fn words_of(w: &Address, group: u32, four: u32, #[comptime] law: EntryLaw) -> Array<u32> {
    let (w0, w1, w2, w3) = philox(w.first_group + group, w.first_four + four, w.law, w.tag, w.key0, w.key1);
    let mut words = Array::<u32>::new(4usize);
    if comptime!(law == EntryLaw::Gaussian) {
        let (z0, z1, z2, z3) = box_muller(w0, w1, w2, w3);
        words[0] = u32::reinterpret(z0);
        words[1] = u32::reinterpret(z1);
        words[2] = u32::reinterpret(z2);
        words[3] = u32::reinterpret(z3);
    } else {
        words[0] = w0;
        words[1] = w1;
        words[2] = w2;
        words[3] = w3;
    }
    words
}

/// The entry of column `k` of the group, before the scale of its law.
#[cube]
fn entry(word: u32, #[comptime] k: u32, #[comptime] law: EntryLaw) -> f32 {
    if comptime!(law == EntryLaw::Gaussian) {
        f32::reinterpret(word)
    } else if comptime!(law == EntryLaw::Rademacher) {
        // The bit becomes the sign of 1: a number is not made of an integer, which devices do slowly.
        f32::reinterpret((!word << comptime!(31 - k)) & 0x8000_0000u32 | 0x3F80_0000u32)
    } else {
        // In unsigned numbers around 128 · 2¹⁸, where a shift rounds down as it does for signed ones.
        let n = ((word >> comptime!(8 * k)) & 255u32) * 2u32 - 255u32;
        let shifted = (n * (n * n + 22_956u32) + comptime!((1u32 << 17) + (128u32 << 18))) >> 18u32;
        f32::cast_from(shifted) - 128.0f32
    }
}

/// One unit per four rows and slab of columns: `partial[slab, c, row]`.
#[cube(launch)]
fn apply_kernel(
    x: &[f32],
    partial: &mut [f32],
    w: &Address,
    columns: u32,
    first: u32,
    first_four: u32,
    fours: u32,
    first_group: u32,
    end_group: u32,
    slab_groups: u32,
    #[comptime] law: EntryLaw,
    #[comptime] group: usize,
    #[comptime] vectors: usize,
) {
    let unit = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let slab = task();
    let start = first_group + slab * slab_groups;
    if unit < fours && start < end_group {
        let mut sums = Array::<f32>::new(comptime!(4 * vectors));
        #[unroll]
        for s in 0..comptime!(4 * vectors) {
            sums[s] = 0.0f32.runtime();
        }
        for g in start..min(end_group, start + slab_groups) {
            let words = words_of(w, g, first_four + unit, law);
            #[unroll]
            for k in 0..group {
                let column = g * group as u32 + k as u32 - w.skip_columns;
                // A column outside counts as zero; what is read in its place exists.
                let inside = column < columns;
                let at = select(inside, column, 0u32);
                let mut numbers = Array::<f32>::new(vectors);
                #[unroll]
                for c in 0..vectors {
                    let number = x[((first + c as u32) * columns + at) as usize];
                    numbers[c] = select(inside, number, 0.0f32.runtime());
                }
                #[unroll]
                for r in 0..4usize {
                    let made = entry(words[r], comptime!(k as u32), law);
                    #[unroll]
                    for c in 0..vectors {
                        sums[4 * c + r] += made * numbers[c];
                    }
                }
            }
        }
        #[unroll]
        for c in 0..vectors {
            #[unroll]
            for r in 0..4usize {
                let at = ((slab * vectors as u32 + c as u32) * fours + unit) * 4 + r as u32;
                partial[at as usize] = sums[4 * c + r];
            }
        }
    }
}

/// One unit per group of columns and slab of rows: `partial[slab, c, column]`.
#[cube(launch)]
fn transpose_kernel(
    g: &[f32],
    partial: &mut [f32],
    w: &Address,
    length: u32,
    first: u32,
    first_four: u32,
    end_four: u32,
    first_group: u32,
    groups: u32,
    slab_fours: u32,
    #[comptime] law: EntryLaw,
    #[comptime] group: usize,
    #[comptime] vectors: usize,
) {
    let unit = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let slab = task();
    let start = first_four + slab * slab_fours;
    if unit < groups && start < end_four {
        let mut sums = Array::<f32>::new(comptime!(group * vectors));
        #[unroll]
        for s in 0..comptime!(group * vectors) {
            sums[s] = 0.0f32.runtime();
        }
        for four in start..min(end_four, start + slab_fours) {
            let words = words_of(w, first_group + unit, four, law);
            #[unroll]
            for r in 0..4usize {
                let row = 4 * four + r as u32 - w.skip_rows;
                let inside = row < length;
                let at = select(inside, row, 0u32);
                let mut numbers = Array::<f32>::new(vectors);
                #[unroll]
                for c in 0..vectors {
                    let number = g[((first + c as u32) * length + at) as usize];
                    numbers[c] = select(inside, number, 0.0f32.runtime());
                }
                #[unroll]
                for k in 0..group {
                    let made = entry(words[r], comptime!(k as u32), law);
                    #[unroll]
                    for c in 0..vectors {
                        sums[c * group + k] += made * numbers[c];
                    }
                }
            }
        }
        #[unroll]
        for c in 0..vectors {
            #[unroll]
            for k in 0..group {
                let at = ((slab * vectors as u32 + c as u32) * groups + unit) * group as u32 + k as u32;
                partial[at as usize] = sums[c * group + k];
            }
        }
    }
}

/// `out[first + c, offset + i] += scale Σ_slab partial[slab, c, i]` where that exists; the first time `=`.
#[cube(launch)]
fn sum_kernel(
    partial: &[f32],
    out: &mut [f32],
    scale: f32,
    slabs: u32,
    width: u32,
    length: u32,
    offset: u32,
    first: u32,
    vectors: u32,
    fresh: u32,
) {
    let i = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let c = task();
    let position = offset + i;
    if i < width && c < vectors && position < length {
        let mut sum = 0.0f32.runtime();
        for slab in 0..slabs {
            sum += partial[((slab * vectors + c) * width + i) as usize];
        }
        let at = ((first + c) * length + position) as usize;
        if fresh == 1 {
            out[at] = scale * sum;
        } else {
            out[at] += scale * sum;
        }
    }
}

/// One unit per four rows and group of columns.
#[cube(launch)]
fn entries_kernel(
    entries: &mut [f32],
    w: &Address,
    scale: f32,
    rows: u32,
    columns: u32,
    first_four: u32,
    end_four: u32,
    first_group: u32,
    end_group: u32,
    #[comptime] law: EntryLaw,
    #[comptime] group: usize,
) {
    let g = first_group + CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let four = first_four + task();
    if g < end_group && four < end_four {
        let words = words_of(w, g, four, law);
        #[unroll]
        for r in 0..4usize {
            let row = 4 * four + r as u32 - w.skip_rows;
            #[unroll]
            for k in 0..group {
                let column = g * group as u32 + k as u32 - w.skip_columns;
                if row < rows && column < columns {
                    entries[(row * columns + column) as usize] = scale * entry(words[r], comptime!(k as u32), law);
                }
            }
        }
    }
}

fn address(block: &RegeneratedBlock) -> AddressLaunch {
    let RegeneratedBlock { matrix: w, rows, columns } = block;
    let group = w.law.columns();
    AddressLaunch::new(
        w.key[0],
        w.key[1],
        w.tag,
        w.law.number(),
        (rows.start / 4) as u32,
        (columns.start / group) as u32,
        (rows.start % 4) as u32,
        (columns.start % group) as u32,
    )
}

/// How many pieces of some size, aligned to it, a range meets.
fn count(range: &Range<usize>, size: usize) -> u32 {
    (range.end.div_ceil(size) - range.start / size) as u32
}

fn empty(like: &CubeTensor, rows: usize, columns: usize) -> CubeTensor {
    let shape = Shape::new([rows, columns]);
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// Where the sums of slabs belong.
struct Target {
    offset: u32,
    width: u32,
    first: u32,
    vectors: usize,
    fresh: bool,
}

/// Adds the slabs of a launch to `out` and hands both to the device.
fn add_slabs(partial: CubeTensor, slabs: u32, out: &CubeTensor, scale: f64, target: &Target) {
    let [_, length] = out.shape().dims();
    sum_kernel::launch(
        &out.client,
        grid(target.width.div_ceil(UNITS), target.vectors as u32),
        CubeDim::new_1d(UNITS),
        partial.into_buffer_arg(),
        out.clone().into_buffer_arg(),
        scale as f32,
        slabs,
        target.width,
        length as u32,
        target.offset,
        target.first,
        target.vectors as u32,
        u32::from(target.fresh),
    );
    submit(&out.client);
}

impl RegeneratedOps for Cube {
    fn regenerated_apply(x: CubeTensor, block: RegeneratedBlock) -> CubeTensor {
        if x.dtype != DType::F32 {
            return composed::apply::<Cube>(x, &block);
        }
        let RegeneratedBlock { matrix: w, rows, columns } = &block;
        let x = into_contiguous(x);
        let [vectors, _] = x.shape().dims();
        let y = empty(&x, vectors, rows.len());
        let group = w.law.columns();
        let (fours, all_groups) = (count(rows, 4), count(columns, group));
        let slab_groups = SLAB_ENTRIES / group as u32;
        for (first, vectors) in groups(vectors as u32) {
            for (first_four, end_four) in pieces(fours, SPAN / 4) {
                let width = 4 * (end_four - first_four);
                let slabs_per_launch = ENTRIES_PER_LAUNCH / SLAB_ENTRIES / width;
                for (first_group, end_group) in pieces(all_groups, slabs_per_launch * slab_groups) {
                    let slabs = (end_group - first_group).div_ceil(slab_groups);
                    let partial = empty(&x, slabs as usize * vectors, width as usize);
                    apply_kernel::launch(
                        &x.client,
                        grid((end_four - first_four).div_ceil(UNITS), slabs),
                        CubeDim::new_1d(UNITS),
                        x.clone().into_buffer_arg(),
                        partial.clone().into_buffer_arg(),
                        address(&block),
                        columns.len() as u32,
                        first,
                        first_four,
                        end_four - first_four,
                        first_group,
                        end_group,
                        slab_groups,
                        w.law,
                        group,
                        vectors,
                    );
                    let offset = (4 * first_four).wrapping_sub((rows.start % 4) as u32);
                    let target = Target { offset, width, first, vectors, fresh: first_group == 0 };
                    add_slabs(partial, slabs, &y, w.law.scale(), &target);
                }
            }
        }
        y
    }

    fn regenerated_apply_transpose(g: CubeTensor, block: RegeneratedBlock) -> CubeTensor {
        if g.dtype != DType::F32 {
            return composed::apply_transpose::<Cube>(g, &block);
        }
        let RegeneratedBlock { matrix: w, rows, columns } = &block;
        let g = into_contiguous(g);
        let [vectors, _] = g.shape().dims();
        let z = empty(&g, vectors, columns.len());
        let group = w.law.columns();
        let (fours, all_groups) = (count(rows, 4), count(columns, group));
        let slab_fours = SLAB_ENTRIES / 4;
        for (first, end) in pieces(vectors as u32, (SUMS / group).min(VECTORS) as u32) {
            let vectors = (end - first) as usize;
            for (first_group, end_group) in pieces(all_groups, SPAN / group as u32) {
                let width = (end_group - first_group) * group as u32;
                let slabs_per_launch = ENTRIES_PER_LAUNCH / SLAB_ENTRIES / width;
                for (first_four, end_four) in pieces(fours, slabs_per_launch * slab_fours) {
                    let slabs = (end_four - first_four).div_ceil(slab_fours);
                    let partial = empty(&g, slabs as usize * vectors, width as usize);
                    transpose_kernel::launch(
                        &g.client,
                        grid((end_group - first_group).div_ceil(UNITS), slabs),
                        CubeDim::new_1d(UNITS),
                        g.clone().into_buffer_arg(),
                        partial.clone().into_buffer_arg(),
                        address(&block),
                        rows.len() as u32,
                        first,
                        first_four,
                        end_four,
                        first_group,
                        end_group - first_group,
                        slab_fours,
                        w.law,
                        group,
                        vectors,
                    );
                    let offset = (first_group * group as u32).wrapping_sub((columns.start % group) as u32);
                    let target = Target { offset, width, first, vectors, fresh: first_four == 0 };
                    add_slabs(partial, slabs, &z, w.law.scale(), &target);
                }
            }
        }
        z
    }

    fn regenerated_entries(entries: CubeTensor, block: RegeneratedBlock) -> CubeTensor {
        if entries.dtype != DType::F32 {
            return composed::entries::<Cube>(&entries, &block);
        }
        let RegeneratedBlock { matrix: w, rows, columns } = &block;
        let group = w.law.columns();
        let (fours, all_groups) = (count(rows, 4), count(columns, group));
        for (first_group, end_group) in pieces(all_groups, ENTRIES_PER_LAUNCH / 4 / group as u32) {
            let fours_per_launch = ENTRIES_PER_LAUNCH / (4 * group as u32) / (end_group - first_group);
            for (first_four, end_four) in pieces(fours, fours_per_launch) {
                entries_kernel::launch(
                    &entries.client,
                    grid((end_group - first_group).div_ceil(UNITS), end_four - first_four),
                    CubeDim::new_1d(UNITS),
                    entries.clone().into_buffer_arg(),
                    address(&block),
                    w.law.scale() as f32,
                    rows.len() as u32,
                    columns.len() as u32,
                    first_four,
                    end_four,
                    first_group,
                    end_group,
                    w.law,
                    group,
                );
                submit(&entries.client);
            }
        }
        entries
    }
}
