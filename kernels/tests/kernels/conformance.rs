//! One suite for every backend and float type: the kernels against their plain twins, on shapes that are no multiple of
//! any tile.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use widenet_kernels::{cpu, panel_apply, panel_apply_transpose, panel_rank_update, reference};

use crate::common::backends::{epsilon, on_every_backend};
use crate::common::numbers::{assert_within, numbers};
use crate::common::{read, tensor};

/// (rows, columns, vectors): single entries, odd sizes, both sides of every tile and task boundary.
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (3, 5, 2),
    (17, 31, 3),
    (4, 16, 4),
    (33, 257, 7),
    (257, 33, 16),
    (1030, 65, 5),
    (64, 1100, 64),
    (9, 2050, 1),
];

/// Sums of `terms` products of numbers below 1 differ by at most `terms · ε` however they are ordered, twice over.
fn assert_close(actual: &[f64], expected: &[f64], terms: usize, dtype: DType, what: &str) {
    assert_within(2.0 * epsilon(dtype) * terms as f64, actual, expected, what);
}

fn conformance(device: &Device, dtype: DType) {
    let on = (device, dtype);
    for (r, n, p) in SHAPES {
        let (w, x, g) = (numbers(r * n, 1), numbers(p * n, 2), numbers(p * r, 3));
        let panel = tensor(&w, [r, n], on);
        let what = format!("{r} x {n} against {p} on {device:?} in {dtype:?}");
        let y = read(panel_apply(&panel, &tensor(&x, [p, n], on)));
        assert_close(&y, &reference::panel_apply(&w, &x, n), n, dtype, &format!("W x, {what}"));
        let z = read(panel_apply_transpose(&panel, &tensor(&g, [p, r], on)));
        assert_close(&z, &reference::panel_apply_transpose(&w, &g, n), r, dtype, &format!("Wᵀ g, {what}"));
        for factor in [1.0, 0.75] {
            let updated = panel_rank_update(panel.clone(), factor, &tensor(&g, [p, r], on), &tensor(&x, [p, n], on));
            let expected = reference::panel_rank_update(&w, factor, &g, &x, n);
            assert_close(&read(updated), &expected, p + 1, dtype, &format!("p W + A Bᵀ, {what}"));
        }
        assert_eq!(read(panel), w, "an update of a shared panel leaves the other owner's numbers alone");
    }
}

on_every_backend!(conformance);

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (r, n, p) = (2100, 1300, 5);
    let narrow = |values: Vec<f64>| -> Vec<f32> { values.into_iter().map(|x| x as f32).collect() };
    let (w, x, g) = (narrow(numbers(r * n, 1)), narrow(numbers(p * n, 2)), narrow(numbers(p * r, 3)));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut updated = w.clone();
            cpu::panel_rank_update(&mut updated, 0.5, &g, &x, n);
            (cpu::panel_apply(&w, &x, n), cpu::panel_apply_transpose(&w, &g, n), updated)
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn nor_does_it_of_matrix_products() {
    let (r, n, p) = (700, 1300, 130);
    let device = Device::flex();
    for dtype in [DType::F32, DType::F64] {
        let on = (&device, dtype);
        let (w, x, g) = (numbers(r * n, 1), numbers(p * n, 2), numbers(p * r, 3));
        let (w, x, g) = (tensor(&w, [r, n], on), tensor(&x, [p, n], on), tensor(&g, [p, r], on));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let updated = panel_rank_update(w.clone(), 0.5, &g, &x);
                [panel_apply(&w, &x), panel_apply_transpose(&w, &g), updated].map(read)
            })
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
fn no_vectors_have_no_images() {
    let on = (&Device::flex(), DType::F64);
    let w = tensor(&numbers(3 * 5, 1), [3, 5], on);
    assert_eq!(panel_apply(&w, &Tensor::zeros([0, 5], on)).dims(), [0, 3]);
    assert_eq!(panel_apply_transpose(&w, &Tensor::zeros([0, 3], on)).dims(), [0, 5]);
    let unchanged = panel_rank_update(w.clone(), 1.0, &Tensor::zeros([0, 3], on), &Tensor::zeros([0, 5], on));
    assert_eq!(read(unchanged), read(w));
}
