//! The tall-skinny products against their plain twins, on every backend and float type; their accuracy on long sums.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use nalgebra::DMatrix;
use widenet_kernels::{
    reference, tall_add, tall_add_gram, tall_append, tall_gram, tall_gram_epsilon, tall_self_gram, tall_times,
};

use crate::common::backends::{epsilon, on_every_backend};
use crate::common::numbers::{assert_within, numbers};
use crate::common::{read, tensor};

/// (r, n, P): no multiples of tiles, slabs and groups, and both sides of each.
const SHAPES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (5, 3, 2),
    (5, 31, 8),
    (33, 31, 17),
    (1, 257, 9),
    (33, 257, 2),
    (5, 512, 4),
    (70, 4097, 8),
    (5, 4097, 70),
    (33, 40_000, 9),
    (70, 40_000, 1),
    (8, 140_000, 4),
];

fn row_major(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}

/// Sums of `terms` products of numbers below `size` differ by at most `terms · ε` of a term however they are ordered, twice over.
fn assert_close(actual: &[f64], expected: &[f64], (terms, size): (usize, f64), dtype: DType, what: &str) {
    assert_within(2.0 * epsilon(dtype) * terms as f64 * size, actual, expected, what);
}

/// Roundings of a sum of n numbers below 1 that are allowed, beside n of them: slabs are added one by one.
const SQUARES: f64 = 16.0;

/// `X Xᵀ`, of running sums with what they lose (Neumaier): the plain twin's lose more than the kernel's.
fn self_gram(x: &[f64], n: usize) -> Vec<f64> {
    let product = |a: &[f64], b: &[f64]| {
        let (mut sum, mut lost) = (0.0_f64, 0.0);
        for term in a.iter().zip(b).map(|(a, b)| a * b) {
            let next = sum + term;
            lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
            sum = next;
        }
        sum + lost
    };
    x.chunks(n).flat_map(|a| x.chunks(n).map(move |b| product(a, b))).collect()
}

fn conformance(device: &Device, dtype: DType) {
    let on = (device, dtype);
    for (r, n, p) in SHAPES {
        let (q, x, c) = (numbers(r * n, 1), numbers(p * n, 2), numbers(r * p, 3));
        let (basis, vectors) = (tensor(&q, [r, n], on), tensor(&x, [p, n], on));
        let coefficients = DMatrix::from_row_slice(r, p, &c);
        let what = |what: &str| format!("{what} for r = {r}, n = {n}, P = {p} on {device:?} in {dtype:?}");

        let products = tall_gram(&basis, &vectors);
        assert_eq!(products.shape(), (r, p));
        // Partial sums hold at most 16384 terms in the float type; the sums of them are f64.
        let rounded = (n.min(16_384), (n as f64 / 16_384.0).max(1.0));
        assert_close(&row_major(&products), &reference::tall_gram(&q, &x, n), rounded, dtype, &what("Q Xᵀ"));

        let times = tall_times(&basis, &coefficients);
        assert_eq!(times.dims(), [p, n]);
        let zero = vec![0.0; p * n];
        assert_close(&read(times), &reference::tall_add(&zero, &q, &c, n), (r, 1.0), dtype, &what("Cᵀ Q"));

        let expected = reference::tall_add(&x, &q, &c, n);
        let sum = read(tall_add(vectors.clone(), &basis, &coefficients));
        assert_close(&sum, &expected, (r + 1, 1.0), dtype, &what("X + Cᵀ Q"));

        let (with_gram, gram) = tall_add_gram(vectors.clone(), &basis, &coefficients);
        assert_eq!(read(with_gram), sum, "{}", what("the same X + Cᵀ Q"));
        assert_eq!(gram, gram.transpose(), "{}", what("a symmetric X Xᵀ"));
        // Of the result as it was rounded, so that only the products are judged: by the precision that is promised for them.
        let promised = if tall_gram_epsilon(&vectors) > f64::EPSILON { DType::F32 } else { DType::F64 };
        let size = (1.0 + r as f64).powi(2);
        let gram_of_sum = self_gram(&sum, n);
        assert_close(&row_major(&gram), &gram_of_sum, (n, SQUARES * size), promised, &what("X' X'ᵀ"));
        let gram = row_major(&tall_self_gram(&vectors));
        assert_close(&gram, &self_gram(&x, n), (n, SQUARES), promised, &what("X Xᵀ"));

        let both = tall_append(basis.clone(), &vectors, 2 * r);
        assert_eq!(both.dims(), [r + p, n]);
        assert_eq!(read(both), [q.clone(), x.clone()].concat(), "{}", what("Q, then X"));

        assert_eq!(read(vectors), x, "{}", what("a shared X is left alone"));
        assert_eq!(read(basis), q, "{}", what("the basis is left alone"));
    }
    nothing_is_added_by_nothing(on);
}

/// r = 0, P = 0 and n = 0.
fn nothing_is_added_by_nothing(on: (&Device, DType)) {
    let x = numbers(2 * 5, 1);
    let vectors = || tensor(&x, [2, 5], on);
    let empty = |shape| Tensor::<2>::zeros(shape, on);
    let none = DMatrix::zeros(0, 2);
    assert_eq!(tall_gram(&empty([0, 5]), &vectors()).shape(), (0, 2));
    assert_eq!(read(tall_add(vectors(), &empty([0, 5]), &none)), x);
    assert_eq!(read(tall_times(&empty([0, 5]), &none)), [0.0; 10]);
    let (unchanged, gram) = tall_add_gram(vectors(), &empty([0, 5]), &none);
    assert_eq!(read(unchanged), x);
    assert_eq!(gram, tall_self_gram(&vectors()));
    assert_eq!(read(tall_append(vectors(), &empty([0, 5]), 9)), x);
    assert_eq!(read(tall_append(empty([0, 5]), &vectors(), 9)), x);
    assert_eq!(tall_self_gram(&empty([0, 5])).shape(), (0, 0));
    assert_eq!(tall_self_gram(&empty([2, 0])), DMatrix::zeros(2, 2));

    let none = DMatrix::zeros(2, 0);
    assert_eq!(tall_gram(&vectors(), &empty([0, 5])).shape(), (2, 0));
    assert_eq!(tall_add(empty([0, 5]), &vectors(), &none).dims(), [0, 5]);
    assert_eq!(tall_times(&vectors(), &none).dims(), [0, 5]);
    assert_eq!(tall_add_gram(empty([0, 5]), &vectors(), &none).1.shape(), (0, 0));

    assert_eq!(tall_gram(&empty([3, 0]), &empty([2, 0])), DMatrix::zeros(3, 2));
    assert_eq!(tall_times(&empty([3, 0]), &DMatrix::zeros(3, 2)).dims(), [2, 0]);
}

on_every_backend!(conformance);

/// The inner product of constant vectors in f32, which a running sum in f32 gets wrong in the fourth digit.
fn long_sums_keep_their_digits(device: &Device, n: usize) {
    let constant = Tensor::<2>::full([1, n], 0.1, (device, DType::F32));
    let square = f64::from(0.1_f32).powi(2);
    let exact = n as f64 * square;
    let error = |sum: f64| (sum / exact - 1.0).abs();
    let product = tall_gram(&constant, &constant)[(0, 0)];
    assert!(error(product) < 1e-6, "{product} instead of {exact} on {device:?}");
    let (_, gram) = tall_add_gram(constant.clone(), &constant, &DMatrix::from_element(1, 1, 0.0));
    assert!(error(gram[(0, 0)]) < 1e-6, "{} instead of {exact} on {device:?}", gram[(0, 0)]);
    let running = (0..n).fold(0.0_f32, |sum, _| sum + 0.1 * 0.1);
    assert!(error(f64::from(running)) > 1e-4, "a running sum in f32 is off: {running} instead of {exact}");
}

#[test]
fn products_of_long_vectors_keep_the_digits_that_a_running_sum_loses() {
    long_sums_keep_their_digits(&Device::flex(), 1 << 22);
}

#[cfg(feature = "gpu")]
#[test]
fn so_do_they_on_wgpu() {
    if let Some(device) = crate::common::wgpu("so_do_they_on_wgpu") {
        long_sums_keep_their_digits(&device, 1 << 20);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (r, n, p) = (33, 150_001, 9);
    for dtype in [DType::F32, DType::F64] {
        let on = (&Device::flex(), dtype);
        let (q, x) = (tensor(&numbers(r * n, 1), [r, n], on), tensor(&numbers(p * n, 2), [p, n], on));
        let c = DMatrix::from_row_slice(r, p, &numbers(r * p, 3));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (sum, gram) = tall_add_gram(x.clone(), &q, &c);
                let sums = [sum, tall_add(x.clone(), &q, &c), tall_times(&q, &c)].map(read);
                (tall_gram(&q, &x), gram, sums)
            })
        };
        assert_eq!(run(1), run(3));
    }
}

#[test]
#[should_panic(expected = "3 basis vectors of length 5 against 2 vectors of length 6")]
fn lengths_must_fit() {
    let on = (&Device::flex(), DType::F32);
    tall_gram(&Tensor::zeros([3, 5], on), &Tensor::zeros([2, 6], on));
}

#[test]
#[should_panic(expected = "float types")]
fn float_types_must_fit() {
    let device = Device::flex();
    tall_gram(&Tensor::zeros([3, 5], (&device, DType::F32)), &Tensor::zeros([2, 5], (&device, DType::F64)));
}
