//! Hand-written passes of perceptrons against automatic differentiation of the network written out.
//!
//! The reference knows only `h = A w a + B b` with the scales of `widenet_core::scaling`, and the update rule of each parameter.

use burn::{
    Tensor,
    tensor::{
        DType, Device, TensorData,
        activation::{log_softmax, sigmoid},
    },
};
use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem, Width,
    problem::{Activation, Adjustments, Loss, Parameterization, Quantity, Rule},
    scaling::{LayerScaling, PowerOfWidth},
    training::{
        Control, Start, Training,
        mlp::{Mlp, MlpTraining},
    },
    trajectory::Value,
};
use widenet_model::DenseMatrix;

use crate::common::{
    self,
    perceptrons::{self, entries, mlp},
};

const SEED: u64 = 5;
const WIDTH: u64 = 24;

fn network(problem: &Problem, width: u64) -> Mlp<DenseMatrix> {
    mlp(problem, width, SEED)
}

fn tensor(matrix: &Matrix, device: &Device) -> Tensor<2> {
    let data = TensorData::new(matrix.transpose().as_slice().to_vec(), [matrix.nrows(), matrix.ncols()]);
    Tensor::from_data(data, (device, DType::F64))
}

fn host(tensor: Tensor<2>) -> Matrix {
    let [rows, columns] = tensor.dims();
    Matrix::from_row_iterator(rows, columns, tensor.into_data_as::<f64>().try_to_vec::<f64>().unwrap())
}

fn activated(activation: Activation, u: Tensor<2>) -> Tensor<2> {
    match activation {
        Activation::Identity => u,
        Activation::Relu => u.clamp_min(0.0),
        Activation::LeakyRelu { negative_slope } => {
            u.clone().clamp_min(0.0).add(u.clamp_max(0.0).mul_scalar(negative_slope))
        }
        Activation::Abs => u.abs(),
        Activation::Erf => u.erf(),
        Activation::Sin => u.sin(),
        Activation::Gelu => u.clone().mul(u.mul_scalar(0.5f64.sqrt()).erf().add_scalar(1.0).mul_scalar(0.5)),
        Activation::Tanh => u.tanh(),
        Activation::Sigmoid => sigmoid(u),
        Activation::Softplus => u.exp().add_scalar(1.0).log(),
        Activation::Silu => u.clone().mul(sigmoid(u)),
        Activation::Step => u.sign().clamp_min(0.0),
        Activation::SquaredRelu => u.clamp_min(0.0).square(),
    }
}

/// `f` (P × k) for tensors in the order of [`entries`].
fn outputs(problem: &Problem, width: u64, parameters: &[Tensor<2>], inputs: Tensor<2>) -> Tensor<2> {
    let scaling = problem.scaling();
    let at = Width::Finite(width);
    let mut parameters = parameters.iter();
    let mut a = inputs;
    for (l, (layer, biases)) in scaling.layers.iter().zip(&scaling.biases).enumerate() {
        let weights = parameters.next().unwrap();
        let mut h = a.matmul(weights.clone().transpose()).mul_scalar(layer.multiplier.at(at));
        if let Some(layer) = biases {
            h = h.add(parameters.next().unwrap().clone().transpose().mul_scalar(layer.multiplier.at(at)));
        }
        a = if l == problem.network.hidden_layers { h } else { activated(problem.network.activation, h) };
    }
    a
}

fn loss(problem: &Problem, outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [samples, k] = outputs.dims();
    match problem.loss {
        Loss::Squared { mean_over_outputs } => {
            let denominator = 2.0 * samples as f64 * if mean_over_outputs { k as f64 } else { 1.0 };
            let residual = outputs.sub(targets);
            residual.clone().mul(residual).sum().mul_scalar(1.0 / denominator)
        }
        Loss::Logistic => outputs.mul(targets).neg().exp().add_scalar(1.0).log().mean(),
        Loss::Hinge => outputs.mul(targets).neg().add_scalar(1.0).clamp_min(0.0).mean(),
        Loss::CrossEntropy => log_softmax(outputs, 1).mul(targets).sum().div_scalar(-(samples as f64)),
    }
}

/// Learning rates in the order of [`entries`], in units of η.
fn learning_rates(problem: &Problem, width: u64) -> Vec<f64> {
    let scaling = problem.scaling();
    let layers = scaling.layers.iter().zip(&scaling.biases);
    let rates = layers.flat_map(|(layer, biases)| [Some(*layer), *biases].into_iter().flatten());
    rates.map(|layer| layer.learning_rate.at(Width::Finite(width))).collect()
}

/// The gradient of the loss by every matrix of parameters.
fn gradients(problem: &Problem, width: u64, parameters: &[Matrix]) -> Vec<Option<Matrix>> {
    let (samples, device) = (&problem.data.train, Device::flex().autodiff());
    let tensors: Vec<Tensor<2>> = parameters.iter().map(|w| tensor(w, &device).require_grad()).collect();
    let outputs = outputs(problem, width, &tensors, tensor(&samples.inputs, &device));
    let gradients = loss(problem, outputs, tensor(&samples.targets, &device)).backward();
    tensors.iter().map(|parameter| parameter.grad(&gradients).map(host)).collect()
}

/// Largest difference of any parameter after training, relative to the largest parameter.
fn difference(problem: &Problem, width: u64) -> f64 {
    let Rule::Descent { learning_rate, steps, momentum, nesterov, .. } = problem.optimizer.rule else {
        panic!("descent only")
    };
    let mut parameters = entries(&mut network(problem, width));
    let mut velocities: Vec<Matrix> = parameters.iter().map(|w| w * 0.0).collect();
    let rates = learning_rates(problem, width);
    for _ in 0..steps {
        let gradients = gradients(problem, width, &parameters);
        for (i, gradient) in gradients.into_iter().enumerate().filter(|(i, _)| rates[*i] > 0.0) {
            let gradient = gradient.expect("a gradient") * (learning_rate * rates[i])
                + &parameters[i] * (learning_rate * problem.optimizer.weight_decay);
            velocities[i] = &velocities[i] * momentum + &gradient;
            let step = if nesterov { gradient + &velocities[i] * momentum } else { velocities[i].clone() };
            parameters[i] -= step;
        }
    }
    let mut training = MlpTraining::new(problem, network(problem, width), SEED).unwrap();
    let (_, status) = training.run(Start::default(), &mut |_, _| Control::Continue);
    assert_eq!(status.word(), "done");
    let trained = entries(&mut training.network);
    let differences =
        trained.iter().zip(&parameters).map(|(found, expected)| (found - expected).amax() / expected.amax());
    differences.fold(0.0, f64::max)
}

#[test]
fn descent_agrees_with_automatic_differentiation() {
    let check = |problem: &Problem| {
        // 12 steps in f64.
        let difference = difference(problem, WIDTH);
        assert!(difference < 1e-12, "{difference:e}: {:?}, {:?}", problem.network, problem.loss);
    };
    for activation in Activation::all() {
        // Outputs of squared ReLUs grow with powers of their inputs.
        let learning_rate = if activation == Activation::SquaredRelu { 1e-4 } else { 0.1 };
        let rule =
            |momentum, nesterov| Rule::Descent { learning_rate, steps: 12, momentum, nesterov, batch_size: None };
        check(&perceptrons::problem(2, 2, rule(0.0, false), activation, true));
        let mut problem = perceptrons::problem(3, 1, rule(0.8, true), activation, false);
        problem.optimizer.weight_decay = 0.05;
        check(&problem);
    }
    let mut problem = perceptrons::problem(2, 3, common::descent(12, 0.5, false), Activation::Erf, true);
    problem.loss = Loss::Squared { mean_over_outputs: true };
    check(&problem);
    problem.loss = Loss::CrossEntropy;
    problem.data.train.targets = Matrix::from_fn(8, 3, |i, j| if i % 3 == j { 1.0 } else { 0.0 });
    check(&problem);
    problem = perceptrons::problem(1, 1, common::descent(12, 0.0, false), Activation::Gelu, true);
    problem.loss = Loss::Logistic;
    problem.data.train.targets.apply(|y| *y = y.signum());
    check(&problem);
    problem.loss = Loss::Hinge;
    check(&problem);
    // Readout biases in mean-field scaling, factors of every layer and a frozen one, biases that start at 0.
    let start = |multiplier, rate| LayerScaling {
        multiplier: PowerOfWidth::new(multiplier, 0.0),
        init_std: PowerOfWidth::new(0.0, 0.0),
        learning_rate: PowerOfWidth::new(rate, 0.0),
    };
    problem = perceptrons::problem(2, 2, common::descent(12, 0.6, true), Activation::Tanh, true);
    let of = Parameterization::MeanField { richness: 0.7, sigma_in: 0.9, sigma_out: 1.1, sigma_b: Some(0.2) };
    problem.parameterization = of.adjusted(Adjustments {
        multipliers: vec![1.5, 0.8, 2.0],
        weight_rates: vec![0.5, 0.0, 1.2],
        bias_rates: vec![2.0, 0.7, 0.4],
        biases: vec![None, Some(start(0.6, 0.3)), Some(start(1.0 / 0.7, 0.49))],
    });
    check(&problem);
}

#[test]
fn batches_of_many_samples_agree_with_automatic_differentiation() {
    // 40 outer products a step go straight into the stored weights and velocity; the width is above the size that is always
    // flushed, so the momentum of 8 samples is carried by pending products.
    for (samples, momentum, nesterov, decay) in
        [(40, 0.0, false, 0.0), (40, 0.6, false, 0.0), (40, 0.6, true, 0.05), (8, 0.3, false, 0.0)]
    {
        let mut problem = perceptrons::problem(2, 1, common::descent(9, momentum, nesterov), Activation::Tanh, true);
        problem.optimizer.weight_decay = decay;
        problem.data.train.inputs = Matrix::from_fn(samples, 5, |i, j| (0.37 * (5 * i + j) as f64).sin());
        problem.data.train.targets = Matrix::from_fn(samples, 1, |i, _| (0.91 * i as f64).cos());
        for width in [WIDTH, 260] {
            let difference = difference(&problem, width);
            assert!(difference < 1e-12, "{difference:e}: P = {samples}, μ = {momentum}, λ = {decay}, m = {width}");
        }
    }
}

#[test]
fn every_parameterisation_and_frozen_layers_agree_with_automatic_differentiation() {
    let parameterizations = [
        Parameterization::MeanField { richness: 0.7, sigma_in: 1.2, sigma_out: 0.9, sigma_b: Some(0.3) },
        Parameterization::Standard {
            sigma_w: vec![1.1, 1.3, 0.9],
            sigma_b: Some(vec![0.1, 0.0, 0.2]),
            learning_rate_exponent: -1.0,
        },
        Parameterization::Ntk {
            sigma_w: vec![1.1, 1.3, 0.9],
            sigma_b: vec![0.1, 0.0, 0.2],
            weight_rates: vec![0.0, 0.5, 1.0],
            bias_rates: vec![1.0, 1.0, 0.0],
        },
        Parameterization::Ntk {
            sigma_w: vec![1.1, 1.3, 0.9],
            sigma_b: vec![0.1, 0.0, 0.2],
            weight_rates: vec![0.0, 0.0, 1.0],
            bias_rates: vec![0.0, 0.0, 0.0],
        },
    ];
    for parameterization in parameterizations {
        let mut problem = perceptrons::problem(2, 2, common::descent(12, 0.3, false), Activation::Tanh, true);
        problem.parameterization = parameterization;
        problem.optimizer.weight_decay = 0.05;
        let difference = difference(&problem, WIDTH);
        assert!(difference < 1e-12, "{difference:e}: {:?}", problem.parameterization);
    }
}

#[test]
fn kernels_are_those_of_the_jacobian() {
    for activation in [Activation::Relu, Activation::Erf, Activation::Silu] {
        let mut problem = perceptrons::problem(2, 2, common::descent(1, 0.0, false), activation, true);
        // The first weights are frozen, the second learn at half the rate.
        problem.parameterization = Parameterization::Ntk {
            sigma_w: vec![1.1, 1.3, 0.9],
            sigma_b: vec![0.1, 0.0, 0.2],
            weight_rates: vec![0.0, 0.5, 1.0],
            bias_rates: vec![1.0, 1.0, 1.0],
        };
        problem.record.quantities =
            vec![Quantity::TangentKernel, Quantity::MeanTangentKernel, Quantity::TangentKernelNorm];
        problem.record.at = vec![0.0];
        let parameters = entries(&mut network(&problem, WIDTH));
        let rates = learning_rates(&problem, WIDTH);
        let inputs = &problem.data.train.inputs;
        let (samples, k) = (inputs.nrows(), 2);
        // Rows of the Jacobian, each parameter scaled by the root of its learning rate.
        let gradient = |row: usize| -> Vec<f64> {
            let device = Device::flex().autodiff();
            let tensors: Vec<Tensor<2>> = parameters.iter().map(|w| tensor(w, &device).require_grad()).collect();
            let outputs = outputs(&problem, WIDTH, &tensors, tensor(inputs, &device));
            let mut unit = Matrix::zeros(samples, k);
            unit[(row / k, row % k)] = 1.0;
            let gradients = outputs.mul(tensor(&unit, &device)).sum().backward();
            let scaled =
                |(parameter, rate): (&Tensor<2>, &f64)| host(parameter.grad(&gradients).unwrap()) * rate.sqrt();
            tensors.iter().zip(&rates).flat_map(|pair| scaled(pair).as_slice().to_vec()).collect()
        };
        let rows: Vec<Vec<f64>> = (0..samples * k).map(gradient).collect();
        let jacobian = Matrix::from_row_iterator(samples * k, rows[0].len(), rows.concat());
        let expected = &jacobian * jacobian.transpose();

        let mut training = MlpTraining::new(&problem, network(&problem, WIDTH), SEED).unwrap();
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        let kernel = &perceptrons::matrices(&records, Quantity::TangentKernel)[0];
        assert!((kernel - &expected).amax() < 1e-13 * expected.amax(), "{activation:?}");
        let mean = &perceptrons::matrices(&records, Quantity::MeanTangentKernel)[0];
        let trace = |p: usize, q: usize| 0.5 * (expected[(2 * p, 2 * q)] + expected[(2 * p + 1, 2 * q + 1)]);
        let expected_mean = Matrix::from_fn(samples, samples, trace);
        assert!((mean - &expected_mean).amax() < 1e-13 * expected.amax(), "{activation:?}");
        let norm = perceptrons::scalars(&records, Quantity::TangentKernelNorm)[0];
        assert!((norm - expected.norm() / samples as f64).abs() < 1e-13 * norm);
    }
}

/// Eigenvalues of `K^½ H K^½` in increasing order, column by column from central differences of gradients.
fn hessian_eigenvalues(problem: &Problem, width: u64, parameters: &[Matrix]) -> Vec<f64> {
    let rates = learning_rates(problem, width);
    let scaled = |parameters: &[Matrix]| {
        let of = gradients(problem, width, parameters);
        let of = of.into_iter().zip(parameters).zip(&rates).flat_map(|((gradient, parameter), rate)| {
            let gradient = gradient.unwrap_or_else(|| parameter * 0.0) * rate.sqrt();
            gradient.as_slice().to_vec()
        });
        Matrix::from_vec(parameters.iter().map(Matrix::len).sum(), 1, of.collect())
    };
    let mut columns = Vec::new();
    for (i, rate) in rates.iter().enumerate() {
        for entry in 0..parameters[i].len() {
            let moved = |h: f64| {
                let mut parameters = parameters.to_vec();
                parameters[i][entry] += h * rate.sqrt();
                scaled(&parameters)
            };
            columns.push((moved(1e-5) - moved(-1e-5)) / 2e-5);
        }
    }
    let hessian = Matrix::from_columns(&columns.iter().map(|column| column.column(0)).collect::<Vec<_>>());
    let symmetric = (&hessian + hessian.transpose()) * 0.5;
    let mut values: Vec<f64> = symmetric.symmetric_eigenvalues().iter().copied().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// By power iteration, at the start and after steps; with residuals so large that the eigenvalue of largest size is negative, too.
#[test]
fn sharpness_is_the_largest_eigenvalue_of_the_hessian() {
    let width = 4;
    let rule = || common::descent(6, 0.0, false);
    let mut cross_entropy = perceptrons::problem(1, 3, rule(), Activation::Gelu, true);
    cross_entropy.loss = Loss::CrossEntropy;
    cross_entropy.data.train.targets = Matrix::from_fn(8, 3, |i, j| if i % 3 == j { 1.0 } else { 0.0 });
    let mut mean_field = perceptrons::problem(2, 2, rule(), Activation::Erf, false);
    mean_field.parameterization =
        Parameterization::MeanField { richness: 0.7, sigma_in: 0.9, sigma_out: 1.1, sigma_b: Some(0.2) };
    let mut frozen = perceptrons::problem(2, 1, rule(), Activation::Relu, true);
    frozen.parameterization = Parameterization::Ntk {
        sigma_w: vec![1.3; 3],
        sigma_b: vec![0.4; 3],
        weight_rates: vec![0.0, 1.5, 0.5],
        bias_rates: vec![0.7, 0.0, 1.0],
    };
    let mut far = perceptrons::problem(2, 1, rule(), Activation::Tanh, true);
    far.data.train.targets *= -40.0;
    far.optimizer.rule =
        Rule::Descent { learning_rate: 1e-4, steps: 6, momentum: 0.0, nesterov: false, batch_size: None };
    let mut is_negative_larger = false;
    for mut problem in [cross_entropy, mean_field, frozen, far] {
        problem.record.at = vec![0.0, 6.0];
        problem.record.quantities = vec![Quantity::Sharpness];
        let mut training = MlpTraining::new(&problem, network(&problem, width), SEED).unwrap();
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        let states = [entries(&mut network(&problem, width)), entries(&mut training.network)];
        for (record, parameters) in records.iter().zip(&states) {
            let Value::Scalar(found) = record.values[&Quantity::Sharpness] else { panic!("a number") };
            let values = hessian_eigenvalues(&problem, width, parameters);
            let (smallest, next, largest) = (values[0], values[values.len() - 2], values[values.len() - 1]);
            is_negative_larger |= -smallest > largest;
            let named = (problem.network.activation, problem.loss);
            assert!((found / largest - 1.0).abs() < 1e-3, "{named:?}: {found}, not {largest}");
            assert!(next < 0.99 * largest, "{named:?}: no control, {next} and {largest}");
        }
    }
    assert!(is_negative_larger);
}
