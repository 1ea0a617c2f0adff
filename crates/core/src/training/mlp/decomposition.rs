//! The output of one hidden layer is split into what the weights at the start and their increments contribute.
//!
//! ```text
//! f = f_∅ + f_a + f_w + f_aw,     f_∅ = Σ_r a⁰ φ'(z) z⁰,  f_a = Σ_r δa φ'(z) z⁰,  f_w = Σ_r a⁰ φ'(z) δz,  f_aw = Σ_r δa φ'(z) δz
//! ```
//!
//! (docs/theory/scaling-limits.md §7.2, Eq. decomposition; z = w·x = z⁰ + δz and a = a⁰ + δa those of the trained network; for activations
//! with φ(z) = φ'(z) z.)

use super::{
    network::{Inputs, Mlp},
    rows::in_chunks,
};
use crate::{
    matrix::Matrix,
    training::{
        block::{Block, NeuronBlock},
        matrix::EntryMatrix,
    },
};

/// Standard deviations of `f_∅`, `f_a`, `f_w`, `f_aw` over inputs; `None` unless there is one hidden layer and one output.
pub(super) fn decomposition<W: EntryMatrix>(
    initial: &mut Mlp<W>,
    now: &mut Mlp<W>,
    inputs: &Matrix,
) -> Option<Vec<f64>> {
    let readout_at_start = readout(initial)?;
    let mut readout_moved = readout(now)?;
    readout_moved.add_scaled(-1.0, &readout_at_start);
    let activation = now.graph.activation_behind(0)?;
    let parts = in_chunks(inputs, 1, now.graph.samples_at_a_time, |inputs| {
        let Inputs { block: x, ones } = now.inputs(inputs);
        let z = now.layers[0].apply(&x, &ones[0]);
        let mut at_start = initial.layers[0].apply(&x, &ones[0]);
        // Increments are formed before they are summed over neurons, so that small ones are not lost in large sums.
        let mut moved = z.clone();
        moved.add_scaled(-1.0, &at_start);
        at_start.times_derivative(activation, &z);
        moved.times_derivative(activation, &z);
        let parts = [
            at_start.gram(&readout_at_start),
            at_start.gram(&readout_moved),
            moved.gram(&readout_at_start),
            moved.gram(&readout_moved),
        ];
        Matrix::from_fn(inputs.nrows(), parts.len(), |sample, part| parts[part][(sample, 0)])
    });
    Some(parts.column_iter().map(|part| part.variance().sqrt()).collect())
}

/// The weights of the only output as a vector of the hidden space, multiplier included.
fn readout<W: EntryMatrix>(network: &mut Mlp<W>) -> Option<W::Block> {
    let [_, readout] = &mut network.layers[..] else { return None };
    let weights = &mut readout.weights;
    let mut vector = weights.matrix.apply_transpose(&weights.matrix.output_block(&Matrix::identity(1, 1)));
    vector.scale(weights.multiplier);
    Some(vector)
}
