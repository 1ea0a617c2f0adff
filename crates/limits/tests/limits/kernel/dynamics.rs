//! Training against direct recursions, integrations and algebra.

use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Annealing, Loss, Rule, Schedule},
    training::Batches,
};
use widenet_limits::kernel::{
    GivenKernel, GivenKernels, Initial, Moment, Question, Ridge, Spread, Trained, critical_rate, largest_stable_rate,
};

use super::support::{answers, both, descent, distance, network, problem, question, small, wave};

/// Θ and K on all nine samples of [`small`], training first.
fn joint(problem: &Problem) -> (Matrix, Matrix) {
    let (train, test) = (&problem.data.train.inputs, &problem.data.test.as_ref().expect("test samples").inputs);
    let mut inputs = Matrix::zeros(9, train.ncols());
    inputs.rows_mut(0, 6).copy_from(train);
    inputs.rows_mut(6, 3).copy_from(test);
    let (nngp, tangent) = both(&network(problem), &inputs, None);
    (tangent, nngp)
}

fn from_outputs(problem: &Problem, moments: &[f64], start: &Matrix) -> Vec<Matrix> {
    let moments: Vec<Moment> = moments.iter().map(|moment| Moment::At(*moment)).collect();
    let mut question = question(&moments);
    question.spread = Spread::None;
    question.initial =
        Initial::Outputs { train: start.rows(0, 6).into_owned(), test: Some(start.rows(6, 3).into_owned()) };
    let joined = |prediction: &widenet_limits::kernel::Prediction| {
        let mut outputs = Matrix::zeros(9, start.ncols());
        outputs.rows_mut(0, 6).copy_from(&prediction.train.mean);
        outputs.rows_mut(6, 3).copy_from(&prediction.test.as_ref().expect("test samples").mean);
        outputs
    };
    answers(problem, &question).iter().map(joined).collect()
}

/// The gradient of the loss in the outputs of the training samples, 0 outside the batch, with the batch's denominator.
fn gradient(problem: &Problem, outputs: &Matrix, batch: &[usize]) -> Matrix {
    let own = problem.loss.gradient(&outputs.select_rows(batch), &problem.data.train.targets.select_rows(batch));
    let mut gradient = Matrix::zeros(6, outputs.ncols());
    batch.iter().enumerate().for_each(|(row, sample)| gradient.row_mut(*sample).copy_from(&own.row(row)));
    gradient
}

/// f ← f − Θ Δ, step by step.
fn recursion(problem: &Problem, steps: u64, start: &Matrix, seed: u64) -> Matrix {
    let Rule::Descent { learning_rate, momentum, nesterov, batch_size, .. } = problem.optimizer.rule else {
        panic!("a descent")
    };
    let rates = problem.optimizer.learning_rates().expect("a descent");
    let (tangent, _) = joint(problem);
    let mut batches = Batches::new(seed, 6, batch_size.unwrap_or(6));
    let (mut outputs, mut velocity) = (start.clone(), Matrix::zeros(6, start.ncols()));
    for step in 0..steps {
        let push = learning_rate * gradient(problem, &outputs, batches.at(step));
        velocity = momentum * velocity + &push;
        let moved = if nesterov { &push + momentum * &velocity } else { velocity.clone() };
        outputs -= tangent.columns(0, 6) * moved * rates.scale(step);
    }
    outputs
}

fn losses(problem: &Problem) -> Vec<Problem> {
    let with = |loss| Problem { loss, ..problem.clone() };
    let mut logistic = with(Loss::Logistic);
    let signs = |matrix: &Matrix| matrix.columns(0, 1).map(f64::signum);
    logistic.data.train.targets = signs(&logistic.data.train.targets);
    let test = logistic.data.test.as_mut().expect("test samples");
    test.targets = signs(&test.targets);
    let mut cross_entropy = with(Loss::CrossEntropy);
    let first = cross_entropy.data.train.targets.column(0).map(|x| 1.0 / (1.0 + (-x).exp()));
    cross_entropy.data.train.targets = Matrix::from_fn(6, 2, |i, j| if j == 0 { first[i] } else { 1.0 - first[i] });
    vec![with(Loss::SQUARED), with(Loss::Squared { mean_over_outputs: true }), logistic, cross_entropy]
}

#[test]
fn descent_is_the_recursion_of_the_linearised_network() {
    for (momentum, nesterov, batch_size) in
        [(0.0, false, None), (0.8, false, None), (0.8, true, None), (0.0, false, Some(4)), (0.6, false, Some(2))]
    {
        let rule = Rule::Descent { learning_rate: 0.2, steps: 1000, momentum, nesterov, batch_size };
        for problem in losses(&small(Activation::Erf, rule)) {
            let start = wave(9, problem.data.output_dimension(), 0.9);
            let moments = [17.0, 0.0, 3.0, 150.0];
            for (value, steps) in from_outputs(&problem, &moments, &start).iter().zip(moments) {
                let expected = recursion(&problem, steps as u64, &start, 1);
                let error = distance(value, &expected);
                assert!(error < 1e-11, "{:?} {:?} {steps}: {error:e}", problem.loss, problem.optimizer.rule);
            }
        }
    }
}

/// In the eigenbasis where there is a closed form, and in function space for minibatches and other losses. The schedule matters: without it the
/// outputs are others.
#[test]
fn scheduled_descent_is_the_recursion_of_the_linearised_network() {
    let annealings = [
        Annealing::Constant,
        Annealing::Cosine { end_factor: 0.0 },
        Annealing::Linear { end_factor: 0.2 },
        Annealing::Step { every: 15, factor: 0.5 },
        Annealing::InverseTime { tau: 20.0 },
    ];
    let rules = [(0.0, false, None), (0.8, false, None), (0.8, true, None), (0.6, false, Some(4))];
    for (annealing, (momentum, nesterov, batch_size)) in
        annealings.into_iter().flat_map(|a| rules.map(|rule| (a, rule)))
    {
        let rule = Rule::Descent { learning_rate: 0.2, steps: 60, momentum, nesterov, batch_size };
        for mut problem in losses(&small(Activation::Erf, rule)) {
            let start = wave(9, problem.data.output_dimension(), 0.9);
            let constant = recursion(&problem, 60, &start, 1);
            problem.optimizer.schedule = Schedule { warmup: 9, annealing };
            let moments = [17.0, 0.0, 3.0, 60.0];
            for (value, steps) in from_outputs(&problem, &moments, &start).iter().zip(moments) {
                let expected = recursion(&problem, steps as u64, &start, 1);
                let error = distance(value, &expected);
                assert!(error < 1e-11, "{:?} {:?} {steps}: {error:e}", problem.loss, problem.optimizer);
                if steps == 60.0 {
                    assert!(distance(value, &constant) > 1e-6, "{:?}", problem.optimizer);
                }
            }
        }
    }
}

/// Runge–Kutta steps of `f'' = −2γ f' − Θ g`, or of `f' = −Θ g` without friction, on all outputs.
fn integrated(problem: &Problem, friction: Option<f64>, time: f64, start: &Matrix) -> Matrix {
    let (tangent, _) = joint(problem);
    let slope = |(f, v): &(Matrix, Matrix)| {
        let force = -(tangent.columns(0, 6) * gradient(problem, &f.rows(0, 6).into_owned(), &[0, 1, 2, 3, 4, 5]));
        match friction {
            Some(friction) => (v.clone(), force - 2.0 * friction * v),
            None => (force, v * 0.0),
        }
    };
    let count = 4000;
    let dt = time / f64::from(count);
    let mut state = (start.clone(), start * 0.0);
    for _ in 0..count {
        let moved = |k: &(Matrix, Matrix), dt: f64| (&state.0 + dt * &k.0, &state.1 + dt * &k.1);
        let a = slope(&state);
        let b = slope(&moved(&a, 0.5 * dt));
        let c = slope(&moved(&b, 0.5 * dt));
        let d = slope(&moved(&c, dt));
        let sum = |a: Matrix, b: Matrix, c: Matrix, d: Matrix| dt / 6.0 * (a + 2.0 * b + 2.0 * c + d);
        state.0 += sum(a.0, b.0, c.0, d.0);
        state.1 += sum(a.1, b.1, c.1, d.1);
    }
    state.0
}

#[test]
fn flows_are_the_integrals_of_their_equations() {
    let momentum = Rule::MomentumFlow { learning_rate: 0.09, steps: 1000, momentum: 0.7, tolerance: 1e-9 };
    for (rule, friction, unit) in [(Rule::Flow { time: 50.0, tolerance: 1e-9 }, None, 1.0), (momentum, Some(0.5), 0.3)]
    {
        for problem in losses(&small(Activation::Relu, rule)) {
            let start = wave(9, problem.data.output_dimension(), 0.9);
            for (value, time) in from_outputs(&problem, &[1.5, 20.0], &start).iter().zip([1.5, 20.0]) {
                let expected = integrated(&problem, friction, unit * time, &start);
                let error = distance(value, &expected);
                assert!(error < 3e-8, "{:?} {:?} {time}: {error:e}", problem.loss, problem.optimizer.rule);
            }
        }
    }
}

/// The covariance from the linear maps of initial outputs that training is: column i of the map is the answer to a start that is
/// 1 at sample i, less that to 0.
#[test]
fn spreads_are_those_of_the_linear_map_of_initial_outputs() {
    let sgd = Rule::Descent { learning_rate: 0.2, steps: 1000, momentum: 0.5, nesterov: false, batch_size: Some(2) };
    for rule in [Rule::Flow { time: 9.0, tolerance: 1e-9 }, descent(0.3), sgd] {
        let mut problem = small(Activation::Erf, rule);
        let one = |matrix: &Matrix| matrix.columns(0, 1).into_owned();
        problem.data.train.targets = one(&problem.data.train.targets);
        let test = problem.data.test.as_mut().expect("test samples");
        test.targets = one(&test.targets);
        let (_, nngp) = joint(&problem);
        let zero = Matrix::zeros(9, 1);
        let mean = from_outputs(&problem, &[7.0], &zero).remove(0);
        let mut map = Matrix::zeros(9, 9);
        for i in 0..9 {
            let mut start = zero.clone();
            start[i] = 1.0;
            map.set_column(i, &(from_outputs(&problem, &[7.0], &start).remove(0) - &mean).column(0));
        }
        let covariance = &map * &nngp * map.transpose();
        let prediction = answers(&problem, &question(&[Moment::At(7.0)])).remove(0);
        let test = prediction.test.expect("test samples");
        let blocks = [(&prediction.train, 0, 6), (&test, 6, 3)];
        for (moments, first, count) in blocks {
            let expected = covariance.view((first, first), (count, count)).into_owned();
            assert!(distance(moments.covariance.as_ref().expect("asked for"), &expected) < 1e-9);
            assert!(distance(&moments.mean, &mean.rows(first, count).into_owned()) < 1e-12);
            for (std, variance) in moments.std.as_ref().expect("asked for").iter().zip(expected.diagonal().iter()) {
                assert!((std * std - variance).abs() < 1e-9 * expected.amax());
            }
        }
        // Standard deviations alone are the same.
        let mut only_std = question(&[Moment::At(7.0)]);
        only_std.spread = Spread::Std;
        let alone = answers(&problem, &only_std).remove(0).test.expect("test samples");
        for (a, b) in alone.std.expect("asked for").iter().zip(test.std.expect("asked for")) {
            assert!((a - b).abs() < 1e-7);
        }
    }
}

fn given(problem: &Problem, tangent: &Matrix, nngp: &Matrix) -> GivenKernels {
    let samples = problem.data.train.targets.nrows();
    let blocks = |kernel: &Matrix| {
        let rest = kernel.nrows() - samples;
        Some(GivenKernel {
            train: kernel.view((0, 0), (samples, samples)).into_owned(),
            test_train: Some(kernel.view((samples, 0), (rest, samples)).into_owned()),
            test_test: Some(kernel.view((samples, samples), (rest, rest)).into_owned()),
        })
    };
    GivenKernels { nngp: blocks(nngp), tangent: blocks(tangent) }
}

#[test]
fn the_ensemble_formula_with_the_nngp_kernel_is_the_posterior() {
    let problem = small(Activation::Relu, descent(0.3));
    let (tangent, nngp) = joint(&problem);
    let moments = [Moment::At(0.0), Moment::At(5.0), Moment::At(200.0), Moment::Infinity];
    let readout = Question { trained: Trained::ReadoutOnly, ..question(&moments) };
    let general = Question { given: Some(given(&problem, &nngp, &nngp)), ..question(&moments) };
    let other = Question { given: Some(given(&problem, &tangent, &nngp)), ..question(&moments) };
    let [readout, general, other] = [readout, general, other].map(|question| answers(&problem, &question));
    for ((a, b), c) in readout.iter().zip(&general).zip(&other) {
        let spread = |moments: &Option<widenet_limits::kernel::Moments>| {
            moments.as_ref().and_then(|moments| moments.covariance.clone()).expect("asked for")
        };
        assert!(distance(&spread(&a.test), &spread(&b.test)) < 1e-10, "{:?}", a.moment);
        assert!((a.train.covariance.as_ref().unwrap() - b.train.covariance.as_ref().unwrap()).amax() < 1e-11);
        // Negative control: the ensemble that trains all layers is another.
        if a.moment != Moment::At(0.0) {
            assert!(distance(&spread(&c.test), &spread(&b.test)) > 1e-3, "{:?}", a.moment);
        }
    }
}

#[test]
fn many_steps_and_long_times_reach_kernel_regression() {
    let mut problem = small(Activation::Relu, Rule::Flow { time: 1.0, tolerance: 1e-9 });
    let (tangent, _) = joint(&problem);
    let block = tangent.view((0, 0), (6, 6)).into_owned();
    let weights = block.lu().solve(&problem.data.train.targets).expect("a regular kernel");
    let expected = tangent.view((6, 0), (3, 6)) * weights;
    let ask = |problem: &Problem, moment| answers(problem, &question(&[moment])).remove(0).test.expect("test").mean;
    assert!(distance(&ask(&problem, Moment::Infinity), &expected) < 1e-11);
    assert!(distance(&ask(&problem, Moment::At(1e5)), &expected) < 1e-11);
    problem.optimizer.rule = descent(0.9 * largest_stable_rate(&problem).unwrap());
    assert!(distance(&ask(&problem, Moment::At(1e6)), &expected) < 1e-11);
}

#[test]
fn a_singular_kernel_needs_a_ridge_or_a_cutoff() {
    // Rank 3 + 1 (bias) on 7 samples.
    let data = (wave(7, 3, 0.2), wave(7, 1, 0.4));
    let singular = problem(Activation::Identity, &[(1.0, 0.5), (1.0, 0.0)], data, None, descent(0.1));
    let mut question = question(&[Moment::Infinity]);
    let refused =
        widenet_limits::kernel::predict(&singular, &question, &mut |_| widenet_core::training::Control::Continue);
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("singular") && message.contains("ridge of") && message.contains("cutoff"), "{message}");
    question.cutoff = true;
    let answer = answers(&singular, &question).remove(0);
    assert_eq!(answer.dropped, Some(3));
    // What is left is orthogonal to the kernel's range: the residual of linear regression with a constant.
    let mut features = Matrix::from_element(7, 4, 1.0);
    features.columns_mut(0, 3).copy_from(&singular.data.train.inputs);
    let residual = &singular.data.train.targets - &answer.train.mean;
    assert!((features.transpose() * &residual).amax() < 1e-12 && residual.amax() > 0.1);
}

#[test]
fn learning_rates_are_stable_up_to_the_largest() {
    for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
        let rule = |learning_rate| Rule::Descent { learning_rate, steps: 1, momentum, nesterov, batch_size: None };
        let mut problem = small(Activation::Relu, rule(1.0));
        let largest = largest_stable_rate(&problem).unwrap();
        for (share, stable) in [(0.98, true), (1.02, false)] {
            problem.optimizer.rule = rule(share * largest);
            let mut question = question(&[Moment::At(3000.0)]);
            question.spread = Spread::None;
            let outputs = answers(&problem, &question).remove(0).train.mean;
            assert_eq!(outputs.amax() < 100.0, stable, "μ = {momentum}, Nesterov {nesterov}, {share} η_max");
            let warned = !widenet_limits::kernel::warnings(&problem, &question).unwrap().is_empty();
            assert_eq!(warned, !stable);
        }
    }
    let problem = small(Activation::Relu, descent(1.0));
    let values = both(&network(&problem), &problem.data.train.inputs, None).1.symmetric_eigenvalues();
    let critical = critical_rate(&problem).unwrap();
    assert!((critical / (2.0 * 12.0 / (values.min() + values.max())) - 1.0).abs() < 1e-12);
    // Cross-entropy: curvature at most 1/2, denominator N: 4 N/λ_max.
    let [.., cross_entropy] = &losses(&problem)[..] else { panic!("losses") };
    let largest = largest_stable_rate(cross_entropy).unwrap();
    assert!((largest / (4.0 * 6.0 / values.max()) - 1.0).abs() < 1e-12);
}

/// Above the largest rate for long enough the outputs overflow: the prediction says so, and has no spread, which might come out finite.
/// Below it, it does not.
#[test]
fn a_diverged_prediction_says_so() {
    let mut problem = small(Activation::Relu, descent(1.0));
    let largest = largest_stable_rate(&problem).unwrap();
    for (momentum, trained) in [(0.0, Trained::All), (0.0, Trained::ReadoutOnly), (0.5, Trained::All)] {
        for (factor, diverges) in [(100.0, true), (0.5, false)] {
            let learning_rate = factor * largest;
            problem.optimizer.rule =
                Rule::Descent { learning_rate, steps: 1000, momentum, nesterov: false, batch_size: None };
            let question = Question { trained, spread: Spread::Std, ..question(&[Moment::At(1e5)]) };
            let prediction = answers(&problem, &question).remove(0);
            assert_eq!(prediction.diverged, diverges, "{trained:?} {factor}");
            for moments in [prediction.train, prediction.test.expect("test samples")] {
                let finite = moments.mean.iter().chain(moments.std.iter().flatten()).all(|x| x.is_finite());
                assert_eq!((finite, moments.std.is_some()), (!diverges, !diverges), "{trained:?} {factor}");
            }
        }
    }
}

#[test]
fn the_suggested_ridge_is_enough_for_inputs_of_any_norms() {
    // Duplicates, and one input a hundred times as long.
    let mut inputs = wave(12, 3, 0.2);
    let first = inputs.row(0).into_owned();
    inputs.set_row(1, &first);
    inputs.row_mut(2).scale_mut(100.0);
    let problem = problem(Activation::Relu, &[(1.4, 0.0), (1.4, 0.0)], (inputs, wave(12, 1, 0.4)), None, descent(1e-5));
    let predicted = |ridge| {
        let question = Question { ridge, spread: Spread::None, ..question(&[Moment::Infinity]) };
        widenet_limits::kernel::predict(&problem, &question, &mut |_| widenet_core::training::Control::Continue)
    };
    let message = predicted(None).unwrap_err().to_string();
    let suggested = message.split("a ridge of ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
    assert!(predicted(Some(Ridge::Absolute(suggested.parse().unwrap()))).is_ok(), "{message}");
}

#[test]
fn a_ridge_lowers_the_largest_stable_rate() {
    let mut problem = small(Activation::Relu, descent(1.0));
    problem.optimizer.rule = descent(0.9 * largest_stable_rate(&problem).unwrap());
    let (_, tangent) = both(&network(&problem), &problem.data.train.inputs, None);
    for (share, converges) in [(0.05, true), (0.2, false)] {
        let ridge = Some(Ridge::Absolute(share * tangent.clone().symmetric_eigenvalues().max()));
        let question = Question { ridge, spread: Spread::None, ..question(&[Moment::Infinity]) };
        let watch = &mut |_| widenet_core::training::Control::Continue;
        assert_eq!(widenet_limits::kernel::predict(&problem, &question, watch).is_ok(), converges, "{share}");
        assert_eq!(widenet_limits::kernel::warnings(&problem, &question).unwrap().is_empty(), converges, "{share}");
    }
}

/// Steps at the peak follow the warm-up for ever, and training ends where it does without one.
#[test]
fn a_warmup_has_the_end_of_constant_rates() {
    let mut problem = small(Activation::Relu, descent(0.1));
    let question = Question { spread: Spread::None, initial: Initial::Zero, ..question(&[Moment::Infinity]) };
    let end = |problem: &Problem| answers(problem, &question)[0].train.mean.clone();
    let expected = end(&problem);
    problem.optimizer.schedule = Schedule { warmup: 100, annealing: Annealing::Constant };
    assert_eq!(end(&problem), expected);
}

#[test]
fn questions_without_an_answer_are_named() {
    let squared = small(Activation::Relu, descent(0.1));
    let [_, _, logistic, _] = &losses(&squared)[..] else { panic!("losses") };
    let message = |problem: &Problem, question: Question| {
        let watch = &mut |_| widenet_core::training::Control::Continue;
        widenet_limits::kernel::predict(problem, &question, watch).unwrap_err().to_string()
    };
    let plain = || Question { spread: Spread::None, initial: Initial::Zero, ..question(&[Moment::At(1.0)]) };
    let at = |moment| Question { moments: vec![moment], ..plain() };
    for (problem, question, expected) in [
        (logistic, at(Moment::Infinity), "infinity has no answer with the logistic loss"),
        (logistic, question(&[Moment::At(1.0)]), "closed form for the squared loss only"),
        (&squared, at(Moment::At(-1.0)), "moment -1"),
        (&squared, at(Moment::At(f64::NAN)), "moment NaN"),
        (&squared, at(Moment::At(0.5)), "whole number of steps"),
        (&squared, Question { cutoff: true, ..plain() }, "cutoff"),
        (&squared, Question { spread: Spread::Std, ..plain() }, "spread"),
        (&squared, Question { ridge: Some(Ridge::Absolute(-1.0)), ..plain() }, "ridge = -1"),
        (
            &squared,
            Question { initial: Initial::Outputs { train: Matrix::zeros(5, 2), test: None }, ..plain() },
            "5 × 2; they must be 6 × 2",
        ),
        (&squared, Question { given: Some(GivenKernels::default()), ..plain() }, "`ntk` kernel is missing"),
    ] {
        let message = message(problem, question);
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let mut scheduled = squared.clone();
    for annealing in [
        Annealing::Cosine { end_factor: 0.0 },
        Annealing::Linear { end_factor: 0.5 },
        Annealing::Step { every: 2000, factor: 0.5 },
        Annealing::InverseTime { tau: 10.0 },
    ] {
        scheduled.optimizer.schedule = Schedule { warmup: 0, annealing };
        let message = message(&scheduled, at(Moment::Infinity));
        assert!(message.contains("optimizer.schedule") && message.contains("give a finite moment"), "{message}");
    }
    let late = message(&scheduled, at(Moment::At(1001.0)));
    assert!(late.contains("moment 1001 is after the last step of optimizer.schedule, 1000"), "{late}");
    let mut kernel = given(&squared, &joint(&squared).0, &joint(&squared).1);
    let train = &mut kernel.tangent.as_mut().unwrap().train;
    train[(1, 0)] += 0.1;
    let asymmetric = Question { given: Some(kernel.clone()), ..plain() };
    assert!(message(&squared, asymmetric).contains("not symmetric: entry (1, 2)"));
    // A block of three test inputs, though the problem has no test data.
    let initial = Initial::Outputs { train: Matrix::zeros(6, 2), test: Some(Matrix::zeros(2, 2)) };
    let blocks = given(&squared, &joint(&squared).0, &joint(&squared).1);
    let mut without_test = squared.clone();
    without_test.data.test = None;
    let start = Question { given: Some(blocks), initial, ..plain() };
    assert!(message(&without_test, start).contains("test inputs are 2 × 2; they must be 3 × 2"));
    kernel.tangent.as_mut().unwrap().train = -Matrix::identity(6, 6);
    assert!(message(&squared, Question { given: Some(kernel), ..plain() }).contains("not positive semi-definite"));
    let mut fast = squared.clone();
    fast.optimizer.rule = descent(1e3);
    assert!(message(&fast, at(Moment::Infinity)).contains("above"));
    let mut duplicates = squared.clone();
    let row = duplicates.data.train.inputs.row(0).into_owned();
    duplicates.data.train.inputs.set_row(4, &row);
    let warnings = widenet_limits::kernel::warnings(&duplicates, &at(Moment::Infinity)).unwrap();
    assert!(warnings.iter().any(|warning| warning.contains("samples 1 and 5")), "{warnings:?}");
    assert!(message(&duplicates, at(Moment::Infinity)).contains("singular"));
}
