//! Computes activations on slices, in tasks of fixed size for rayon.
//!
//! Every entry goes through the same instructions whatever the number of threads ([`widenet_core::activation`]).

use rayon::prelude::*;
use widenet_core::{activation::Neuron, problem::Activation};

/// Entries per task; fewer are not worth a second thread.
const TASK: usize = 1 << 14;

/// `h ← φ(h)`.
pub(super) fn activate<T: Neuron>(h: &mut [T], activation: Activation) {
    if h.len() <= TASK {
        T::values(h, activation);
    } else {
        h.par_chunks_mut(TASK).for_each(|h| T::values(h, activation));
    }
}

/// `g ← g φ'(h)` with h repeated along g: one derivative for all repetitions.
pub(super) fn times_derivative<T: Neuron>(g: &mut [T], h: &[T], activation: Activation) {
    let mut pieces: Vec<Vec<&mut [T]>> = (0..h.len().div_ceil(TASK)).map(|_| Vec::new()).collect();
    for g in g.chunks_mut(h.len()) {
        pieces.iter_mut().zip(g.chunks_mut(TASK)).for_each(|(pieces, piece)| pieces.push(piece));
    }
    let times = |(mut g, h): (Vec<&mut [T]>, &[T])| T::times_derivatives(&mut g, h, activation);
    if h.len() <= TASK {
        pieces.into_iter().zip(h.chunks(TASK)).for_each(times);
    } else {
        pieces.into_par_iter().zip(h.par_chunks(TASK)).for_each(times);
    }
}
