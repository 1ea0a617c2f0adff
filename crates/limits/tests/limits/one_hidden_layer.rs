//! Networks of one hidden layer in law: against dense networks trained by hand, and against the mean-field limit on grids.

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Matrix, Problem, Width,
    problem::{Activation, Adjustments, Annealing, Loss, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    scaling::{LayerScaling, PowerOfWidth},
    seed::{Purpose, stream},
    training::Control,
    trajectory::{Record, Value},
};
use widenet_limits::nonlinear::{Options, check_law, law_cost, solve, solve_law};

use crate::common::{problem, statistics::largest_z};

fn go(_: f64) -> Control {
    Control::Continue
}

/// P = 3 inputs in R^d, k outputs, full batch, momentum 0.5 in Nesterov's form and weight decay.
fn perceptron(d: usize, k: usize, activation: Activation, loss: Loss, parameterization: Parameterization) -> Problem {
    let mut problem = problem(1, d, k, 3);
    problem.network.activation = activation;
    problem.parameterization = parameterization;
    problem.loss = loss;
    if loss == Loss::CrossEntropy {
        problem.data.train.targets = Matrix::from_fn(3, k, |p, c| if p % k == c { 1.0 } else { 0.0 });
    }
    problem.optimizer.rule =
        Rule::Descent { learning_rate: 0.4, steps: 4, momentum: 0.5, nesterov: true, batch_size: None };
    problem.optimizer.weight_decay = 0.05;
    problem.record = RecordPlan {
        at: vec![0.0, 4.0],
        quantities: vec![Quantity::Outputs, Quantity::TangentKernel, Quantity::NngpKernel],
    };
    problem
}

fn ntk() -> Parameterization {
    Parameterization::Ntk {
        sigma_w: vec![1.3, 0.9],
        sigma_b: vec![0.5, 0.7],
        weight_rates: vec![1.0, 0.7],
        bias_rates: vec![0.6, 1.2],
    }
}

fn mean_field(sigma_b: Option<f64>) -> Parameterization {
    Parameterization::MeanField { richness: 1.5, sigma_in: 1.2, sigma_out: 0.8, sigma_b }
}

/// Factors of both layers, and biases that start at 0, also of the readout.
fn adjusted() -> Parameterization {
    let biases = |multiplier, rate: PowerOfWidth| {
        let init_std = PowerOfWidth::new(0.0, 0.0);
        Some(LayerScaling { multiplier: PowerOfWidth::new(multiplier, 0.0), init_std, learning_rate: rate })
    };
    mean_field(None).adjusted(Adjustments {
        multipliers: vec![0.8, 1.3],
        weight_rates: vec![1.5, 0.6],
        bias_rates: vec![0.5, 0.9],
        biases: vec![biases(0.7, PowerOfWidth::new(1.2, 1.0)), biases(0.6, PowerOfWidth::new(1.5, 0.0))],
    })
}

fn matrix(record: &Record, quantity: Quantity) -> &Matrix {
    match &record.values[&quantity] {
        Value::Matrix(matrix) => matrix,
        other => panic!("{other:?}"),
    }
}

/// Two outputs at the start and at the end, and entries of both kernels at the start.
fn observables(problem: &Problem, m: u64, seed: u64) -> Vec<f64> {
    let found = solve_law(problem, m, seed, &go).expect("solves").records;
    let kernel = matrix(&found[0], Quantity::TangentKernel);
    let (start, end) = (matrix(&found[0], Quantity::Outputs), matrix(&found[1], Quantity::Outputs));
    let nngp = matrix(&found[0], Quantity::NngpKernel)[(0, 1)];
    vec![start[(0, 0)], end[(0, 0)], end[(2, 1)], kernel[(0, 0)], kernel[(0, 3)], nngp]
}

/// The same of a network of stored weights, by the formulas of docs/theory/training.md §3; `spread` multiplies its initial readout.
fn dense(problem: &Problem, m: u64, seed: u64, spread: f64) -> Vec<f64> {
    let (scaling, at) = (problem.scaling(), Width::Finite(m));
    let x = problem.data.train.inputs.transpose();
    let (d, k) = (x.nrows(), problem.data.output_dimension());
    let mut rng = stream(seed, Purpose::Weights(7), 0);
    let mut normals = |rows: usize, columns: usize, std: f64| {
        Matrix::from_fn(rows, columns, |_, _| std * Distribution::<f64>::sample(&StandardNormal, &mut rng))
    };
    let layer = |l: usize| {
        let layer = &scaling.layers[l];
        (layer.multiplier.at(at), layer.init_std.at(at), layer.learning_rate.at(at))
    };
    let ((a_u, std_u, rate_u), (a_v, std_v, rate_v)) = (layer(0), layer(1));
    let bias = |l: usize| {
        let scales = |bias: &LayerScaling| (bias.multiplier.at(at), bias.init_std.at(at), bias.learning_rate.at(at));
        scaling.biases[l].as_ref().map(scales).unwrap_or((0.0, 0.0, 0.0))
    };
    let ((a_b, std_b, rate_b), (a_c, std_c, rate_c)) = (bias(0), bias(1));
    let mut u = normals(m as usize, d, std_u);
    let mut v = normals(m as usize, k, spread * std_v);
    let mut b = normals(m as usize, 1, std_b);
    let mut c = normals(k, 1, std_c);
    let Rule::Descent { learning_rate: eta, steps, momentum, .. } = problem.optimizer.rule else { panic!("descent") };
    let rates = problem.optimizer.learning_rates().expect("descent");
    let decay = eta * problem.optimizer.weight_decay;
    let phi = problem.network.activation;
    let ones = Matrix::from_element(1, x.ncols(), 1.0);
    let mut velocities = [&u, &v, &b, &c].map(|w| Matrix::zeros(w.nrows(), w.ncols()));
    let mut found = Vec::new();
    for step in 0..=steps {
        let h = &u * &x * a_u + &b * &ones * a_b;
        let (activations, slopes) = (h.map(|h| phi.value(h)), h.map(|h| phi.derivative(h)));
        let outputs = activations.tr_mul(&v) * a_v + ones.transpose() * c.transpose() * a_c;
        if step == 0 {
            // Entry (p c, q c') of the kernel, samples outermost.
            let kernel = |p: usize, c: usize, q: usize, other: usize| {
                let of_readout =
                    rate_v * a_v * a_v * activations.column(p).dot(&activations.column(q)) + rate_c * a_c * a_c;
                let of_readout = if c == other { of_readout } else { 0.0 };
                let signal = |p: usize, c: usize| v.column(c).component_mul(&slopes.column(p)) * a_v;
                let inputs = rate_u * a_u * a_u * x.column(p).dot(&x.column(q)) + rate_b * a_b * a_b;
                of_readout + signal(p, c).dot(&signal(q, other)) * inputs
            };
            let nngp =
                (a_v * std_v).powi(2) * activations.column(0).dot(&activations.column(1)) + (a_c * std_c).powi(2);
            found = vec![outputs[(0, 0)], kernel(0, 0, 0, 0), kernel(0, 0, 3 / k, 3 % k), nngp];
        }
        if step == steps {
            let [start, own, other, nngp] = found[..] else { panic!("four numbers") };
            return vec![start, outputs[(0, 0)], outputs[(2, 1)], own, other, nngp];
        }
        let residuals = problem.loss.gradient(&outputs, &problem.data.train.targets);
        let signals = (&v * residuals.transpose()).component_mul(&slopes) * a_v;
        let gradients = [
            &signals * x.transpose() * (eta * rate_u * a_u),
            &activations * &residuals * (eta * rate_v * a_v),
            &signals * ones.transpose() * (eta * rate_b * a_b),
            residuals.transpose() * ones.transpose() * (eta * rate_c * a_c),
        ];
        for ((w, velocity), gradient) in
            [&mut u, &mut v, &mut b, &mut c].into_iter().zip(&mut velocities).zip(gradients)
        {
            let gradient = gradient + &*w * decay;
            *velocity = &*velocity * momentum + &gradient;
            *w -= (gradient + &*velocity * momentum) * rates.scale(step);
        }
    }
    unreachable!("the last step returns")
}

/// 6,000 networks of 5 neurons of each kind in each case: a spread that differs by 8 % has |z| of about 6 in expectation; the negative control
/// starts from a readout that is 15 % larger, and must be found.
#[test]
fn networks_in_law_are_dense_networks() {
    let networks = 6000;
    let width = 5;
    for (case, (k, activation, loss, parameterization)) in [
        (2, Activation::Tanh, Loss::SQUARED, ntk()),
        (3, Activation::Relu, Loss::CrossEntropy, mean_field(None)),
        (2, Activation::Erf, Loss::CrossEntropy, mean_field(Some(0.4))),
        (2, Activation::Tanh, Loss::SQUARED, adjusted()),
    ]
    .into_iter()
    .enumerate()
    {
        // More dimensions than samples: the span of the data is smaller.
        let mut problem = perceptron(6, k, activation, loss, parameterization);
        if case % 2 == 1 {
            problem.optimizer.schedule = Schedule { warmup: 2, annealing: Annealing::Cosine { end_factor: 0.1 } };
        }
        let columns = |of: &dyn Fn(u64) -> Vec<f64>| {
            let rows: Vec<Vec<f64>> = (0..networks).map(of).collect();
            (0..rows[0].len()).map(|i| rows.iter().map(|row| row[i]).collect()).collect::<Vec<Vec<f64>>>()
        };
        let law = columns(&|seed| observables(&problem, width, seed));
        let same = largest_z(&law, &columns(&|seed| dense(&problem, width, seed, 1.0)));
        let wider = largest_z(&law, &columns(&|seed| dense(&problem, width, seed, 1.15)));
        assert!(same < 4.5, "case {case}: |z| = {same}");
        assert!(wider > 6.0, "case {case}: the control has |z| = {wider}");
    }
}

/// 2^17 neurons are within 5 s/√m of the limit on grids, where the spread s of outputs is below 2; 64 neurons are not.
#[test]
fn wide_networks_are_near_the_limit_on_grids() {
    for loss in [Loss::SQUARED, Loss::CrossEntropy] {
        let mut problem = perceptron(1, 2, Activation::Tanh, loss, mean_field(None));
        problem.optimizer.weight_decay = 0.0;
        problem.record.quantities = vec![Quantity::Outputs];
        let limit = solve(&problem, 0, &Options { accuracy: 1e-5, ..Options::default() }, &go).expect("a limit");
        assert!(limit.notes[0].contains("grids"), "{:?}", limit.notes);
        let distance = |m: u64| {
            let found = solve_law(&problem, m, 3, &go).expect("solves").records;
            let pairs = found.iter().zip(&limit.trajectory.records);
            pairs
                .map(|(own, limit)| (matrix(own, Quantity::Outputs) - matrix(limit, Quantity::Outputs)).amax())
                .fold(0.0, f64::max)
        };
        let bound = 10.0 / f64::from(1 << 17).sqrt();
        let (wide, narrow) = (distance(1 << 17), distance(64));
        assert!(wide < bound, "{loss:?}: {wide}");
        assert!(narrow > bound, "{loss:?}: {narrow}");
    }
}

#[test]
fn what_the_law_does_not_have_is_named() {
    let plain = perceptron(3, 2, Activation::Tanh, Loss::SQUARED, mean_field(None));
    let said = |change: &dyn Fn(&mut Problem)| {
        let mut problem = plain.clone();
        change(&mut problem);
        check_law(&problem).expect_err("no law").to_string()
    };
    assert!(check_law(&plain).is_ok());
    assert!(said(&|problem| problem.network.hidden_layers = 2).contains("network.hidden_layers = 2"));
    // What no engine but one with stored matrices trains is told before the depth, which another engine would take.
    let adam = Rule::Adam { learning_rate: 0.1, steps: 4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, batch_size: None };
    let deep_adam = said(&|problem| {
        problem.network.hidden_layers = 2;
        problem.optimizer.rule = adam.clone();
    });
    assert!(deep_adam.contains("\"adam\"") && !deep_adam.contains("hidden_layers"), "{deep_adam}");
    assert!(said(&|problem| problem.record.quantities = vec![Quantity::WeightChange]).contains("`weight_change`"));
    // On both sides of 4 GiB.
    let per_neuron = law_cost(&plain, 1 << 20).expect("fits").bytes >> 20;
    let most = (1 << 32) / per_neuron;
    assert!(law_cost(&plain, most).is_ok());
    assert!(law_cost(&plain, most + 1).expect_err("too wide").to_string().contains(&format!("{most} neurons")));
}
