//! Rates of normals and of the products that regenerate them: millions per second, best of several runs.
//!
//! ```text
//! cargo bench -p widenet-kernels --bench random
//! RAYON_NUM_THREADS=1 cargo bench -p widenet-kernels --bench random
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, time::Instant};

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use nalgebra::DMatrix;
use widenet_kernels::{
    EntryLaw, NormalStream, RegeneratedMatrix, normals, normals_add, normals_gram, regenerated_apply,
    regenerated_apply_transpose,
};

const REPEATS: usize = 5;
const STREAM: NormalStream = NormalStream { key: [1, 2], tag: 3 };

/// Best time of a call in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, seconds: f64, entries: f64) {
    println!("{what:<48} {:>10.3} ms {:>10.0} M/s", seconds * 1e3, entries / seconds * 1e-6);
}

fn main() {
    let device = Device::flex();
    let (n, vectors, count) = (1 << 20, 64, 8);
    for dtype in [DType::F32, DType::F64] {
        let on = (&device, dtype);
        let entries = (n * vectors as usize) as f64;
        let made = || drop(black_box(normals(STREAM, 0..vectors, 0, n, on)));
        report(&format!("normals, {dtype:?}"), best(made), entries);
        let mut x = normals(STREAM, 0..count, 0, n, on);
        let gram = best(|| drop(black_box(normals_gram(&x, STREAM, 0..vectors, 0))));
        report(&format!("normals_gram, {dtype:?}, P = {count}"), gram, entries);
        let coefficients = DMatrix::from_element(vectors as usize, count as usize, 1e-3);
        let added = best(|| {
            let taken = std::mem::replace(&mut x, Tensor::empty([0, 0], on));
            x = normals_add(taken, STREAM, 0..vectors, 0, &coefficients);
        });
        report(&format!("normals_add, {dtype:?}, P = {count}"), added, entries);
    }
    let (m, on) = (8192, (&device, DType::F32));
    for law in [EntryLaw::Gaussian, EntryLaw::C8, EntryLaw::Rademacher] {
        let w = RegeneratedMatrix { key: [1, 2], tag: 3, law, rows: m, columns: m };
        for count in [1, 8, 16] {
            let x = normals(STREAM, 0..count, 0, m, on);
            let applied = best(|| drop(black_box(regenerated_apply(&w.whole(), &x))));
            report(&format!("regenerated_apply, {law:?}, P = {count}"), applied, (m * m) as f64);
            let applied = best(|| drop(black_box(regenerated_apply_transpose(&w.whole(), &x))));
            report(&format!("regenerated_apply_transpose, {law:?}, P = {count}"), applied, (m * m) as f64);
        }
    }
}
