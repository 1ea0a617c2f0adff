//! The smallest legal perceptrons: one neuron, one sample, one output, nothing that learns, no test samples.

use widenet_core::document::Word;
use widenet_core::problem::Need;
use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Ensemble, Parameterization, Quantity, Rule, Scope},
    training::Control,
    trajectory::{Record, Status},
};
use widenet_model::{DeviceChoice, Matrices, Precision, Run, solve_on_device};

use crate::common::{
    self,
    perceptrons::{self, matrices, scalars},
};

/// Everything that a single perceptron records.
fn quantities(problem: &Problem) -> Vec<Quantity> {
    let here = |quantity: &Quantity| {
        matches!(quantity.scope(), Scope::Any | Scope::Mlp)
            && (problem.data.test.is_some() || !quantity.needs(Need::TestOutputs))
    };
    Quantity::all().filter(here).collect()
}

fn solve(problem: &Problem, width: u64, precision: Precision) -> Vec<Record> {
    let device = DeviceChoice::Flex.open().unwrap();
    let run = Run { matrices: Matrices::Dense, problem, width, seed: 3, device: &device, precision, checkpoints: None };
    let trajectory = solve_on_device(&run, &mut |_| Control::Continue).unwrap().trajectory;
    assert_eq!(trajectory.status, Status::Done);
    trajectory.records
}

/// One hidden layer, one output, the first training samples.
fn smallest(samples: usize, rule: Rule) -> Problem {
    let mut problem = perceptrons::problem(1, 1, rule, Activation::Tanh, true);
    let train = &mut problem.data.train;
    // Labels, so that there are accuracies.
    let labels = train.targets.map(f64::signum);
    (train.inputs, train.targets) = (train.inputs.rows(0, samples).into(), labels.rows(0, samples).into());
    let test = problem.data.test.as_mut().expect("test samples");
    test.targets = test.targets.map(f64::signum);
    problem
}

fn batches_of(size: usize) -> Rule {
    Rule::Descent { learning_rate: 0.1, steps: 5, momentum: 0.5, nesterov: false, batch_size: Some(size) }
}

#[test]
fn one_neuron_one_sample_and_no_test_samples() {
    for (samples, rule) in
        [(1, common::descent(5, 0.0, false)), (1, batches_of(1)), (3, batches_of(1)), (3, batches_of(3))]
    {
        for test in [true, false] {
            let mut problem = smallest(samples, rule.clone());
            problem.data.test = problem.data.test.filter(|_| test);
            problem.record.quantities = quantities(&problem);
            for (width, precision) in [(1, Precision::F32), (2, Precision::F64)] {
                let records = solve(&problem, width, precision);
                assert_eq!(records.len(), 6);
                for (quantity, value) in records.iter().flat_map(|record| &record.values) {
                    let all_finite = value.flatten().iter().all(|number| number.is_finite());
                    assert!(all_finite, "{} is {value:?}", quantity.name());
                }
                assert_eq!(records[5].values.len(), problem.record.quantities.len());
                let losses = scalars(&records, Quantity::TrainLoss);
                assert!(losses[5] < losses[0], "{losses:?}");
            }
        }
    }
}

#[test]
fn a_network_that_does_not_learn_stays() {
    let mut problem = perceptrons::problem(2, 2, common::descent(5, 0.9, true), Activation::Relu, true);
    problem.parameterization = Parameterization::Ntk {
        sigma_w: vec![1.3; 3],
        sigma_b: vec![0.4; 3],
        weight_rates: vec![0.0; 3],
        bias_rates: vec![0.0; 3],
    };
    problem.record.quantities = quantities(&problem);
    let records = solve(&problem, 7, Precision::F64);
    for quantity in [Quantity::Outputs, Quantity::LinearisedOutputs] {
        let outputs = matrices(&records, quantity);
        assert_eq!(outputs[0], outputs[5], "{}", quantity.name());
    }
    assert_eq!(matrices(&records, Quantity::TangentKernel)[5], Matrix::zeros(16, 16));
    for quantity in [Quantity::TangentKernelChange, Quantity::WeightChange, Quantity::ParameterDistance] {
        assert!(scalars(&records, quantity).iter().all(|change| *change == 0.0), "{}", quantity.name());
    }
}

#[test]
fn outputs_that_are_always_zero_have_no_kurtosis() {
    let mut problem = perceptrons::problem(1, 1, common::descent(2, 0.0, false), Activation::Erf, false);
    problem.record.quantities = vec![Quantity::FunctionKurtosis];
    problem.record.at = vec![0.0];
    problem.ensemble = Some(Ensemble { networks: 6, antithetic: false });
    let kurtosis = |problem: &Problem| scalars(&solve(problem, 8, Precision::F64), Quantity::FunctionKurtosis)[0];
    problem.data.train.inputs.row_mut(0).fill(0.0);
    let with_zero = kurtosis(&problem);
    // The same without the input 0.
    let train = &mut problem.data.train;
    (train.inputs, train.targets) = (train.inputs.rows(1, 7).into(), train.targets.rows(1, 7).into());
    assert!((with_zero - kurtosis(&problem)).abs() < 1e-12, "{with_zero}");
}
