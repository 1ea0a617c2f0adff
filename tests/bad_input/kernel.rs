//! Bad input of `widenet kernel` and `widenet predict` (docs/theory/ntk.md §11), and what is legal though it looks bad.

use std::fs;

use serde_json::Value;

use super::{contains, folder, refusal};
use crate::common::{json, run, write};

/// Three training and two test inputs; all questions have an answer.
const SPEC: &str = r#"
[network]
hidden_layers = 2
activation = "relu"
[parameterization]
kind = "ntk"
sigma_w = 1.4
sigma_b = 0.1
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
test_inputs = [[0.2, 0.2], [1.0, -1.0]]
test_targets = [[1.0], [1.0]]
[optimizer]
kind = "momentum"
learning_rate = 0.1
momentum = 0.5
steps = 10
[predict]
at = [0, 10, "inf"]
"#;

/// The spec with a line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert!(SPEC.contains(line), "{line}");
    SPEC.replace(line, replacement)
}

/// The spec with lines after the section `[predict]`.
fn asked(lines: &str) -> String {
    format!("{SPEC}{lines}\n")
}

/// The refusal of a spec by both commands.
#[track_caller]
fn refused(spec: &str, parts: &[&str]) {
    let folder = folder();
    let path = write(folder.path(), "spec.toml", spec);
    for command in ["kernel", "predict"] {
        contains(&refusal(&[command, &path]), parts);
    }
}

#[track_caller]
fn predict_refused(spec: &str, parts: &[&str]) {
    let folder = folder();
    let path = write(folder.path(), "spec.toml", spec);
    contains(&refusal(&["predict", &path]), parts);
}

/// The JSON answer to a legal spec.
fn predicted(spec: &str) -> Value {
    let folder = folder();
    let path = write(folder.path(), "spec.toml", spec);
    json(&["predict", &path, "--json"])["predictions"].clone()
}

/// What is said beside the answer.
fn notes(spec: &str) -> String {
    let folder = folder();
    let said = run(&["predict", &write(folder.path(), "spec.toml", spec)]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.err
}

#[test]
fn empty_data() {
    refused(&with("inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]", "inputs = []"), &["data.inputs", "[]"]);
}

#[test]
fn dimensions_that_do_not_fit() {
    refused(
        &with("test_inputs = [[0.2, 0.2], [1.0, -1.0]]", "test_inputs = [[0.2], [1.0]]"),
        &["test inputs are 2 × 1", "training inputs 3 × 2"],
    );
    refused(&with("targets = [[1.0], [-1.0], [0.5]]", "targets = [[1.0]]"), &["data.targets", "1 × 1", "3 × 2"]);
    refused(&with("sigma_w = 1.4", "sigma_w = [1.4, 1.0]"), &["sigma_w", "2 elements", "3"]);
    predict_refused(
        &asked("initial = { outputs = [[1.0], [2.0]], test_outputs = [[0.0], [0.0]] }"),
        &["2 × 1", "3 × 1"],
    );
    predict_refused(&asked("initial = { outputs = [[1.0], [2.0], [3.0]] }"), &["test"]);
    let kernel = |train: &str, test: &str| {
        asked(&format!("spread = \"none\"\nkernels = {{ ntk = {{ train = {train}, test_train = {test} }} }}"))
    };
    let (good, test) = ("[[2, 0, 0], [0, 2, 0], [0, 0, 2]]", "[[1, 0, 0], [0, 1, 0]]");
    assert_eq!(predicted(&kernel(good, test)).as_array().expect("a list").len(), 3);
    predict_refused(&kernel("[[2, 0], [0, 2]]", test), &["`ntk`", "2 × 2", "3 × 3"]);
    predict_refused(&kernel(good, "[[1, 0], [0, 1]]"), &["`ntk`", "2 × 2", "2 × 3"]);
}

#[test]
fn numbers_that_are_not_finite() {
    refused(&with("[0.3, -0.8]", "[0.3, nan]"), &["data.inputs", "nan"]);
    predict_refused(
        &asked("kernels = { ntk = { train = [[1, 0, 0], [0, inf, 0], [0, 0, 1]] } }"),
        &["predict.kernels.ntk.train", "inf"],
    );
    // Overflow: of the kernel on large inputs, and of the network whatever the inputs.
    refused(&with("[0.3, -0.8]", "[1e160, -0.8]"), &["kernel overflows", "row 3", "weight matrix 1 of 3"]);
    refused(&with("sigma_w = 1.4", "sigma_w = 1e80"), &["kernel overflows", "weight matrix 2 of 3"]);
}

#[test]
fn numbers_out_of_range() {
    refused(&with("sigma_b = 0.1", "sigma_b = -0.1"), &["sigma_b", "-0.1", "≥ 0"]);
    for sigma_w in ["0", "-1"] {
        refused(&with("sigma_w = 1.4", &format!("sigma_w = {sigma_w}")), &["sigma_w", sigma_w, "> 0"]);
    }
    predict_refused(&with("learning_rate = 0.1", "learning_rate = -0.1"), &["learning_rate", "-0.1", "> 0"]);
    for momentum in ["1", "-0.5"] {
        predict_refused(&with("momentum = 0.5", &format!("momentum = {momentum}")), &["momentum", momentum]);
    }
    predict_refused(&asked("ridge = -1e-3"), &["predict.ridge", "-0.001", "≥ 0"]);
    predict_refused(&asked("ridge = { relative = -1 }"), &["predict.ridge.relative", "-1"]);
    predict_refused(&with("at = [0, 10, \"inf\"]", "at = [0, -5]"), &["predict.at[1]", "-5", "≥ 0"]);
    predict_refused(&with("at = [0, 10, \"inf\"]", "at = [0.5]"), &["predict.at[0]", "0.5", "whole"]);
    predict_refused(&with("at = [0, 10, \"inf\"]", "at = [\"end\"]"), &["predict.at[0]", "end", "inf"]);
    let flow = "kind = \"flow\"\ntimes = -1.0";
    let momentum = "kind = \"momentum\"\nlearning_rate = 0.1\nmomentum = 0.5\nsteps = 10";
    predict_refused(&with(momentum, flow), &["optimizer.times", "-1"]);
}

#[test]
fn words_and_keys_that_are_not_known() {
    refused(&with("\"relu\"", "\"rleu\""), &["network.activation", "rleu", "relu"]);
    let folder = folder();
    let path = write(folder.path(), "spec.toml", &format!("{SPEC}[kernel]\nknid = \"ntk\"\n"));
    contains(&refusal(&["kernel", &path]), &["kernel.knid", "kind"]);
    contains(&refusal(&["kernel", &path, "--kind", "gram"]), &["gram", "ntk", "nngp", "both"]);
    predict_refused(&asked("trained = \"head\""), &["predict.trained", "head", "readout"]);
    predict_refused(&asked("spraed = \"std\""), &["predict.spraed", "spread"]);
}

#[test]
fn matrices_that_are_no_kernel() {
    let kernel = |train: &str| {
        let test = "[[1, 0, 0], [0, 1, 0]]";
        asked(&format!("spread = \"none\"\nkernels = {{ ntk = {{ train = {train}, test_train = {test} }} }}"))
    };
    predict_refused(&kernel("[[2, 1, 0], [0.5, 2, 0], [0, 0, 2]]"), &["`ntk`", "not symmetric", "(1, 2)", "0.5"]);
    let indefinite = kernel("[[1, 2, 0], [2, 1, 0], [0, 0, 1]]");
    predict_refused(&indefinite, &["training kernel", "no kernel", "smallest eigenvalue is -9.99"]);
    predict_refused(
        &indefinite.replace("at = [0, 10, \"inf\"]", "at = [10]"),
        &["training kernel", "positive semi-definite", "-9.99"],
    );
}

#[test]
fn blocks_of_a_given_kernel_that_are_missing() {
    let train = "[[2, 0, 0], [0, 2, 0], [0, 0, 2]]";
    predict_refused(
        &asked(&format!("spread = \"none\"\nkernels = {{ ntk = {{ train = {train} }} }}")),
        &["`ntk`", "test inputs", "test predictions"],
    );
    // A spread needs the prior.
    let ntk = format!("ntk = {{ train = {train}, test_train = [[1, 0, 0], [0, 1, 0]] }}");
    predict_refused(&asked(&format!("kernels = {{ {ntk} }}")), &["`nngp`", "missing"]);
    predict_refused(&asked(&format!("trained = \"readout\"\nkernels = {{ {ntk} }}")), &["`nngp`", "missing"]);
    predict_refused(&asked("kernels = { ntk = { train = \"nowhere.npy\" } }"), &["nowhere.npy"]);
}

/// Four inputs in two dimensions under a linear network: rank 2.
#[test]
fn the_end_of_training_under_a_singular_kernel() {
    let spec = with("\"relu\"", "\"identity\"").replace("sigma_b = 0.1", "sigma_b = 0");
    predict_refused(&spec, &["t = infinity", "3 × 3", "smallest eigenvalue", "ridge", "cutoff"]);
    let ridge = predicted(&format!("{spec}ridge = 1e-6\n"));
    assert!(ridge[2]["train_loss"].as_f64().expect("a loss") < 0.5);
    let cutoff = predicted(&format!("{spec}cutoff = true\n"));
    assert_eq!(cutoff[2]["dropped"], 1);
}

#[test]
fn the_end_of_training_that_does_not_exist() {
    let end = |loss: &str, targets: &str| {
        with("targets = [[1.0], [-1.0], [0.5]]", &format!("targets = {targets}"))
            .replace("test_targets = [[1.0], [1.0]]\n", "")
            .replace("[optimizer]", &format!("[loss]\nkind = \"{loss}\"\n[optimizer]"))
    };
    let classes = "[[1, 0], [0, 1], [0, 1]]";
    predict_refused(&end("cross_entropy", classes), &["t = infinity", "cross-entropy", "finite moment"]);
    predict_refused(&end("logistic", "[[1], [-1], [1]]"), &["t = infinity", "logistic"]);
    predict_refused(
        &with("learning_rate = 0.1", "learning_rate = 50"),
        &["t = infinity", "learning rate 50", "stable"],
    );
    let ensemble = end("cross_entropy", classes).replace("at = [0, 10, \"inf\"]", "at = [1]\ninitial = \"ensemble\"");
    predict_refused(&ensemble, &["ensemble", "squared loss"]);
    let ridge = end("cross_entropy", classes).replace("at = [0, 10, \"inf\"]", "at = [1]\nridge = 0.1");
    predict_refused(&ridge, &["ridge", "0.1", "squared loss"]);
}

#[test]
fn labels_out_of_range() {
    predict_refused(
        &with("[optimizer]", "[loss]\nkind = \"logistic\"\n[optimizer]"),
        &["sample 3", "0.5", "logistic", "−1 or +1"],
    );
}

#[test]
fn what_only_an_ensemble_or_a_finite_network_has() {
    predict_refused(&asked("initial = \"zero\"\nspread = \"std\""), &["predict.spread", "ensemble"]);
    let folder = folder();
    let path = write(folder.path(), "spec.toml", SPEC);
    contains(&refusal(&["kernel", &path, "--full"]), &["kernel.full", "finite width"]);
    contains(&refusal(&["kernel", &path, "--width", "0"]), &["width", "0"]);
    contains(&refusal(&["kernel", &path, "--between", "test", "--spectrum"]), &["kernel.spectrum", "train"]);
}

#[test]
fn a_scaling_outside_the_kernel_regime() {
    let mean_field = with("kind = \"ntk\"\nsigma_w = 1.4\nsigma_b = 0.1", "kind = \"mean_field\"");
    refused(&mean_field, &["outside the kernel regime", "ntk"]);
}

#[test]
fn test_inputs_that_are_not_there() {
    let no_test = with("test_inputs = [[0.2, 0.2], [1.0, -1.0]]\ntest_targets = [[1.0], [1.0]]\n", "");
    let folder = folder();
    let path = write(folder.path(), "spec.toml", &no_test);
    for between in ["test", "test_train"] {
        contains(&refusal(&["kernel", &path, "--between", between]), &["kernel.between", between, "no test inputs"]);
    }
    let output = folder.path().join("out.npy");
    let said = refusal(&["predict", &path, "--output", output.to_str().expect("UTF-8")]);
    contains(&said, &["out.npy", "no test samples", ".csv"]);
}

#[test]
fn kernels_larger_than_memory() {
    let data = SPEC.find("[data]").expect("a section")..SPEC.find("[optimizer]").expect("a section");
    let teacher = "[data]\nkind = \"teacher\"\ninput_dimension = 1\ntrain_samples = 2000000\n";
    let mut spec = SPEC.to_string();
    spec.replace_range(data, teacher);
    let folder = folder();
    let path = write(folder.path(), "spec.toml", &spec);
    for command in ["kernel", "predict"] {
        let message = refusal(&[command, &path]);
        contains(&message, &["2000000 training", "GiB are available", "would fit", "train_samples"]);
    }
}

#[test]
fn output_files() {
    let folder = folder();
    let path = write(folder.path(), "spec.toml", SPEC);
    write(folder.path(), "a-file", "not a folder");
    for command in ["kernel", "predict"] {
        let output = |name: &str| {
            let output = folder.path().join(name);
            refusal(&[command, &path, "--output", output.to_str().expect("UTF-8")])
        };
        contains(&output("out.parquet"), &["out.parquet", ".json, .csv or .npy"]);
        contains(&output("nowhere/out.json"), &["nowhere/out.json"]);
        contains(&output("a-file/out.json"), &["a-file/out.json"]);
        fs::create_dir_all(folder.path().join("folder.json")).expect("writable");
        contains(&output("folder.json"), &["folder.json", "folder"]);
    }
}

/// What must be said, with the answer.
#[test]
fn warnings() {
    let above = with("learning_rate = 0.1", "learning_rate = 50").replace("at = [0, 10, \"inf\"]", "at = [0, 2]");
    contains(&notes(&above), &["note:", "learning rate 50", "stable"]);
    assert!(!notes(SPEC).contains("stable"));
    let classes = |targets: &str| {
        with("targets = [[1.0], [-1.0], [0.5]]", &format!("targets = {targets}"))
            .replace("test_targets = [[1.0], [1.0]]\n", "")
            .replace("[optimizer]", "[loss]\nkind = \"cross_entropy\"\n[optimizer]")
            .replace("at = [0, 10, \"inf\"]", "at = [0, 2]")
    };
    contains(&notes(&classes("[[1, 0], [0.5, 0.6], [0, 1]]")), &["note:", "sample 2", "[0.5, 0.6]", "sum to 1"]);
    contains(&notes(&classes("[[1, 0], [1.5, -0.5], [0, 1]]")), &["note:", "sample 2", "-0.5"]);
    assert!(!notes(&classes("[[1, 0], [0.5, 0.5], [0, 1]]")).contains("sum to 1"));
}

#[test]
fn zero_and_duplicate_inputs_are_legal() {
    let zero = predicted(&with("[0.3, -0.8]", "[0.0, 0.0]"));
    assert!(zero[2]["test_loss"].is_f64());
    let zero_without_biases = with("[0.3, -0.8]", "[0.0, 0.0]").replace("sigma_b = 0.1", "sigma_b = 0");
    predict_refused(&zero_without_biases, &["t = infinity", "smallest eigenvalue"]);
    let early = zero_without_biases.replace("at = [0, 10, \"inf\"]", "at = [0, 10]");
    assert!(predicted(&early)[1]["train_loss"].is_f64());

    let duplicates = with("[0.3, -0.8]", "[1.0, 0.5]").replace("at = [0, 10, \"inf\"]", "at = [0, 10]");
    let answer = predicted(&duplicates);
    let mean = |sample: usize| answer[1]["train"]["mean"][sample][0].as_f64().expect("a number");
    assert!((mean(0) - mean(2)).abs() < 1e-12, "{answer}");
}

/// Targets 1 and 0.5 for the same input cannot both be fitted.
#[test]
fn conflicting_duplicates_have_no_end_of_training() {
    predict_refused(&with("[0.3, -0.8]", "[1.0, 0.5]"), &["t = infinity", "duplicate inputs", "different targets"]);
}

#[test]
fn an_empty_test_set_is_legal() {
    let empty = with(
        "test_inputs = [[0.2, 0.2], [1.0, -1.0]]\ntest_targets = [[1.0], [1.0]]",
        "test_inputs = []\ntest_targets = []",
    );
    let answer = predicted(&empty);
    assert!(answer[2]["test"].is_null() && answer[2]["test_loss"].is_null());
    let folder = folder();
    let kernels = json(&["kernel", &write(folder.path(), "spec.toml", &empty), "--json"]);
    assert_eq!(kernels["ntk"]["train"].as_array().map(Vec::len), Some(3));
    assert!(kernels["ntk"]["test"].is_null());
}
