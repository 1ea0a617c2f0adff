//! Posteriors: reference cases, closed forms, and every way to integrate against another.

use serde_json::Value;
use widenet_core::{Matrix, training::Control};
use widenet_limits::proportional::{
    HiddenLayers, InputKernel, LayerGroup, LogLaw, Sampler, log_joint_density,
    posterior::{Error, MeanMixing, Method, Posterior, Regression, Settings},
};

fn case(id: &str) -> Value {
    let text = include_str!("../../../../../tests/reference/proportional.json");
    let document: Value = serde_json::from_str(text).expect("JSON");
    let cases = document["cases"].as_array().expect("cases");
    cases.iter().find(|case| case["id"] == id).expect("the case").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

/// A matrix by rows; a list of numbers is a column.
fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().expect("rows");
    let row = |row: &Value| if row.is_array() { numbers(row) } else { vec![number(row)] };
    let rows: Vec<Vec<f64>> = rows.iter().map(row).collect();
    Matrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found} against {expected}");
}

fn near_matrix(found: &Matrix, expected: &Matrix, tolerance: f64) {
    assert_eq!(found.shape(), expected.shape());
    found.iter().zip(expected.iter()).for_each(|(a, b)| near(*a, *b, tolerance));
}

fn go_on(_: f64) -> Control {
    Control::Continue
}

fn limit(alpha: f64) -> HiddenLayers {
    HiddenLayers::limit(alpha).expect("alpha")
}

fn finite(widths: &[u64]) -> HiddenLayers {
    HiddenLayers::finite(widths).expect("widths")
}

fn by(method: Method) -> Settings {
    Settings { method, seed: 7, ..Settings::default() }
}

fn posterior<'a>(regression: &'a Regression, layers: &HiddenLayers, settings: &Settings) -> Posterior<'a> {
    regression.posterior(layers, settings, &mut go_on).expect("a posterior")
}

fn evidence(regression: &Regression, layers: &HiddenLayers) -> f64 {
    let found =
        regression.evidence(std::slice::from_ref(layers), &Settings::default(), &mut go_on).expect("an evidence");
    assert!(found[0].diagnostics.reliable(), "{:?}", found[0].diagnostics);
    found[0].log_evidence
}

fn over_outputs(mixing: &MeanMixing) -> &Matrix {
    match mixing {
        MeanMixing::Outputs(matrix) => matrix,
        other => panic!("{other:?}"),
    }
}

fn scale_of(mixing: &MeanMixing) -> (f64, f64) {
    match mixing {
        MeanMixing::Scale { mean, mean_log } => (*mean, *mean_log),
        other => panic!("{other:?}"),
    }
}

/// A generic deterministic matrix.
fn wave(rows: usize, columns: usize, phase: f64) -> Matrix {
    Matrix::from_fn(rows, columns, |i, j| ((i * i * 7 + j * j * 5 + i * j * 3) as f64 * 0.61 + phase).sin())
}

/// V12's data; with `outputs` of them.
fn small(noise: f64, outputs: usize) -> Regression {
    let case = case("V12");
    let targets = matrix(&case["inputs"]["Y"]).columns(0, outputs).into_owned();
    let (x, test) = (matrix(&case["inputs"]["X"]), matrix(&case["inputs"]["X_test"]));
    Regression::new(&x, &targets, &test, 1.0, noise).expect("data")
}

#[test]
fn one_output() {
    let case = case("V07");
    let input = &case["inputs"];
    let (x, y, test) = (matrix(&input["X"]), matrix(&input["y"]), matrix(&input["X_test"]));
    let data = Regression::new(&x, &y, &test, number(&input["gain"]), number(&input["tau2"])).expect("data");
    let (settings, expected) = (&input["cases"], &case["expected"]["cases"]);
    for (setting, expected) in settings.as_array().expect("cases").iter().zip(expected.as_array().expect("cases")) {
        let layers = match setting.get("widths") {
            Some(widths) => finite(&numbers(widths).iter().map(|n| *n as u64).collect::<Vec<_>>()),
            None => limit(number(&setting["alpha"])),
        };
        let found = posterior(&data, &layers, &Settings::default());
        assert!(found.diagnostics().reliable() && found.diagnostics().method == Method::Quadrature);
        near(found.log_evidence(), number(&expected["log_evidence"]), 1e-9);
        let (mean, mean_log) = scale_of(&found.mixing);
        near(mean, number(&expected["E_q"]), 1e-9);
        near(mean_log, number(&expected["E_log_q"]), 1e-9);
        near_matrix(&found.mean, &matrix(&expected["mean"]), 1e-9);
        near_matrix(&found.variance, &matrix(&expected["var"]), 1e-9);
        assert_eq!(found.mean_error.amax(), 0.0);
        for t in 0..2 {
            let law = found.marginal(t, 0).expect("a law");
            near(law.cdf(0.0), number(&expected["cdf_at_zero"][t]), 1e-9);
            near(law.mean(), found.mean[(t, 0)], 1e-12);
            near(law.variance(), found.variance[(t, 0)], 1e-12);
            for level in ["0.05", "0.5", "0.95"] {
                let quantile = law.quantile(level.parse().expect("a level")).expect("a quantile");
                near(quantile, number(&expected["quantiles"][level][t]), 1e-8);
                let step = 1e-4;
                let slope = (law.cdf(quantile + step) - law.cdf(quantile - step)) / (2.0 * step);
                near(law.density(quantile), slope, 1e-5);
            }
            let far = law.quantile(1e-12).expect("a quantile");
            assert!((law.cdf(far) / 1e-12 - 1.0).abs() < 1e-9);
            near(law.upper_tail(far), 1.0, 1e-11);
        }
    }
}

#[test]
fn two_outputs_by_quadrature() {
    let expected = &case("V12")["expected"];
    let data = small(0.15, 2);
    let found = posterior(&data, &limit(0.6), &Settings::default());
    assert!(found.diagnostics().reliable(), "{:?}", found.diagnostics());
    assert_eq!(found.diagnostics().method, Method::Quadrature);
    near(found.log_evidence(), number(&expected["log_evidence"]), 1e-8);
    near_matrix(&found.mean, &matrix(&expected["mean"]), 1e-8);
    near_matrix(&found.variance, &matrix(&expected["var"]), 1e-8);
    near_matrix(over_outputs(&found.mixing), &matrix(&expected["E_Q"]), 1e-8);
    for (t, e) in [(0, 0), (1, 1)] {
        let law = found.marginal(t, e).expect("a law");
        near(law.mean(), found.mean[(t, e)], 1e-10);
        near(law.variance(), found.variance[(t, e)], 1e-10);
        near(law.cdf(law.quantile(0.2).expect("a quantile")), 0.2, 1e-10);
    }
}

/// Monte Carlo agrees with quadrature within five standard errors, which are small enough to see what a wrong α would do.
#[test]
fn two_outputs_by_monte_carlo() {
    let data = small(0.15, 2);
    let (exact, wrong) = (posterior(&data, &limit(0.6), &Settings::default()), evidence(&data, &limit(2.0)));
    for settings in [by(Method::Importance), Settings { steps: Some(48), ..by(Method::Tempered) }] {
        let found = posterior(&data, &limit(0.6), &settings);
        let diagnostics = found.diagnostics();
        assert!(diagnostics.reliable() && diagnostics.method == settings.method, "{diagnostics:?}");
        let error = diagnostics.log_evidence_error;
        assert!(error < 0.06, "{diagnostics:?}");
        let gap = found.log_evidence() - exact.log_evidence();
        assert!(gap.abs() < 5.0 * error + 1e-3, "{gap} ± {error}");
        assert!((found.log_evidence() - wrong).abs() > 5.0 * error, "no power");
        for at in 0..4 {
            let (gap, error) = (found.mean[at] - exact.mean[at], found.mean_error[at]);
            assert!(error < 0.02 && gap.abs() < 5.0 * error + 1e-3, "{gap} ± {error}");
            near(found.variance[at], exact.variance[at], 0.01);
        }
        let gap = (over_outputs(&found.mixing) - over_outputs(&exact.mixing)).amax();
        assert!(gap < 0.1, "{gap}");
        // Not the prior mean.
        assert!((over_outputs(&found.mixing) - Matrix::identity(2, 2)).amax() > 0.5);
    }
}

/// Three outputs, strong data: importance sampling is unreliable and says so; tempering agrees with a huge importance sample of weaker
/// data, and with itself.
#[test]
fn strong_data_needs_tempering() {
    let x = wave(12, 4, 0.3);
    let test = wave(2, 4, 2.0);
    let teacher = Matrix::from_fn(4, 3, |i, j| if j == 2 { 2.5 } else { 1.0 } * (1.0 + 0.1 * (i * j) as f64));
    let data = Regression::new(&x, &(&x * teacher), &test, 1.0, 0.01).expect("data");
    let settings = Settings { draws: 4000, ..by(Method::Importance) };
    let weak = posterior(&data, &limit(0.5), &settings);
    let reason = weak.diagnostics().unreliable.clone().expect("a reason");
    assert!(reason.contains("effective sample") && !weak.diagnostics().reliable(), "{reason}");
    let automatic = Settings { draws: 4000, particles: 300, ..by(Method::Automatic) };
    for layers in [limit(0.5), finite(&[12, 12, 12, 12, 12, 12])] {
        let found = posterior(&data, &layers, &automatic);
        let diagnostics = found.diagnostics();
        assert!(diagnostics.reliable() && diagnostics.method == Method::Tempered, "{diagnostics:?}");
        let again = posterior(&data, &layers, &Settings { seed: 8, ..automatic });
        let error = diagnostics.log_evidence_error.hypot(again.diagnostics().log_evidence_error);
        assert!((found.log_evidence() - again.log_evidence()).abs() < 5.0 * error);
        for at in 0..6 {
            let error = found.mean_error[at].hypot(again.mean_error[at]);
            assert!((found.mean[at] - again.mean[at]).abs() < 5.0 * error + 1e-6 && error < 0.02);
        }
    }
}

/// D = 3 at inputs of rank 2: mixing over inputs by quadrature and by importance sampling, and over outputs as soon as a third, irrelevant
/// direction among the test inputs makes that the smaller matrix.
#[test]
fn few_inputs_and_many_outputs() {
    let x = wave(5, 2, 0.3);
    let y = Matrix::from_fn(5, 3, |i, j| wave(5, 3, 1.7)[(i, j)] * (1.0 + j as f64));
    let test = wave(2, 2, 2.0);
    let inputs = Regression::new(&x, &y, &test, 1.3, 0.3).expect("data");
    assert_eq!((inputs.mixing_size(), inputs.rank(), inputs.tests(), inputs.inputs()), (2, 2, 2, 5));
    // The same numbers with N0 = 3, scaled so that the kernel is the same.
    let wider = |x: &Matrix, extra: bool| {
        let mut wide = x.clone().resize_horizontally(3, 0.0) * 1.5f64.sqrt();
        if extra {
            let rows = wide.nrows();
            wide = wide.resize_vertically(rows + 1, 0.0);
            wide[(rows, 2)] = 1.0;
        }
        wide
    };
    let outputs = Regression::new(&wider(&x, false), &y, &wider(&test, true), 1.3, 0.3).expect("data");
    assert_eq!(outputs.mixing_size(), 3);
    let exact = posterior(&inputs, &limit(0.7), &Settings::default());
    assert_eq!(exact.diagnostics().method, Method::Quadrature);
    let MeanMixing::Inputs(features) = &exact.mixing else { panic!("over inputs") };
    assert_eq!(features.shape(), (5, 5));
    for (data, steps) in [(&inputs, None), (&outputs, Some(64))] {
        let found = posterior(data, &limit(0.7), &Settings { steps, ..by(Method::Importance) });
        assert!(found.diagnostics().reliable(), "{:?}", found.diagnostics());
        let (gap, error) = (found.log_evidence() - exact.log_evidence(), found.diagnostics().log_evidence_error);
        assert!(gap.abs() < 5.0 * error + 1e-3 && error < 0.05, "{gap} ± {error}");
        for t in 0..2 {
            for e in 0..3 {
                let (gap, error) = (found.mean[(t, e)] - exact.mean[(t, e)], found.mean_error[(t, e)]);
                assert!(gap.abs() < 5.0 * error + 1e-3 && error < 0.02, "{gap} ± {error}");
                near(found.variance[(t, e)], exact.variance[(t, e)], 0.02);
            }
        }
    }
    // The two sides of a finite network, one layer narrower than both matrices.
    let layers = finite(&[4, 1, 6]);
    let [a, b] = [&inputs, &outputs].map(|data| posterior(data, &layers, &by(Method::Importance)));
    let error = a.diagnostics().log_evidence_error.hypot(b.diagnostics().log_evidence_error);
    assert!((a.log_evidence() - b.log_evidence()).abs() < 5.0 * error && error < 0.05, "{error}");
    // One input, three outputs: one scale, without sampling.
    let (x, y) = (wave(1, 2, 0.3), wave(1, 3, 1.0));
    let single = Regression::new(&x, &y, &(&x * 2.0), 1.0, 0.1).expect("data");
    assert_eq!(single.mixing_size(), 1);
    let found = posterior(&single, &layers, &Settings::default());
    let (kernel, square) = (x.norm_squared() / 2.0, y.norm_squared());
    let law = LogLaw::scale(&layers);
    let likelihood = |u: f64| {
        let s = u.exp() * kernel + 0.1;
        (-1.5 * (std::f64::consts::TAU * s).ln() - 0.5 * square / s).exp()
    };
    near(found.log_evidence(), brute_force(&law, likelihood).ln(), 1e-9);
}

/// `∫ p(u) h(u) du` on a plain fine grid.
fn brute_force(law: &LogLaw, h: impl Fn(f64) -> f64) -> f64 {
    let (mean, deviation) = (law.mean(), law.variance().sqrt());
    let step = 26.0 * deviation / 20_000.0;
    let term = |i: i32| {
        let u = mean - 16.0 * deviation + step * f64::from(i);
        h(u) * law.log_density(u).map_or(0.0, f64::exp)
    };
    step * (0..20_000).map(term).sum::<f64>()
}

/// Finite networks: importance sampling and tempering against the likelihood averaged over mixing matrices of the prior sampler.
#[test]
fn finite_networks_against_plain_averages() {
    let data = small(0.15, 2);
    let case = case("V12");
    let (x, y) = (matrix(&case["inputs"]["X"]), matrix(&case["inputs"]["Y"]));
    let kernel = &x * x.transpose() / 3.0;
    let stacked = nalgebra::DVector::from_iterator(8, y.iter().copied());
    let bottleneck = HiddenLayers::new(&[LayerGroup { width: 3, count: 1 }], 0.4).expect("layers");
    let narrow = finite(&[5, 1]);
    for layers in [finite(&[5, 7, 4]), narrow, bottleneck] {
        let prior = InputKernel::new(&kernel).expect("a kernel");
        let count = 40_000;
        let matrices = Sampler::new(&layers, &prior, 2, 1.0)
            .and_then(|sampler| sampler.mixing_matrices(3, 0..count))
            .expect("draws");
        let densities: Vec<f64> = matrices
            .chunks_exact(4)
            .map(|q| {
                let covariance = Matrix::from_row_slice(2, 2, q).kronecker(&kernel) + Matrix::identity(8, 8) * 0.15;
                let factor = covariance.cholesky().expect("positive definite");
                let half_log_det: f64 = factor.l().diagonal().iter().map(|x| x.ln()).sum();
                (-0.5 * stacked.dot(&factor.solve(&stacked)) - half_log_det - 4.0 * std::f64::consts::TAU.ln()).exp()
            })
            .collect();
        let mean = densities.iter().sum::<f64>() / count as f64;
        let spread = densities.iter().map(|p| (p / mean - 1.0).powi(2)).sum::<f64>().sqrt() / count as f64;
        for method in [Method::Importance, Method::Tempered] {
            let found = posterior(&data, &layers, &by(method));
            assert!(found.diagnostics().reliable(), "{:?}", found.diagnostics());
            let error = found.diagnostics().log_evidence_error.hypot(spread);
            let gap = found.log_evidence() - mean.ln();
            assert!(gap.abs() < 5.0 * error && error < 0.08, "{layers:?} {method:?}: {gap} ± {error}");
            // A posterior of another network would be noticed.
            assert!((found.log_evidence() - evidence(&data, &limit(4.0))).abs() > 5.0 * error, "no power");
        }
    }
}

#[test]
fn slopes_of_the_evidence() {
    let case = case("V13");
    let (x, y1, y2) = (matrix(&case["inputs"]["X"]), matrix(&case["inputs"]["y"]), matrix(&case["inputs"]["Y"]));
    let none = Matrix::zeros(0, 3);
    for (y, expected) in [(&y1, &case["expected"]["D1"]), (&y2, &case["expected"]["D2"])] {
        let data = Regression::new(&x, y, &none, 1.0, 0.0).expect("data");
        near(data.evidence_slope().expect("a slope"), number(expected), 1e-10);
    }
    // Noise, one and two outputs, against a difference of third order.
    for (noise, outputs) in [(0.15, 1), (0.0, 1), (0.15, 2), (2.0, 2)] {
        let data =
            if noise == 0.0 { Regression::new(&x, &y1, &none, 1.0, 0.0).expect("data") } else { small(noise, outputs) };
        let h = 2e-3;
        let at = |alpha: f64| evidence(&data, &limit(alpha));
        let difference = (-11.0 * at(0.0) + 18.0 * at(h) - 9.0 * at(2.0 * h) + 2.0 * at(3.0 * h)) / (6.0 * h);
        near(difference, data.evidence_slope().expect("a slope"), 2e-4);
        // Finite networks near the Gaussian process: Σ 1/N instead of α.
        if outputs == 1 {
            let wide = finite(&[20_000, 30_000]);
            near((evidence(&data, &wide) - at(0.0)) / wide.alpha(), data.evidence_slope().expect("a slope"), 2e-3);
        }
    }
}

#[test]
fn without_noise_depth_scales_the_variance_alone() {
    let (x, test) = (wave(4, 6, 0.3), wave(3, 6, 2.0));
    let y = wave(4, 1, 1.0) * 2.0;
    let data = Regression::new(&x, &y, &test, 0.7, 0.0).expect("data");
    let gaussian = posterior(&data, &HiddenLayers::nngp(), &Settings::default());
    assert_eq!(scale_of(&gaussian.mixing), (1.0, 0.0));
    let kernel = InputKernel::from_inputs(&x).expect("a kernel");
    let a = kernel.quadratic_form(y.as_slice()).expect("in range") / 0.7;
    for layers in [limit(0.8), finite(&[2, 9]), finite(&[1])] {
        let found = posterior(&data, &layers, &Settings::default());
        near_matrix(&found.mean, &gaussian.mean, 1e-12);
        near_matrix(&found.variance, &(&gaussian.variance * scale_of(&found.mixing).0), 1e-11);
        assert!((scale_of(&found.mixing).0 - 1.0).abs() > 0.05);
        let log_det = kernel.log_pseudo_determinant() + 4.0 * 0.7f64.ln();
        near(found.log_evidence(), log_joint_density(&layers, 4, a, log_det).expect("a density"), 1e-10);
    }
    // Two outputs as well: the mean does not depend on Q.
    let y = wave(4, 2, 1.0);
    let data = Regression::new(&x, &y, &test, 0.7, 0.0).expect("data");
    let gaussian = posterior(&data, &HiddenLayers::nngp(), &Settings::default());
    assert_eq!(over_outputs(&gaussian.mixing), &Matrix::identity(2, 2));
    let found = posterior(&data, &limit(0.8), &Settings::default());
    near_matrix(&found.mean, &gaussian.mean, 1e-10);
    for t in 0..3 {
        let mixing = over_outputs(&found.mixing);
        for e in 0..2 {
            near(found.variance[(t, e)], gaussian.variance[(t, e)] * mixing[(e, e)], 1e-9);
        }
    }
    // Repeated inputs: the rank takes the place of P; a test input that was trained on is known.
    let twice = x.select_rows(&[0, 1, 2, 3, 1]);
    let targets = wave(4, 1, 1.0).select_rows(&[0, 1, 2, 3, 1]);
    let repeated = Regression::new(&twice, &targets, &x, 1.0, 0.0).expect("data");
    assert_eq!(repeated.rank(), 4);
    let found = posterior(&repeated, &limit(0.8), &Settings::default());
    near_matrix(&found.mean, &wave(4, 1, 1.0), 1e-12);
    assert!(found.variance.amax() < 1e-14);
    let a = InputKernel::from_inputs(&twice).and_then(|k| k.quadratic_form(targets.as_slice())).expect("in range");
    let log_det = InputKernel::from_inputs(&twice).expect("a kernel").log_pseudo_determinant();
    near(found.log_evidence(), log_joint_density(&limit(0.8), 4, a, log_det).expect("a density"), 1e-10);
}

/// A thousand data points: the posterior of the scale is twenty times narrower than the prior, and in its tail.
#[test]
fn a_posterior_much_narrower_than_the_prior() {
    let size = 1000usize;
    let value = |i: usize| 0.2 + 3.0 * (i as f64 * 0.37).sin().powi(2);
    let kernel = Matrix::from_fn(size + 1, size + 1, |i, j| match (i, j) {
        (i, j) if i == j => value(i),
        (0, j) if j == size => 0.1,
        (i, 0) if i == size => 0.1,
        _ => 0.0,
    });
    let y = Matrix::from_fn(size, 1, |i, _| 6.0 * (i as f64 * 1.3).cos());
    let data = Regression::from_kernel(&kernel, &y, 1.0, 0.5).expect("data");
    for layers in [limit(0.5), finite(&[40; 20])] {
        let found = posterior(&data, &layers, &Settings::default());
        let law = LogLaw::scale(&layers);
        let log_likelihood = |u: f64| {
            let of_one = |i: usize| {
                let s = u.exp() * value(i) + 0.5;
                (std::f64::consts::TAU * s).ln() + y[i] * y[i] / s
            };
            -0.5 * (0..size).map(of_one).sum::<f64>()
        };
        let reference = found.log_evidence();
        // Every 1/2000 of the prior, in the window that matters.
        let (step, centre) = (0.0005, scale_of(&found.mixing).1);
        let (mut mass, mut mean) = (0.0, 0.0);
        for i in -1500..=1500 {
            let u = centre + step * f64::from(i);
            let weight = step * (log_likelihood(u) + law.log_density(u).expect("a density") - reference).exp();
            mass += weight;
            mean += weight * u.exp() * 0.1 * y[0] / (u.exp() * value(0) + 0.5);
        }
        assert!((mass - 1.0).abs() < 1e-8, "{mass}");
        near(found.mean[(0, 0)], mean, 1e-9);
    }
}

#[test]
fn finite_networks_approach_the_limit_like_one_over_width() {
    let data = small(0.15, 1);
    let exact = posterior(&data, &limit(0.5), &Settings::default());
    let gap = |n: u64| {
        let layers = HiddenLayers::new(&[LayerGroup { width: n, count: n / 2 }], 0.0).expect("layers");
        let found = posterior(&data, &layers, &Settings::default());
        (found.log_evidence() - exact.log_evidence(), found.mean[0] - exact.mean[0])
    };
    let (a, b) = (gap(256), gap(1024));
    for ratio in [a.0 / b.0, a.1 / b.1] {
        let order = ratio.log2() / 2.0;
        assert!((order - 1.0).abs() < 0.05, "{order}");
    }
}

#[test]
fn without_data_it_is_the_prior() {
    let (x, test) = (Matrix::zeros(0, 3), wave(2, 3, 0.4));
    for outputs in [1, 2] {
        let data = Regression::new(&x, &Matrix::zeros(0, outputs), &test, 2.0, 0.1).expect("data");
        for layers in [limit(0.5), finite(&[3, 5]), HiddenLayers::nngp()] {
            let found = posterior(&data, &layers, &Settings { draws: 5000, ..Settings::default() });
            assert_eq!(found.mean.amax(), 0.0);
            let exact = found.diagnostics().method == Method::Quadrature;
            let tolerance = if exact { 1e-9 } else { 0.1 };
            near(found.log_evidence(), 0.0, 1e-7);
            for t in 0..2 {
                let variance = 2.0 * test.row(t).norm_squared() / 3.0;
                (0..outputs).for_each(|e| near(found.variance[(t, e)], variance, tolerance));
            }
        }
        assert_eq!(data.evidence_slope().expect("a slope"), 0.0);
    }
}

/// Labels that move together pull the outputs together.
#[test]
fn mixing_follows_the_labels() {
    let x = wave(8, 5, 0.3);
    let common = wave(8, 1, 1.0) * 2.0;
    for sign in [1.0, -1.0] {
        let y =
            Matrix::from_fn(8, 2, |i, j| if j == 0 { common[i] } else { sign * common[i] } + 0.05 * (i as f64).sin());
        let data = Regression::new(&x, &y, &x, 1.0, 0.2).expect("data");
        let found = posterior(&data, &limit(1.0), &Settings::default());
        assert!(found.diagnostics().reliable(), "{:?}", found.diagnostics());
        assert!(sign * over_outputs(&found.mixing)[(0, 1)] > 0.3, "{}", over_outputs(&found.mixing));
    }
}

#[test]
fn evidence_over_architectures() {
    let data = small(0.15, 1);
    let grid: Vec<HiddenLayers> = [0.0, 0.2, 0.6, 1.5].into_iter().map(limit).chain([finite(&[5, 7, 4])]).collect();
    let found = data.evidence(&grid, &Settings::default(), &mut go_on).expect("evidences");
    for (layers, one) in grid.iter().zip(&found) {
        assert_eq!(one.log_evidence, posterior(&data, layers, &Settings::default()).log_evidence());
    }
    assert!(data.evidence(&[], &Settings::default(), &mut go_on).expect("none").is_empty());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let data = small(0.15, 2);
    let run = |threads: usize, settings: &Settings, layers: &HiddenLayers| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let found = pool.install(|| posterior(&data, layers, settings));
        (found.log_evidence(), found.mean.clone(), found.variance.clone(), found.mixing.clone())
    };
    let settings = Settings { draws: 3000, particles: 100, runs: 2, sweeps: 2, ..Settings::default() };
    for method in [Method::Importance, Method::Tempered] {
        for layers in [limit(0.6), finite(&[4, 6])] {
            let settings = Settings { method, ..settings };
            assert_eq!(run(1, &settings, &layers), run(3, &settings, &layers), "{method:?}");
        }
    }
}

#[test]
fn a_watch_can_stop_it() {
    let data = small(0.15, 2);
    for method in [Method::Quadrature, Method::Importance, Method::Tempered] {
        let mut shares = Vec::new();
        let mut watch = |share: f64| {
            shares.push(share);
            if shares.len() > 3 { Control::Stop } else { Control::Continue }
        };
        let stopped = data.posterior(&limit(0.6), &by(method), &mut watch).map(|_| ()).expect_err("stopped");
        assert_eq!(stopped, Error::Stopped);
        assert!(shares.is_sorted() && shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
    }
}

#[test]
fn what_is_no_regression_is_refused() {
    let (x, y, test) = (wave(4, 3, 0.3), wave(4, 2, 1.0), wave(2, 3, 2.0));
    let new = |x: &Matrix, y: &Matrix, test: &Matrix, gain: f64, noise: f64| {
        Regression::new(x, y, test, gain, noise).map(|_| ()).expect_err("no regression").to_string()
    };
    let mut broken = x.clone();
    broken[(1, 2)] = f64::NAN;
    let asymmetric = wave(5, 5, 0.2);
    let kernel = |kernel: &Matrix, y: &Matrix| {
        Regression::from_kernel(kernel, y, 1.0, 0.1).map(|_| ()).expect_err("no regression").to_string()
    };
    for (message, part) in [
        (new(&x, &wave(3, 2, 1.0), &test, 1.0, 0.1), "`targets` has 3 rows"),
        (new(&x, &y, &wave(2, 4, 2.0), 1.0, 0.1), "N0 = 4"),
        (new(&x, &y, &test, 0.0, 0.1), "gain of 0"),
        (new(&x, &y, &test, f64::NAN, 0.1), "gain of NaN"),
        (new(&x, &y, &test, 1.0, -0.5), "tau2 = -0.5"),
        (new(&x, &y, &test, 1.0, f64::INFINITY), "tau2 = inf"),
        (new(&x, &Matrix::zeros(4, 0), &test, 1.0, 0.1), "D = 0"),
        (new(&Matrix::zeros(4, 0), &y, &Matrix::zeros(2, 0), 1.0, 0.1), "N0 = 0"),
        (new(&broken, &y, &test, 1.0, 0.1), "entry (1, 2) of the training inputs is NaN"),
        (new(&x, &y, &broken, 1.0, 0.1), "the test inputs is NaN"),
        (new(&x, &(&y / 0.0), &test, 1.0, 0.1), "the targets"),
        (new(&(&x * 1e200), &y, &test, 1.0, 0.1), "the kernel of the training inputs"),
        (new(&x, &y, &test, 1.0, 0.0), "tau2 = 0 with targets"),
        (kernel(&asymmetric, &y), "symmetric"),
        (kernel(&wave(5, 4, 0.0), &y), "5 × 4"),
        (kernel(&Matrix::identity(3, 3), &y), "`targets` has 4 rows"),
        (kernel(&-Matrix::identity(4, 4), &y), "eigenvalue"),
    ] {
        assert!(message.contains(part), "{message}");
    }
    let (data, exact) =
        (small(0.15, 2), Regression::new(&wave(3, 4, 0.3), &wave(3, 2, 1.0), &wave(1, 4, 2.0), 1.0, 0.0));
    let exact = exact.expect("data");
    let zeros = Regression::new(&wave(3, 4, 0.3), &Matrix::zeros(3, 1), &wave(1, 4, 2.0), 1.0, 0.0).expect("data");
    let defaults = Settings::default();
    let ask = |data: &Regression, layers: &HiddenLayers, settings: Settings| {
        data.posterior(layers, &settings, &mut go_on).map(|_| ()).expect_err("no posterior").to_string()
    };
    for (message, part) in [
        (ask(&data, &limit(0.6), Settings { draws: 0, ..defaults }), "draws = 0"),
        (ask(&data, &limit(0.6), Settings { particles: 1, ..defaults }), "particles = 1"),
        (ask(&data, &limit(0.6), Settings { runs: 1, ..defaults }), "runs = 1"),
        (ask(&data, &limit(0.6), Settings { sweeps: 0, ..defaults }), "sweeps = 0"),
        (ask(&data, &limit(0.6), Settings { steps: Some(0), ..defaults }), "steps = 0"),
        (ask(&data, &finite(&[4]), by(Method::Quadrature)), "no quadrature"),
        (ask(&small(0.15, 1), &finite(&[4]), by(Method::Importance)), "Importance"),
        (ask(&exact, &finite(&[4, 1]), defaults), "width 1"),
        (ask(&zeros, &finite(&[3]), defaults), "tau2 = 0"),
        (ask(&data, &limit(2e3), by(Method::Importance)), "alpha = 2000"),
    ] {
        assert!(message.contains(part), "{message}");
    }
    let found = posterior(&data, &limit(0.6), &defaults);
    assert!(found.marginal(2, 0).is_err() && found.marginal(0, 2).is_err());
    let law = found.marginal(0, 0).expect("a law");
    for level in [0.0, 1.0, f64::NAN] {
        assert!(law.quantile(level).expect_err("no level").to_string().contains("quantile level"));
    }
}
