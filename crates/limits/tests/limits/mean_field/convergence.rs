//! What the limit must satisfy: rates of convergence, the lazy limits of both kinds, flow, and bad arguments.

use crate::common::{
    descent,
    plain::{predictor, sup_distance},
    problem,
};
use widenet_core::document::Word;
use widenet_core::{
    Problem, Trajectory, Width,
    problem::{Annealing, Need, Optimizer, Parameterization, Quantity, Rule, Schedule, Scope},
    scaling::Limit,
    training::{Control, risk, stable_learning_rate},
    trajectory::{Status, Value},
};
use widenet_limits::mean_field::{Options, solve};

/// Rates that grow and fall.
const SCHEDULE: Schedule = Schedule { warmup: 10, annealing: Annealing::Linear { end_factor: 0.1 } };

fn run(problem: &Problem, width: Width, seed: u64) -> Trajectory {
    solve(problem, width, seed, &Options::default(), &mut |_| Control::Continue).expect("solves")
}

/// The limit a finite network is compared with: in lazy scalings started from its own predictor.
fn own_limit(problem: &Problem, finite: &Trajectory) -> Trajectory {
    let options = Options { initial_predictor: Some(predictor(&finite.records[0]).clone()), ..Options::default() };
    solve(problem, Width::Infinite, 0, &options, &mut |_| Control::Continue).expect("solves")
}

/// Slope of log2(mean sup distance) between two widths a factor 2^20 apart.
fn rate(problem: &Problem) -> f64 {
    let distance = |m: u64| {
        let seeds = 0..12;
        seeds
            .map(|seed| {
                let finite = run(problem, Width::Finite(m), seed);
                sup_distance(&finite.records, &own_limit(problem, &finite).records)
            })
            .sum::<f64>()
    };
    (distance(1 << 32) / distance(1 << 12)).log2() / 20.0
}

#[test]
fn finite_networks_converge_at_rate_one_half() {
    // The same seeds at both widths share their random stream, so the slope is sharp: it must tell −1/2 from −0.48.
    for hidden_layers in 1..=4 {
        for parameterization in [
            Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None },
            Parameterization::ntk(hidden_layers, 1.0),
        ] {
            let mut problem = problem(hidden_layers, 4, 2, 10);
            problem.parameterization = parameterization.clone();
            let slope = rate(&problem);
            assert!((slope + 0.5).abs() < 0.02, "{parameterization:?}, L = {hidden_layers}: slope {slope}");
        }
    }
}

#[test]
fn every_optimizer_has_the_limit_of_its_finite_networks() {
    let rule = |momentum, nesterov, batch_size| Rule::Descent {
        learning_rate: 0.05,
        steps: 40,
        momentum,
        nesterov,
        batch_size,
    };
    for (rule, weight_decay, schedule) in [
        (rule(0.8, false, None), 0.0, Schedule::CONSTANT),
        (rule(0.8, true, None), 0.3, Schedule::CONSTANT),
        (rule(0.8, false, None), 0.3, SCHEDULE),
        (rule(0.0, false, Some(3)), 0.1, Schedule::CONSTANT),
        (rule(0.0, false, Some(3)), 0.1, SCHEDULE),
        (Rule::Flow { time: 40.0, tolerance: 1e-9 }, 0.05, Schedule::CONSTANT),
    ] {
        let mut problem = problem(3, 4, 2, 10);
        problem.optimizer = Optimizer { rule, weight_decay, schedule };
        // Batches are keyed by the seed, so the limit is taken for the same seed.
        let distance = |m: u64| {
            let finite = run(&problem, Width::Finite(m), 5);
            sup_distance(&finite.records, &run(&problem, Width::Infinite, 5).records)
        };
        let slope = (distance(1 << 30) / distance(1 << 14)).log2() / 16.0;
        assert!((slope + 0.5).abs() < 0.03, "{:?}: slope {slope}", problem.optimizer);
    }
}

/// With weight decay the kernel of a lazy network shrinks along with its weights.
#[test]
fn lazy_limits_decay_as_their_networks_do() {
    let rule =
        |momentum, nesterov| Rule::Descent { learning_rate: 0.2, steps: 40, momentum, nesterov, batch_size: None };
    for (rule, schedule) in [
        (rule(0.0, false), Schedule::CONSTANT),
        (rule(0.6, false), Schedule::CONSTANT),
        (rule(0.6, true), Schedule::CONSTANT),
        (rule(0.6, true), SCHEDULE),
        (Rule::Flow { time: 40.0, tolerance: 1e-9 }, Schedule::CONSTANT),
    ] {
        let mut problem = problem(3, 4, 2, 10);
        problem.parameterization = Parameterization::ntk(3, 1.1);
        problem.optimizer = Optimizer { rule, weight_decay: 0.05, schedule };
        problem.record.quantities.extend([
            Quantity::FeatureGram,
            Quantity::GradientGram,
            Quantity::OutputAutocovariance,
        ]);
        let finite = run(&problem, Width::Finite(1 << 40), 5);
        let limit = own_limit(&problem, &finite);
        let moved = (predictor(&finite.records[6]) - predictor(&finite.records[0])).norm();
        let distance = sup_distance(&finite.records, &limit.records);
        assert!(distance < 1e-4 && moved > 0.3, "{:?}: {distance:e}, moved {moved}", problem.optimizer);
        for (finite, limit) in finite.records.iter().zip(&limit.records) {
            for quantity in [Quantity::FeatureGram, Quantity::GradientGram, Quantity::OutputAutocovariance] {
                let (a, b) = (finite.values[&quantity].flatten(), limit.values[&quantity].flatten());
                let distance = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(a.len() == b.len() && distance < 1e-3, "{quantity:?}: {distance:e}");
            }
        }
    }
}

/// As γ → 0 the mean-field limit becomes the lazy one with the kernel of the initial network, at distance O(γ²).
#[test]
fn small_richness_agrees_with_the_lazy_limit() {
    let mut lazy = problem(3, 4, 2, 10);
    // NTK with inputs multiplied by √d has kernel L + 1, like the mean-field network with unit variances.
    lazy.parameterization = Parameterization::ntk(3, 1.0);
    let d = lazy.data.input_dimension() as f64;
    let rescaled = |predictor: &widenet_core::Matrix| predictor / d.sqrt();
    let Ok(Limit::Lazy { kernel, .. }) = lazy.scaling().limit() else { panic!("NTK is lazy") };
    assert!((kernel - 4.0 / d).abs() < 1e-12, "Θ = (L + 1)/d, got {kernel}");

    let zero = widenet_core::Matrix::zeros(2, 4);
    let options = Options { initial_predictor: Some(zero), ..Options::default() };
    let distance = |richness: f64| {
        let mut rich = problem(3, 4, 2, 10);
        rich.parameterization = Parameterization::MeanField { richness, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
        let mut lazy = lazy.clone();
        lazy.data.train.inputs *= d.sqrt();
        let rich = run(&rich, Width::Infinite, 0);
        let lazy = solve(&lazy, Width::Infinite, 0, &options, &mut |_| Control::Continue).expect("solves");
        let distances = rich
            .records
            .iter()
            .zip(&lazy.records)
            .map(|(rich, lazy)| (predictor(rich) - rescaled(predictor(lazy)) * d).norm());
        distances.fold(0.0, f64::max)
    };
    let (coarse, fine) = (distance(1e-2), distance(1e-3));
    assert!(fine < 1e-4, "{fine}");
    let exponent = (coarse / fine).log10();
    assert!((exponent - 2.0).abs() < 0.05, "exponent {exponent}");
}

#[test]
fn flow_is_the_limit_of_small_steps() {
    let at = [0.5, 1.0, 3.0];
    let mut flow = problem(2, 4, 2, 10);
    flow.optimizer =
        Optimizer { rule: Rule::Flow { time: 3.0, tolerance: 1e-11 }, weight_decay: 0.1, schedule: Schedule::CONSTANT };
    flow.record.at = at.to_vec();
    let flow = run(&flow, Width::Infinite, 0);
    let distance = |eta: f64| {
        let mut steps = problem(2, 4, 2, 10);
        steps.optimizer = descent(eta, (3.0 / eta).round() as u64);
        steps.optimizer.weight_decay = 0.1;
        steps.record.at = at.iter().map(|time| (time / eta).round()).collect();
        sup_distance(&run(&steps, Width::Infinite, 0).records, &flow.records)
    };
    let ratio = distance(0.01) / distance(0.005);
    assert!((ratio - 2.0).abs() < 0.1, "gradient descent is first order in η: ratio {ratio}");
}

/// The error of the Runge–Kutta pair follows the tolerance (per-step error control: slope close to 1 on logs).
#[test]
fn flow_error_follows_its_tolerance() {
    let solve_at = |tolerance| {
        let mut flow = problem(3, 4, 1, 10);
        flow.optimizer =
            Optimizer { rule: Rule::Flow { time: 3.0, tolerance }, weight_decay: 0.0, schedule: Schedule::CONSTANT };
        flow.record.at = vec![1.0, 3.0];
        run(&flow, Width::Infinite, 0)
    };
    let best = solve_at(1e-13);
    let error = |tolerance| sup_distance(&solve_at(tolerance).records, &best.records);
    let (coarse, fine) = (error(1e-5), error(1e-9));
    let slope = (coarse / fine).log10() / 4.0;
    assert!((0.6..1.3).contains(&slope), "slope {slope}: {coarse:e} to {fine:e}");
}

#[test]
fn flow_reaches_the_minimal_norm_minimiser() {
    let mut under = problem(2, 8, 1, 4);
    under.data.train.inputs = widenet_core::Matrix::from_fn(4, 8, |i, j| (((8 * i + j) * (8 * i + j)) as f64).sin());
    under.optimizer = Optimizer {
        rule: Rule::Flow { time: 400.0, tolerance: 1e-10 },
        weight_decay: 0.0,
        schedule: Schedule::CONSTANT,
    };
    under.record.at = vec![0.0, 400.0];
    under.record.quantities.push(Quantity::MinNormDistance);
    let solved = run(&under, Width::Infinite, 0);
    let distances: Vec<f64> =
        solved.records.iter().flat_map(|record| record.values[&Quantity::MinNormDistance].flatten()).collect();
    assert!(distances[0] > 0.5 && distances[1] < 1e-7, "{distances:?}");
    let residual = under.loss.of_predictor(&under.data.train, &risk::min_norm_predictor(&under.data.train));
    assert!(residual < 1e-25, "P < d interpolates: {residual:e}");
}

/// dβ/dt at the start of a flow is −(σ_out² + (L−1) σ_in² σ_out² + σ_in²) D (docs/theory/mean-field.md §4).
#[test]
fn initial_velocity_is_the_initial_tangent_kernel() {
    let (sigma_in, sigma_out) = (0.7f64, 1.4f64);
    let mut short = problem(4, 3, 2, 10);
    short.parameterization = Parameterization::MeanField { richness: 0.6, sigma_in, sigma_out, sigma_b: None };
    let eta = 1e-6;
    short.optimizer = descent(eta, 1);
    short.record.at = vec![0.0, 1.0];
    let solved = run(&short, Width::Infinite, 0);
    let velocity = (predictor(&solved.records[1]) - predictor(&solved.records[0])) / eta;
    let (a, b) = (sigma_in.powi(2), sigma_out.powi(2));
    let residual = risk::FullBatch::new(&short.data.train, short.loss).residual(predictor(&solved.records[0]));
    let expected = residual * -(b + 3.0 * a * b + a);
    assert!((velocity - &expected).amax() < 1e-4 * expected.amax());
}

/// The kernel predicts the first-order motion of the outputs, and the trace formulas agree with its entries.
#[test]
fn tangent_kernel_moves_the_outputs() {
    let eta = 1e-6;
    let mut watched = problem(3, 4, 2, 6);
    watched.parameterization =
        Parameterization::MeanField { richness: 0.7, sigma_in: 1.2, sigma_out: 0.9, sigma_b: None };
    watched.optimizer = descent(eta, 41);
    watched.record.at = vec![0.0, 40.0, 41.0];
    watched.record.quantities =
        vec![Quantity::Outputs, Quantity::TangentKernel, Quantity::TangentKernelNorm, Quantity::TangentKernelChange];
    let solved = run(&watched, Width::Finite(20), 0);
    let matrix = |record: usize, quantity| match &solved.records[record].values[&quantity] {
        Value::Matrix(matrix) => matrix.clone(),
        other => panic!("{other:?}"),
    };
    let scalar = |record: usize, quantity| solved.records[record].values[&quantity].flatten()[0];
    let (now, next) = (matrix(1, Quantity::Outputs), matrix(2, Quantity::Outputs));
    let kernel = matrix(1, Quantity::TangentKernel);
    // Rows of the transpose, one sample after the other, are the order of the kernel's index.
    let stacked = |outputs: &widenet_core::Matrix| {
        let values: Vec<f64> = outputs.transpose().iter().copied().collect();
        widenet_core::Matrix::from_column_slice(values.len(), 1, &values)
    };
    let expected = &kernel * stacked(&(&now - &watched.data.train.targets)) * (-eta / 6.0);
    let moved = stacked(&(next - now));
    assert!((&moved - &expected).norm() < 1e-4 * moved.norm(), "{moved} {expected}");
    let (norm, recorded) = (kernel.norm() / 6.0, scalar(1, Quantity::TangentKernelNorm));
    assert!((norm - recorded).abs() < 1e-12 * norm, "{norm} {recorded}");
    let initial = matrix(0, Quantity::TangentKernel);
    let (change, recorded) = ((kernel - &initial).norm() / initial.norm(), scalar(1, Quantity::TangentKernelChange));
    assert!((change - recorded).abs() < 1e-6 * change, "{change} {recorded}");
}

#[test]
fn a_diverging_run_is_a_result_with_its_step_and_what_came_before() {
    let mut diverging = problem(3, 4, 1, 10);
    diverging.optimizer = descent(50.0, 40);
    let solved = run(&diverging, Width::Finite(100), 0);
    let Status::Diverged { step, .. } = solved.status else { panic!("{:?}", solved.status) };
    assert!(step > 0 && !solved.records.is_empty());
    assert!(solved.records.iter().all(|record| record.values[&Quantity::TrainLoss].flatten()[0].is_finite()));
    let bound = stable_learning_rate(&diverging, diverging.scaling().at(100).tangent_kernel());
    assert!(bound < 50.0, "the hint must be below the rate that diverged: {bound}");
    diverging.optimizer = descent(bound / 10.0, 40);
    assert_eq!(run(&diverging, Width::Finite(100), 0).status, Status::Done);
}

#[test]
fn bad_arguments_are_named() {
    let problem = problem(2, 4, 2, 10);
    let error = |problem: &Problem, width, options: Options| {
        solve(problem, width, 0, &options, &mut |_| Control::Continue).expect_err("must be refused").to_string()
    };
    for tolerance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = error(&problem, Width::Infinite, Options { tolerance, ..Options::default() });
        assert!(message.contains("tolerance") && message.contains(&tolerance.to_string()), "{message}");
    }
    let mut standard = problem.clone();
    standard.parameterization = Parameterization::standard(problem.network.hidden_layers, 1.0);
    let message = error(&standard, Width::Infinite, Options::default());
    assert!(message.contains("hidden 1") && message.contains("m^1"), "{message}");
    let mut extreme = problem.clone();
    extreme.parameterization = Parameterization::Abc {
        a: vec![0.0; 3],
        b: vec![0.0; 3],
        c: vec![200.0; 3],
        sigma: vec![1.0; 3],
        reference_width: 1.0,
    };
    let message = error(&extreme, Width::Finite(1_000_000), Options::default());
    assert!(message.contains("learning rate of weight matrix 0") && message.contains("is 0 in"), "{message}");
    let mut kurtosis = problem.clone();
    kurtosis.record.quantities = vec![Quantity::InputKurtosis];
    let message = error(&kurtosis, Width::Finite(10), Options::default());
    assert!(message.contains("input_kurtosis") && message.contains("dense"), "{message}");
    let mut ntk = problem.clone();
    ntk.parameterization = Parameterization::ntk(problem.network.hidden_layers, 1.0);
    let wrong = Options { initial_predictor: Some(widenet_core::Matrix::zeros(1, 1)), ..Options::default() };
    let message = error(&ntk, Width::Infinite, wrong);
    assert!(message.contains("1 × 1") && message.contains("2 outputs"), "{message}");
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_seed_does_not() {
    let problem = problem(3, 4, 1, 10);
    let once = run(&problem, Width::Finite(1000), 3);
    assert_eq!(once, run(&problem, Width::Finite(1000), 3));
    assert_ne!(once, run(&problem, Width::Finite(1000), 4));
}

/// Recording features asks new questions but does not change the law; at width ∞ it changes nothing.
#[test]
fn recording_does_not_disturb_the_limit() {
    let plain = problem(3, 4, 2, 10);
    let mut watched = plain.clone();
    let recorded = |q: &Quantity| {
        matches!(q.scope(), Scope::Any | Scope::DeepLinear | Scope::Linear) && !q.needs(Need::TestOutputs)
    };
    watched.record.quantities = Quantity::all().filter(recorded).collect();
    let watched_quantities = watched.record.quantities.len();
    let (plain, watched) = (run(&plain, Width::Infinite, 0), run(&watched, Width::Infinite, 0));
    assert!(sup_distance(&plain.records, &watched.records) < 1e-10);
    for record in &watched.records {
        assert_eq!(record.values.len(), watched_quantities);
        let Value::Matrix(covariance) = &record.values[&Quantity::InputCovariance] else { panic!("a matrix") };
        assert!((covariance - covariance.transpose()).amax() < 1e-12);
    }
}

/// A predictor that stays 0 does not hide what weight decay does to the weights: the integrator must stay in its stability
/// region. With targets 0 the weights are `e^(−λt)` times the initial ones.
#[test]
fn flow_follows_weights_that_the_predictor_does_not_feel() {
    let mut silent = problem(2, 3, 1, 6);
    silent.data.train.targets.fill(0.0);
    silent.optimizer = Optimizer {
        rule: Rule::Flow { time: 100.0, tolerance: 1e-9 },
        weight_decay: 1.0,
        schedule: Schedule::CONSTANT,
    };
    silent.record.at = vec![0.0, 1.0, 10.0, 100.0];
    silent.record.quantities.push(Quantity::InputCovariance);
    let solved = run(&silent, Width::Infinite, 0);
    assert_eq!(solved.status, Status::Done);
    for record in &solved.records {
        let variance = record.values[&Quantity::InputCovariance].flatten()[0];
        let expected = (-2.0 * record.time).exp();
        assert!((variance - expected).abs() < 1e-8, "t = {}: {variance:e} against {expected:e}", record.time);
    }
}

/// A first trial step far too long for the data overflows; it is shortened, not taken for a divergence.
#[test]
fn flow_with_a_long_horizon_is_not_taken_for_divergence() {
    let mut long = problem(3, 3, 1, 8);
    long.optimizer =
        Optimizer { rule: Rule::Flow { time: 1e6, tolerance: 1e-6 }, weight_decay: 0.0, schedule: Schedule::CONSTANT };
    long.record.at = vec![0.0, 1.0, 10.0];
    long.data.train.inputs *= 10.0;
    let solved = run(&long, Width::Finite(64), 0);
    assert_eq!(solved.status, Status::Done);
}

/// The flow's tolerance holds at every richness: no floor under it where nothing rounds.
#[test]
fn flow_is_exact_in_the_lazy_regime() {
    let solve_at = |richness: f64| {
        let mut flow = problem(2, 3, 1, 8);
        flow.parameterization = Parameterization::MeanField { richness, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
        flow.optimizer = Optimizer {
            rule: Rule::Flow { time: 2.0, tolerance: 1e-9 },
            weight_decay: 0.0,
            schedule: Schedule::CONSTANT,
        };
        flow.record.at = vec![2.0];
        predictor(&run(&flow, Width::Infinite, 0).records[0]).clone()
    };
    let distance = (solve_at(1e-6) - solve_at(1e-12)).amax();
    assert!(distance < 1e-8, "{distance:e}");
}

/// docs/theory/conditioning.md §4: the error of the predictor follows the tolerance, and a coarser tolerance explores less.
#[test]
fn error_and_dimension_follow_the_tolerance() {
    let mut swept = problem(3, 6, 2, 12);
    swept.optimizer = descent(0.05, 200);
    swept.record.at = vec![10.0, 50.0, 200.0];
    swept.record.quantities.push(Quantity::EffectiveDimensions);
    for width in [Width::Finite(100), Width::Infinite] {
        let solve_at = |tolerance| {
            let options = Options { tolerance, ..Options::default() };
            solve(&swept, width, 3, &options, &mut |_| Control::Continue).expect("solves")
        };
        let best = solve_at(1e-14);
        let dimension = |trajectory: &Trajectory| {
            trajectory.records[2].values[&Quantity::EffectiveDimensions].flatten().iter().sum::<f64>()
        };
        let mut previous = f64::INFINITY;
        for tolerance in [1e-3, 1e-5, 1e-7, 1e-9] {
            let solved = solve_at(tolerance);
            if width == Width::Infinite {
                // Fresh answers of a finite network depend on which questions were asked; at ∞ there is one solution.
                let error = sup_distance(&solved.records, &best.records);
                assert!(error < 10.0 * tolerance, "tolerance {tolerance:e}: error {error:e}");
                assert!(error < previous, "tolerance {tolerance:e}: {error:e} after {previous:e}");
                previous = error;
            }
            assert!(dimension(&solved) <= dimension(&best), "tolerance {tolerance:e} at width {width}");
        }
        assert!(dimension(&solve_at(1e-3)) < dimension(&best), "a coarse tolerance must explore less at width {width}");
    }
}

/// Questions whose squares underflow are questions still; depths at which everything is tiny do not panic.
#[test]
fn tiny_scales_and_great_depth_do_not_panic() {
    let mut deep = problem(700, 2, 1, 4);
    deep.optimizer = descent(0.1, 2);
    deep.record.at = vec![0.0, 2.0];
    deep.record.quantities.push(Quantity::LearnedSingularValues);
    assert_eq!(run(&deep, Width::Finite(1), 0).records.len(), 2);
    let mut tiny = problem(2, 2, 1, 4);
    tiny.parameterization =
        Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1e-200, sigma_b: None };
    tiny.record.quantities = vec![Quantity::OutputCovariance, Quantity::EffectiveDimensions];
    let solved = run(&tiny, Width::Finite(8), 0);
    assert!(solved.records[0].values[&Quantity::EffectiveDimensions].flatten()[1] >= 1.0);
}

/// Before training no singular value is learned, and one step for one output is an outer product: exactly one is.
#[test]
fn one_step_teaches_a_matrix_one_direction() {
    let mut one_output = problem(3, 4, 1, 10);
    one_output.optimizer = descent(0.1, 3);
    one_output.record.at = vec![0.0, 1.0, 3.0];
    one_output.record.quantities = vec![Quantity::LearnedSingularValues];
    for width in [Width::Infinite, Width::Finite(1000)] {
        let found = run(&one_output, width, 1);
        let learned = |record: usize| match &found.records[record].values[&Quantity::LearnedSingularValues] {
            Value::Lists(lists) => lists.clone(),
            other => panic!("{other:?}"),
        };
        assert!(learned(0).iter().all(Vec::is_empty), "{width:?}: {:?}", learned(0));
        assert!(learned(1).iter().all(|values| values.len() == 1), "{width:?}: {:?}", learned(1));
        assert!(learned(2).iter().all(|values| (1..=3).contains(&values.len())), "{width:?}: {:?}", learned(2));
    }
}
