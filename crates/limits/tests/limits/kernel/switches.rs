//! Thresholds at which kernels and predictions change their method (docs/switches.md): both sides against another method, and what must hold
//! everywhere.

use std::f64::consts::PI;

use widenet_core::{
    Matrix,
    document::Word,
    problem::Activation,
    scaling::{KernelLayer, KernelNetwork},
    training::Control,
};
use widenet_limits::kernel::{
    GivenKernel, GivenKernels, Initial, Moment, Question, Spread, Trained, Which,
    dual::{Dual, Expectations},
    kernels, predict,
};

use super::support::{answers, both, descent, question, small};

/// Layers with `v = t` and no biases.
fn network(activation: Activation, hidden_layers: usize, variance: f64) -> KernelNetwork {
    let layer =
        KernelLayer { weight_variance: variance, bias_variance: 0.0, weight_tangent: variance, bias_tangent: 0.0 };
    KernelNetwork { activation, layers: vec![layer; hidden_layers + 1], image: None }
}

/// Both kernels of two inputs in the plane at an angle, with `|x|²/d = squares`.
fn pair(network: &KernelNetwork, angle: f64, squares: (f64, f64)) -> (f64, f64) {
    let point = |angle: f64, square: f64| {
        let length = (2.0 * square).sqrt();
        Matrix::from_row_slice(1, 2, &[length * angle.cos(), length * angle.sin()])
    };
    let (nngp, tangent) = both(network, &point(0.0, squares.0), Some(&point(angle, squares.1)));
    (nngp[(0, 0)], tangent[(0, 0)])
}

/// `sin θ − θ cos θ` by its Taylor series.
fn deficit(theta: f64) -> f64 {
    let (mut term, mut sum) = (theta, 0.0);
    for k in 1..60 {
        let k = f64::from(k);
        term *= -theta * theta / (2.0 * k * (2.0 * k + 1.0));
        sum -= term * 2.0 * k;
    }
    sum
}

/// ReLU layers of variance 2 keep `q = 1`; then `e' = e − (sin θ − θ cos θ)/π` for e = 1 − cos θ, and `Θ' = K' + (1 − θ/π) Θ`.
fn relu_recursion(angle: f64, hidden_layers: usize) -> (f64, f64) {
    let (mut theta, mut tangent) = (angle, angle.cos());
    for _ in 0..hidden_layers {
        let half = (0.5 * theta).sin();
        let e = 2.0 * half * half - deficit(theta) / PI;
        tangent = (1.0 - e) + (1.0 - theta / PI) * tangent;
        theta = 2.0 * (0.5 * e).sqrt().asin();
    }
    let half = (0.5 * theta).sin();
    (1.0 - 2.0 * half * half, tangent)
}

/// Across `1 − cos θ = 1e-3`, where angles begin to come from the inputs themselves, the right angle, and the same near opposite inputs.
/// Without the switch the tangent kernel of an angle of 1e-6 is off by 1e-10.
#[test]
fn relu_kernels_keep_their_digits_at_every_angle() {
    let near = (2.0 * (0.5 * 1e-3_f64).sqrt().asin()).abs();
    let offsets = [1e-9, 1e-6, 1e-3, 0.2];
    let around = |center: f64| offsets.into_iter().flat_map(move |r| [center * (1.0 - r), center * (1.0 + r)]);
    let angles = around(near)
        .chain(around(PI / 2.0))
        .chain(around(near).map(|angle| PI - angle))
        .chain([0.0, 1e-12, 1e-8, 1e-6, 1e-4, 1.0, 2.0, 3.0, PI]);
    for angle in angles {
        for hidden_layers in [1, 3] {
            let found = pair(&network(Activation::Relu, hidden_layers, 2.0), angle, (0.5, 0.5));
            let expected = relu_recursion(angle, hidden_layers);
            assert!((found.0 - expected.0).abs() < 4e-15, "K at {angle}, {hidden_layers}: {found:?} {expected:?}");
            // Opposite inputs have angles with half the digits of 1 + cos θ, of which the inputs themselves have all.
            assert!((found.1 - expected.1).abs() < 2e-14, "Θ at {angle}, {hidden_layers}: {found:?} {expected:?}");
        }
    }
}

/// From `arc_cosine.py`: activation, hidden layers, σ_w², σ_b², |x|, x', K, Θ.
const ARC_COSINE: &str = include_str!("arc_cosine.csv");

/// The same switch for the other homogeneous activations. From the covariance alone K of the step would be off by 1e-8 at an angle of 1e-9.
#[test]
fn step_and_squared_relu_kernels_have_the_digits_of_the_table() {
    for line in ARC_COSINE.lines() {
        let (word, numbers) = line.split_once(',').unwrap();
        let numbers: Vec<f64> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
        let [hidden_layers, variance, bias, x, y0, y1, nngp, tangent] = numbers[..] else { panic!("{line}") };
        let layer = KernelLayer {
            weight_variance: variance,
            bias_variance: bias,
            weight_tangent: variance,
            bias_tangent: bias,
        };
        let activation = Activation::from_word(word).unwrap();
        let network = KernelNetwork { activation, layers: vec![layer; hidden_layers as usize + 1], image: None };
        let (k, theta) =
            both(&network, &Matrix::from_row_slice(1, 2, &[x, 0.0]), Some(&Matrix::from_row_slice(1, 2, &[y0, y1])));
        assert!((k[(0, 0)] - nngp).abs() < 5e-15, "K {}: {line}", k[(0, 0)]);
        assert!((theta[(0, 0)] - tangent).abs() < 2e-14 * tangent.max(1.0), "Θ {}: {line}", theta[(0, 0)]);
    }
}

/// `E[g(u) g(v)]` by trapezoid sums over two independent Gaussians.
fn integral(g: impl Fn(f64) -> f64, q1: f64, q2: f64, correlation: f64) -> f64 {
    let (step, range) = (0.0625, 150);
    let rest = (1.0 - correlation * correlation).max(0.0).sqrt();
    let density = |z: f64| step * (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    let nodes: Vec<f64> = (-range..=range).map(|i| f64::from(i) * step).collect();
    let outer = |z: f64| {
        let inner: f64 = nodes.iter().map(|y| density(*y) * g(q2.sqrt() * (correlation * z + rest * y))).sum();
        density(z) * g(q1.sqrt() * z) * inner
    };
    nodes.iter().map(|z| outer(*z)).sum()
}

/// Smooth activations, one hidden layer: `K = E[φφ]`, `Θ = E[φφ] + c E[φ'φ']`. Across correlations at which arcsines change their form
/// (`w² = 1/2`), means at which sine kernels do (1/2), and where terms of Hermite series may be left out (any |ρ| < 1).
#[test]
fn smooth_kernels_agree_with_integrals_across_their_switches() {
    let squares = [(0.1, 0.4), (0.499, 0.501), (0.5001, 0.5001), (3.0, 3.0), (8.0, 0.02)];
    let correlations = [-1.0, -0.999, -0.7072, -0.707, -0.3, 0.0, 1e-9, 0.4, 0.6, 0.707, 0.7072, 0.8, 0.9, 0.9999, 1.0];
    for activation in [Activation::Erf, Activation::Gelu, Activation::Sin, Activation::Tanh, Activation::Silu] {
        let network = network(activation, 1, 1.0);
        for (q1, q2) in squares {
            for correlation in correlations {
                let found = pair(&network, f64::acos(correlation), (q1, q2));
                let value = integral(|u| activation.value(u), q1, q2, correlation);
                let derivative = integral(|u| activation.derivative(u), q1, q2, correlation);
                let tangent = value + correlation * (q1 * q2).sqrt() * derivative;
                let size = 1.0 + (q1 * q2).sqrt();
                let case = format!("{} q {q1} {q2} ρ {correlation}", activation.name());
                assert!((found.0 - value).abs() < 2e-12 * size, "{case}: K {} against {value}", found.0);
                assert!((found.1 - tangent).abs() < 2e-11 * size, "{case}: Θ {} against {tangent}", found.1);
            }
        }
    }
}

/// `E[φ²]` and `E[φ'²]` by a trapezoid sum that is fine enough for any variance below.
fn diagonal(activation: Activation, q: f64) -> Expectations {
    let (step, range) = (1.0 / 512.0, 9 * 512);
    let mean = |g: &dyn Fn(f64) -> f64| -> f64 {
        let term = |i: i32| {
            let z = f64::from(i) * step;
            step * (-0.5 * z * z).exp() / (2.0 * PI).sqrt() * g(q.sqrt() * z).powi(2)
        };
        (-range..=range).map(term).sum()
    };
    Expectations { value: mean(&|u| activation.value(u)), derivative: mean(&|u| activation.derivative(u)) }
}

/// Up to the variance at which a series is refused, it is off by less than the limit of 1e-4 and than it says; beyond, kernels are refused.
#[test]
fn series_are_refused_where_they_are_off_by_more_than_they_may_be() {
    for activation in [Activation::Tanh, Activation::Silu] {
        let (mut accepted, mut refused) = (0, 0);
        for q in [0.1, 1.0, 5.0, 15.0, 25.0, 30.0, 35.0, 60.0, 150.0, 200.0, 300.0, 1000.0] {
            let x = Matrix::from_row_slice(1, 1, &[f64::sqrt(q)]);
            let kernel = kernels(&network(activation, 1, 1.0), &x, Some(&x), Which::Nngp, &mut |_| Control::Continue);
            let exact = diagonal(activation, q);
            let found = Dual::of(activation).pair(q, q, q);
            let error =
                ((found.value / exact.value - 1.0).abs()).max((found.derivative / exact.derivative - 1.0).abs());
            match kernel {
                Ok(_) => {
                    accepted += 1;
                    assert!(error <= 1.01e-4, "{} at {q}: accepted and off by {error:e}", activation.name());
                }
                Err(message) => {
                    refused += 1;
                    assert!(error > 0.5e-4, "{} at {q}: off by {error:e} and refused: {message}", activation.name());
                }
            }
        }
        assert!(accepted >= 5 && refused >= 2, "{}: {accepted} accepted, {refused} refused", activation.name());
    }
}

/// A diagonal kernel with one small eigenvalue, at t = ∞: `Nε λ_max` decides. Above it the answer interpolates; below it there is an error
/// that names a ridge, and with the cutoff that mode is left alone.
#[test]
fn small_pivots_are_answered_or_refused_but_never_wrong() {
    let problem = small(Activation::Relu, descent(0.1));
    let samples = problem.data.train.targets.nrows();
    let rounding = 8.0 * f64::EPSILON;
    for smallest in [1.0, 1e-6, 1e-12, 1.5 * rounding, 0.5 * rounding, 1e-20, 0.0] {
        let train = Matrix::from_fn(samples, samples, |i, j| match (i == j, i) {
            (false, _) => 0.0,
            (true, 0) => smallest,
            (true, _) => 1.0,
        });
        let given = |train: &Matrix| GivenKernel {
            train: train.clone(),
            test_train: Some(Matrix::zeros(problem.data.test.as_ref().map_or(0, |test| test.targets.nrows()), samples)),
            test_test: None,
        };
        let ask = |cutoff: bool| {
            let question = Question {
                spread: Spread::None,
                initial: Initial::Zero,
                cutoff,
                given: Some(GivenKernels { nngp: None, tangent: Some(given(&train)) }),
                ..question(&[Moment::Infinity])
            };
            predict(&problem, &question, &mut |_| Control::Continue)
        };
        let targets = &problem.data.train.targets;
        if smallest > rounding {
            assert!((ask(false).expect("an answer")[0].train.mean.clone() - targets).amax() < 1e-12, "{smallest:e}");
            continue;
        }
        let message = ask(false).expect_err("singular").to_string();
        assert!(message.contains("singular") && message.contains("ridge"), "{smallest:e}: {message}");
        let left = ask(true).expect("an answer").remove(0);
        if left.dropped == Some(1) {
            assert!(left.train.mean.row(0).amax() < 1e-12, "{smallest:e}");
            assert!((left.train.mean.rows(1, samples - 1) - targets.rows(1, samples - 1)).amax() < 1e-12);
        } else {
            assert!(smallest > 0.4 * rounding * samples as f64 / 8.0 && left.dropped == Some(0), "{smallest:e}");
        }
    }
}

/// A given kernel may be asymmetric by 1e-10 of its largest entry, and its eigenvalues may be below 0 by `8 ε` of the largest.
#[test]
fn given_kernels_are_symmetric_and_positive_up_to_rounding() {
    let problem = small(Activation::Relu, descent(0.1));
    let samples = problem.data.train.targets.nrows();
    let ask = |corner: f64, asymmetry: f64| {
        let mut train = Matrix::identity(samples, samples);
        train[(0, 0)] = corner;
        train[(1, 2)] = asymmetry;
        let tests = problem.data.test.as_ref().map_or(0, |test| test.targets.nrows());
        let kernel = GivenKernel { train, test_train: Some(Matrix::zeros(tests, samples)), test_test: None };
        let question = Question {
            spread: Spread::None,
            initial: Initial::Zero,
            given: Some(GivenKernels { nngp: None, tangent: Some(kernel) }),
            ..question(&[Moment::At(3.0)])
        };
        predict(&problem, &question, &mut |_| Control::Continue)
    };
    for (corner, asymmetry, refusal) in [
        (1.0, 0.0, None),
        (1.0, 0.9e-10, None),
        (1.0, 1.1e-10, Some("not symmetric")),
        (0.0, 0.0, None),
        (-7.5 * f64::EPSILON, 0.0, None),
        (-8.5 * f64::EPSILON, 0.0, Some("not positive semi-definite")),
    ] {
        match (ask(corner, asymmetry), refusal) {
            (Ok(found), None) => assert!(found[0].train.mean.iter().all(|x| x.is_finite())),
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, _) => panic!("corner {corner:e}, asymmetry {asymmetry:e}: {found:?}"),
        }
    }
}

/// Covariances of the ensemble are symmetric and positive semi-definite at every moment, variances on training inputs fall with time, and
/// of the readout's posterior those on test inputs never exceed the prior's.
#[test]
fn spreads_are_covariances_and_fall() {
    let problem = small(Activation::Erf, descent(0.1));
    let moments = [0.0, 1.0, 10.0, 1e3, 1e6].map(Moment::At);
    let predictions = answers(&problem, &question(&moments));
    for prediction in &predictions {
        for moments in [Some(&prediction.train), prediction.test.as_ref()].into_iter().flatten() {
            let covariance = moments.covariance.as_ref().expect("asked for");
            assert_eq!(covariance, &covariance.transpose());
            let smallest = covariance.clone().symmetric_eigenvalues().min();
            assert!(smallest > -1e-12, "{smallest:e}");
        }
    }
    let traces: Vec<f64> =
        predictions.iter().map(|found| found.train.covariance.as_ref().map_or(f64::NAN, |c| c.trace())).collect();
    assert!(traces.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-12) + 1e-14), "{traces:?}");
    let readout = Question { trained: Trained::ReadoutOnly, ..question(&moments) };
    let stds: Vec<Vec<f64>> = answers(&problem, &readout)
        .into_iter()
        .map(|found| found.test.expect("test inputs").std.expect("asked for"))
        .collect();
    for pair in stds.windows(2) {
        assert!(
            pair[0].iter().zip(&pair[1]).all(|(before, behind)| *behind <= before * (1.0 + 1e-9) + 1e-9),
            "{stds:?}"
        );
    }
}
