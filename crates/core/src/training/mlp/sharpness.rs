//! The sharpness is the largest eigenvalue of the loss's Hessian by the parameters, each in units of its learning rate.
//!
//! ```text
//! S = λ_max(K^½ (∂²R/∂θ²) K^½),     K = diag(κ):     descent with a rate η is stable where η S < 2
//! v ← (H + s) v,    s = ½ max ‖H v‖:    v·H v → λ_max
//! ```
//!
//! (docs/theory/training.md §3, Eq. hessian: one pass in forward mode and one backward for every product `H v`.) The shift s makes the largest
//! eigenvalue the one of largest size, also where some negative one is larger. `v·H v` is never above it.

use rand::distr::Distribution;
use rand_distr::StandardNormal;

use super::network::{Forward, Mlp, Parameters};
use crate::{
    matrix::Matrix,
    problem::{Activation, Loss},
    seed::{Purpose, stream},
    training::{
        block::{Block, NeuronBlock},
        matrix::{EntryMatrix, OuterProduct},
        rule::UpdateRule,
    },
};

/// Most products of the Hessian with a vector: enough where the two largest eigenvalues differ by a thousandth.
const MOST_PRODUCTS: usize = 4000;
/// Relative change of `v·H v` over ten products, at which they end.
const TOLERANCE: f64 = 1e-6;
/// Change of pre-activations, relative to their tangents' size, over which `φ'` is differentiated: between the truncation error of double and the
/// rounding of single precision.
const DIFFERENCE: f64 = 1e-3;

/// The Hessian at a network: its passes of all training samples, and the gradient of the loss in the outputs and its derivative there.
struct Hessian<'a, W: EntryMatrix> {
    network: &'a mut Mlp<W>,
    forward: &'a Forward<W::Block>,
    loss: Loss,
    outputs: &'a Matrix,
    targets: &'a Matrix,
    /// `A w_{l+1}ᵀ g_{l+2}` of the hidden layers, lowest first: signals without their `φ'`.
    unbent: Vec<W::Block>,
    /// `g_1 … g_{L+1}`.
    signals: Vec<W::Block>,
}

/// Returns the sharpness of a network at its outputs on the training inputs (P × k), which are those of `forward` or corrected; nothing if it is
/// not found in [`MOST_PRODUCTS`].
pub(super) fn sharpness<W: EntryMatrix>(
    network: &mut Mlp<W>,
    forward: &Forward<W::Block>,
    loss: Loss,
    (outputs, targets): (&Matrix, &Matrix),
) -> Option<f64> {
    let mut hessian = Hessian::new(network, forward, loss, (outputs, targets));
    let mut direction = hessian.start();
    let mut length = length_of(&mut direction);
    let mut iteration = PowerIteration::new(MOST_PRODUCTS);
    loop {
        if length == 0.0 || !length.is_finite() {
            // Nothing learns, or the loss is flat here.
            return Some(if length == 0.0 { iteration.largest.max(0.0) } else { f64::NAN });
        }
        let curvature = hessian.multiply(&mut direction, length, iteration.shift);
        length = length_of(&mut direction);
        match iteration.after(curvature, length) {
            Iteration::GoesOn => {}
            Iteration::Ends(found) => return found,
        }
    }
}

/// The largest eigenvalue, as it is found by products of `H + s` with vectors v of length 1.
struct PowerIteration {
    most: usize,
    products: usize,
    /// s.
    shift: f64,
    /// The largest `v·H v`.
    largest: f64,
    /// The same at the last comparison.
    before: f64,
}

/// What comes of a product.
#[derive(Debug, PartialEq)]
enum Iteration {
    GoesOn,
    /// With the eigenvalue, if it was found.
    Ends(Option<f64>),
}

impl PowerIteration {
    fn new(most: usize) -> PowerIteration {
        PowerIteration { most, products: 0, shift: 0.0, largest: f64::NEG_INFINITY, before: f64::NEG_INFINITY }
    }

    /// Takes `v·H v` and `‖(H + s) v‖`.
    fn after(&mut self, curvature: f64, length: f64) -> Iteration {
        self.largest = self.largest.max(curvature);
        // ‖(H + s) v‖² = ‖H v‖² + 2 s v·H v + s².
        let squared = length * length - 2.0 * self.shift * curvature - self.shift * self.shift;
        self.shift = self.shift.max(0.5 * squared.max(0.0).sqrt());
        self.products += 1;
        if self.products.is_multiple_of(10) {
            if (self.largest - self.before).abs() <= TOLERANCE * self.largest.abs() {
                return Iteration::Ends(Some(self.largest));
            }
            self.before = self.largest;
        }
        if self.products == self.most { Iteration::Ends(None) } else { Iteration::GoesOn }
    }
}

/// A pass in forward mode.
struct Tangents<B> {
    /// `δw a + δb` of every layer, scales included.
    own: Vec<B>,
    /// `dh` of the hidden layers and `da` behind them.
    pre_activations: Vec<B>,
    activations: Vec<B>,
    /// `df`, P × k.
    outputs: Matrix,
}

impl<'a, W: EntryMatrix> Hessian<'a, W> {
    fn new(
        network: &'a mut Mlp<W>,
        forward: &'a Forward<W::Block>,
        loss: Loss,
        (outputs, targets): (&'a Matrix, &'a Matrix),
    ) -> Self {
        let last = network.layers.len() - 1;
        let gradient = loss.gradient(outputs, targets).transpose();
        let mut signals = vec![network.layers[last].weights.matrix.output_block(&gradient)];
        let mut unbent = Vec::new();
        for l in (1..=last).rev() {
            let mut signal = transposed(&mut network.layers[l].weights, &signals[signals.len() - 1]);
            unbent.push(signal.clone());
            signal.times_derivative(activation_of(network, l - 1), forward.pre_activations(l - 1));
            signals.push(signal);
        }
        signals.reverse();
        unbent.reverse();
        Self { network, forward, loss, outputs, targets, unbent, signals }
    }

    /// `K^½ Jᵀ u` for normal u: a combination of all gradients.
    fn start(&mut self) -> Mlp<W> {
        let mut rng = stream(0, Purpose::Sketch, 0);
        let (samples, outputs) = self.outputs.shape();
        let normals = Matrix::from_fn(outputs, samples, |_, _| StandardNormal.sample(&mut rng));
        let signals = self.network.backward(self.forward, &normals, 0);
        let mut direction = self.network.zeros_like();
        for (l, layer) in direction.layers.iter_mut().enumerate() {
            let of = |parameters: &mut Parameters<W>, input: &W::Block| {
                // Scales of directions: A √κ of the network's.
                parameters.multiplier *= parameters.learning_rate.sqrt();
                let term = OuterProduct { scale: -parameters.multiplier, left: &signals[l], right: input };
                parameters.matrix.update(UpdateRule::PLAIN, &[term]);
            };
            of(&mut layer.weights, &self.forward.input(l));
            if let Some(biases) = &mut layer.biases {
                of(biases, self.forward.ones(l));
            }
        }
        direction
    }

    /// Makes `(H + s) v` of v = `direction`/length, and returns `v·H v`.
    fn multiply(&mut self, direction: &mut Mlp<W>, length: f64, shift: f64) -> f64 {
        let tangents = self.forward_mode(direction, length);
        let (signals, through) = self.backward_mode(direction, length, &tangents);
        // With v of length 1: v·H v = Σ_l dg·(δw a + δb) + g·(δw da).
        let mut curvature = 0.0;
        for (l, signal) in signals.iter().enumerate() {
            curvature += inner(signal, &tangents.own[l]);
            if let Some(through) = &through[l] {
                curvature += inner(&self.signals[l], through);
            }
        }
        let kept = shift / length;
        let rule = if kept == 0.0 { UpdateRule::PLAIN } else { UpdateRule { decay: 1.0 - kept, ..UpdateRule::PLAIN } };
        if kept == 0.0 {
            // Not by a decay of 1, after which nothing is left to be scaled.
            *direction = direction.zeros_like();
        }
        for (l, layer) in direction.layers.iter_mut().enumerate() {
            let multiplier = -layer.weights.multiplier;
            let input = self.forward.input(l);
            let mut terms = vec![OuterProduct { scale: multiplier, left: &signals[l], right: &input }];
            if l > 0 {
                let right = &tangents.activations[l - 1];
                terms.push(OuterProduct { scale: multiplier, left: &self.signals[l], right });
            }
            layer.weights.matrix.update(rule, &terms);
            if let Some(biases) = &mut layer.biases {
                let scale = -biases.multiplier;
                let term = OuterProduct { scale, left: &signals[l], right: self.forward.ones(l) };
                biases.matrix.update(rule, &[term]);
            }
        }
        curvature
    }

    fn forward_mode(&mut self, direction: &mut Mlp<W>, length: f64) -> Tangents<W::Block> {
        let last = self.network.layers.len() - 1;
        let (mut own, mut pre_activations, mut activations) = (Vec::new(), Vec::<W::Block>::new(), Vec::new());
        for l in 0..=last {
            let mut of_layer = direction.layers[l].apply(&self.forward.input(l), self.forward.ones(l));
            of_layer.scale(1.0 / length);
            let mut dh = of_layer.clone();
            if l > 0 {
                let mut da = pre_activations[l - 1].clone();
                da.times_derivative(activation_of(self.network, l - 1), self.forward.pre_activations(l - 1));
                dh.add_scaled(1.0, &self.network.layers[l].weights.apply(&da));
                activations.push(da);
            }
            own.push(of_layer);
            pre_activations.push(dh);
        }
        let outputs = pre_activations[last].to_matrix().transpose();
        Tangents { own, pre_activations, activations, outputs }
    }

    /// `dg_1 … dg_{L+1}`, and `δw_l da_l` of the layers above the first.
    fn backward_mode(
        &mut self,
        direction: &mut Mlp<W>,
        length: f64,
        tangents: &Tangents<W::Block>,
    ) -> (Vec<W::Block>, Vec<Option<W::Block>>) {
        let last = self.network.layers.len() - 1;
        let curved = self.loss.curvature(self.outputs, self.targets, &tangents.outputs).transpose();
        let mut signals = vec![self.network.layers[last].weights.matrix.output_block(&curved)];
        let mut through = vec![None; last + 1];
        for l in (1..=last).rev() {
            let mut ds = transposed(&mut self.network.layers[l].weights, &signals[signals.len() - 1]);
            let moved = transposed(&mut direction.layers[l].weights, &self.signals[l]);
            ds.add_scaled(1.0 / length, &moved);
            ds.times_derivative(activation_of(self.network, l - 1), self.forward.pre_activations(l - 1));
            self.add_bend(&mut ds, &tangents.pre_activations[l - 1], l - 1);
            signals.push(ds);
            let mut of_layer = direction.layers[l].weights.apply(&tangents.activations[l - 1]);
            of_layer.scale(1.0 / length);
            through[l] = Some(of_layer);
        }
        signals.reverse();
        (signals, through)
    }

    /// Adds `φ''(h) ⊙ dh ⊙ s` by a difference of `φ'`; activations with slopes have none almost everywhere.
    fn add_bend(&self, signal: &mut W::Block, dh: &W::Block, layer: usize) {
        let activation = activation_of(self.network, layer);
        let size = dh.mean_square().sqrt();
        if activation.slopes().is_some() || activation == Activation::Step || size == 0.0 {
            return;
        }
        let step = DIFFERENCE / size;
        for side in [1.0, -1.0] {
            let mut moved = self.forward.pre_activations(layer).clone();
            moved.add_scaled(side * step, dh);
            let mut slope = self.unbent[layer].clone();
            slope.times_derivative(activation, &moved);
            signal.add_scaled(side / (2.0 * step), &slope);
        }
    }
}

/// The activation behind a layer of a perceptron.
fn activation_of<W>(network: &Mlp<W>, layer: usize) -> Activation {
    network.graph.activation_behind(layer).unwrap_or(Activation::Identity)
}

/// `A wᵀ g`.
fn transposed<W: EntryMatrix>(weights: &mut Parameters<W>, g: &W::Block) -> W::Block {
    let mut signal = weights.matrix.apply_transpose(g);
    signal.scale(weights.multiplier);
    signal
}

/// The inner product of two blocks.
fn inner<B: Block>(left: &B, right: &B) -> f64 {
    left.gram(right).trace()
}

fn length_of<W: EntryMatrix>(direction: &mut Mlp<W>) -> f64 {
    direction.matrices_mut().map(|matrix| matrix.movement().moved).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagonal matrix with eigenvalues 1, 0.98 and −3: the largest is found though the size of another is larger, with enough products and
    /// not with too few.
    #[test]
    fn an_eigenvalue_that_is_not_found_is_not_given() {
        let found = |most: usize| {
            let eigenvalues = [1.0, 0.98, -3.0];
            let mut v: [f64; 3] = [0.3, 0.9, 0.3];
            let mut iteration = PowerIteration::new(most);
            loop {
                let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                v = v.map(|x| x / length);
                let curvature = v.iter().zip(eigenvalues).map(|(x, value)| value * x * x).sum();
                let shift = iteration.shift;
                let mut next = eigenvalues.into_iter().zip(v).map(|(value, x)| (value + shift) * x);
                v = [(); 3].map(|()| next.next().expect("three"));
                let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                if let Iteration::Ends(found) = iteration.after(curvature, length) {
                    return found;
                }
            }
        };
        assert_eq!(found(100), None);
        let largest = found(MOST_PRODUCTS).expect("found");
        assert!((largest - 1.0).abs() < 1e-4, "{largest}");
    }
}
