//! Power counting predicts width exponents of networks at their start and in the first steps.
//!
//! ```text
//! h_1 = −w_1,  h_l = h_{l−1} − w_l + ½,      δ_L = −w_{L+1},  δ_l = δ_{l+1} − w_{l+1} + ½       (w_l = a_l + b_l, e_l = 2a_l + c_l)
//! own change of h_l per step: −e_l + δ_l + (2h_{l−1} + 1 behind the input layer);     kernel: own change + δ_l + (1 before the readout)
//! of normalized gradients: −e_l + h_{l−1} + (1 behind the input layer), with e_l = a_l + c_l
//! ```
//!
//! (docs/theory/scaling-limits.md §5.3, Eq. powers; for one hidden layer also docs/theory/scaling-limits.md §2, §3.5, for later steps the
//! stable scalings of docs/theory/scaling-limits.md §5.2.) An exponent of −∞ is that of something that is 0, as the step of a frozen layer.
//! Everything is about activations that are homogeneous, or hidden pre-activations of order 1.

use widenet_core::{
    Problem,
    problem::{Activation, Loss, Quantity},
    scaling::{EXPONENT_TOLERANCE, LayerScaling},
};

/// What power counting says about an exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prediction {
    /// It is this.
    Equal(f64),
    /// It is this or less: terms of several orders add up, whose constants decide at finite widths, or the gradient may vanish.
    AtMost(f64),
}

impl Prediction {
    /// Returns the exponent or its bound.
    pub fn exponent(self) -> f64 {
        match self {
            Prediction::Equal(exponent) | Prediction::AtMost(exponent) => exponent,
        }
    }
}

/// Returns the predicted width exponent of a quantity that [`super::CoordinateCheck`] measures, in a layer (0 is the input layer; scalars
/// have no other) after some steps; `None` where power counting does not know it, or it is that of 0.
pub fn predicted(problem: &Problem, quantity: Quantity, layer: usize, step: u64) -> Option<Prediction> {
    let start = Start::of(problem)?;
    let is_start = matches!(quantity, Quantity::ActivationNorms | Quantity::TangentKernelNorm) && step == 0;
    let prediction = match quantity {
        Quantity::ActivationNorms if is_start => Prediction::Equal(*start.activations.get(layer)?),
        Quantity::TangentKernelNorm if is_start => Prediction::Equal(start.kernel()),
        _ if step == 0 || !trains_plainly(problem) => return None,
        Quantity::ActivationNorms => {
            let (at_start, change) = (*start.activations.get(layer)?, start.change(problem, layer, step)?);
            match change {
                // A small learning rate hides at finite widths that the change wins.
                Prediction::Equal(change) | Prediction::AtMost(change) if change > at_start + EXPONENT_TOLERANCE => {
                    Prediction::AtMost(change)
                }
                _ => Prediction::Equal(at_start),
            }
        }
        Quantity::ActivationChanges => start.change(problem, layer, step)?,
        Quantity::WeightChange => start.weight_change(problem, layer, step)?,
        Quantity::TangentKernelChange => start.kernel_change(problem, step)?,
        _ => return None,
    };
    prediction.exponent().is_finite().then_some(prediction)
}

/// Steps of the gradient, or of the gradient divided by its size, whose sizes power counting knows.
fn trains_plainly(problem: &Problem) -> bool {
    problem.optimizer.has_steps() && problem.optimizer.weight_decay == 0.0
}

/// Whether two terms are there and of different orders.
fn differ(one: f64, other: f64) -> bool {
    one.is_finite() && other.is_finite() && !is_zero(one - other)
}

fn is_zero(exponent: f64) -> bool {
    exponent.abs() < EXPONENT_TOLERANCE
}

/// A layer's exponents of the width.
#[derive(Debug, Clone, Copy)]
struct Layer {
    /// `−w`: the size of an entry.
    weight: f64,
    /// `−e`: what a step does to it per unit gradient.
    rate: f64,
    /// The same of a normalized gradient, which moves `w` by its learning rate.
    normalized_rate: f64,
    /// The same of biases.
    bias: f64,
    bias_rate: f64,
    normalized_bias_rate: f64,
    /// Exponents of the numbers of inputs and outputs.
    inputs: f64,
    outputs: f64,
}

impl Layer {
    fn new(weights: &LayerScaling, biases: Option<&LayerScaling>, inputs: f64, outputs: f64) -> Self {
        let exponents = |layer: &LayerScaling| {
            let LayerScaling { multiplier, init_std, learning_rate } = layer;
            let or_nothing = |constant: f64, exponent| if constant == 0.0 { f64::NEG_INFINITY } else { exponent };
            let size = or_nothing(init_std.constant, multiplier.exponent + init_std.exponent);
            let rate = |multipliers: f64| {
                or_nothing(learning_rate.constant, multipliers * multiplier.exponent + learning_rate.exponent)
            };
            [size, rate(2.0), rate(1.0)]
        };
        let [weight, rate, normalized_rate] = exponents(weights);
        let [bias, bias_rate, normalized_bias_rate] = biases.map_or([f64::NEG_INFINITY; 3], exponents);
        Self { weight, rate, normalized_rate, bias, bias_rate, normalized_bias_rate, inputs, outputs }
    }

    /// The step that this layer makes its own outputs take, for inputs of a size, per backward signal.
    fn own_step(&self, inputs: f64) -> f64 {
        (self.rate + 2.0 * inputs + self.inputs).max(self.bias_rate)
    }

    /// The same of a normalized gradient, whose signs are those of the inputs, so that all of them add up.
    fn own_normalized_step(&self, inputs: f64) -> f64 {
        (self.normalized_rate + inputs + self.inputs).max(self.normalized_bias_rate)
    }
}

/// A network at its start, per layer; the last are the outputs.
struct Start {
    layers: Vec<Layer>,
    activations: Vec<f64>,
    /// Backward signals, of unit gradients in the outputs.
    signals: Vec<f64>,
    /// The gradient of the loss in the outputs.
    gradient: f64,
    /// Whether gradients are divided by their size.
    is_normalized: bool,
}

impl Start {
    /// `None` for activations whose size or gradient does not follow that of pre-activations, and for residual networks, whose layers are no chain.
    fn of(problem: &Problem) -> Option<Self> {
        if problem.network.has_residuals() {
            return None;
        }
        let scaling = problem.scaling();
        let last = problem.network.hidden_layers;
        let order = |is_width: bool| if is_width { 1.0 } else { 0.0 };
        let layer =
            |l: usize| Layer::new(&scaling.layers[l], scaling.biases[l].as_ref(), order(l > 0), order(l < last));
        let layers: Vec<Layer> = (0..=last).map(layer).collect();
        let mut activations = Vec::new();
        let mut inputs = 0.0;
        for layer in &layers {
            inputs = (layer.weight + inputs + 0.5 * layer.inputs).max(layer.bias);
            activations.push(inputs);
        }
        let mut signals = vec![0.0; last + 1];
        for l in (0..last).rev() {
            signals[l] = signals[l + 1] + layers[l + 1].weight + 0.5 * layers[l + 1].outputs;
        }
        let gradient = match problem.loss {
            Loss::Squared { .. } => activations[last].max(0.0),
            Loss::Logistic | Loss::Hinge | Loss::CrossEntropy => 0.0,
        };
        // No gradient passes through a step: hidden layers do not move at any width.
        let functions = problem.network.activations();
        if functions.contains(&Activation::Step) {
            return None;
        }
        let are_homogeneous = functions.iter().all(|activation| activation.slopes().is_some());
        let is_known = are_homogeneous || activations[..last].iter().all(|size| is_zero(*size));
        let is_normalized = problem.optimizer.is_normalized();
        is_known.then_some(Self { layers, activations, signals, gradient, is_normalized })
    }

    fn last(&self) -> usize {
        self.layers.len() - 1
    }

    fn inputs(&self, layer: usize) -> f64 {
        if layer == 0 { 0.0 } else { self.activations[layer - 1] }
    }

    /// The tangent kernel: the step that each layer makes the outputs take.
    fn kernels(&self) -> impl Iterator<Item = f64> + '_ {
        let of_layer =
            |(l, layer): (usize, &Layer)| layer.own_step(self.inputs(l)) + 2.0 * self.signals[l] + layer.outputs;
        self.layers.iter().enumerate().map(of_layer)
    }

    /// The kernel times something: a bound where layers contribute terms of several orders, whose constants decide at finite widths.
    fn sum_of_kernels(&self, factor: f64) -> Prediction {
        let largest = self.kernel();
        let exponent = largest + factor;
        if self.kernels().any(|kernel| differ(kernel, largest)) {
            Prediction::AtMost(exponent)
        } else {
            Prediction::Equal(exponent)
        }
    }

    fn kernel(&self) -> f64 {
        self.kernels().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The first step of `h_l`; `None` where the layers below change by more than their size, beyond first order.
    fn first_change(&self, layer: usize) -> Option<Prediction> {
        let mut change = f64::NEG_INFINITY;
        let mut is_sum = false;
        for l in 0..self.last() {
            let own = self.own_change(l, self.inputs(l), self.signals[l] + self.gradient);
            let through = change + self.layers[l].weight + 0.5 * self.layers[l].inputs;
            is_sum |= differ(own, through);
            change = own.max(through);
            if l == layer {
                return Some(if is_sum { Prediction::AtMost(change) } else { Prediction::Equal(change) });
            }
            if change > self.activations[l] + EXPONENT_TOLERANCE {
                return None;
            }
        }
        if !self.is_normalized {
            return Some(self.sum_of_kernels(self.gradient));
        }
        let own = self.own_change(self.last(), self.inputs(self.last()), 0.0);
        let through = self.through_readout(change);
        let outputs = own.max(through);
        let is_sum = is_sum || differ(own, through);
        Some(if is_sum { Prediction::AtMost(outputs) } else { Prediction::Equal(outputs) })
    }

    /// What the step of a layer does to its own outputs, for inputs of a size and the gradient in these outputs.
    fn own_change(&self, layer: usize, inputs: f64, gradient: f64) -> f64 {
        let layer = &self.layers[layer];
        if self.is_normalized { layer.own_normalized_step(inputs) } else { layer.own_step(inputs) + gradient }
    }

    /// What a change of the last hidden layer does to the outputs: its signs are those of the readout weights.
    fn through_readout(&self, change: f64) -> f64 {
        let readout = &self.layers[self.last()];
        change + readout.weight + readout.inputs
    }

    /// From the second step on the readout holds what the first has put there, in proportion to the learning rate: where that is of
    /// higher order, changes of order two in the learning rate win in the limit, but perhaps not at finite widths.
    fn later(&self, exponent: f64) -> Prediction {
        let readout = &self.layers[self.last()];
        if !self.is_normalized && readout.rate > readout.weight + EXPONENT_TOLERANCE {
            Prediction::AtMost(exponent)
        } else {
            Prediction::Equal(exponent)
        }
    }

    /// `−r_l` of a stable scaling (docs/theory/scaling-limits.md §5.2): hidden pre-activations stay of order 1, outputs and kernel too or
    /// are smaller.
    fn stable_changes(&self) -> Option<Vec<f64>> {
        let last = self.last();
        let readout = &self.layers[last];
        let is_standard =
            |(l, layer): (usize, &Layer)| is_zero(layer.weight + 0.5 * layer.inputs) && is_zero(self.activations[l]);
        let hidden_is_standard = self.layers[..last].iter().enumerate().all(is_standard);
        let signal = readout.weight.max(readout.rate);
        let mut largest = f64::NEG_INFINITY;
        let changes: Vec<f64> = (0..last)
            .map(|layer| {
                largest = largest.max(self.own_change(layer, 0.0, signal));
                largest
            })
            .collect();
        let outputs = self.activations[last].max(self.own_change(last, 0.0, 0.0)).max(self.through_readout(largest));
        (hidden_is_standard && largest <= EXPONENT_TOLERANCE && outputs <= EXPONENT_TOLERANCE).then_some(changes)
    }

    /// `s` of one hidden layer without biases whose two layers take steps of equal order in units of their size
    /// (docs/theory/scaling-limits.md §2), in the band where they move by no more than that and by enough to change the function.
    fn increments(&self) -> Option<f64> {
        let [input, readout] = self.layers[..] else { return None };
        let step = |l: usize, layer: Layer| layer.rate + self.signals[l] + self.inputs(l) - layer.weight;
        let (input_step, readout_step) = (step(0, input), step(1, readout));
        let has_biases = [input, readout].iter().any(|layer| layer.bias.max(layer.bias_rate).is_finite());
        let s = input_step;
        let in_band = is_zero(input.weight) && (-0.5 - EXPONENT_TOLERANCE..=EXPONENT_TOLERANCE).contains(&s);
        (!has_biases && in_band && is_zero(input_step - readout_step)).then_some(s)
    }

    /// Whether the gradient of a one-hidden-layer classifier stays of order 1 or less whatever its outputs
    /// (docs/theory/scaling-limits.md §3.1).
    fn bounded_increments(&self, problem: &Problem) -> Option<f64> {
        match problem.loss {
            Loss::Logistic | Loss::Hinge | Loss::CrossEntropy if !self.is_normalized => self.increments(),
            _ => None,
        }
    }

    fn change(&self, problem: &Problem, layer: usize, step: u64) -> Option<Prediction> {
        if step == 1 {
            return self.first_change(layer);
        }
        if let Some(changes) = self.stable_changes() {
            let of_outputs = match (self.is_normalized, changes.last()) {
                (true, Some(change)) => self.own_change(self.last(), 0.0, 0.0).max(self.through_readout(*change)),
                _ => self.kernel(),
            };
            return Some(changes.get(layer).map_or(Prediction::Equal(of_outputs), |change| self.later(*change)));
        }
        let s = self.bounded_increments(problem)?;
        Some(Prediction::AtMost(if layer == 0 { s } else { self.kernel() }))
    }

    /// Relative to the weights at the start, in the Frobenius norm.
    fn weight_change(&self, problem: &Problem, layer: usize, step: u64) -> Option<Prediction> {
        let Layer { weight, rate, normalized_rate, .. } = *self.layers.get(layer)?;
        let readout = self.layers[self.last()];
        if self.is_normalized {
            return (step == 1 || self.stable_changes().is_some())
                .then_some(Prediction::Equal(normalized_rate - weight));
        }
        if step == 1 {
            let change = rate + self.signals[layer] + self.gradient + self.inputs(layer) - weight;
            return Some(Prediction::Equal(change));
        }
        if self.stable_changes().is_some() {
            return Some(match layer == self.last() {
                true => Prediction::Equal(rate - weight),
                false => self.later(rate + readout.weight.max(readout.rate) - weight),
            });
        }
        self.bounded_increments(problem).map(Prediction::AtMost)
    }

    fn kernel_change(&self, problem: &Problem, step: u64) -> Option<Prediction> {
        if self.is_normalized {
            return None;
        }
        let stable = self.stable_changes();
        if let Some(s) = self.increments() {
            let kinked = problem.network.activation.slopes().is_some_and(|(below, above)| below != above);
            // Units whose sign changes add a fluctuation (docs/theory/scaling-limits.md §3.5). Of order one in the learning rate there is a
            // term s − ½, which hides at finite widths that 2s wins.
            let (first_order, fluctuation) = (s - 0.5, if kinked { (s - 1.0) / 2.0 } else { f64::NEG_INFINITY });
            let change = (2.0 * s).max(fluctuation);
            let is_exact = change <= first_order.max(fluctuation) + EXPONENT_TOLERANCE;
            let is_lasting = stable.is_some() || step == 1 && is_zero(self.gradient);
            return match is_lasting {
                true if is_exact => Some(Prediction::Equal(change)),
                true => Some(Prediction::AtMost(change)),
                false => self.bounded_increments(problem).map(|_| Prediction::AtMost(change)),
            };
        }
        let features = stable?.last().copied()?;
        let readout = self.layers[self.last()];
        let change = features.max(readout.rate - readout.weight);
        (change <= EXPONENT_TOLERANCE).then_some(Prediction::AtMost(change))
    }
}
