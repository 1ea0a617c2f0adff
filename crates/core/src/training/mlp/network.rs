//! A multilayer perceptron of any weight matrices that have real neurons: this module has its passes and its update.
//!
//! ```text
//! a_0 = x,  h_{l+1} = A_l w_l a_l + B_l b_l,  a_l = φ(h_l),  f = h_{L+1}
//! g_{L+1} = ∂R/∂f,  g_l = φ'(h_l) ⊙ A_l w_lᵀ g_{l+1},  ∂R/∂w_l = A_l Σ_p g_{l+1,p} a_{l,p}ᵀ,  ∂R/∂b_l = B_l Σ_p g_{l+1,p}
//! ```
//!
//! (docs/theory/training.md §3, Eq. perceptron, in the parameters `w`, `b` of the parameterisation: the multipliers A, B, initial standard
//! deviations and learning rates are those of [`crate::scaling`].) Biases are a matrix of one column that acts on a row of ones, so
//! they learn, decay and are kept like any other. What stands between the layers of weights says a [`Graph`]; of convolutional networks the
//! columns of blocks are positions, and weights act on patches of them (docs/theory/convolutions.md §7).
//!
//! Matrices may be those of a group of N networks of one shape ([`EntryMatrix::networks`]): blocks then hold the vectors of one
//! network after the other's, outputs are N P × k, and each network goes its own way, as if alone.

use std::{borrow::Cow, sync::Arc};

use super::{
    graph::{Graph, Node},
    rows::{in_chunks, repeated},
};
use crate::{
    matrix::Matrix,
    problem::Activation,
    training::{
        block::{Block, NeuronBlock},
        matrix::{EntryMatrix, OuterProduct, Update},
        rule::Step,
    },
};

/// A matrix of parameters with its scales at one width.
#[derive(Debug, Clone)]
pub struct Parameters<W> {
    /// `w` or, with one column, `b`.
    pub matrix: W,
    /// Factor in the forward map.
    pub multiplier: f64,
    /// Standard deviation of the entries at the start.
    pub init_std: f64,
    /// In units of η; 0 is frozen.
    pub learning_rate: f64,
}

impl<W: EntryMatrix> Parameters<W> {
    pub(super) fn apply(&mut self, x: &W::Block) -> W::Block {
        let mut image = self.matrix.apply(x);
        if self.multiplier != 1.0 {
            image.scale(self.multiplier);
        }
        image
    }

    pub(super) fn update(&mut self, rule: impl Update<W>, step: Step, signal: &W::Block, input: &W::Block) {
        if self.learning_rate == 0.0 {
            return;
        }
        let gradient = OuterProduct { scale: self.multiplier, left: signal, right: input };
        let step = Step { learning_rate: step.learning_rate * self.learning_rate, ..step };
        rule.step(&mut self.matrix, step, gradient);
    }

    /// What a product of two inputs weighs in the tangent kernel.
    pub(super) fn tangent(&self) -> f64 {
        self.learning_rate * self.multiplier * self.multiplier
    }

    /// What it weighs in the NNGP kernel.
    pub(super) fn variance(&self) -> f64 {
        (self.multiplier * self.init_std).powi(2)
    }

    pub(super) fn zeros_like(&self) -> Self {
        Self { matrix: self.matrix.zeros_like(), ..*self }
    }
}

/// Weights and biases between two spaces of neurons.
#[derive(Debug, Clone)]
pub struct MlpLayer<W> {
    /// `w`.
    pub weights: Parameters<W>,
    /// `b`, where there are biases.
    pub biases: Option<Parameters<W>>,
}

impl<W: EntryMatrix> MlpLayer<W> {
    /// `A w a + B b`.
    pub(super) fn apply(&mut self, a: &W::Block, ones: &W::Block) -> W::Block {
        let mut h = self.weights.apply(a);
        if let Some(biases) = &mut self.biases {
            h.add_scaled(biases.multiplier, &biases.matrix.apply(ones));
        }
        h
    }

    pub(super) fn learns(&self) -> bool {
        self.parameters().any(|parameters| parameters.learning_rate != 0.0)
    }

    fn parameters(&self) -> impl Iterator<Item = &Parameters<W>> {
        std::iter::once(&self.weights).chain(&self.biases)
    }

    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameters<W>> {
        std::iter::once(&mut self.weights).chain(&mut self.biases)
    }
}

/// A multilayer perceptron, or a convolutional network.
#[derive(Debug, Clone)]
pub struct Mlp<W> {
    /// Input layer first, readout last.
    pub layers: Vec<MlpLayer<W>>,
    /// What stands between them.
    pub graph: Arc<Graph>,
}

/// Samples as a network takes them.
#[derive(Debug, Clone)]
pub(super) struct Inputs<B> {
    pub(super) block: B,
    /// What biases act on: a row of ones for each of [`Graph`]'s numbers of positions.
    pub(super) ones: Vec<B>,
}

/// A forward pass of some samples.
#[derive(Debug, Clone)]
pub struct Forward<B> {
    graph: Arc<Graph>,
    ones: Vec<B>,
    /// Of the nodes of the graph, the inputs first, the outputs last.
    values: Vec<B>,
    /// `f`, P × k; of a group N P × k.
    pub outputs: Matrix,
}

impl<B: NeuronBlock> Forward<B> {
    /// What a layer acts on: `a_l`, or patches of it, made anew.
    pub(super) fn input(&self, layer: usize) -> Cow<'_, B> {
        let place = &self.graph.places[layer];
        match &place.patches {
            None => Cow::Borrowed(&self.values[place.of]),
            Some(patches) => Cow::Owned(self.values[place.of].stacked(&patches.forward)),
        }
    }

    /// `h_{l+1}`, of the readout the outputs.
    pub(super) fn pre_activations(&self, layer: usize) -> &B {
        &self.values[self.graph.places[layer].node]
    }

    /// The same of all layers.
    pub(super) fn all_pre_activations(&self) -> impl Iterator<Item = &B> {
        self.graph.places.iter().map(|place| &self.values[place.node])
    }

    /// What the biases of a layer act on.
    pub(super) fn ones(&self, layer: usize) -> &B {
        ones_of(&self.graph, &self.ones, layer)
    }

    /// Of a node.
    pub(super) fn value(&self, node: usize) -> &B {
        &self.values[node]
    }
}

/// The row of ones of a layer.
fn ones_of<'a, B>(graph: &Graph, ones: &'a [B], layer: usize) -> &'a B {
    let positions = graph.places[layer].positions;
    &ones[graph.positions.partition_point(|other| *other < positions)]
}

impl<W> Mlp<W> {
    /// Makes the perceptron of some layers, with an activation after each but the last.
    pub fn perceptron(layers: Vec<MlpLayer<W>>, activation: Activation) -> Self {
        let graph = Arc::new(Graph::perceptron(layers.len(), activation));
        Self { layers, graph }
    }
}

impl<W: EntryMatrix> Mlp<W> {
    /// Returns every matrix of parameters: of each layer the weights, then the biases.
    pub fn matrices(&self) -> impl Iterator<Item = &W> {
        self.layers.iter().flat_map(|layer| layer.parameters().map(|parameters| &parameters.matrix))
    }

    /// Returns the same, to be changed.
    pub fn matrices_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.layers.iter_mut().flat_map(|layer| layer.parameters_mut().map(|parameters| &mut parameters.matrix))
    }

    /// N.
    pub(super) fn networks(&self) -> usize {
        self.layers[0].weights.matrix.networks()
    }

    /// Sends inputs (P × d) through the network, or through each of a group.
    pub fn forward(&mut self, inputs: &Matrix) -> Forward<W::Block> {
        let inputs = self.inputs(inputs);
        self.forward_from(inputs)
    }

    /// Inputs (P × d) as a block of the input space, once for each network, and the rows of ones that go with them.
    pub(super) fn inputs(&self, inputs: &Matrix) -> Inputs<W::Block> {
        self.own_inputs(&repeated(inputs, self.networks()))
    }

    /// The same of inputs that differ between the networks of a group (N P × d).
    pub(super) fn own_inputs(&self, inputs: &Matrix) -> Inputs<W::Block> {
        let weights = &self.layers[0].weights.matrix;
        let ones = |positions: &usize| weights.input_block(&Matrix::from_element(1, inputs.nrows() * positions, 1.0));
        let ones = self.graph.positions.iter().map(ones).collect();
        Inputs { block: weights.input_block(&self.graph.input_columns(inputs)), ones }
    }

    /// Sends inputs through the network.
    pub(super) fn forward_from(&mut self, Inputs { block, ones }: Inputs<W::Block>) -> Forward<W::Block> {
        let graph = self.graph.clone();
        let mut values = vec![block];
        for node in &graph.nodes[1..] {
            let value = match node {
                Node::Input => continue,
                Node::Weights { layer, of } => {
                    let (ones, own) = (ones_of(&graph, &ones, *layer), &mut self.layers[*layer]);
                    match &graph.places[*layer].patches {
                        None => own.apply(&values[*of], ones),
                        Some(patches) => own.apply(&values[*of].stacked(&patches.forward), ones),
                    }
                }
                Node::Activation { activation, of } => values[*of].activated(*activation),
                Node::Average { windows, of } => {
                    let mut mean = values[*of].summed(&windows.forward);
                    mean.scale(1.0 / windows.forward.slots() as f64);
                    mean
                }
                Node::Flatten { positions, of } => values[*of].joined(*positions),
                Node::Sum { of: [main, skip] } => {
                    let mut sum = values[*main].clone();
                    sum.add_scaled(1.0, &values[*skip]);
                    sum
                }
            };
            values.push(value);
        }
        let outputs = values[values.len() - 1].to_matrix().transpose();
        Forward { graph, ones, values, outputs }
    }

    /// Returns outputs on inputs (P × d), P × k, some samples at a time; of a group N P × k.
    pub fn outputs(&mut self, inputs: &Matrix) -> Matrix {
        let at_a_time = self.graph.samples_at_a_time;
        in_chunks(inputs, self.networks(), at_a_time, |inputs| self.forward(inputs).outputs)
    }

    /// Backward signals `g_{l+1}` of the layers from `lowest` to the readout, for gradients in the outputs (k × columns; the
    /// columns are those of the forward pass, once or several times over).
    pub(super) fn backward(&mut self, forward: &Forward<W::Block>, gradients: &Matrix, lowest: usize) -> Vec<W::Block> {
        let graph = self.graph.clone();
        // No layer from `lowest` on stands before this node.
        let first = graph.places[lowest].node;
        let mut arriving: Vec<Option<W::Block>> = vec![None; graph.nodes.len()];
        let readout = &self.layers[self.layers.len() - 1].weights.matrix;
        arriving[graph.nodes.len() - 1] = Some(readout.output_block(gradients));
        let mut signals = Vec::new();
        for at in (first..graph.nodes.len()).rev() {
            let Some(mut signal) = arriving[at].take() else { continue };
            let mut send = |to: usize, part: W::Block| match &mut arriving[to] {
                _ if to < first => {}
                Some(sum) => sum.add_scaled(1.0, &part),
                none => *none = Some(part),
            };
            match &graph.nodes[at] {
                Node::Input => {}
                Node::Weights { layer, of } => {
                    if *of >= first {
                        let weights = &mut self.layers[*layer].weights;
                        let mut below = weights.matrix.apply_transpose(&signal);
                        if let Some(patches) = &graph.places[*layer].patches {
                            below = below.cut(patches.forward.slots()).summed(&patches.back);
                        }
                        if weights.multiplier != 1.0 {
                            below.scale(weights.multiplier);
                        }
                        send(*of, below);
                    }
                    signals.push(signal);
                }
                Node::Activation { activation, of } => {
                    signal.times_derivative(*activation, forward.value(*of));
                    send(*of, signal);
                }
                Node::Average { windows, of } => {
                    let mut below = signal.summed(&windows.back);
                    below.scale(1.0 / windows.forward.slots() as f64);
                    send(*of, below);
                }
                Node::Flatten { positions, of } => send(*of, signal.cut(*positions)),
                Node::Sum { of: [main, skip] } => {
                    send(*skip, signal.clone());
                    send(*main, signal);
                }
            }
        }
        signals.reverse();
        signals
    }

    /// The lowest layer that learns; none if all are frozen.
    pub(super) fn lowest_learning(&self) -> Option<usize> {
        self.layers.iter().position(MlpLayer::learns)
    }

    /// One step of the rule for signals of the layers from `lowest` on.
    pub(super) fn update(
        &mut self,
        rule: impl Update<W>,
        step: Step,
        forward: &Forward<W::Block>,
        lowest: usize,
        signals: &[W::Block],
    ) {
        for (l, signal) in (lowest..).zip(signals) {
            let layer = &mut self.layers[l];
            // Patches are made anew: not for weights that do not learn.
            if layer.weights.learning_rate != 0.0 {
                layer.weights.update(rule, step, signal, &forward.input(l));
            }
            if let Some(biases) = &mut layer.biases {
                biases.update(rule, step, signal, forward.ones(l));
            }
        }
    }

    /// The network of the same shape whose parameters are 0.
    pub(super) fn zeros_like(&self) -> Self {
        let zeros = |layer: &MlpLayer<W>| MlpLayer {
            weights: layer.weights.zeros_like(),
            biases: layer.biases.as_ref().map(Parameters::zeros_like),
        };
        Self { layers: self.layers.iter().map(zeros).collect(), graph: self.graph.clone() }
    }
}
