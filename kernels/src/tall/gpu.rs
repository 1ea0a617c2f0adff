//! The products are CubeCL kernels in portable WGSL (no plane operations, no atomics, no `f64`), with sums in a fixed order.
//!
//! Inner products leave the device as one small matrix per slab of the long dimension, which the host adds in `f64`.

use burn::{
    backend::{Cube, TensorMetadata},
    tensor::{DType, Element, ElementConversion, Shape},
};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::prelude::*;

use super::ops::TallOps;
use crate::gpu::{add_units, dims, grid, groups, own, task};

/// Units per cube.
const UNITS: u32 = 256;
/// Entries of the long dimension per partial sum of [`gram_kernel`]: 64 products per unit, and the partial sums are few.
const GRAM_SLAB_ROWS: u32 = 16_384;
/// The same of [`add_gram_kernel`], whose cubes are one per slab: enough of them for a large device.
const ADD_GRAM_SLAB_ROWS: u32 = 2048;
/// Sums per unit in [`gram_kernel`], basis vectors × vectors: private arrays stay small enough for every driver.
const SUMS: usize = 32;
/// Basis vectors per unit at most: the vectors are read once for each so many.
const BASIS: usize = 8;
/// Multiply-adds per launch: some drivers end submissions of a second or two. Unit tests see many launches.
const WORK: u64 = if cfg!(test) { 1 << 16 } else { 1 << 31 };
/// Multiply-adds from which on a launch is submitted by itself.
const LARGE: u64 = 1 << 28;

/// One cube per slab and group of basis vectors: `partial[slab, j, c]`.
#[cube(launch)]
fn gram_kernel<F: Float>(
    q: &[F],
    x: &[F],
    partial: &mut [F],
    rank: u32,
    n: u32,
    from: u32,
    first: u32,
    slab_rows: u32,
    #[comptime] basis: usize,
    #[comptime] vectors: usize,
    #[comptime] units: usize,
) {
    let slab = task();
    let start = slab * slab_rows;
    let group = from + CUBE_POS_X * basis as u32;
    let mut sums = Array::<F>::new(comptime!(basis * vectors));
    #[unroll]
    for s in 0..comptime!(basis * vectors) {
        sums[s] = F::from_int(0);
    }
    let end = min(n, start + slab_rows);
    let mut i = start + UNIT_POS;
    while i < end {
        let mut entries = Array::<F>::new(vectors);
        #[unroll]
        for c in 0..vectors {
            entries[c] = x[((first + c as u32) * n + i) as usize];
        }
        #[unroll]
        for j in 0..basis {
            // Basis vectors past the end repeat the last one; their sums are not stored.
            let row = min(group + j as u32, rank - 1);
            let entry = q[(row * n + i) as usize];
            #[unroll]
            for c in 0..vectors {
                sums[j * vectors + c] += entry * entries[c];
            }
        }
        i += CUBE_DIM;
    }
    let mut shared = Shared::<[F]>::new_slice(comptime!(vectors * units));
    #[unroll]
    for j in 0..basis {
        #[unroll]
        for c in 0..vectors {
            shared[c * units + UNIT_POS as usize] = sums[j * vectors + c];
        }
        add_units::<F>(&mut shared, vectors, units);
        let row = group + j as u32;
        if UNIT_POS == 0 && row < rank && start < n {
            #[unroll]
            for c in 0..vectors {
                partial[((slab * rank + row) * vectors as u32 + c as u32) as usize] = shared[c * units];
            }
        }
        sync_cube();
    }
}

/// `Σ_j C[j, first + c] q_j[i]` over the basis vectors from `from` to `to`.
#[cube]
fn combination<F: Float>(
    q: &[F],
    coefficients: &[F],
    i: u32,
    n: u32,
    from: u32,
    to: u32,
    first: u32,
    all_vectors: u32,
    #[comptime] vectors: usize,
) -> Array<F> {
    let mut sums = Array::<F>::new(vectors);
    #[unroll]
    for c in 0..vectors {
        sums[c] = F::from_int(0);
    }
    for j in from..to {
        let entry = q[(j * n + i) as usize];
        #[unroll]
        for c in 0..vectors {
            sums[c] += coefficients[(j * all_vectors + first + c as u32) as usize] * entry;
        }
    }
    sums
}

/// One unit per entry of the long dimension.
#[cube(launch)]
fn add_kernel<F: Float>(
    x: &mut [F],
    q: &[F],
    coefficients: &[F],
    n: u32,
    from: u32,
    to: u32,
    first: u32,
    all_vectors: u32,
    #[comptime] replace: bool,
    #[comptime] vectors: usize,
) {
    let i = task() * CUBE_DIM + UNIT_POS;
    if i < n {
        let sums = combination::<F>(q, coefficients, i, n, from, to, first, all_vectors, vectors);
        #[unroll]
        for c in 0..vectors {
            let at = ((first + c as u32) * n + i) as usize;
            if comptime!(replace) {
                x[at] = sums[c];
            } else {
                x[at] += sums[c];
            }
        }
    }
}

/// One cube per slab: the update, and `partial[slab, b, c] = x_b · x_c` of what it stored. X has `vectors` rows.
#[cube(launch)]
fn add_gram_kernel<F: Float>(
    x: &mut [F],
    q: &[F],
    coefficients: &[F],
    partial: &mut [F],
    n: u32,
    from: u32,
    to: u32,
    slab_rows: u32,
    #[comptime] vectors: usize,
    #[comptime] units: usize,
) {
    let slab = task();
    let start = slab * slab_rows;
    let mut products = Array::<F>::new(comptime!(vectors * vectors));
    #[unroll]
    for s in 0..comptime!(vectors * vectors) {
        products[s] = F::from_int(0);
    }
    let end = min(n, start + slab_rows);
    let mut i = start + UNIT_POS;
    while i < end {
        let mut entries = combination::<F>(q, coefficients, i, n, from, to, 0, vectors as u32, vectors);
        #[unroll]
        for c in 0..vectors {
            let at = (c as u32 * n + i) as usize;
            entries[c] += x[at];
            x[at] = entries[c];
        }
        #[unroll]
        for b in 0..vectors {
            #[unroll]
            for c in 0..vectors {
                products[b * vectors + c] += entries[b] * entries[c];
            }
        }
        i += CUBE_DIM;
    }
    let mut shared = Shared::<[F]>::new_slice(comptime!(vectors * units));
    #[unroll]
    for b in 0..vectors {
        #[unroll]
        for c in 0..vectors {
            shared[c * units + UNIT_POS as usize] = products[b * vectors + c];
        }
        add_units::<F>(&mut shared, vectors, units);
        if UNIT_POS == 0 && start < n {
            #[unroll]
            for c in 0..vectors {
                partial[((slab * vectors as u32 + b as u32) * vectors as u32 + c as u32) as usize] = shared[c * units];
            }
        }
        sync_cube();
    }
}

fn empty(like: &CubeTensor, rows: usize, columns: usize) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::new([rows, columns]), like.dtype)
}

/// Ranges of basis vectors whose products with so many vectors are one launch each; all but the last are multiples of `step`.
fn launches(rank: u32, n: u32, vectors: usize, step: u32) -> impl Iterator<Item = (u32, u32)> {
    let work_of_step = u64::from(n) * vectors as u64 * u64::from(step);
    let count = step.saturating_mul((WORK / work_of_step).clamp(1, u64::from(rank)) as u32);
    (0..rank).step_by(count as usize).map(move |from| (from, rank.min(from.saturating_add(count))))
}

/// Submits a large launch, which would otherwise wait for others and run as one with them. A failure belongs to the results and
/// is found by [`read`].
fn submit(tensor: &CubeTensor, multiply_adds: u64) {
    if multiply_adds >= LARGE {
        drop(tensor.client.flush());
    }
}

/// The sum in `f64` of the matrices of all slabs, `rows × columns` each.
fn read<F: CubeElement + Into<f64>>(partial: CubeTensor, entries: usize, what: impl Fn() -> String) -> Vec<f64> {
    let bytes = match partial.client.read_one(partial.handle) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{} failed on {:?}: {error}", what(), partial.device),
    };
    let mut sums = vec![0.0; entries];
    for slab in F::from_bytes(&bytes).chunks(entries) {
        sums.iter_mut().zip(slab).for_each(|(sum, value)| *sum += (*value).into());
    }
    sums
}

fn gram<F: Float + CubeElement + Into<f64>>(q: &CubeTensor, x: &CubeTensor) -> Vec<f64> {
    let ((rank, n), (vectors, _)) = (dims(q), dims(x));
    let slabs = n.div_ceil(GRAM_SLAB_ROWS);
    let launch_group = |(first, count): (u32, usize)| {
        let basis = BASIS.min(SUMS / count);
        let partial = empty(q, (slabs * rank) as usize, count);
        for (from, to) in launches(rank, n, count, basis as u32) {
            gram_kernel::launch::<F>(
                &q.client,
                grid((to - from).div_ceil(basis as u32), slabs),
                CubeDim::new_1d(UNITS),
                q.clone().into_buffer_arg(),
                x.clone().into_buffer_arg(),
                partial.clone().into_buffer_arg(),
                rank,
                n,
                from,
                first,
                GRAM_SLAB_ROWS,
                basis,
                count,
                UNITS as usize,
            );
            submit(q, u64::from(to - from) * u64::from(n) * count as u64);
        }
        (first, count, partial)
    };
    let partial: Vec<_> = groups(vectors).map(launch_group).collect();
    let mut products = vec![0.0; (rank * vectors) as usize];
    for (first, count, partial) in partial {
        let what = || format!("tall_gram of {rank} x {n} against {vectors} vectors");
        let sums = read::<F>(partial, rank as usize * count, what);
        for (row, sums) in products.chunks_mut(vectors as usize).zip(sums.chunks(count)) {
            row[first as usize..][..count].copy_from_slice(sums);
        }
    }
    products
}

/// The coefficients on the device.
fn upload<F: CubeElement + Element>(like: &CubeTensor, coefficients: &[f64]) -> CubeTensor {
    let values: Vec<F> = coefficients.iter().map(|c| c.elem()).collect();
    let handle = like.client.create_from_slice(F::as_bytes(&values));
    let shape = Shape::new([values.len()]);
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, handle, like.dtype)
}

/// `X ← X + Cᵀ Q` or, to `replace` it, `X ← Cᵀ Q`.
fn add<F: Float + CubeElement>(x: &CubeTensor, q: &CubeTensor, coefficients: &CubeTensor, replace: bool) {
    let ((rank, n), (vectors, _)) = (dims(q), dims(x));
    for (first, count) in groups(vectors) {
        for (from, to) in launches(rank, n, count, 1) {
            add_kernel::launch::<F>(
                &x.client,
                grid(1, n.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS),
                x.clone().into_buffer_arg(),
                q.clone().into_buffer_arg(),
                coefficients.clone().into_buffer_arg(),
                n,
                from,
                to,
                first,
                vectors,
                replace && from == 0,
                count,
            );
            submit(x, u64::from(to - from) * u64::from(n) * count as u64);
        }
    }
}

fn add_gram<F: Float + CubeElement + Into<f64>>(x: &CubeTensor, q: &CubeTensor, coefficients: &CubeTensor) -> Vec<f64> {
    let ((rank, n), (vectors, _)) = (dims(q), dims(x));
    if groups(vectors).count() > 1 {
        add::<F>(x, q, coefficients, false);
        return gram::<F>(x, x);
    }
    let count = vectors as usize;
    let slabs = n.div_ceil(ADD_GRAM_SLAB_ROWS);
    let partial = empty(x, slabs as usize, count * count);
    for (from, to) in launches(rank, n, count, 1) {
        // The last of several launches leaves the products of the final values.
        add_gram_kernel::launch::<F>(
            &x.client,
            grid(1, slabs),
            CubeDim::new_1d(UNITS),
            x.clone().into_buffer_arg(),
            q.clone().into_buffer_arg(),
            coefficients.clone().into_buffer_arg(),
            partial.clone().into_buffer_arg(),
            n,
            from,
            to,
            ADD_GRAM_SLAB_ROWS,
            count,
            UNITS as usize,
        );
        submit(x, u64::from(to - from) * u64::from(n) * count as u64);
    }
    read::<F>(partial, count * count, || format!("tall_add_gram of {rank} x {n} and {vectors} vectors"))
}

impl TallOps for Cube {
    fn tall_gram(q: CubeTensor, x: CubeTensor) -> Vec<f64> {
        let (q, x) = (into_contiguous(q), into_contiguous(x));
        if q.dtype == DType::F64 { gram::<f64>(&q, &x) } else { gram::<f32>(&q, &x) }
    }

    fn tall_gram_epsilon(x: CubeTensor) -> f64 {
        if x.dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
    }

    fn tall_times(q: CubeTensor, coefficients: &[f64]) -> CubeTensor {
        let q = into_contiguous(q);
        let [rank, n] = q.shape().dims::<2>();
        let x = empty(&q, coefficients.len() / rank, n);
        if q.dtype == DType::F64 {
            add::<f64>(&x, &q, &upload::<f64>(&q, coefficients), true);
        } else {
            add::<f32>(&x, &q, &upload::<f32>(&q, coefficients), true);
        }
        x
    }

    fn tall_add(x: CubeTensor, q: CubeTensor, coefficients: &[f64]) -> CubeTensor {
        let (x, q) = (own(x), into_contiguous(q));
        if q.dtype == DType::F64 {
            add::<f64>(&x, &q, &upload::<f64>(&q, coefficients), false);
        } else {
            add::<f32>(&x, &q, &upload::<f32>(&q, coefficients), false);
        }
        x
    }

    fn tall_add_gram(x: CubeTensor, q: CubeTensor, coefficients: &[f64]) -> (CubeTensor, Vec<f64>) {
        let (x, q) = (own(x), into_contiguous(q));
        let products = if q.dtype == DType::F64 {
            add_gram::<f64>(&x, &q, &upload::<f64>(&q, coefficients))
        } else {
            add_gram::<f32>(&x, &q, &upload::<f32>(&q, coefficients))
        };
        (x, products)
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        Tensor,
        backend::wgpu::{RuntimeOptions, WgpuDevice, graphics::AutoGraphicsApi, try_init_setup},
        tensor::{Device, Distribution},
    };
    use nalgebra::DMatrix;

    use super::*;
    use crate::tall::{tall_add, tall_add_gram, tall_gram, tall_times};

    #[test]
    fn launches_cover_the_basis_once() {
        let (rank, n, vectors) = (203, 3000, 8);
        for step in [1, 4] {
            let ranges: Vec<_> = launches(rank, n, vectors, step).collect();
            assert!(ranges.len() > 10, "a test of many launches");
            assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (0, rank));
            assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[1].0 % step == 0));
            let work = |(from, to): &(u32, u32)| u64::from(to - from) * u64::from(n) * vectors as u64;
            assert!(ranges.iter().all(|range| work(range) <= WORK.max(work(&(0, step)))));
        }
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "CI looks for this line")]
    fn many_launches_give_what_the_cpu_gives() {
        if let Err(error) = try_init_setup::<AutoGraphicsApi>(&WgpuDevice::default(), RuntimeOptions::default()) {
            println!("SKIPPED (no adapter): many_launches_give_what_the_cpu_gives: {error}");
            return;
        }
        let (cpu, gpu) = (Device::flex(), Device::new(WgpuDevice::default()));
        let random = |rows| Tensor::<2>::random([rows, 3000], Distribution::Uniform(-1.0, 1.0), (&cpu, DType::F32));
        let c = DMatrix::from_fn(37, 7, |j, c| 0.1 / (1 + j + c) as f64);
        let (q, x) = (random(37), random(7));
        let on_gpu = |tensor: &Tensor<2>| Tensor::<2>::from_data(tensor.to_data(), (&gpu, DType::F32));
        let all = |q: Tensor<2>, x: Tensor<2>| {
            let (sum, gram) = tall_add_gram(x.clone(), &q, &c);
            let tensors = [sum, tall_times(&q, &c), tall_add(x.clone(), &q, &c)];
            (tensors.map(|tensor| tensor.into_data_as::<f32>().try_to_vec::<f32>().unwrap()), [gram, tall_gram(&q, &x)])
        };
        let (actual, expected) = (all(on_gpu(&q), on_gpu(&x)), all(q, x));
        for (actual, expected) in actual.0.iter().flatten().zip(expected.0.iter().flatten()) {
            assert!((actual - expected).abs() < 1e-6, "{actual} instead of {expected}");
        }
        for (actual, expected) in actual.1.iter().zip(&expected.1) {
            assert!((actual - expected).amax() < 1e-3, "{actual} instead of {expected}");
        }
    }
}
