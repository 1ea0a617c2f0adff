//! Selections against their plain twins, on every backend and float type.

use std::sync::Arc;

use burn::tensor::{DType, Device};
use widenet_core::{
    Matrix,
    problem::{Padding, Window},
    training::Selection,
};
use widenet_kernels::{selection_stack, selection_sum};

use crate::common::{read, tensor};

fn conformance(on: (&Device, DType)) {
    for (samples, n) in [(1, 1), (3, 7), (40, 60)] {
        let taps = Window { size: [3, 2], stride: [1, 2], padding: Padding::Same }.taps([5, 4]).unwrap();
        let selection = Arc::new(Selection::of_taps(&taps, 20));
        // Numbers that both types hold, and sums of them.
        let x = Matrix::from_fn(n, samples * 20, |i, j| ((i * 31 + j * 17) % 64) as f64 - 20.0);
        let vectors = tensor(x.as_slice(), [samples * 20, n], on);
        assert_eq!(read(selection_stack(&vectors, &selection)), selection.stack(&x).as_slice(), "stack {samples} {n}");
        assert_eq!(read(selection_sum(&vectors, &selection)), selection.sum(&x).as_slice(), "sum {samples} {n}");
    }
}

#[test]
fn flex_conforms_in_both_float_types() {
    conformance((&Device::flex(), DType::F32));
    conformance((&Device::flex(), DType::F64));
}

/// What is outside an image is 0 whatever the numbers inside.
#[test]
fn what_is_outside_is_zero_beside_numbers_that_are_not_finite() {
    let taps = Window { size: [1, 3], stride: [1, 1], padding: Padding::Same }.taps([1, 2]).unwrap();
    let selection = Arc::new(Selection::of_taps(&taps, 2));
    let vectors = tensor(&[f64::NAN, 1.0], [2, 1], (&Device::flex(), DType::F64));
    let patches = read(selection_stack(&vectors, &selection));
    assert_eq!((patches[0], patches[2], patches[4], patches[5]), (0.0, 1.0, 1.0, 0.0));
    assert!(patches[1].is_nan() && patches[3].is_nan());
}

#[cfg(feature = "ndarray")]
#[test]
#[expect(deprecated, reason = "ndarray is the peer that flex is measured against")]
fn ndarray_conforms_in_both_float_types() {
    conformance((&Device::ndarray(), DType::F32));
    conformance((&Device::ndarray(), DType::F64));
}

#[cfg(feature = "gpu")]
#[test]
fn wgpu_conforms_in_f32() {
    let Some(device) = crate::common::wgpu("wgpu_conforms_in_f32") else { return };
    conformance((&device, DType::F32));
}
