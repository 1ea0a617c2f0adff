//! The network linearized at its start trains beside it.
//!
//! ```text
//! f_lin(x) = f_0(x) + J(x) δ,    δ_{t+1} = δ_t − η Jᵀ ∂R/∂f_lin
//! dh_{l+1} = A_l (w_l da_l + δw_l a_l) + B_l δb_l,  da_l = φ'(h_l) ⊙ dh_l,  J δ = dh_{L+1}
//! ```
//!
//! (docs/theory/training.md §3, Eq. linearised: forward mode for `J δ`, one backward pass at θ_0 for `Jᵀ v`; any loss, any batches and the
//! network's own update rule.)

use super::{
    network::{Forward, Mlp},
    rows::in_chunks,
};
use crate::{
    matrix::Matrix,
    training::{
        block::{Block, NeuronBlock},
        matrix::{EntryMatrix, Update},
        rule::Step,
    },
};

/// A linearised network.
#[derive(Debug, Clone)]
pub struct Linearisation<W> {
    /// θ_0.
    initial: Mlp<W>,
    /// δ, in the shape of a network.
    tangents: Mlp<W>,
}

impl<W: EntryMatrix> Linearisation<W> {
    /// Makes the linearisation at a network, at δ = 0.
    pub fn new(initial: &Mlp<W>) -> Self {
        Self::with_tangents(initial.clone(), initial.zeros_like())
    }

    /// Makes the linearisation at a network, at some δ of its shape.
    pub fn with_tangents(initial: Mlp<W>, tangents: Mlp<W>) -> Self {
        Self { initial, tangents }
    }

    /// Returns δ.
    pub fn tangents(&self) -> &Mlp<W> {
        &self.tangents
    }

    /// Returns δ, to be changed.
    pub fn tangents_mut(&mut self) -> &mut Mlp<W> {
        &mut self.tangents
    }

    /// Returns `f_lin` on inputs (P × d), P × k, some samples at a time.
    pub fn outputs(&mut self, inputs: &Matrix) -> Matrix {
        in_chunks(inputs, 1, |inputs| {
            let forward = self.initial_forward(inputs);
            self.outputs_from(&forward)
        })
    }

    /// Sends inputs (P × d) through the network at θ_0.
    pub fn initial_forward(&mut self, inputs: &Matrix) -> Forward<W::Block> {
        self.initial.forward(inputs)
    }

    /// Returns `f_lin`, P × k, for a forward pass at θ_0.
    pub fn outputs_from(&mut self, forward: &Forward<W::Block>) -> Matrix {
        let mut dh = self.tangents.layers[0].apply(&forward.activations[0], &forward.ones);
        for l in 1..self.initial.layers.len() {
            dh.times_derivative(self.initial.activation, &forward.pre_activations[l - 1]);
            let through = self.initial.layers[l].weights.apply(&dh);
            dh = self.tangents.layers[l].apply(&forward.activations[l], &forward.ones);
            dh.add_scaled(1.0, &through);
        }
        &forward.outputs + dh.to_matrix().transpose()
    }

    /// Takes one step of the rule for a forward pass at θ_0 and the gradient in `f_lin` (P × k).
    pub fn update(&mut self, rule: impl Update<W>, step: Step, forward: &Forward<W::Block>, gradient: &Matrix) {
        let Some(lowest) = self.initial.lowest_learning() else { return };
        let signals = self.initial.backward(forward, &gradient.transpose(), lowest);
        self.tangents.update(rule, step, forward, lowest, &signals);
    }
}
