//! Trajectories at width ∞.

use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem, Trajectory, Width,
    problem::{Activation, Ensemble, Labels, Loss, Quantity, Rule, Scope},
    training::Control,
    trajectory::{Engine, Record, Status, Value},
};
use widenet_limits::kernel::{Initial, Moment, Start, largest_stable_rate, solve};

use super::support::{answers, both, descent, distance, network, question, small, wave};

fn recording(mut problem: Problem, at: &[f64], quantities: impl IntoIterator<Item = Quantity>) -> Problem {
    problem.record.at = at.to_vec();
    problem.record.quantities = quantities.into_iter().collect();
    problem
}

fn solved(problem: &Problem, seed: u64, start: Option<&Start>) -> Trajectory {
    solve(problem, seed, start, &mut |_| Control::Continue).expect("a solution")
}

fn matrix(record: &Record, quantity: Quantity) -> Matrix {
    match record.values.get(&quantity) {
        Some(Value::Matrix(matrix)) => matrix.clone(),
        other => panic!("{}: {other:?}", quantity.name()),
    }
}

fn scalar(record: &Record, quantity: Quantity) -> f64 {
    match record.values.get(&quantity) {
        Some(Value::Scalar(value)) => *value,
        other => panic!("{}: {other:?}", quantity.name()),
    }
}

/// Sizes of activations, which only finite networks have here.
const OF_FINITE_NETWORKS: [Quantity; 7] = [
    Quantity::Sharpness,
    Quantity::ActivationNorms,
    Quantity::ActivationChanges,
    Quantity::OutputChange,
    Quantity::Decomposition,
    Quantity::FeatureKernels,
    Quantity::GradientKernels,
];

/// All quantities of one network that the limit has.
fn of_one_network() -> impl Iterator<Item = Quantity> {
    let of_limit = |quantity: &Quantity| {
        matches!(quantity.scope(), Scope::Any | Scope::Mlp) && !OF_FINITE_NETWORKS.contains(quantity)
    };
    Quantity::all().filter(of_limit)
}

/// One output and labels ±1.
fn one_output(mut problem: Problem) -> Problem {
    let one = |matrix: &Matrix| matrix.columns(0, 1).map(f64::signum);
    problem.data.train.targets = one(&problem.data.train.targets);
    let test = problem.data.test.as_mut().expect("test samples");
    test.targets = one(&test.targets);
    problem
}

fn start() -> Start {
    Start { train: wave(6, 2, 0.9), test: Some(wave(3, 2, 1.5)) }
}

#[test]
fn a_trajectory_has_every_quantity_of_a_network() {
    let problem = recording(small(Activation::Relu, descent(0.2)), &[0.0, 7.0, 1000.0], of_one_network());
    let trajectory = solved(&problem, 3, Some(&start()));
    assert_eq!((trajectory.width, trajectory.engine), (Width::Infinite, Engine::Limit));
    assert_eq!((trajectory.status, trajectory.records.len()), (Status::Done, 3));
    let record = &trajectory.records[1];
    assert_eq!((record.step, record.time), (7, 0.2 * 7.0));
    for quantity in &problem.record.quantities {
        assert!(record.values.contains_key(quantity), "{}", quantity.name());
    }
    let mut asked = question(&[Moment::At(7.0)]);
    asked.spread = widenet_limits::kernel::Spread::None;
    asked.initial = Initial::Outputs { train: start().train, test: start().test };
    let prediction = answers(&problem, &asked).remove(0);
    let train = matrix(record, Quantity::Outputs);
    assert_eq!(train, prediction.train.mean);
    assert_eq!(matrix(record, Quantity::TestOutputs), prediction.test.expect("test samples").mean);
    assert_eq!(train, matrix(record, Quantity::LinearisedOutputs));
    let data = &problem.data.train;
    assert_eq!(scalar(record, Quantity::TrainLoss), problem.loss.value(&train, &data.targets));
    assert_eq!(
        scalar(record, Quantity::TrainAccuracy),
        Labels::of(&data.targets).unwrap().accuracy(&train, &data.targets)
    );
    let (nngp, tangent) = both(&network(&problem), &data.inputs, None);
    assert_eq!(matrix(record, Quantity::NngpKernel), nngp);
    let full = matrix(record, Quantity::TangentKernel);
    assert_eq!((full[(2, 5)], full[(2, 4)], full[(3, 4)]), (0.0, tangent[(1, 2)], 0.0));
    assert!((scalar(record, Quantity::TangentKernelNorm) - full.norm() / 6.0).abs() < 1e-13);
}

/// ‖θ − θ_0‖² → r_0ᵀ Θ⁻¹ r_0 for squared loss (docs/theory/ntk.md §3).
#[test]
fn the_parameter_distance_is_that_of_the_least_norm_solution() {
    let flow = Rule::Flow { time: 1e6, tolerance: 1e-9 };
    let problem = recording(small(Activation::Erf, flow), &[0.0, 1e6], [Quantity::ParameterDistance]);
    let (_, tangent) = both(&network(&problem), &problem.data.train.inputs, None);
    let residual = start().train - &problem.data.train.targets;
    let solution = tangent.lu().solve(&residual).expect("a regular kernel");
    let records = solved(&problem, 0, Some(&start())).records;
    assert_eq!(scalar(&records[0], Quantity::ParameterDistance), 0.0);
    let expected = residual.dot(&solution).sqrt();
    assert!((scalar(&records[1], Quantity::ParameterDistance) / expected - 1.0).abs() < 1e-9);

    let mut rated = problem.clone();
    let widenet_core::problem::Parameterization::Ntk { weight_rates, bias_rates, .. } = &mut rated.parameterization
    else {
        panic!("NTK")
    };
    weight_rates.fill(4.0);
    bias_rates.fill(4.0);
    // Four times the rate is four times the time: the same path of outputs and the same distance.
    rated.record.at = vec![0.0, 0.5];
    let mut slow = problem.clone();
    slow.record.at = vec![0.0, 2.0];
    let distance =
        |problem: &Problem| scalar(&solved(problem, 0, Some(&start())).records[1], Quantity::ParameterDistance);
    assert!((distance(&rated) / distance(&slow) - 1.0).abs() < 1e-10);
}

#[test]
fn an_ensemble_is_its_law() {
    let sgd = Rule::Descent { learning_rate: 0.2, steps: 1000, momentum: 0.0, nesterov: false, batch_size: Some(3) };
    for rule in [descent(0.2), sgd] {
        let everything = of_one_network().chain(Quantity::all().filter(|quantity| quantity.scope() == Scope::Ensemble));
        let mut problem = recording(one_output(small(Activation::Relu, rule)), &[0.0, 20.0], everything);
        problem.ensemble = Some(Ensemble { networks: 2, antithetic: false });
        let record = solved(&problem, 1, None).records.remove(1);
        let prediction = answers(&problem, &question(&[Moment::At(20.0)])).remove(0);
        let test = prediction.test.expect("test samples");
        assert!(distance(&matrix(&record, Quantity::TestOutputs), &test.mean) < 1e-13);
        assert_eq!(Some(matrix(&record, Quantity::TestOutputCovariance)), test.covariance);
        let std = Matrix::from_column_slice(3, 1, &test.std.expect("asked for"));
        assert_eq!(matrix(&record, Quantity::TestOutputStd), std);
        // Mean loss and accuracy over many draws of the Gaussian outputs at one point, by quadrature.
        let targets = &problem.data.test.as_ref().expect("test samples").targets;
        let average = |g: &dyn Fn(f64, f64) -> f64| {
            let step = 0.001;
            let of_sample = |i: usize| {
                let nodes = (-9000..=9000).map(|j| f64::from(j) * step);
                let weight = |z: f64| step * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
                nodes.map(|z| weight(z) * g(test.mean[i] + std[i] * z, targets[i])).sum::<f64>()
            };
            (0..3).map(of_sample).sum::<f64>() / 3.0
        };
        let loss = average(&|f, y| 0.5 * (f - y).powi(2));
        assert!((scalar(&record, Quantity::TestLoss) - loss).abs() < 1e-10);
        let accuracy = average(&|f, y| f64::from(u8::from((f > 0.0) == (y > 0.0))));
        assert!((scalar(&record, Quantity::TestAccuracy) - accuracy).abs() < 1e-3);
        assert_eq!(scalar(&record, Quantity::FunctionKurtosis), 0.0);
    }
}

/// The covariance over draws of f_0 on training and test inputs, against K: the sum over the 45 entries of squared errors in units
/// of their variances `(K_ii K_jj + K_ij²)/M`, M = 4000. Over seeds 100 … 199 it was 43 ± 34 with K (largest 303), and 945 ± 229
/// with 1.15 K (smallest 529).
#[test]
fn sampled_functions_have_the_covariance_of_the_nngp_kernel() {
    let at_start = |problem| recording(problem, &[0.0], [Quantity::Outputs, Quantity::TestOutputs]);
    let mut problem = at_start(small(Activation::Relu, descent(0.1)));
    // Many outputs are as many independent draws.
    problem.data.train.targets = Matrix::zeros(6, 4000);
    problem.data.test.as_mut().expect("test samples").targets = Matrix::zeros(3, 4000);
    let record = solved(&problem, 11, None).records.remove(0);
    let mut draws = Matrix::zeros(9, 4000);
    draws.rows_mut(0, 6).copy_from(&matrix(&record, Quantity::Outputs));
    draws.rows_mut(6, 3).copy_from(&matrix(&record, Quantity::TestOutputs));
    let mut inputs = Matrix::zeros(9, 4);
    inputs.rows_mut(0, 6).copy_from(&problem.data.train.inputs);
    inputs.rows_mut(6, 3).copy_from(&problem.data.test.as_ref().expect("test samples").inputs);
    let (nngp, _) = both(&network(&problem), &inputs, None);
    let empirical = &draws * draws.transpose() / 4000.0;
    let chi_square = |kernel: &Matrix| {
        let entries = (0..9).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let term = |(i, j): (usize, usize)| {
            let variance = (kernel[(i, i)] * kernel[(j, j)] + kernel[(i, j)].powi(2)) / 4000.0;
            (empirical[(i, j)] - kernel[(i, j)]).powi(2) / variance
        };
        entries.map(term).sum::<f64>()
    };
    assert!(chi_square(&nngp) < 400.0, "{}", chi_square(&nngp));
    assert!(chi_square(&(1.15 * &nngp)) > 400.0, "{}", chi_square(&(1.15 * &nngp)));
    // The same seed is the same function; another is another.
    assert_eq!(solved(&problem, 11, None).records[0], record);
    assert_ne!(solved(&problem, 12, None).records[0], record);
}

#[test]
fn ensembles_of_other_losses_average_sampled_functions() {
    let quantities = [Quantity::TrainLoss, Quantity::TestOutputs, Quantity::TestOutputStd, Quantity::OutputStd];
    let mut problem = recording(one_output(small(Activation::Erf, descent(0.5))), &[0.0, 300.0], quantities);
    problem.loss = Loss::Logistic;
    problem.data.train.targets.apply(|y| *y = y.signum());
    problem.data.test.as_mut().expect("test samples").targets.apply(|y| *y = y.signum());
    problem.ensemble = Some(Ensemble { networks: 40, antithetic: true });
    let records = solved(&problem, 5, None).records;
    // Pairs cancel at the start, independent functions do not.
    assert!(matrix(&records[0], Quantity::TestOutputs).amax() < 1e-14);
    let std = matrix(&records[0], Quantity::TestOutputStd);
    assert!(std.min() > 0.3, "{std}");
    problem.ensemble = Some(Ensemble { networks: 40, antithetic: false });
    let independent = solved(&problem, 5, None).records;
    assert!(matrix(&independent[0], Quantity::TestOutputs).amax() > 1e-3);
    // Training points end closer together than they began.
    let spread = |record| matrix(record, Quantity::OutputStd).norm();
    assert!(spread(&records[1]) < 0.5 * spread(&records[0]));
    assert!(scalar(&records[1], Quantity::TrainLoss) < 0.5 * scalar(&records[0], Quantity::TrainLoss));
}

#[test]
fn a_learning_rate_above_the_largest_diverges_and_keeps_its_records() {
    let sgd = |learning_rate| Rule::Descent {
        learning_rate,
        steps: 10_000,
        momentum: 0.0,
        nesterov: false,
        batch_size: Some(6),
    };
    let plain = small(Activation::Relu, descent(1.0));
    let rate = 1.5 * largest_stable_rate(&plain).expect("a kernel");
    for rule in [descent(rate), sgd(rate)] {
        let mut problem = recording(plain.clone(), &[0.0, 3.0, 10_000.0], [Quantity::TrainLoss]);
        problem.optimizer.rule = rule;
        for ensemble in [None, Some(Ensemble { networks: 2, antithetic: false })] {
            problem.ensemble = ensemble;
            let trajectory = solved(&problem, 1, None);
            assert!(matches!(trajectory.status, Status::Diverged { .. }), "{:?}", trajectory.status);
            assert_eq!(trajectory.records.len(), 2);
        }
    }
}

#[test]
fn what_cannot_be_solved_is_named() {
    let problem = recording(small(Activation::Relu, descent(0.1)), &[0.0], [Quantity::TrainLoss]);
    let message = |problem: &Problem, start: Option<&Start>| {
        solve(problem, 1, start, &mut |_| Control::Continue).unwrap_err().to_string()
    };
    let mut decaying = problem.clone();
    decaying.optimizer.weight_decay = 0.1;
    assert!(message(&decaying, None).contains("weight_decay = 0.1"));
    let linear = recording(problem.clone(), &[0.0], [Quantity::Predictor]);
    assert!(message(&linear, None).contains("`predictor`"));
    let short = Start { train: wave(6, 2, 0.0), test: None };
    assert!(message(&problem, Some(&short)).contains("on the test inputs are missing"));
    let mut mean_field = problem.clone();
    mean_field.parameterization = widenet_core::problem::Parameterization::MeanField {
        richness: 1.0,
        sigma_in: 1.0,
        sigma_out: 1.0,
        sigma_b: None,
    };
    assert!(message(&mean_field, None).contains("outside the kernel regime"));
    let stopped = solve(&problem, 1, None, &mut |_| Control::Stop).unwrap();
    assert!(matches!(stopped.status, Status::Interrupted { .. }) && stopped.records.is_empty());
}
