//! Copies and adds vectors on slices, in tasks of fixed size for rayon.

use rayon::prelude::*;
use widenet_core::training::Selection;

use crate::cpu::Real;

/// Numbers per task; fewer are not worth a second thread.
const TASK: usize = 1 << 15;

/// Stacks of vectors of length n.
pub(super) fn stack<T: Real>(x: &[T], n: usize, selection: &Selection) -> Vec<T> {
    let slots = selection.slots();
    by_output(x, n, selection, slots * n, |target, sample, inputs| {
        for (target, input) in target.chunks_mut(n).zip(inputs) {
            if let Some(input) = input {
                target.copy_from_slice(&sample[*input as usize * n..][..n]);
            }
        }
    })
}

/// Sums of vectors of length n, in the order of the slots.
pub(super) fn sum<T: Real>(x: &[T], n: usize, selection: &Selection) -> Vec<T> {
    by_output(x, n, selection, n, |target, sample, inputs| {
        for input in inputs.iter().flatten() {
            let source = &sample[*input as usize * n..][..n];
            target.iter_mut().zip(source).for_each(|(sum, x)| *sum += *x);
        }
    })
}

/// Fills every output, of length `length` and 0 at first, from the vectors of its sample and the inputs in its slots.
fn by_output<T: Real>(
    x: &[T],
    n: usize,
    selection: &Selection,
    length: usize,
    fill: impl Fn(&mut [T], &[T], &[Option<u32>]) + Sync,
) -> Vec<T> {
    let (of_sample, outputs) = (selection.inputs() * n, selection.outputs());
    let mut y = vec![T::ZERO; x.len() / of_sample * outputs * length];
    let at_a_time = (TASK / length).max(1);
    let task = |(task, targets): (usize, &mut [T])| {
        for (i, target) in targets.chunks_mut(length).enumerate() {
            let output = task * at_a_time + i;
            let sample = &x[output / outputs * of_sample..][..of_sample];
            fill(target, sample, selection.of(output % outputs));
        }
    };
    if y.len() <= TASK {
        y.chunks_mut(at_a_time * length).enumerate().for_each(task);
    } else {
        y.par_chunks_mut(at_a_time * length).enumerate().for_each(task);
    }
    y
}
