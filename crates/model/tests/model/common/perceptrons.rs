//! Small perceptrons for the tests of their engine.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Parameterization, Quantity, Rule},
    training::{Block, Control, WeightMatrix, mlp::Mlp},
    trajectory::{Record, Status, Value},
};
use widenet_model::{DenseMatrix, DeviceChoice, Matrices, Precision, Run, mlp_with_panels, solve_on_device};

/// The problem of [`super::problem`] with an activation, in NTK parameterisation with σ_w = 1.3; biases with σ_b = 0.4 where wanted.
pub(crate) fn problem(
    hidden_layers: usize,
    outputs: usize,
    rule: Rule,
    activation: Activation,
    biases: bool,
) -> Problem {
    let mut problem = super::problem(hidden_layers, outputs, rule, 0.0);
    problem.network.activation = activation;
    let layers = hidden_layers + 1;
    problem.parameterization = Parameterization::Ntk {
        sigma_w: vec![1.3; layers],
        sigma_b: vec![if biases { 0.4 } else { 0.0 }; layers],
        weight_rates: vec![1.0; layers],
        bias_rates: vec![1.0; layers],
    };
    problem.record.quantities = vec![Quantity::Outputs, Quantity::TestOutputs];
    problem
}

/// The network that a run starts from, in `f64` and row panels of 4 KiB.
pub(crate) fn mlp(problem: &Problem, width: u64, seed: u64) -> Mlp<DenseMatrix> {
    let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
    mlp_with_panels(problem, width, seed.into(), &placement, 1 << 12).unwrap()
}

/// The records of a network of stored matrices in `f64`, trained to its end.
pub(crate) fn solve(problem: &Problem, width: u64, seed: u64) -> Vec<Record> {
    let device = DeviceChoice::Flex.open().unwrap();
    let run = Run {
        matrices: Matrices::Dense,
        problem,
        width,
        seed,
        device: &device,
        precision: Precision::F64,
        checkpoints: None,
    };
    let trajectory = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
    assert_eq!(trajectory.status, Status::Done);
    trajectory.records
}

/// All weights and biases, of each layer the weights first.
pub(crate) fn entries(network: &mut Mlp<DenseMatrix>) -> Vec<Matrix> {
    let entries = |matrix: &mut DenseMatrix| {
        let identity = matrix.input_block(&Matrix::identity(matrix.columns(), matrix.columns()));
        matrix.apply(&identity).to_matrix()
    };
    network.matrices_mut().map(entries).collect()
}

/// The matrices of a quantity in some records.
pub(crate) fn matrices(records: &[Record], quantity: Quantity) -> Vec<Matrix> {
    let matrix = |record: &Record| match &record.values[&quantity] {
        Value::Matrix(matrix) => matrix.clone(),
        other => panic!("{} is a matrix, not {other:?}", quantity.name()),
    };
    records.iter().map(matrix).collect()
}

/// The numbers of a quantity in some records.
pub(crate) fn scalars(records: &[Record], quantity: Quantity) -> Vec<f64> {
    records.iter().flat_map(|record| record.values[&quantity].flatten()).collect()
}
