//! Values of neural-tangents and of 60-digit arithmetic in `tests/reference/ntk.json`, each within its own tolerance.

use serde_json::Value;
use widenet_core::document::Word;
use widenet_core::{
    Matrix, Problem,
    problem::{Activation, Loss, Rule},
};
use widenet_limits::kernel::{GivenKernel, GivenKernels, Initial, Moment, Ridge, Spread, Trained, largest_stable_rate};

use super::support::{answers, both, distance, network, problem, question};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/ntk.json");

fn cases(kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(FILE).expect("the reference file");
    let file: Value = serde_json::from_str(&text).expect("valid JSON");
    let cases = file["cases"].as_array().expect("cases").iter();
    let cases: Vec<Value> = cases.filter(|case| case["kind"] == kind).cloned().collect();
    assert!(!cases.is_empty(), "no cases of kind {kind}");
    cases
}

fn number(value: &Value) -> f64 {
    if value == "inf" { f64::INFINITY } else { value.as_f64().unwrap_or_else(|| panic!("{value} is no number")) }
}

fn matrix(value: &Value) -> Matrix {
    let rows: Vec<&Vec<Value>> =
        value.as_array().expect("rows").iter().map(|row| row.as_array().expect("a row")).collect();
    Matrix::from_fn(rows.len(), rows.first().map_or(0, |row| row.len()), |i, j| number(&rows[i][j]))
}

fn activation(net: &Value) -> Activation {
    let name = net["activation"]["name"].as_str().expect("a name");
    match (name, net["activation"]["negative_slope"].as_f64()) {
        ("leaky_relu", Some(negative_slope)) => Activation::LeakyRelu { negative_slope },
        _ => Activation::from_word(name).expect("a known activation"),
    }
}

/// The problem of a case; without targets they are 0.
fn load(case: &Value, x: &str, y: &str, rule: Rule) -> Problem {
    let inputs = matrix(&case[x]);
    let targets = if case[y].is_array() { matrix(&case[y]) } else { Matrix::zeros(inputs.nrows(), 1) };
    let test = case["x_test"].is_array().then(|| matrix(&case["x_test"]));
    let test = test.map(|test| (test.clone(), Matrix::zeros(test.nrows(), targets.ncols())));
    let layers = case["net"]["layers"].as_array().expect("layers").iter();
    let sigmas: Vec<(f64, f64)> = layers.map(|layer| (number(&layer["sigma_w"]), number(&layer["sigma_b"]))).collect();
    problem(activation(&case["net"]), &sigmas, (inputs, targets), test, rule)
}

const STEPS: u64 = 100_000;

fn momentum_descent(learning_rate: f64, momentum: f64) -> Rule {
    Rule::Descent { learning_rate, steps: STEPS, momentum, nesterov: false, batch_size: None }
}

/// Moments are flow times.
const FLOW: Rule = Rule::Flow { time: 1e6, tolerance: 1e-12 };

fn check(value: &Matrix, reference: &Value, tolerance: f64, what: &str) {
    let error = distance(value, &matrix(reference));
    assert!(error <= tolerance, "{what}: {error:e} is above {tolerance:e}");
}

#[test]
fn kernels() {
    for case in cases("kernel") {
        let name = case["name"].as_str().expect("a name");
        let problem = load(&case, "x1", "y", FLOW);
        let (network, x1, tolerance) = (network(&problem), &problem.data.train.inputs, number(&case["rtol"]));
        let (nngp, tangent) = both(&network, x1, None);
        let diagonal_tolerance = case["rtol_ntk_diagonal"].as_f64().unwrap_or(tolerance);
        for (kernel, key) in [(&nngp, "nngp_11"), (&tangent, "ntk_11")] {
            let reference = matrix(&case[key]);
            let largest = reference.amax();
            for (position, (value, expected)) in kernel.iter().zip(reference.iter()).enumerate() {
                let (i, j) = (position % kernel.nrows(), position / kernel.nrows());
                let size = match case["tolerance_rule"].is_string() {
                    true => (reference[(i, i)] * reference[(j, j)]).sqrt(),
                    false => largest,
                };
                let tolerance = if i == j && key == "ntk_11" { diagonal_tolerance } else { tolerance };
                assert!((value - expected).abs() <= tolerance * size, "{name} {key} ({i}, {j}): {value} {expected}");
            }
        }
        if case["nngp_12"].is_array() {
            let (nngp, tangent) = both(&network, x1, Some(&matrix(&case["x2"])));
            check(&nngp, &case["nngp_12"], tolerance, name);
            check(&tangent, &case["ntk_12"], tolerance, name);
        }
    }
}

#[test]
fn nearly_equal_inputs_lose_no_digits() {
    for case in cases("kernel_pairs") {
        for pair in case["pairs"].as_array().expect("pairs") {
            let row = |key: &str| matrix(&Value::Array(vec![pair[key].clone()]));
            let mut with_inputs = case.clone();
            with_inputs["x1"] = Value::Array(vec![pair["x1"].clone()]);
            let network = network(&load(&with_inputs, "x1", "y", FLOW));
            let (nngp, tangent) = both(&network, &row("x1"), Some(&row("x2")));
            for (value, key) in [(nngp[0], "nngp"), (tangent[0], "ntk")] {
                let reference = number(&pair[key]);
                let error = (value / reference - 1.0).abs();
                let tolerance = number(&case["rtol_stretch"]);
                assert!(error <= tolerance, "{} δ = {}: {key} is off by {error:e}", case["name"], pair["delta"]);
            }
        }
    }
}

#[test]
fn ensembles() {
    for case in cases("ensemble") {
        let learning_rate = number(&case["learning_rate"]);
        let mut problem = load(&case, "x_train", "y_train", FLOW);
        problem.loss = Loss::Squared { mean_over_outputs: true };
        let share = number(&case["diag_reg"]);
        let absolute = case["diag_reg_absolute"] == true;
        let ridge = if absolute { Ridge::Absolute(share) } else { Ridge::Relative(share) };
        for (key, on_test) in [("results", true), ("train_results", false)] {
            for result in case[key].as_array().into_iter().flatten() {
                let t = number(&result["t"]);
                let moment = if t.is_infinite() { Moment::Infinity } else { Moment::At(learning_rate * t) };
                for (kernel, trained) in [("nngp", Trained::ReadoutOnly), ("ntk", Trained::All)] {
                    let mut question = question(&[moment]);
                    question.trained = trained;
                    question.ridge = (share > 0.0).then_some(ridge);
                    let prediction = answers(&problem, &question).remove(0);
                    let moments = if on_test { prediction.test.expect("test inputs") } else { prediction.train };
                    let what = format!("{} {key} t = {t} {kernel}", case["name"]);
                    let tolerance = number(&case["rtol"]);
                    check_or_zero(&moments.mean, &result[kernel]["mean"], tolerance, &what);
                    check_or_zero(&moments.covariance.expect("asked for"), &result[kernel]["cov"], tolerance, &what);
                }
            }
        }
    }
}

fn check_or_zero(value: &Matrix, reference: &Value, tolerance: f64, what: &str) {
    let reference_matrix = matrix(reference);
    if reference_matrix.amax() == 0.0 {
        assert!(value.amax() < 1e-12, "{what}: {value} is not 0");
    } else {
        check(value, reference, tolerance, what);
    }
}

#[test]
fn linear_dynamics() {
    for case in cases("linear_dynamics") {
        let learning_rate = number(&case["learning_rate"]);
        let flow = match case["momentum"].as_f64() {
            Some(momentum) => Rule::MomentumFlow { learning_rate, steps: STEPS, momentum, tolerance: 1e-11 },
            None => Rule::Flow { time: 1e6, tolerance: 1e-11 },
        };
        let per_step = if case["momentum"].is_number() { 1.0 } else { learning_rate };
        follow(&case, &case["flow"], "t", flow.clone(), per_step, number(&case["rtol"]));
        if case["flow_tight"].is_array() {
            follow(&case, &case["flow_tight"], "t", flow, per_step, number(&case["rtol_tight"]));
        }
        let tolerance = number(&case["rtol"]);
        if let Some(learning_rate) = case["discrete"]["learning_rate"].as_f64() {
            follow(&case, &case["discrete"]["steps"], "step", momentum_descent(learning_rate, 0.0), 1.0, tolerance);
        }
        if let Some(learning_rate) = case["heavy_ball"]["learning_rate"].as_f64() {
            let momentum = number(&case["heavy_ball"]["momentum"]);
            follow(
                &case,
                &case["heavy_ball"]["steps"],
                "step",
                momentum_descent(learning_rate, momentum),
                1.0,
                tolerance,
            );
        }
        for (key, momentum) in [("max_learning_rate", 0.0), ("max_learning_rate_momentum_0_9", 0.9)] {
            let Some(expected) = case[key].as_f64() else { continue };
            let problem = load(&case, "x_train", "y_train", momentum_descent(1.0, momentum));
            let largest = largest_stable_rate(&problem).expect("a kernel");
            assert!((largest / expected - 1.0).abs() < 1e-7, "{} {key}: {largest} {expected}", case["name"]);
        }
    }
}

/// Compares the outputs at all moments, from the outputs given and on the kernel given.
fn follow(case: &Value, results: &Value, key: &str, rule: Rule, scale: f64, tolerance: f64) {
    let mut problem = load(case, "x_train", "y_train", rule);
    if case["loss"] == "cross_entropy" {
        problem.loss = Loss::CrossEntropy;
    }
    let results = results.as_array().expect("results");
    let moment = |result: &Value| match number(&result[key]) {
        f64::INFINITY => Moment::Infinity,
        t => Moment::At(scale * t),
    };
    let moments: Vec<Moment> = results.iter().map(moment).collect();
    let mut question = question(&moments);
    question.spread = Spread::None;
    question.initial = Initial::Outputs { train: matrix(&case["f_train_0"]), test: Some(matrix(&case["f_test_0"])) };
    question.given = Some(GivenKernels {
        nngp: None,
        tangent: Some(GivenKernel {
            train: matrix(&case["ntk_train_train"]),
            test_train: Some(matrix(&case["ntk_test_train"])),
            test_test: None,
        }),
    });
    for (prediction, result) in answers(&problem, &question).iter().zip(results) {
        let what = format!("{} {:?} {key} = {}", case["name"], problem.optimizer.rule, result[key]);
        check(&prediction.train.mean, &result["f_train"], tolerance, &what);
        check(&prediction.test.as_ref().expect("test inputs").mean, &result["f_test"], tolerance, &what);
    }
}
