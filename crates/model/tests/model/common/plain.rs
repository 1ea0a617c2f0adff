//! A perceptron in plain matrices, written out by hand: what the engine must agree with.

use widenet_core::{
    Matrix, Problem, Width,
    problem::{Optimizer, Rule},
    scaling::LayerScaling,
    training::Batches,
};

use super::perceptrons::{entries, mlp};

/// The perceptron that a run of a problem starts from, and how it is trained.
pub(crate) struct Plain<'p> {
    problem: &'p Problem,
    seed: u64,
    /// Of each layer the weights, then the biases, with their scales at this width, and buffers of momentum or the averages of Adam and RMSProp.
    parameters: Vec<Parameter>,
}

struct Parameter {
    layer: usize,
    is_bias: bool,
    multiplier: f64,
    learning_rate: f64,
    value: Matrix,
    first_moment: Matrix,
    second_moment: Matrix,
}

impl<'p> Plain<'p> {
    pub(crate) fn new(problem: &'p Problem, width: u64, seed: u64) -> Self {
        let scaling = problem.scaling();
        let layers = scaling.layers.iter().zip(&scaling.biases).enumerate();
        let scales = layers.flat_map(|(l, (weights, biases))| {
            [Some((l, false, *weights)), biases.map(|biases| (l, true, biases))].into_iter().flatten()
        });
        let parameter = |((layer, is_bias, scaling), value): ((usize, bool, LayerScaling), Matrix)| Parameter {
            layer,
            is_bias,
            multiplier: scaling.multiplier.at(Width::Finite(width)),
            learning_rate: scaling.learning_rate.at(Width::Finite(width)),
            first_moment: &value * 0.0,
            second_moment: &value * 0.0,
            value,
        };
        let parameters = scales.zip(entries(&mut mlp(problem, width, seed))).map(parameter).collect();
        Self { problem, seed, parameters }
    }

    /// All weights and biases.
    pub(crate) fn parameters(&self) -> Vec<Matrix> {
        self.parameters.iter().map(|parameter| parameter.value.clone()).collect()
    }

    /// Pre-activations of all layers, one column per sample.
    fn pre_activations(&self, inputs: &Matrix) -> Vec<Matrix> {
        let mut all: Vec<Matrix> = Vec::new();
        for parameter in &self.parameters {
            let Parameter { layer, multiplier, value, .. } = parameter;
            if parameter.is_bias {
                let ones = Matrix::from_element(1, inputs.nrows(), *multiplier);
                all[*layer] += value * ones;
            } else {
                all.push(value * self.inputs_of(*layer, inputs, &all) * *multiplier);
            }
        }
        all
    }

    fn inputs_of(&self, layer: usize, inputs: &Matrix, pre_activations: &[Matrix]) -> Matrix {
        let activation = self.problem.network.activation;
        match layer {
            0 => inputs.transpose(),
            l => pre_activations[l - 1].map(|u| activation.value(u)),
        }
    }

    /// `f`, P × k.
    pub(crate) fn outputs(&self, inputs: &Matrix) -> Matrix {
        let mut all = self.pre_activations(inputs);
        all.remove(all.len() - 1).transpose()
    }

    /// Gradients in all parameters, for gradients in the outputs (P × k).
    fn gradients(&self, inputs: &Matrix, of_outputs: &Matrix) -> Vec<Matrix> {
        let pre_activations = self.pre_activations(inputs);
        let activation = self.problem.network.activation;
        let mut signals = vec![of_outputs.transpose()];
        let weights: Vec<&Parameter> = self.parameters.iter().filter(|parameter| !parameter.is_bias).collect();
        for l in (1..weights.len()).rev() {
            let signal = weights[l].value.transpose() * &signals[0] * weights[l].multiplier;
            signals.insert(0, signal.component_mul(&pre_activations[l - 1].map(|u| activation.derivative(u))));
        }
        let gradient = |parameter: &Parameter| {
            let signal = &signals[parameter.layer] * parameter.multiplier;
            if parameter.is_bias {
                return Matrix::from_columns(&[signal.column_sum()]);
            }
            signal * self.inputs_of(parameter.layer, inputs, &pre_activations).transpose()
        };
        self.parameters.iter().map(gradient).collect()
    }

    /// Trains to the end by the problem's rule; the loss is that of the outputs plus a fixed function of the training inputs.
    pub(crate) fn train(&mut self, added: &Matrix) {
        let samples = &self.problem.data.train;
        let mut batches = Batches::of(self.problem, self.seed);
        for step in 0..self.problem.optimizer.horizon() as u64 {
            let rows: Vec<usize> = match &mut batches {
                Some(batches) => batches.at(step).to_vec(),
                None => (0..samples.inputs.nrows()).collect(),
            };
            let (inputs, targets) = (samples.inputs.select_rows(&rows), samples.targets.select_rows(&rows));
            let outputs = self.outputs(&inputs) + added.select_rows(&rows);
            let gradients = self.gradients(&inputs, &self.problem.loss.gradient(&outputs, &targets));
            for (parameter, g) in self.parameters.iter_mut().zip(gradients) {
                parameter.step(&self.problem.optimizer, step, &g);
            }
        }
    }
}

impl Parameter {
    /// After `taken` steps.
    fn step(&mut self, optimizer: &Optimizer, taken: u64, g: &Matrix) {
        let learning_rate = optimizer.learning_rates().map_or(f64::NAN, |rates| rates.rate(taken));
        match optimizer.rule {
            // Buffers hold gradients, as PyTorch's do.
            Rule::Descent { momentum, nesterov, .. } => {
                let gradient = g * self.learning_rate + &self.value * optimizer.weight_decay;
                self.first_moment = &self.first_moment * momentum + &gradient;
                let buffer = &self.first_moment;
                self.value -= if nesterov { gradient + buffer * momentum } else { buffer.clone() } * learning_rate;
            }
            Rule::RmsProp { decay, epsilon, .. } => {
                for i in 0..g.len() {
                    let v = &mut self.second_moment[i];
                    *v = decay * *v + (1.0 - decay) * g[i] * g[i];
                    self.value[i] -= learning_rate * self.learning_rate * g[i] / (v.sqrt() + epsilon);
                }
            }
            Rule::Adam { beta1, beta2, epsilon, .. } => {
                let t = taken as i32 + 1;
                for i in 0..g.len() {
                    let (u, v) = (&mut self.first_moment[i], &mut self.second_moment[i]);
                    *u = beta1 * *u + (1.0 - beta1) * g[i];
                    *v = beta2 * *v + (1.0 - beta2) * g[i] * g[i];
                    let (mean, square) = (*u / (1.0 - beta1.powi(t)), *v / (1.0 - beta2.powi(t)));
                    self.value[i] -= learning_rate * optimizer.weight_decay * self.value[i];
                    self.value[i] -= learning_rate * self.learning_rate * mean / (square.sqrt() + epsilon);
                }
            }
            Rule::Flow { .. } | Rule::MomentumFlow { .. } => {
                panic!("{:?} is not written out here", optimizer.rule)
            }
        }
    }
}
