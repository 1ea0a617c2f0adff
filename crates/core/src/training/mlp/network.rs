//! A multilayer perceptron of any weight matrices that have real neurons: this module has its passes and its update.
//!
//! ```text
//! a_0 = x,  h_{l+1} = A_l w_l a_l + B_l b_l,  a_l = φ(h_l),  f = h_{L+1}
//! g_{L+1} = ∂R/∂f,  g_l = φ'(h_l) ⊙ A_l w_lᵀ g_{l+1},  ∂R/∂w_l = A_l Σ_p g_{l+1,p} a_{l,p}ᵀ,  ∂R/∂b_l = B_l Σ_p g_{l+1,p}
//! ```
//!
//! (docs/theory/training.md §3, Eq. perceptron, in the parameters `w`, `b` of the parameterisation: the multipliers A, B, initial standard
//! deviations and learning rates are those of [`crate::scaling`].) Biases are a matrix of one column that acts on a row of ones, so
//! they learn, decay and are kept like any other.
//!
//! Matrices may be those of a group of N networks of one shape ([`EntryMatrix::networks`]): blocks then hold the vectors of one
//! network after the other's, outputs are N P × k, and each network goes its own way, as if alone.

use super::rows::{in_chunks, repeated};
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

/// A multilayer perceptron.
#[derive(Debug, Clone)]
pub struct Mlp<W> {
    /// Input layer first, readout last.
    pub layers: Vec<MlpLayer<W>>,
    /// φ, after every layer but the last.
    pub activation: Activation,
}

/// A forward pass of some samples.
#[derive(Debug, Clone)]
pub struct Forward<B> {
    /// What biases act on: a row of ones.
    pub(super) ones: B,
    /// `a_0 … a_L`, the inputs first.
    pub(super) activations: Vec<B>,
    /// `h_1 … h_{L+1}`, the outputs last.
    pub(super) pre_activations: Vec<B>,
    /// `f`, P × k; of a group N P × k.
    pub outputs: Matrix,
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
        let (inputs, ones) = self.input_blocks(inputs);
        self.forward_from(inputs, ones)
    }

    /// Inputs (P × d) as a block of the input space, once for each network, and the row of ones that goes with them.
    pub(super) fn input_blocks(&self, inputs: &Matrix) -> (W::Block, W::Block) {
        self.own_input_blocks(&repeated(inputs, self.networks()))
    }

    /// The same of inputs that differ between the networks of a group (N P × d).
    pub(super) fn own_input_blocks(&self, inputs: &Matrix) -> (W::Block, W::Block) {
        let weights = &self.layers[0].weights.matrix;
        let ones = weights.input_block(&Matrix::from_element(1, inputs.nrows(), 1.0));
        (weights.input_block(&inputs.transpose()), ones)
    }

    /// Sends a block of the input space and its row of ones through the network.
    pub(super) fn forward_from(&mut self, inputs: W::Block, ones: W::Block) -> Forward<W::Block> {
        let (mut activations, mut pre_activations) = (vec![inputs], Vec::new());
        for l in 0..self.layers.len() {
            let h = self.layers[l].apply(&activations[l], &ones);
            if l + 1 < self.layers.len() {
                activations.push(h.activated(self.activation));
            }
            pre_activations.push(h);
        }
        let outputs = pre_activations[self.layers.len() - 1].to_matrix().transpose();
        Forward { ones, activations, pre_activations, outputs }
    }

    /// Returns outputs on inputs (P × d), P × k, some samples at a time; of a group N P × k.
    pub fn outputs(&mut self, inputs: &Matrix) -> Matrix {
        in_chunks(inputs, self.networks(), |inputs| self.forward(inputs).outputs)
    }

    /// Backward signals `g_{l+1}` of the layers from `lowest` to the readout, for gradients in the outputs (k × columns; the
    /// columns are those of the forward pass, once or several times over).
    pub(super) fn backward(&mut self, forward: &Forward<W::Block>, gradients: &Matrix, lowest: usize) -> Vec<W::Block> {
        let last = self.layers.len() - 1;
        let mut signals = vec![self.layers[last].weights.matrix.output_block(gradients)];
        for l in (lowest + 1..=last).rev() {
            let weights = &mut self.layers[l].weights;
            let mut signal = weights.matrix.apply_transpose(&signals[signals.len() - 1]);
            if weights.multiplier != 1.0 {
                signal.scale(weights.multiplier);
            }
            signal.times_derivative(self.activation, &forward.pre_activations[l - 1]);
            signals.push(signal);
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
            layer.weights.update(rule, step, signal, &forward.activations[l]);
            if let Some(biases) = &mut layer.biases {
                biases.update(rule, step, signal, &forward.ones);
            }
        }
    }

    /// The network of the same shape whose parameters are 0.
    pub(super) fn zeros_like(&self) -> Self {
        let zeros = |layer: &MlpLayer<W>| MlpLayer {
            weights: layer.weights.zeros_like(),
            biases: layer.biases.as_ref().map(Parameters::zeros_like),
        };
        Self { layers: self.layers.iter().map(zeros).collect(), activation: self.activation }
    }
}
