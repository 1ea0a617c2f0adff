//! Composes selections of a backend's own operations: rows by their numbers, of the vectors and one that is 0.

use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{Shape, TensorData},
};
use widenet_core::training::Selection;

pub(super) fn stack<B: Backend>(x: FloatTensor<B>, selection: &Selection) -> FloatTensor<B> {
    let [samples, n] = sizes::<B>(&x, selection);
    let rows = rows::<B>(x, selection, samples);
    B::float_reshape(rows, Shape::new([samples * selection.outputs(), selection.slots() * n]))
}

pub(super) fn sum<B: Backend>(x: FloatTensor<B>, selection: &Selection) -> FloatTensor<B> {
    let [samples, n] = sizes::<B>(&x, selection);
    let outputs = samples * selection.outputs();
    let rows = B::float_reshape(rows::<B>(x, selection, samples), Shape::new([outputs, selection.slots(), n]));
    B::float_reshape(B::float_sum_dim(rows, 1), Shape::new([outputs, n]))
}

/// Samples, and the length of a vector.
fn sizes<B: Backend>(x: &FloatTensor<B>, selection: &Selection) -> [usize; 2] {
    let [count, n] = x.shape().dims();
    [count / selection.inputs(), n]
}

/// The vectors in all slots, one after another.
fn rows<B: Backend>(x: FloatTensor<B>, selection: &Selection, samples: usize) -> FloatTensor<B> {
    let [count, n] = x.shape().dims();
    let device = x.device();
    let zero = B::float_zeros(Shape::new([1, n]), &device, x.dtype().into());
    let of_sample = |sample: usize| {
        let outputs = (0..selection.outputs()).flat_map(|output| selection.of(output));
        outputs.map(move |input| input.map_or(count, |input| sample * selection.inputs() + input as usize) as i32)
    };
    let numbers: Vec<i32> = (0..samples).flat_map(of_sample).collect();
    let length = numbers.len();
    let numbers = B::int_from_data(TensorData::new(numbers, [length]), &device);
    B::float_select(B::float_cat(vec![x, zero], 0), 0, numbers)
}
