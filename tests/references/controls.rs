//! The harness itself: a wrong number, an unknown kind and an unknown field are failures.

use std::path::Path;

use serde_json::{Value, json};

use super::{Outcome, check_file, name_of};
use crate::common;

/// The outcome of one case of the project's own reference files, changed.
fn outcome(file: &str, name: &str, change: impl FnOnce(&mut Value)) -> Outcome {
    let directory = common::root().join("tests/reference");
    let text = std::fs::read_to_string(directory.join(file)).expect("the own copy");
    let mut file: Value = serde_json::from_str(&text).expect("valid JSON");
    let cases = file["cases"].as_array_mut().expect("cases");
    cases.retain(|case| *name_of(case) == name);
    change(cases.first_mut().expect("the case is there"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = common::write(folder.path(), "changed.json", &file.to_string());
    check_file(Path::new(&path), &directory)
}

#[track_caller]
fn fails(file: &str, name: &str, change: impl FnOnce(&mut Value), parts: &[&str]) {
    let message = outcome(file, name, change).failures.join("\n");
    assert!(!message.is_empty(), "{name}: the change was not noticed");
    for part in parts {
        assert!(message.contains(part), "{name}: `{part}` is missing in: {message}");
    }
}

/// Adds to the number at a place.
fn add(amount: f64, pointer: &'static str) -> impl FnOnce(&mut Value) {
    move |case| {
        let value = case.pointer_mut(pointer).expect("the number is there");
        *value = json!(value.as_f64().expect("a number") + amount);
    }
}

/// One number of every kind and part (all of order 1), moved by a hundred tolerances or less.
#[test]
fn wrong_values_fail() {
    const CONVOLUTION: &str = "convolution.json";
    const MEAN_FIELD: &str = "mean-field.json";
    const NONLINEAR: &str = "nonlinear-mean-field.json";
    const NTK: &str = "ntk.json";
    const PROPORTIONAL: &str = "proportional.json";
    for (file, name, amount, pointer, part) in [
        (MEAN_FIELD, "shallow", 2e-9, "/predictor_at_step/5/0/0", "predictor_at_step 5"),
        (NONLINEAR, "tanh-one-hidden", 1e-4, "/outputs_at_step/10/0/0", "outputs at step 10"),
        (NTK, "kernel-erf-depth4-nobias", 1e-7, "/ntk_11/0/1", "ntk_11, entry 1"),
        (NTK, "kernel-mixed-layers-relu", 1e-7, "/nngp_12/0/0", "nngp_12, entry 0"),
        (NTK, "near-duplicate-relu-depth3-bias", 1e-11, "/pairs/3/ntk", "ntk at distance"),
        (NTK, "ensemble-erf", 1e-4, "/results/2/ntk/cov/0/0", "results, ntk cov"),
        (NTK, "ensemble-relu", 1e-4, "/train_results/0/nngp/mean/1/0", "train_results, nngp mean"),
        (NTK, "linear-mse-1out", 1e-4, "/discrete/steps/2/f_test/0/0", "discrete, f_test at 2"),
        (NTK, "linear-mse-1out", 1e-4, "/heavy_ball/steps/3/f_train/0/0", "heavy_ball, f_train at 10"),
        (NTK, "linear-mse-1out", 1e-4, "/max_learning_rate_momentum_0_9", "max_learning_rate_momentum_0_9"),
        (NTK, "ode-ce-flow", 1e-6, "/flow_tight/2/f_train/0/0", "flow_tight, f_train"),
        (NTK, "ode-mse-momentum", 1e-4, "/flow/3/f_test/2/0", "flow, f_test"),
        (NTK, "finite-relu", 1e-7, "/empirical_ntk_test_train/0/0/1/1", "empirical_ntk_test_train"),
        (NTK, "finite-relu", 1e-7, "/gradient_descent/linearised/steps/2/f_train/0/0", "linearised descent"),
        (NTK, "conv-gap-circular-relu-depth1", 1e-5, "/ntk_12/0/0", "ntk_12, entry 0"),
        (CONVOLUTION, "convolution-kernel-residual-identity-relu", 1e-7, "/nngp_11/0/1", "nngp_11, entry 1"),
        (CONVOLUTION, "convolution-regression-digits-gap", 1e-4, "/ntk/test_mse", "ntk test_mse"),
        (NTK, "image-mnist-two-class", 1e-4, "/ntk/test_mse", "ntk test_mse"),
        (PROPORTIONAL, "V01", 1e-9, "/expected/finite/Eq^s/2", "Eq^s 2"),
        (PROPORTIONAL, "V02", 1e-7, "/expected/pdf/3/2", "pdf, entry 2"),
        (PROPORTIONAL, "V03", 1e-6, "/expected/cases/1/upper_quantile/1", "upper_quantile, entry 1"),
        (PROPORTIONAL, "V04", 1e-10, "/expected/limit/EKK/4", "EKK, entry 4"),
        (PROPORTIONAL, "V05", 1e-9, "/expected/finite/var", "var, entry 0"),
        (PROPORTIONAL, "V06", 1e-7, "/expected/log_density/1", "log_density"),
        (PROPORTIONAL, "V07", 1e-4, "/expected/cases/0/quantiles/0.95/1", "quantiles 0.95, entry 1"),
        (PROPORTIONAL, "V08", 1e-5, "/expected/KS_f_finite_vs_limit/3", "KS_f_finite_vs_limit"),
        (PROPORTIONAL, "V09", 1e-6, "/expected/density/2", "density, entry 2"),
        (PROPORTIONAL, "V10", 1e-10, "/expected/K_L/1/2", "K_L, entry 5"),
        (PROPORTIONAL, "V11", 1e-10, "/expected/reverse/2/0", "reverse, entry 6"),
        (PROPORTIONAL, "V12", 0.02, "/expected/E_Q/0/1", "E_Q, entry 1"),
        (PROPORTIONAL, "V13", 1e-6, "/expected/D2", "D2"),
    ] {
        fails(file, name, add(amount, pointer), &[part]);
    }
}

#[test]
fn unknown_kinds_and_fields_fail_and_unsupported_ones_are_counted() {
    const CASE: &str = "kernel-erf-depth4-nobias";
    let kind = |case: &mut Value| case["kind"] = json!("transformer_kernel");
    fails("ntk.json", CASE, kind, &["unknown kind", "transformer_kernel"]);
    let field = |case: &mut Value| case["kurtosis"] = json!(3.0);
    fails("ntk.json", CASE, field, &["unknown kind", "kurtosis"]);
    let layer = |case: &mut Value| case["net"]["layers"][0]["dropout"] = json!(0.5);
    fails("ntk.json", CASE, layer, &["unknown kind", "dropout"]);
    let nothing = |case: &mut Value| {
        for field in ["nngp_11", "ntk_11", "nngp_12", "ntk_12"] {
            case[field] = Value::Null;
        }
    };
    fails("ntk.json", CASE, nothing, &["expects nothing"]);
    let nowhere = |case: &mut Value| case["data"] = json!("mnist/no-class");
    fails("ntk.json", "image-mnist-two-class", nowhere, &["mnist/no-class", "none of", "data"]);

    let unsupported = outcome("convolution.json", "convolution-mean-field-gap", |_| {});
    assert_eq!((unsupported.met, unsupported.unsupported.len(), unsupported.failures.len()), (0, 1, 0));
}
