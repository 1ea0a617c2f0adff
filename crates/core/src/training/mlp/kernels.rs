//! Computes the kernels of one network of finite width without its Jacobian.
//!
//! ```text
//! Θ_ab(x,x') = Σ_l (d_a^{l+1}(x) · d_b^{l+1}(x')) (κ_l A_l² a_l(x)·a_l(x') + κ_b,l B_l²),    d_a^{L+1} = e_a
//! K(x,x')    = s_L² A_L² a_L(x)·a_L(x') + s_b² B_L²
//! ```
//!
//! (docs/theory/training.md §3, Eq. kernels, per unit learning rate: κ are the learning rates and s the initial standard deviations of the
//! parameterisation, so frozen layers drop out.) d are the backward signals of single outputs. Per layer it is a product,
//! entry by entry, of two Gram matrices; of convolutions the sum of such products over pairs of positions (docs/theory/convolutions.md §7,
//! Eq. tangent).

use std::{borrow::Cow, sync::Arc};

use super::network::{Forward, Mlp, MlpLayer};
use crate::{
    matrix::Matrix,
    problem::Taps,
    training::{
        block::{Block, NeuronBlock},
        matrix::EntryMatrix,
        selection::Selection,
    },
};

impl<W: EntryMatrix> Mlp<W> {
    /// Returns the tangent kernel between the P and Q samples of two forward passes, P k × Q k with samples outermost; `None` for the
    /// second is the first.
    pub fn tangent_kernel(&mut self, left: &Forward<W::Block>, right: Option<&Forward<W::Block>>) -> Matrix {
        let k = left.outputs.ncols();
        let (p, q) = (left.outputs.nrows(), right.unwrap_or(left).outputs.nrows());
        let mut kernel = Matrix::zeros(p * k, q * k);
        self.add_layers(left, right, 0..k, |of_layer| {
            for column in 0..q * k {
                let (sample, output) = (column / k, column % k);
                for row in 0..p * k {
                    kernel[(row, column)] += of_layer[((row % k) * p + row / k, output * q + sample)];
                }
            }
        });
        kernel
    }

    /// Returns the tangent kernel averaged over outputs, `(1/k) Σ_a Θ_aa`, P × Q.
    pub fn mean_tangent_kernel(&mut self, left: &Forward<W::Block>, right: Option<&Forward<W::Block>>) -> Matrix {
        let k = left.outputs.ncols();
        let mut kernel = Matrix::zeros(left.outputs.nrows(), right.unwrap_or(left).outputs.nrows());
        for output in 0..k {
            self.add_layers(left, right, output..output + 1, |of_layer| kernel += of_layer);
        }
        kernel / k as f64
    }

    /// Returns the NNGP kernel of the last hidden layer's activations, P × Q.
    pub fn nngp_kernel(&self, left: &Forward<W::Block>, right: Option<&Forward<W::Block>>) -> Matrix {
        let last = self.layers.len() - 1;
        let of_biases = self.layers[last].biases.as_ref().map_or(0.0, |biases| biases.variance());
        let gram = left.input(last).gram(&right.unwrap_or(left).input(last));
        gram.map(|product| self.layers[last].weights.variance() * product + of_biases)
    }

    /// Returns the kernels of features of every hidden layer, `Φ^l = a_l·a_l/m`, P × P.
    pub fn feature_kernels(&self, forward: &Forward<W::Block>) -> Vec<Matrix> {
        let of_layer = |l: usize| {
            let a = forward.input(l);
            a.gram(&a) / a.neurons()
        };
        (1..self.layers.len()).map(of_layer).collect()
    }

    /// Returns the kernels of gradients of every hidden layer, P k × P k with samples outermost: `κ A² n d·d'` of the layer's weights, where n is the
    /// number of neurons below it (1 below the first), so that weights contribute `G^l Φ^{l−1}` to the tangent kernel.
    pub fn gradient_kernels(&mut self, forward: &Forward<W::Block>) -> Vec<Matrix> {
        let (p, k) = forward.outputs.shape();
        let units = Matrix::from_fn(k, p * k, |a, column| if a == column / p { 1.0 } else { 0.0 });
        let signals = self.backward(forward, &units, 0);
        let of_layer = |l: usize| {
            let below = if l == 0 { 1.0 } else { forward.input(l).neurons() };
            let gram = signals[l].gram(&signals[l]) * (self.layers[l].weights.tangent() * below);
            let at = |row: usize| (row % k) * p + row / k;
            Matrix::from_fn(p * k, p * k, |row, column| gram[(at(row), at(column))])
        };
        (0..self.layers.len() - 1).map(of_layer).collect()
    }

    /// Calls `add` for every layer that learns with what it contributes between the signals of some outputs, outputs outermost.
    fn add_layers(
        &mut self,
        left: &Forward<W::Block>,
        right: Option<&Forward<W::Block>>,
        outputs: std::ops::Range<usize>,
        mut add: impl FnMut(&Matrix),
    ) {
        let Some(lowest) = self.lowest_learning() else { return };
        let mut signals_of = |forward: &Forward<W::Block>| {
            let (samples, k) = forward.outputs.shape();
            let first = outputs.start;
            let units =
                Matrix::from_fn(
                    k,
                    samples * outputs.len(),
                    |a, column| {
                        if a == first + column / samples { 1.0 } else { 0.0 }
                    },
                );
            self.backward(forward, &units, lowest)
        };
        let left_signals = signals_of(left);
        let right_signals = right.map(signals_of);
        for l in lowest..self.layers.len() {
            if !self.layers[l].learns() {
                continue;
            }
            let signals = [&left_signals[l - lowest], &right_signals.as_ref().unwrap_or(&left_signals)[l - lowest]];
            let passes = [left, right.unwrap_or(left)];
            add(&match self.graph.places[l].positions {
                1 => self.layers[l].of_one_position(signals, passes.map(|pass| pass.input(l))),
                positions => self.layers[l].of_positions(signals, passes.map(|pass| pass.input(l)), positions),
            });
        }
    }
}

impl<W: EntryMatrix> MlpLayer<W> {
    /// `(d·d') (κ A² a·a' + κ_b B²)`.
    fn of_one_position(&self, signals: [&W::Block; 2], inputs: [Cow<'_, W::Block>; 2]) -> Matrix {
        let of_biases = self.biases.as_ref().map_or(0.0, |biases| biases.tangent());
        let inputs = inputs[0].gram(&inputs[1]).map(|product| self.weights.tangent() * product + of_biases);
        let (samples, others) = inputs.shape();
        let mut kernel = signals[0].gram(signals[1]);
        for (column, mut entries) in kernel.column_iter_mut().enumerate() {
            for (row, entry) in entries.iter_mut().enumerate() {
                *entry *= inputs[(row % samples, column % others)];
            }
        }
        kernel
    }

    /// `κ A² Σ_{p,p'} (d_p·d_p') (a_p·a_p') + κ_b B² (Σ_p d_p)·(Σ_p' d_p')`.
    fn of_positions(&self, signals: [&W::Block; 2], inputs: [Cow<'_, W::Block>; 2], positions: usize) -> Matrix {
        let tangent = self.weights.tangent();
        let gram = W::Block::gradient_gram(signals, [&inputs[0], &inputs[1]], positions);
        let mut kernel = gram * tangent;
        if let Some(biases) = &self.biases {
            let all = Arc::new(Selection::of_taps(&Taps::whole([positions, 1]), positions));
            let [left, right] = signals.map(|signals| signals.summed(&all));
            kernel += left.gram(&right) * biases.tangent();
        }
        kernel
    }
}
