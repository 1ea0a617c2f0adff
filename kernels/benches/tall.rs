//! Tall-skinny products against burn's matrix product and against a copy of the basis: milliseconds, best of several runs, and
//! what they amount to in GB/s of the basis and GFLOP/s.
//!
//! ```text
//! cargo bench --workspace --bench tall
//! ```
//!
//! "burn" is the time of the same result by burn's own operations over the time here, "copy" the time of a copy of the basis
//! by all threads over the time here (1 is the bandwidth of memory, if writes cost what reads do).
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, time::Instant};

use burn::{
    Tensor,
    tensor::{DType, Device, Distribution, TensorData},
};
use nalgebra::DMatrix;
use rayon::prelude::*;
use widenet_kernels::{tall_add, tall_add_gram, tall_gram, tall_times};

const REPEATS: usize = 7;
/// (r, n, P).
const SHAPES: [(usize, usize, usize); 11] = [
    (8, 1 << 20, 1),
    (8, 1 << 20, 8),
    (8, 1 << 20, 16),
    (32, 1 << 20, 1),
    (32, 1 << 20, 8),
    (32, 1 << 20, 16),
    (200, 1 << 20, 1),
    (200, 1 << 20, 8),
    (200, 1 << 20, 16),
    (100, 1 << 14, 16),
    (400, 1 << 14, 16),
];

/// Best time of a call in milliseconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

/// Time of a copy of so many bytes by all threads, to memory written before.
fn copy(bytes: usize) -> f64 {
    const PIECE: usize = 1 << 18;
    let (source, mut target) = (vec![1_u8; bytes], vec![2_u8; bytes]);
    best(|| {
        let pieces = target.par_chunks_mut(PIECE).zip(source.par_chunks(PIECE));
        pieces.for_each(|(target, source)| target.copy_from_slice(source));
        black_box(&target);
    })
}

fn main() {
    let device = Device::flex();
    for (dtype, size) in [(DType::F32, 4), (DType::F64, 8)] {
        let on = (&device, dtype);
        for (r, n, p) in SHAPES {
            if dtype == DType::F64 && r * n > 1 << 27 {
                continue;
            }
            let copied = copy(r * n * size);
            let random = |rows| Tensor::<2>::random([rows, n], Distribution::Uniform(-1.0, 1.0), on);
            let (q, mut x) = (random(r), random(p));
            let coefficients = DMatrix::from_fn(r, p, |j, c| 1e-6 * (j + c) as f64);
            let data = TensorData::new(coefficients.as_slice().to_vec(), [p, r]).convert_dtype(dtype);
            let c_transposed = Tensor::<2>::from_data(data, on);
            let report = |what: &str, time: f64, burn: f64| {
                let (bytes, operations) = ((r * n * size) as f64, 2.0 * (r * n * p) as f64);
                let (bandwidth, speed) = (bytes / time * 1e-6, operations / time * 1e-6);
                println!(
                    "{dtype:?} r = {r:<3} n = {n:<7} P = {p:<2} {what:<9} {time:>9.3} ms {bandwidth:>6.1} GB/s \
                     {speed:>6.1} GFLOP/s   burn {:>5.2}   copy {:>5.2}",
                    burn / time,
                    copied / time
                );
            };
            let burn = best(|| drop(black_box(q.clone().matmul(x.clone().transpose()))));
            report("gram", best(|| drop(black_box(tall_gram(&q, &x)))), burn);
            let burn = best(|| drop(black_box(c_transposed.clone().matmul(q.clone()))));
            report("times", best(|| drop(black_box(tall_times(&q, &coefficients)))), burn);
            let empty = || Tensor::<2>::empty([0, 0], on);
            let burn = best(|| x = std::mem::replace(&mut x, empty()) + c_transposed.clone().matmul(q.clone()));
            let time = best(|| x = tall_add(std::mem::replace(&mut x, empty()), &q, &coefficients));
            report("add", time, burn);
            let burn = best(|| {
                x = std::mem::replace(&mut x, empty()) + c_transposed.clone().matmul(q.clone());
                drop(black_box(x.clone().matmul(x.clone().transpose())));
            });
            let time = best(|| x = tall_add_gram(std::mem::replace(&mut x, empty()), &q, &coefficients).0);
            report("add_gram", time, burn);
        }
    }
}
