//! Posteriors: reference cases, closed forms, and every way to integrate against another.

use serde_json::Value;
use widenet_core::{Matrix, training::Control};
use widenet_limits::proportional::{
    HiddenLayers, InputKernel, LogLaw, log_joint_density,
    posterior::{Error, MeanMixing, Method, Posterior, Regression, Settings},
};

fn case(id: &str) -> Value {
    let text = include_str!("../../../../tests/reference/proportional.json");
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
    Matrix::from_fn(rows, columns, |i, j| ((i * 13 + j * 29) as f64 * 0.61 + phase).sin())
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
