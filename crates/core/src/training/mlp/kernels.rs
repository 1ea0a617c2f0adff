//! Computes the kernels of one network of finite width without its Jacobian.
//!
//! ```text
//! Θ_ab(x,x') = Σ_l (d_a^{l+1}(x) · d_b^{l+1}(x')) (κ_l A_l² a_l(x)·a_l(x') + κ_b,l B_l²),    d_a^{L+1} = e_a
//! K(x,x')    = s_L² A_L² a_L(x)·a_L(x') + s_b² B_L²
//! ```
//!
//! (docs/theory/training.md §3, Eq. kernels, per unit learning rate: κ are the learning rates and s the initial standard deviations of the
//! parameterisation, so frozen layers drop out.) d are the backward signals of single outputs. Per layer it is a product,
//! entry by entry, of two Gram matrices.

use super::network::{Forward, Mlp, MlpLayer};
use crate::{
    matrix::Matrix,
    training::{
        block::{Block, NeuronBlock},
        matrix::EntryMatrix,
    },
};

impl<W: EntryMatrix> Mlp<W> {
    /// Returns the tangent kernel between the P and Q samples of two forward passes, P k × Q k with samples outermost; `None` for the
    /// second is the first.
    pub fn tangent_kernel(&mut self, left: &Forward<W::Block>, right: Option<&Forward<W::Block>>) -> Matrix {
        let k = left.outputs.ncols();
        let (p, q) = (left.outputs.nrows(), right.unwrap_or(left).outputs.nrows());
        let mut kernel = Matrix::zeros(p * k, q * k);
        self.add_layers(left, right, 0..k, |signals, inputs| {
            for column in 0..q * k {
                let (sample, output) = (column / k, column % k);
                for row in 0..p * k {
                    let signal = signals[((row % k) * p + row / k, output * q + sample)];
                    kernel[(row, column)] += signal * inputs[(row / k, sample)];
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
            self.add_layers(left, right, output..output + 1, |signals, inputs| {
                kernel += signals.component_mul(inputs);
            });
        }
        kernel / k as f64
    }

    /// Returns the NNGP kernel of the last hidden layer's activations, P × Q.
    pub fn nngp_kernel(&self, left: &Forward<W::Block>, right: Option<&Forward<W::Block>>) -> Matrix {
        let last = self.layers.len() - 1;
        let of_biases = self.layers[last].biases.as_ref().map_or(0.0, |biases| biases.variance());
        let gram = left.activations[last].gram(&right.unwrap_or(left).activations[last]);
        gram.map(|product| self.layers[last].weights.variance() * product + of_biases)
    }

    /// Returns the kernels of features of every hidden layer, `Φ^l = a_l·a_l/m`, P × P.
    pub fn feature_kernels(&self, forward: &Forward<W::Block>) -> Vec<Matrix> {
        let of_layer = |a: &W::Block| a.gram(a) / a.neurons();
        forward.activations[1..].iter().map(of_layer).collect()
    }

    /// Returns the kernels of gradients of every hidden layer, P k × P k with samples outermost: `κ A² n d·d'` of the layer's weights, where n is the
    /// number of neurons below it (1 below the first), so that weights contribute `G^l Φ^{l−1}` to the tangent kernel.
    pub fn gradient_kernels(&mut self, forward: &Forward<W::Block>) -> Vec<Matrix> {
        let (p, k) = forward.outputs.shape();
        let units = Matrix::from_fn(k, p * k, |a, column| if a == column / p { 1.0 } else { 0.0 });
        let signals = self.backward(forward, &units, 0);
        let of_layer = |l: usize| {
            let below = if l == 0 { 1.0 } else { forward.activations[l].neurons() };
            let gram = signals[l].gram(&signals[l]) * (self.layers[l].weights.tangent() * below);
            let at = |row: usize| (row % k) * p + row / k;
            Matrix::from_fn(p * k, p * k, |row, column| gram[(at(row), at(column))])
        };
        (0..self.layers.len() - 1).map(of_layer).collect()
    }

    /// Calls `add` for every layer that learns with the Gram matrix of the signals of some outputs (outputs outermost) and the
    /// one of the layer's inputs, scales included.
    fn add_layers(
        &mut self,
        left: &Forward<W::Block>,
        right: Option<&Forward<W::Block>>,
        outputs: std::ops::Range<usize>,
        mut add: impl FnMut(&Matrix, &Matrix),
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
            if self.layers[l].learns() {
                let right_signals = right_signals.as_ref().unwrap_or(&left_signals);
                let inputs = self.layers[l].input_kernel(&left.activations[l], &right.unwrap_or(left).activations[l]);
                add(&left_signals[l - lowest].gram(&right_signals[l - lowest]), &inputs);
            }
        }
    }
}

impl<W: EntryMatrix> MlpLayer<W> {
    /// `κ A² a·a' + κ_b B²`.
    fn input_kernel(&self, left: &W::Block, right: &W::Block) -> Matrix {
        let of_biases = self.biases.as_ref().map_or(0.0, |biases| biases.tangent());
        left.gram(right).map(|product| self.weights.tangent() * product + of_biases)
    }
}
