//! docs/theory/nonlinear-mean-field.md §7: exactness for linear networks, convergence, coverage, and negative controls.

use widenet_core::{
    Matrix, Problem, Width,
    problem::{Activation, Annealing, Loss, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    training::Control,
    trajectory::{Record, Status, Value},
};
use widenet_limits::{
    classifiers, mean_field,
    nonlinear::{Options, Scheme, Solution, solve},
};

use crate::common::{descent, problem};

fn go(_: f64) -> Control {
    Control::Continue
}

fn matrix(values: &std::collections::BTreeMap<Quantity, Value>) -> &Matrix {
    match &values[&Quantity::Outputs] {
        Value::Matrix(outputs) => outputs,
        other => panic!("{other:?}"),
    }
}

fn outputs(record: &Record) -> &Matrix {
    matrix(&record.values)
}

/// A network with this activation on P = 4 inputs of length 1 in R³.
fn perceptron(activation: Activation, hidden_layers: usize, steps: u64) -> Problem {
    let mut problem = problem(hidden_layers, 3, 1, 4);
    problem.network.activation = activation;
    for mut row in problem.data.train.inputs.row_iter_mut() {
        let length = row.norm();
        row /= length;
    }
    problem.data.train.targets = Matrix::from_column_slice(4, 1, &[0.9, -0.4, 0.6, 0.2]);
    problem.optimizer = descent(0.3, steps);
    problem.record = RecordPlan { at: vec![0.0, 1.0, steps as f64], quantities: vec![Quantity::Outputs] };
    problem
}

/// The limit by replicates of exactly 2^`log2` nodes.
fn with_nodes(problem: &Problem, log2: u32, seed: u64, replicates: usize, scheme: Scheme) -> Solution {
    let options = Options { accuracy: 1e-12, replicates, log2_nodes: (log2, log2), scheme, ..Options::default() };
    solve(problem, seed, &options, &go).expect("solves")
}

/// Standard deviation of one replicate's outputs at each record, root mean square over outputs.
fn stds(solution: &Solution, replicates: usize) -> Vec<f64> {
    let of_record = |record: &Record| {
        let errors = matrix(&record.errors);
        (errors.norm_squared() / errors.len() as f64 * replicates as f64).sqrt()
    };
    solution.trajectory.records.iter().map(of_record).collect()
}

/// Rates that grow and fall.
const SCHEDULE: Schedule = Schedule { warmup: 3, annealing: Annealing::Linear { end_factor: 0.2 } };

/// docs/theory/nonlinear-mean-field.md §7, first item. The tolerance on directions is the smallest.
#[test]
fn deep_linear_networks_are_exact_at_256_nodes() {
    let with_momentum =
        Rule::Descent { learning_rate: 0.05, steps: 10, momentum: 0.6, nesterov: false, batch_size: None };
    for (hidden_layers, columns, schedule) in [
        (1, 2, Schedule::CONSTANT),
        (2, 1, Schedule::CONSTANT),
        (2, 1, SCHEDULE),
        (3, 2, Schedule::CONSTANT),
        (3, 2, SCHEDULE),
    ] {
        let mut problem = problem(hidden_layers, 4, columns, 6);
        problem.parameterization =
            Parameterization::MeanField { richness: 1.7, sigma_in: 0.8, sigma_out: 1.2, sigma_b: None };
        problem.optimizer = descent(0.05, 10);
        problem.optimizer.schedule = schedule;
        if hidden_layers == 2 && schedule == SCHEDULE {
            problem.optimizer.rule = with_momentum.clone();
        }
        let mut exact = problem.clone();
        problem.record.at = vec![0.0, 1.0, 10.0];
        exact.record = RecordPlan { quantities: vec![Quantity::Outputs], ..problem.record.clone() };
        problem.record.quantities = vec![Quantity::Outputs, Quantity::TangentKernel];
        let exact =
            mean_field::solve(&exact, Width::Infinite, 0, &mean_field::Options::default(), &mut |_| Control::Continue);
        let exact = exact.expect("solves");
        let error = |log2: u32, scheme: Scheme| {
            let options = Options {
                accuracy: 1e-12,
                replicates: 2,
                tolerance: 1e-7,
                log2_nodes: (log2, log2),
                grids: false,
                scheme,
                ..Options::default()
            };
            let found = solve(&problem, 1, &options, &go).expect("solves").trajectory;
            let pairs = found.records.iter().zip(&exact.records);
            pairs.map(|(found, exact)| (outputs(found) - outputs(exact)).amax()).fold(0.0, f64::max)
        };
        let found = error(8, Scheme::STANDARD);
        assert!(found < 1e-8, "L = {hidden_layers}, k = {columns}: {found:e}");
        let unmatched = error(10, Scheme { matched: false, ..Scheme::STANDARD });
        assert!(unmatched > 1e-4, "without moment matching: {unmatched:e}");
    }
}

/// Mean and standard deviation of a replicate over outputs are sharp to a tenth with 32 replicates.
fn rate(activation: Activation, scheme: Scheme) -> f64 {
    let problem = perceptron(activation, 2, 16);
    let last = |log2| stds(&with_nodes(&problem, log2, 3, 32, scheme), 32)[2];
    (last(12) / last(8)).log2() / 4.0
}

/// docs/theory/nonlinear-mean-field.md §4: the standard error of scrambled nodes falls faster than m^(-1/2) for tanh, and that of independent ones as m^(-1/2).
#[test]
fn errors_fall_faster_than_those_of_networks() {
    let independent = Scheme { matched: false, independent: true, ..Scheme::STANDARD };
    let (sobol, network) = (rate(Activation::Tanh, Scheme::STANDARD), rate(Activation::Tanh, independent));
    assert!(sobol < -0.62, "{sobol}");
    assert!((network + 0.5).abs() < 0.12, "{network}");
}

/// Shares of the outputs that intervals of groups of replicates cover: with these factors of the standard error, against many nodes. 13 groups of 8
/// at each of 2^8, 2^9 and 2^10 nodes, three records, 4 outputs each.
fn coverage(activation: Activation, factors: [f64; 3]) -> [f64; 3] {
    let problem = perceptron(activation, 2, 8);
    let exact = with_nodes(&problem, 14, 99, 16, Scheme::STANDARD);
    let mut deviations = Vec::new();
    for (log2, seed) in (8..=10).flat_map(|log2| (0..13).map(move |seed| (log2, seed))) {
        let found = with_nodes(&problem, log2, seed, 8, Scheme::STANDARD);
        for (found, exact) in found.trajectory.records.iter().zip(&exact.trajectory.records) {
            let apart = (outputs(found) - outputs(exact)).abs();
            let of_errors = apart.iter().zip(matrix(&found.errors).iter()).map(|(apart, error)| apart / error);
            deviations.extend(of_errors);
        }
    }
    assert!(deviations.iter().all(|deviation| deviation.is_finite()));
    let all = deviations.len() as f64;
    factors.map(|factor| deviations.iter().filter(|deviation| **deviation <= factor).count() as f64 / all)
}

/// docs/theory/nonlinear-mean-field.md §7: t of 7 degrees of freedom covers in 90 to 99 %. Negative controls: one standard error covers too little (of t, 65
/// %), and intervals of standard deviations of single replicates, √8 times as wide, everything.
#[test]
fn intervals_of_95_percent_cover() {
    let right = 2.3646;
    for activation in [Activation::Tanh, Activation::Relu] {
        let [covered, narrow, wide] = coverage(activation, [right, 1.0, right * 8f64.sqrt()]);
        assert!((0.90..=0.99).contains(&covered), "{activation:?}: {covered}");
        assert!(narrow < 0.80 && wide > 0.99, "{activation:?}: {narrow} {wide}");
    }
}

/// docs/theory/nonlinear-mean-field.md §7, negative control: the response term is worth 0.01 and more, a hundred standard errors.
#[test]
fn without_the_response_term_the_limit_is_another() {
    let problem = perceptron(Activation::Tanh, 2, 6);
    let found = with_nodes(&problem, 12, 1, 8, Scheme::STANDARD);
    let forgetful = with_nodes(&problem, 12, 1, 8, Scheme { forgetful: true, ..Scheme::STANDARD });
    let (found, other) = (&found.trajectory.records[2], &forgetful.trajectory.records[2]);
    let apart = (outputs(found) - outputs(other)).amax();
    let error = matrix(&found.errors).amax();
    assert!(apart > 0.01 && apart > 30.0 * error, "{apart} with standard errors {error}");
}

/// One hidden layer on a grid, on drawn nodes, and by the particles of the limits of classifiers.
#[test]
fn one_hidden_layer_agrees_with_grids_and_particles() {
    agrees_with_grids_and_particles(Schedule::CONSTANT);
    agrees_with_grids_and_particles(SCHEDULE);
}

fn agrees_with_grids_and_particles(schedule: Schedule) {
    let mut problem = perceptron(Activation::Tanh, 1, 10);
    problem.optimizer.schedule = schedule;
    problem.data.train.inputs = problem.data.train.inputs.columns(0, 2).into_owned();
    problem.data.train.targets.apply(|target| *target = target.signum());
    problem.loss = Loss::Logistic;
    let options = Options { accuracy: 1e-6, ..Options::default() };
    let grid = solve(&problem, 1, &options, &go).expect("solves");
    assert!(grid.reached <= 1e-6 && grid.notes[0].contains("grids"), "{:?}", grid.notes);
    let drawn = Options { grids: false, accuracy: 1e-4, ..options };
    let drawn = solve(&problem, 1, &drawn, &go).expect("solves");
    assert!(drawn.notes[0].contains("replicates"), "{:?}", drawn.notes);
    let particles = classifiers::solve(&problem, Width::Infinite, 1, None, &mut |_| Control::Continue).expect("solves");
    let last = |records: &[Record]| outputs(&records[2]).clone();
    let exact = last(&grid.trajectory.records);
    let error = matrix(&drawn.trajectory.records[2].errors).amax();
    let apart = (last(&drawn.trajectory.records) - &exact).amax();
    assert!(apart < 5.0 * error, "{apart} with standard errors {error}");
    let of_particles = (last(&particles.records) - &exact).amax();
    assert!(of_particles < 2e-3 * exact.amax(), "{of_particles}");
}

/// E[φ φ'] and E[φ' φ'] of ReLU, for a covariance.
fn relu_moments(k: &Matrix, i: usize, j: usize) -> (f64, f64) {
    let size = (k[(i, i)] * k[(j, j)]).sqrt();
    let angle = (k[(i, j)] / size).clamp(-1.0, 1.0).acos();
    let pi = std::f64::consts::PI;
    (size * (angle.sin() + (pi - angle) * angle.cos()) / (2.0 * pi), (pi - angle) / (2.0 * pi))
}

/// docs/theory/nonlinear-mean-field.md §7: at step 0 the kernels are those of the recursions of NNGP and tangent kernels.
#[test]
fn kernels_at_the_start_are_those_of_the_kernel_regime() {
    let mut problem = perceptron(Activation::Relu, 3, 1);
    problem.parameterization =
        Parameterization::MeanField { richness: 2.0, sigma_in: 1.3, sigma_out: 0.7, sigma_b: None };
    let quantities = vec![Quantity::TangentKernel, Quantity::FeatureKernels, Quantity::GradientKernels];
    problem.record = RecordPlan { at: vec![0.0], quantities };
    let inputs = &problem.data.train.inputs;
    let products = inputs * inputs.transpose();
    let mut before = &products * 1.3 * 1.3;
    let (mut features, mut slopes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let moments = |which: fn((f64, f64)) -> f64| Matrix::from_fn(4, 4, |i, j| which(relu_moments(&before, i, j)));
        let (values, derivatives) = (moments(|pair| pair.0), moments(|pair| pair.1));
        slopes.push(derivatives);
        features.push(values.clone());
        before = values;
    }
    let mut gradients = vec![&slopes[2] * 0.49];
    for slope in [&slopes[1], &slopes[0]] {
        gradients.insert(0, gradients[0].component_mul(slope));
    }
    let tangent = &features[2]
        + gradients[2].component_mul(&features[1])
        + gradients[1].component_mul(&features[0])
        + gradients[0].component_mul(&products);

    let found = with_nodes(&problem, 13, 2, 8, Scheme::STANDARD);
    let record = &found.trajectory.records[0];
    let expected = [
        (Quantity::TangentKernel, Value::Matrix(tangent)),
        (Quantity::FeatureKernels, Value::Matrices(features)),
        (Quantity::GradientKernels, Value::Matrices(gradients)),
    ];
    for (quantity, expected) in expected {
        let (values, errors) = (record.values[&quantity].flatten(), record.errors[&quantity].flatten());
        for (i, expected) in expected.flatten().into_iter().enumerate() {
            let z = (values[i] - expected).abs() / errors[i].max(1e-12);
            assert!(
                z < 6.0 && errors[i] < 0.01,
                "{} entry {i}: {} ± {} against {expected}",
                quantity.name(),
                values[i],
                errors[i]
            );
        }
    }
}

/// docs/theory/nonlinear-mean-field.md §7: little richness is lazy.
#[test]
fn little_richness_follows_the_kernel() {
    let mut problem = perceptron(Activation::Tanh, 2, 6);
    problem.parameterization =
        Parameterization::MeanField { richness: 0.03, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
    problem.record.quantities = vec![Quantity::Outputs, Quantity::TangentKernel];
    let found = with_nodes(&problem, 14, 1, 8, Scheme::STANDARD);
    let records = &found.trajectory.records;
    let Value::Matrix(kernel) = &records[0].values[&Quantity::TangentKernel] else { panic!("a kernel") };
    let targets = &problem.data.train.targets;
    let mut f = outputs(&records[0]).clone();
    for _ in 0..6 {
        f -= kernel * ((&f - targets) / 4.0) * 0.3;
    }
    let apart = (outputs(&records[2]) - &f).amax();
    let error = matrix(&records[2].errors).amax();
    assert!(apart < 5.0 * error + 5e-3 && error < 0.02, "{apart} with standard errors {error}");
    assert!(f.amax() > 0.1, "it learns");
}

#[test]
fn numbers_do_not_depend_on_the_number_of_threads() {
    let mut problem = perceptron(Activation::Tanh, 2, 3);
    problem.optimizer.rule =
        Rule::Descent { learning_rate: 0.2, steps: 3, momentum: 0.5, nesterov: true, batch_size: Some(2) };
    problem.record.at = vec![0.0, 1.0, 3.0];
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| with_nodes(&problem, 8, 7, 3, Scheme::STANDARD).trajectory)
    };
    let one = on(1);
    assert!([2, 5].into_iter().all(|threads| on(threads) == one));
    assert!(with_nodes(&problem, 8, 8, 3, Scheme::STANDARD).trajectory != one, "another seed has other nodes");
}

#[test]
fn what_cannot_be_reached_is_said() {
    let problem = perceptron(Activation::Relu, 2, 4);
    let few = Options { log2_nodes: (8, 9), ..Options::default() };
    let solution = solve(&problem, 1, &few, &go).expect("solves");
    assert!(solution.reached > few.accuracy && solution.nodes == 512);
    assert!(
        solution.notes.iter().any(|note| note.contains("was not reached: 2^9 nodes are the most")),
        "{:?}",
        solution.notes
    );
    let little = Options { memory: 1 << 20, ..Options::default() };
    let solution = solve(&problem, 1, &little, &go).expect("solves");
    assert!(solution.notes.iter().any(|note| note.contains("twice as many nodes would take")), "{:?}", solution.notes);
    let none = Options { log2_nodes: (3, 4), ..Options::default() };
    let said = solve(&problem, 1, &none, &go).expect_err("too few nodes").to_string();
    assert!(said.contains("more directions than 2^4 nodes"), "{said}");

    let mut unstable = perceptron(Activation::Identity, 2, 200);
    unstable.optimizer = descent(1e3, 200);
    unstable.record.at = vec![0.0, 1.0, 200.0];
    let diverged = solve(&unstable, 1, &Options { log2_nodes: (8, 8), ..Options::default() }, &go).expect("a result");
    assert!(matches!(diverged.trajectory.status, Status::Diverged { .. }));
    assert_eq!(diverged.trajectory.records.len(), 2);
    let stopped = solve(&problem, 1, &Options::default(), &|_| Control::Stop).expect("a result");
    assert!(matches!(stopped.trajectory.status, Status::Interrupted { .. }) && stopped.trajectory.records.is_empty());
}

#[test]
fn bad_options_and_problems_without_this_limit_are_named() {
    let good = perceptron(Activation::Tanh, 2, 4);
    let refused = |problem: &Problem, options: Options, parts: &[&str]| {
        let said = solve(problem, 1, &options, &go).expect_err("refused").to_string();
        for part in parts {
            assert!(said.contains(part), "`{part}` is missing in: {said}");
        }
    };
    let usual = Options::default();
    for accuracy in [0.0, -1.0, 1.0, f64::NAN] {
        refused(&good, Options { accuracy, ..usual }, &["accuracy", "between 0 and 1"]);
    }
    refused(&good, Options { replicates: 1, ..usual }, &["replicates = 1", "at least 2"]);
    refused(&good, Options { tolerance: 1e-8, ..usual }, &["tolerance = 1e-8", "1e-7"]);
    let with = |change: &dyn Fn(&mut Problem)| {
        let mut problem = good.clone();
        change(&mut problem);
        problem
    };
    let momentum_flow = Rule::MomentumFlow { learning_rate: 0.1, steps: 4, momentum: 0.5, tolerance: 1e-9 };
    let flow = with(&|problem| problem.optimizer.rule = momentum_flow.clone());
    refused(&flow, usual, &["momentum_flow", "steps"]);
    let rule = Rule::RmsProp { learning_rate: 0.1, steps: 4, decay: 0.9, epsilon: 1e-8, batch_size: None };
    refused(&with(&|problem| problem.optimizer.rule = rule.clone()), usual, &["rmsprop", "gd"]);
    let rule = Rule::Adam { learning_rate: 0.1, steps: 4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, batch_size: None };
    refused(&with(&|problem| problem.optimizer.rule = rule.clone()), usual, &["adam", "gd"]);
    for quantity in [Quantity::WeightChange, Quantity::ParameterDistance, Quantity::NngpKernel] {
        let record = with(&|problem| problem.record.quantities = vec![quantity]);
        refused(&record, usual, &[quantity.name(), "feature_kernels"]);
    }
    refused(&with(&|problem| problem.parameterization = Parameterization::ntk(2, 1.0)), usual, &["mean_field", "µP"]);
}

/// Gradient flow: exact for linear networks up to what probes leave out, and what descent with small steps comes to at first order, on a grid
/// and on drawn nodes.
#[test]
fn gradient_flow_is_the_limit_of_small_steps() {
    const TIME: f64 = 1.5;
    let by_flow = |mut problem: Problem| {
        problem.optimizer.rule = Rule::Flow { time: TIME, tolerance: 1e-10 };
        problem.record.at = vec![0.0, 0.5, TIME];
        problem
    };
    let linear = by_flow(perceptron(Activation::Identity, 2, 1));
    let exact =
        mean_field::solve(&linear, Width::Infinite, 0, &mean_field::Options::default(), &mut |_| Control::Continue);
    let options = Options { accuracy: 1e-12, replicates: 2, tolerance: 1e-7, log2_nodes: (8, 8), ..Options::default() };
    let found = solve(&linear, 1, &options, &go).expect("solves").trajectory;
    for (found, exact) in found.records.iter().zip(&exact.expect("solves").records) {
        let apart = (outputs(found) - outputs(exact)).amax();
        assert!(apart < 1e-6, "{apart:e} at {}", exact.time);
    }
    // One hidden layer and two inputs on a grid; two hidden layers on nodes.
    for hidden_layers in [1, 2] {
        let mut problem = perceptron(Activation::Tanh, hidden_layers, 1);
        problem.data.train.inputs = problem.data.train.inputs.columns(0, 2).into_owned();
        let options = Options { accuracy: 5e-2, replicates: 2, tolerance: 1e-6, ..Options::default() };
        let end = |problem: &Problem| {
            let found = solve(problem, 1, &options, &go).expect("solves").trajectory;
            outputs(found.records.last().expect("records")).clone()
        };
        let exact = end(&by_flow(problem.clone()));
        let errors = [16, 32].map(|steps| {
            let mut problem = problem.clone();
            problem.optimizer = descent(TIME / steps as f64, steps);
            problem.record.at = vec![steps as f64];
            (end(&problem) - &exact).amax()
        });
        let ratio = errors[0] / errors[1];
        assert!((ratio - 2.0).abs() < 0.2, "{hidden_layers}: {errors:?}");
    }
}

/// Two hidden layers, one sample and a short horizon: as steps they would be counted for a grid, and the stages of a flow are not.
#[test]
fn flows_of_two_hidden_layers_are_on_drawn_nodes() {
    let mut problem = perceptron(Activation::Tanh, 2, 1);
    problem.data.train.inputs = problem.data.train.inputs.rows(0, 1).into_owned();
    problem.data.train.targets = problem.data.train.targets.rows(0, 1).into_owned();
    let options = Options { accuracy: 5e-2, replicates: 2, ..Options::default() };
    let said = |problem: &Problem| solve(problem, 1, &options, &go).expect("solves").notes.join(" ");
    let stepped = said(&problem);
    assert!(stepped.contains("grids"), "{stepped}");
    problem.optimizer.rule = Rule::Flow { time: 1.0, tolerance: 1e-6 };
    let flowing = said(&problem);
    assert!(flowing.contains("replicates of 2^10 nodes"), "{flowing}");
}
