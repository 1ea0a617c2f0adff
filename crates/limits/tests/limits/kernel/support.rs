//! Networks, problems and data that several tests share.

use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule, Schedule},
    scaling::KernelNetwork,
    training::Control,
};
use widenet_limits::kernel::{
    Initial, Kernels, Moment, Prediction, Question, Spread, Trained, Which, kernels, predict,
};

/// A fixed, generic matrix with entries of order 1.
pub(crate) fn wave(rows: usize, columns: usize, phase: f64) -> Matrix {
    Matrix::from_fn(rows, columns, |i, j| {
        1.4 * ((i * 13 + j * 29 + i * j * j) as f64 * 0.61 + (i * i) as f64 * 0.17 + phase).sin()
    })
}

/// A problem in NTK parameterisation with one (σ_w, σ_b) per weight matrix, and nothing to record.
pub(crate) fn problem(
    activation: Activation,
    sigmas: &[(f64, f64)],
    train: (Matrix, Matrix),
    test: Option<(Matrix, Matrix)>,
    rule: Rule,
) -> Problem {
    let samples = |(inputs, targets)| Samples { inputs, targets };
    Problem {
        network: Network {
            hidden_layers: sigmas.len() - 1,
            activation,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::Ntk {
            sigma_w: sigmas.iter().map(|sigmas| sigmas.0).collect(),
            sigma_b: sigmas.iter().map(|sigmas| sigmas.1).collect(),
            weight_rates: vec![1.0; sigmas.len()],
            bias_rates: vec![1.0; sigmas.len()],
        },
        data: Dataset { train: samples(train), test: test.map(samples), provenance: Default::default() },
        loss: Loss::Squared { mean_over_outputs: true },
        ensemble: None,
        stop: None,
        optimizer: Optimizer { rule, weight_decay: 0.0, schedule: Schedule::CONSTANT },
        record: RecordPlan { at: Vec::new(), quantities: Vec::new() },
    }
}

/// Six training and three test samples with two outputs.
pub(crate) fn small(activation: Activation, rule: Rule) -> Problem {
    let sigmas = [(1.4, 0.2), (1.3, 0.1), (1.2, 0.3)];
    let train = (wave(6, 4, 0.3), wave(6, 2, 1.1));
    problem(activation, &sigmas, train, Some((wave(3, 4, 2.2), wave(3, 2, 0.7))), rule)
}

/// Plain gradient descent.
pub(crate) fn descent(learning_rate: f64) -> Rule {
    Rule::Descent { learning_rate, steps: 1000, momentum: 0.0, nesterov: false, batch_size: None }
}

/// The network of a problem as its kernels see it.
pub(crate) fn network(problem: &Problem) -> KernelNetwork {
    let scaling = problem.scaling();
    scaling.kernel_network(problem.network.activation, problem.data.input_dimension()).expect("a kernel regime")
}

pub(crate) fn both(network: &KernelNetwork, x1: &Matrix, x2: Option<&Matrix>) -> (Matrix, Matrix) {
    let Kernels { nngp, tangent } =
        kernels(network, x1, x2, Which::Both, &mut |_| Control::Continue).expect("finite kernels");
    (nngp.expect("asked for"), tangent.expect("asked for"))
}

/// The question about the mean and covariance of the ensemble at these moments.
pub(crate) fn question(moments: &[Moment]) -> Question {
    Question {
        trained: Trained::All,
        moments: moments.to_vec(),
        spread: Spread::Covariance,
        ridge: None,
        cutoff: false,
        initial: Initial::Ensemble,
        seed: 1,
        test_inputs: None,
        given: None,
    }
}

pub(crate) fn answers(problem: &Problem, question: &Question) -> Vec<Prediction> {
    predict(problem, question, &mut |_| Control::Continue).expect("an answer")
}

/// Largest difference of two matrices, relative to the largest entry of the second.
pub(crate) fn distance(value: &Matrix, reference: &Matrix) -> f64 {
    assert_eq!(value.shape(), reference.shape());
    (value - reference).amax() / reference.amax().max(f64::MIN_POSITIVE)
}
