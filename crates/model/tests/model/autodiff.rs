//! The hand-written training step against automatic differentiation of the network written out.
//!
//! The reference keeps its weights on the host and knows only the formulas of `widenet_core::scaling`:
//! `f(x) = C ŵ_L … ŵ_0 x` and `Δŵ_l = −η (ρ_l/C) ∂R/∂ŵ_l`, with the update rule written out for each weight.

use burn::{
    Tensor,
    tensor::{DType, Device, TensorData},
};
use widenet_core::{
    Matrix, Problem,
    problem::Rule,
    training::{Block, Control, LinearTraining, Start, Training, WeightMatrix},
};
use widenet_model::{DeviceChoice, Entries, InitialWeights, Precision, network_with_panels};

use crate::common;

const SEED: u64 = 5;

struct Reference<'a> {
    problem: &'a Problem,
    weights: Vec<Matrix>,
    velocities: Vec<Matrix>,
    dtype: DType,
}

impl<'a> Reference<'a> {
    fn new(problem: &'a Problem, width: usize, precision: Precision) -> Self {
        let placement = DeviceChoice::Flex.open().unwrap().placement(precision).unwrap();
        let normalized = problem.scaling().at(width as u64);
        let last = problem.network.hidden_layers;
        let weight = |layer: usize| {
            let columns = if layer == 0 { problem.data.input_dimension() } else { width };
            let rows = if layer == last { problem.data.output_dimension() } else { width };
            let std = normalized.init_std[layer] / (width as f64).sqrt();
            let law = InitialWeights { seed: SEED, entries: Entries::Weights, layer: layer as u32, rows, columns, std };
            let values = law.rows(0..rows, &placement).into_data_as::<f64>().try_to_vec().unwrap();
            Matrix::from_row_iterator(rows, columns, values)
        };
        let weights: Vec<Matrix> = (0..=last).map(weight).collect();
        let velocities = weights.iter().map(|w| w * 0.0).collect();
        let dtype = if precision == Precision::F64 { DType::F64 } else { DType::F32 };
        Self { problem, weights, velocities, dtype }
    }

    fn tensor(&self, matrix: &Matrix, device: &Device) -> Tensor<2> {
        let data = TensorData::new(matrix.transpose().as_slice().to_vec(), [matrix.nrows(), matrix.ncols()]);
        Tensor::from_data(data.convert_dtype(self.dtype), (device, self.dtype))
    }

    fn step(&mut self, width: usize) {
        let Rule::Descent { learning_rate, momentum, nesterov, .. } = self.problem.optimizer.rule else {
            panic!("descent only");
        };
        let normalized = self.problem.scaling().at(width as u64);
        let device = Device::flex().autodiff();
        let weights: Vec<Tensor<2>> = self.weights.iter().map(|w| self.tensor(w, &device).require_grad()).collect();
        let samples = &self.problem.data.train;
        let start = self.tensor(&samples.inputs, &device);
        let output =
            weights.iter().fold(start, |h, w| h.matmul(w.clone().transpose())).mul_scalar(normalized.output_scale);
        let residual = output.sub(self.tensor(&samples.targets, &device));
        let loss = residual.clone().mul(residual).sum().div_scalar(2.0 * samples.inputs.nrows() as f64);
        let gradients = loss.backward();
        for (l, weight) in weights.iter().enumerate() {
            let gradient = weight.grad(&gradients).unwrap().into_data_as::<f64>().try_to_vec::<f64>().unwrap();
            let shape = self.weights[l].shape();
            let gradient = Matrix::from_row_iterator(shape.0, shape.1, gradient)
                * (learning_rate * normalized.rates[l] / normalized.output_scale)
                + &self.weights[l] * (learning_rate * self.problem.optimizer.weight_decay);
            self.velocities[l] = &self.velocities[l] * momentum + &gradient;
            let step = if nesterov { gradient + &self.velocities[l] * momentum } else { self.velocities[l].clone() };
            self.weights[l] -= step;
        }
    }
}

/// Largest difference of any weight after training, relative to the largest weight.
fn difference(problem: &Problem, width: usize, precision: Precision) -> f64 {
    let Rule::Descent { steps, .. } = problem.optimizer.rule else { panic!("descent only") };
    let mut reference = Reference::new(problem, width, precision);
    (0..steps).for_each(|_| reference.step(width));

    let placement = DeviceChoice::Flex.open().unwrap().placement(precision).unwrap();
    let network = network_with_panels(problem, width as u64, SEED, &placement, 1 << 30);
    let mut training = LinearTraining::new(problem, network, SEED).unwrap();
    let (_, status) = training.run(Start::default(), &mut |_, _| Control::Continue);
    assert_eq!(status.word(), "done");
    let compare = |(matrix, expected): (&mut widenet_model::DenseMatrix, &Matrix)| {
        let basis = matrix.input_block(&Matrix::identity(expected.ncols(), expected.ncols()));
        (matrix.apply(&basis).to_matrix() - expected).amax() / expected.amax()
    };
    training.network.layers.iter_mut().zip(&reference.weights).map(compare).fold(0.0, f64::max)
}

#[test]
fn descent_agrees_with_automatic_differentiation() {
    // 70 steps are two flushes; with μ = 0.3 products live on as factors across them, with μ = 0.9 as a stored
    // velocity.
    let rules = [
        (0.0, false, 0.0),
        (0.0, false, 0.05),
        (0.3, false, 0.0),
        (0.3, true, 0.05),
        (0.9, false, 0.05),
        (0.9, true, 0.0),
    ];
    for (momentum, nesterov, decay) in rules {
        for (hidden_layers, outputs) in [(1, 1), (2, 2), (3, 1), (3, 2)] {
            let problem = common::problem(hidden_layers, outputs, common::descent(70, momentum, nesterov), decay);
            // Round-off of 70 steps, each with sums of 64 terms: a few hundred ε.
            for precision in [Precision::F32, Precision::F64] {
                let difference = difference(&problem, 64, precision);
                let tolerance = 300.0 * precision.epsilon();
                assert!(
                    difference < tolerance,
                    "{difference:e} > {tolerance:e} for L = {hidden_layers}, k = {outputs}, μ = {momentum}, \
                     Nesterov {nesterov}, λ = {decay}, {precision}"
                );
            }
        }
    }
}

#[test]
fn a_decay_that_erases_the_weights_keeps_the_velocity() {
    // ηλ = 1: after the first step W holds nothing of the initial weights, and the velocity still does.
    let problem = common::problem(2, 1, common::descent(3, 0.5, false), 10.0);
    assert!(difference(&problem, 8, Precision::F64) < 1e-12);
}
