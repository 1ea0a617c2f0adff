//! The network linearized at its start trains beside it.
//!
//! ```text
//! f_lin(x) = f_0(x) + J(x) δ,    δ_{t+1} = δ_t − η Jᵀ ∂R/∂f_lin
//! dh_{l+1} = A_l (w_l da_l + δw_l a_l) + B_l δb_l,  da_l = φ'(h_l) ⊙ dh_l,  J δ = dh_{L+1}
//! ```
//!
//! (docs/theory/training.md §3, Eq. linearised: forward mode for `J δ`, one backward pass at θ_0 for `Jᵀ v`; any loss, any batches and the
//! network's own update rule. Averages and sums of branches act on `da` as on `a`: docs/theory/convolutions.md §7.)

use super::{
    graph::Node,
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
        in_chunks(inputs, 1, self.initial.graph.samples_at_a_time, |inputs| {
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
        let graph = self.initial.graph.clone();
        // dh and da of the nodes; none where nothing moves.
        let mut moved: Vec<Option<W::Block>> = vec![None];
        for node in &graph.nodes[1..] {
            moved.push(match node {
                Node::Input => None,
                Node::Weights { layer, of } => Some(self.moved(forward, *layer, moved[*of].as_ref())),
                Node::Activation { activation, of } => moved[*of].clone().map(|mut da| {
                    da.times_derivative(*activation, forward.value(*of));
                    da
                }),
                Node::Average { windows, of } => moved[*of].as_ref().map(|da| {
                    let mut mean = da.summed(&windows.forward);
                    mean.scale(1.0 / windows.forward.slots() as f64);
                    mean
                }),
                Node::Flatten { positions, of } => moved[*of].as_ref().map(|da| da.joined(*positions)),
                Node::Sum { of: [main, skip] } => match (&moved[*main], &moved[*skip]) {
                    (Some(main), Some(skip)) => {
                        let mut sum = main.clone();
                        sum.add_scaled(1.0, skip);
                        Some(sum)
                    }
                    (one, other) => one.clone().or_else(|| other.clone()),
                },
            });
        }
        match &moved[moved.len() - 1] {
            Some(dh) => &forward.outputs + dh.to_matrix().transpose(),
            None => forward.outputs.clone(),
        }
    }

    /// `dh` of a layer, whose inputs move by `da`.
    fn moved(&mut self, forward: &Forward<W::Block>, layer: usize, da: Option<&W::Block>) -> W::Block {
        let weights = &mut self.initial.layers[layer].weights;
        let through = match (da, &self.initial.graph.places[layer].patches) {
            (None, _) => None,
            (Some(da), None) => Some(weights.apply(da)),
            (Some(da), Some(patches)) => Some(weights.apply(&da.stacked(&patches.forward))),
        };
        let mut dh = self.tangents.layers[layer].apply(&forward.input(layer), forward.ones(layer));
        if let Some(through) = &through {
            dh.add_scaled(1.0, through);
        }
        dh
    }

    /// Takes one step of the rule for a forward pass at θ_0 and the gradient in `f_lin` (P × k).
    pub fn update(&mut self, rule: impl Update<W>, step: Step, forward: &Forward<W::Block>, gradient: &Matrix) {
        let Some(lowest) = self.initial.lowest_learning() else { return };
        let signals = self.initial.backward(forward, &gradient.transpose(), lowest);
        self.tangents.update(rule, step, forward, lowest, &signals);
    }
}
