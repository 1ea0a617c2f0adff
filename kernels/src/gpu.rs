//! Products with panels are CubeCL kernels in portable WGSL (no plane operations, no atomics), with sums in a fixed order.

use burn::{
    backend::{Cube, TensorMetadata, cubecl::dtype_to_storage_type, ops::FloatTensorOps},
    tensor::{DType, Shape},
};
use burn_cubecl::{kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::prelude::*;

use crate::panel::{MANY_VECTORS, PanelOps};

/// Units per cube.
pub(crate) const UNITS: u32 = 64;
/// Vectors per launch: private arrays stay small enough for every driver.
pub(crate) const VECTORS: usize = 8;
/// Rows of W per partial sum in the transposed product.
const CHUNK: u32 = 256;
/// Rows of W per unit in the update.
const TILE: u32 = 8;
/// Cubes per axis that every graphics API allows.
const LARGEST_COUNT: u32 = 65_535;

/// Random entries per launch of the kernels that make them: a launch takes milliseconds, where watchdogs end one of seconds.
pub(crate) const ENTRIES_PER_LAUNCH: u32 = 1 << 26;

/// Hands a heavy launch to the device by itself. Like a failed launch, a failed hand-over surfaces when the result is read.
pub(crate) fn submit(client: &Client) {
    let _ = client.flush();
}

/// The tensor to be changed: itself unless it is shared.
pub(crate) fn own(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    if x.can_mut() { x } else { x.copy() }
}

/// `columns × tasks` cubes; kernels find their task by [`task`].
pub(crate) fn grid(columns: u32, tasks: u32) -> CubeCount {
    CubeCount::Static(columns, tasks.min(LARGEST_COUNT), tasks.div_ceil(LARGEST_COUNT))
}

#[cube]
pub(crate) fn task() -> u32 {
    CUBE_POS_Z * CUBE_COUNT_Y + CUBE_POS_Y
}

/// `shared[s, 0] = Σ_u shared[s, u]` by halves of the units, for some sums s of every unit u; a power of two of units.
#[cube]
pub(crate) fn add_units<F: Float>(shared: &mut [F], #[comptime] sums: usize, #[comptime] units: usize) {
    sync_cube();
    let mut stride = CUBE_DIM / 2;
    while stride > 0 {
        if UNIT_POS < stride {
            #[unroll]
            for s in 0..sums {
                let upper = shared[s * units + (UNIT_POS + stride) as usize];
                shared[s * units + UNIT_POS as usize] += upper;
            }
        }
        sync_cube();
        stride /= 2;
    }
}

/// One cube per row of W: strided sums per unit, then a tree over the units.
#[cube(launch)]
fn apply_kernel<F: Float>(
    w: &[F],
    x: &[F],
    y: &mut [F],
    rows: u32,
    n: u32,
    first: u32,
    #[comptime] vectors: usize,
    #[comptime] units: usize,
) {
    let row = task();
    let mut sums = Array::<F>::new(vectors);
    #[unroll]
    for c in 0..vectors {
        sums[c] = F::from_int(0);
    }
    if row < rows {
        let mut j = UNIT_POS;
        while j < n {
            let entry = w[(row * n + j) as usize];
            #[unroll]
            for c in 0..vectors {
                sums[c] += entry * x[((first + c as u32) * n + j) as usize];
            }
            j += CUBE_DIM;
        }
    }
    let mut shared = Shared::<[F]>::new_slice(comptime!(vectors * units));
    #[unroll]
    for c in 0..vectors {
        shared[c * units + UNIT_POS as usize] = sums[c];
    }
    add_units::<F>(&mut shared, vectors, units);
    if UNIT_POS == 0 && row < rows {
        #[unroll]
        for c in 0..vectors {
            y[((first + c as u32) * rows + row) as usize] = shared[c * units];
        }
    }
}

/// One unit per column of W and chunk of rows: `partial[chunk, c, j]`.
#[cube(launch)]
fn transpose_kernel<F: Float>(
    w: &[F],
    g: &[F],
    partial: &mut [F],
    rows: u32,
    n: u32,
    first: u32,
    chunk_rows: u32,
    #[comptime] vectors: usize,
) {
    let j = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let chunk = task();
    let start = chunk * chunk_rows;
    if j < n && start < rows {
        let end = min(rows, start + chunk_rows);
        let mut sums = Array::<F>::new(vectors);
        #[unroll]
        for c in 0..vectors {
            sums[c] = F::from_int(0);
        }
        for i in start..end {
            let entry = w[(i * n + j) as usize];
            #[unroll]
            for c in 0..vectors {
                sums[c] += entry * g[((first + c as u32) * rows + i) as usize];
            }
        }
        #[unroll]
        for c in 0..vectors {
            partial[((chunk * vectors as u32 + c as u32) * n + j) as usize] = sums[c];
        }
    }
}

/// `z[first + c, j] = Σ_chunk partial[chunk, c, j]`, one unit per (c, j).
#[cube(launch)]
fn sum_kernel<F: Float>(partial: &[F], z: &mut [F], chunks: u32, n: u32, first: u32, vectors: u32) {
    let j = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let c = task();
    if j < n && c < vectors {
        let mut sum = F::from_int(0);
        for chunk in 0..chunks {
            sum += partial[((chunk * vectors + c) * n + j) as usize];
        }
        z[((first + c) * n + j) as usize] = sum;
    }
}

/// One unit per column of W and tile of rows.
#[cube(launch)]
fn update_kernel<F: Float>(
    w: &mut [F],
    a: &[F],
    b: &[F],
    factor: InputScalar,
    rows: u32,
    n: u32,
    terms: u32,
    #[comptime] tile_rows: usize,
) {
    let j = CUBE_POS_X * CUBE_DIM + UNIT_POS;
    let start = task() * tile_rows as u32;
    if j < n && start < rows {
        let mut sums = Array::<F>::new(tile_rows);
        #[unroll]
        for t in 0..tile_rows {
            sums[t] = F::from_int(0);
        }
        for q in 0..terms {
            let right = b[(q * n + j) as usize];
            #[unroll]
            for t in 0..tile_rows {
                // Rows past the end repeat the last one; their sums are not stored.
                let row = min(start + t as u32, rows - 1);
                sums[t] += a[(q * rows + row) as usize] * right;
            }
        }
        #[unroll]
        for t in 0..tile_rows {
            let row = start + t as u32;
            if row < rows {
                let at = (row * n + j) as usize;
                w[at] = factor.get::<F>() * w[at] + sums[t];
            }
        }
    }
}

/// `(rows, columns)` as kernels count them: a panel is at most 1 GiB, so its entries fit `u32` as well.
pub(crate) fn dims(tensor: &CubeTensor) -> (u32, u32) {
    let [rows, columns] = tensor.shape().dims::<2>();
    (rows as u32, columns as u32)
}

fn empty(like: &CubeTensor, rows: u32, columns: u32) -> CubeTensor {
    let shape = Shape::new([rows as usize, columns as usize]);
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, like.dtype)
}

/// Pieces of at most `size` of `0 .. total`.
pub(crate) fn pieces(total: u32, size: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..total).step_by(size as usize).map(move |first| (first, total.min(first.saturating_add(size))))
}

/// Groups of at most [`VECTORS`] vectors: the first of each and how many.
pub(crate) fn groups(vectors: u32) -> impl Iterator<Item = (u32, usize)> {
    (0..vectors).step_by(VECTORS).map(move |first| (first, VECTORS.min((vectors - first) as usize)))
}

fn apply<F: Float + CubeElement>(w: &CubeTensor, x: &CubeTensor) -> CubeTensor {
    let ((rows, n), (vectors, _)) = (dims(w), dims(x));
    let y = empty(w, vectors, rows);
    for (first, count) in groups(vectors) {
        apply_kernel::launch::<F>(
            &w.client,
            grid(1, rows),
            CubeDim::new_1d(UNITS),
            w.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            rows,
            n,
            first,
            count,
            UNITS as usize,
        );
    }
    y
}

fn apply_transpose<F: Float + CubeElement>(w: &CubeTensor, g: &CubeTensor) -> CubeTensor {
    let ((rows, n), (vectors, _)) = (dims(w), dims(g));
    let z = empty(w, vectors, n);
    let chunks = rows.div_ceil(CHUNK);
    for (first, count) in groups(vectors) {
        let partial = empty(w, chunks * count as u32, n);
        transpose_kernel::launch::<F>(
            &w.client,
            grid(n.div_ceil(UNITS), chunks),
            CubeDim::new_1d(UNITS),
            w.clone().into_buffer_arg(),
            g.clone().into_buffer_arg(),
            partial.clone().into_buffer_arg(),
            rows,
            n,
            first,
            CHUNK,
            count,
        );
        sum_kernel::launch::<F>(
            &w.client,
            grid(n.div_ceil(UNITS), count as u32),
            CubeDim::new_1d(UNITS),
            partial.into_buffer_arg(),
            z.clone().into_buffer_arg(),
            chunks,
            n,
            first,
            count as u32,
        );
    }
    z
}

fn rank_update<F: Float + CubeElement>(w: CubeTensor, factor: f64, a: &CubeTensor, b: &CubeTensor) -> CubeTensor {
    let ((rows, n), (terms, _)) = (dims(&w), dims(a));
    let w = if w.can_mut() { w } else { w.copy() };
    let factor = InputScalar::new(factor, dtype_to_storage_type(w.dtype));
    update_kernel::launch::<F>(
        &w.client,
        grid(n.div_ceil(UNITS), rows.div_ceil(TILE)),
        CubeDim::new_1d(UNITS),
        w.clone().into_buffer_arg(),
        a.clone().into_buffer_arg(),
        b.clone().into_buffer_arg(),
        factor,
        rows,
        n,
        terms,
        TILE as usize,
    );
    w
}

/// Kernels for few vectors read the panel once for every eight of them; a matrix product does better with many.
fn are_many(vectors: &CubeTensor) -> bool {
    let [count, _] = vectors.shape().dims::<2>();
    count >= MANY_VECTORS
}

impl PanelOps for Cube {
    fn panel_apply(w: CubeTensor, x: CubeTensor) -> CubeTensor {
        if are_many(&x) {
            return Cube::float_matmul(x, Cube::float_transpose(w));
        }
        let (w, x) = (into_contiguous(w), into_contiguous(x));
        if w.dtype == DType::F64 { apply::<f64>(&w, &x) } else { apply::<f32>(&w, &x) }
    }

    fn panel_apply_transpose(w: CubeTensor, g: CubeTensor) -> CubeTensor {
        if are_many(&g) {
            return Cube::float_matmul(g, w);
        }
        let (w, g) = (into_contiguous(w), into_contiguous(g));
        if w.dtype == DType::F64 { apply_transpose::<f64>(&w, &g) } else { apply_transpose::<f32>(&w, &g) }
    }

    fn panel_rank_update(w: CubeTensor, factor: f64, a: CubeTensor, b: CubeTensor) -> CubeTensor {
        let (w, a, b) = (into_contiguous(w), into_contiguous(a), into_contiguous(b));
        if w.dtype == DType::F64 {
            rank_update::<f64>(w, factor, &a, &b)
        } else {
            rank_update::<f32>(w, factor, &a, &b)
        }
    }
}
