//! Bad input of `widenet prior` and `widenet posterior` (docs/theory/proportional-limit.md §9), and what is legal though it looks bad.

use super::{contains, folder, refusal};
use crate::common::{json, run, write};

/// A prior of three inputs.
const PRIOR: &str = r#"
kernel = [[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.5]]
[network]
widths = [6, 4, 8]
outputs = 1
gain = 1.0
[density]
at = [0.0, 1.0]
[sample]
draws = 3
"#;

/// A posterior of two training and one test input.
const POSTERIOR: &str = r#"
[network]
alpha = 0.5
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0]]
targets = [[1.0], [-1.0]]
test_inputs = [[0.2, 0.2]]
[posterior]
noise_variance = 0.1
quantiles = [0.5]
"#;

#[track_caller]
fn refused(command: &str, spec: &str, line: &str, replacement: &str, parts: &[&str]) {
    assert!(spec.contains(line), "{line}");
    let folder = folder();
    let path = write(folder.path(), "spec.toml", &spec.replace(line, replacement));
    contains(&refusal(&[command, &path]), parts);
}

#[test]
fn geometry_that_is_none() {
    let prior = |line: &str, replacement: &str, parts: &[&str]| {
        let spec = PRIOR.replace("[sample]", "[geometry]");
        refused("prior", &spec, line, replacement, parts);
    };
    prior("draws = 3", "draws = 1", &["draws = 1", "at least 2"]);
    prior("draws = 3", "draws = 0", &["geometry.draws", "0"]);
    prior("draws = 3", "draw = 3", &["unknown key", "geometry.draw", "draws"]);
    prior(
        "widths = [6, 4, 8]\noutputs = 1\ngain = 1.0\n[density]\nat = [0.0, 1.0]\n[geometry]",
        "alpha = 1.0\n[geometry]\nby = \"network\"",
        &["a limit has no weight matrices"],
    );
    prior(
        "kernel = [[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.5]]",
        "",
        &["one input has no correlation", "at least two"],
    );
    prior(
        "[[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.5]]",
        "[[1.0, 0.0], [0.0, 0.0]]",
        &["features of input 1 are 0"],
    );
}

#[test]
fn networks_that_are_none() {
    let prior = |replacement: &str, parts: &[&str]| refused("prior", PRIOR, "widths = [6, 4, 8]", replacement, parts);
    prior("widths = [6, 0, 8]", &["spec.toml:4", "network.widths[1]", "is 0"]);
    prior("widths = [6, -4]", &["network.widths[1]", "-4"]);
    prior("widths = [6, 2.5]", &["network.widths[1]", "2.5", "whole number"]);
    prior("alpha = -0.5", &["network.alpha", "-0.5", "≥ 0"]);
    prior("alpha = nan", &["network.alpha", "nan"]);
    prior("alpha = inf", &["network.alpha", "inf"]);
    prior("widths = [6]\nalpha = 1.0", &["widths", "alpha", "not both"]);
    prior("", &["`widths`", "`alpha`"]);
    prior("widths = [6]\nbottlenecks = [2]", &["bottlenecks", "limit"]);
    prior("width = 6", &["network.width", "hidden_layers", "depth_ratio"]);
    prior("widths = [6]\nwidth = 6\nhidden_layers = 2", &["network.widths", "network.width"]);
    prior("width = 1e9\ndepth_ratio = 1.0", &["1000000000", "at most"]);
    prior("widths = [6]\ndepth = 3", &["unknown key", "network.depth"]);
}

#[test]
fn outputs_gains_and_kernels() {
    let prior = |line: &str, replacement: &str, parts: &[&str]| refused("prior", PRIOR, line, replacement, parts);
    prior("outputs = 1", "outputs = 0", &["network.outputs", "0"]);
    prior("gain = 1.0", "gain = 0.0", &["network.gain", "> 0"]);
    prior("gain = 1.0", "gain = nan", &["network.gain", "nan"]);
    prior("gain = 1.0", "weight_variances = [1.0, 2.0]", &["network.weight_variances", "2 elements", "4"]);
    let kernel = "kernel = [[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.5]]";
    prior(kernel, "kernel = [[1.0, 0.3]]", &["square"]);
    prior(kernel, "kernel = [[1.0, 0.3], [0.2, 1.0]]", &["symmetric"]);
    prior(kernel, "kernel = [[1.0, 2.0], [2.0, 1.0]]", &["eigenvalue", "-1"]);
    prior(kernel, "kernel = [[1.0, nan], [nan, 1.0]]", &["kernel", "nan", "finite"]);
    prior("at = [0.0, 1.0]", "at = [0.0, inf]", &["density.at[1]", "finite"]);
    prior("at = [0.0, 1.0]", "of = \"outputs\"\nat = [[1.0, 2.0]]", &["density.at", "2 numbers", "3 inputs"]);
    prior("at = [0.0, 1.0]", "input = 3", &["density.input", "from 0 to 2"]);
    prior("draws = 3", "draws = 0", &["sample.draws", "0"]);
    prior("draws = 3", "draws = 1e15", &["draws"]);
    prior("[density]", "[quantiles]\nlevels = [0.5, 1.0]\n[density]", &["quantiles.levels[1]", "< 1"]);
    prior("[density]", "[densities]", &["unknown key", "density"]);
}

#[test]
fn posteriors() {
    let posterior =
        |line: &str, replacement: &str, parts: &[&str]| refused("posterior", POSTERIOR, line, replacement, parts);
    posterior("noise_variance = 0.1", "noise_variance = -0.1", &["noise_variance", "-0.1", "≥ 0"]);
    posterior("noise_variance = 0.1", "", &["noise_variance", "missing"]);
    posterior("quantiles = [0.5]", "quantiles = [0.0]", &["posterior.quantiles[0]", "0"]);
    posterior("targets = [[1.0], [-1.0]]", "targets = [[1.0]]", &["targets", "inputs"]);
    posterior("test_inputs = [[0.2, 0.2]]", "test_inputs = [[0.2, 0.2, 0.1]]", &["test inputs", "3", "2"]);
    posterior("quantiles = [0.5]", "draws = 0", &["posterior.draws", "0"]);
    posterior("alpha = 0.5", "alpha = 0.5\noutputs = 2", &["network.outputs", "2", "1 columns"]);
    posterior(
        "targets = [[1.0], [-1.0]]",
        "targets = [[1e308], [-1.0]]",
        &["squares of the targets overflow", "1e308"],
    );
    // Likelihoods of e^(−1e60): no panic, no NaN, a refusal.
    let far = POSTERIOR
        .replace("targets = [[1.0], [-1.0]]", "targets = [[1e60, 0.0], [0.0, 1e60]]")
        .replace("alpha = 0.5", "widths = [64, 64]");
    refused(
        "posterior",
        &far,
        "quantiles = [0.5]",
        "method = \"importance\"\ndraws = 100",
        &["log likelihood", "too far"],
    );
    // Two equal inputs with different targets have no noise-free explanation.
    let equal = POSTERIOR.replace("[-0.5, 1.0]", "[1.0, 0.5]");
    refused("posterior", &equal, "noise_variance = 0.1", "noise_variance = 0.0", &["range"]);
}

#[test]
fn what_looks_bad_and_is_legal() {
    let folder = folder();
    let answer = |spec: &str, command: &str| {
        let path = write(folder.path(), "spec.toml", spec);
        json(&[command, &path, "--json"])
    };
    // No hidden layer is the NNGP; equal inputs have equal outputs; a width of 1 has an infinite density at 0.
    let nngp = answer("[network]\nwidths = []\n[density]\nat = [0.0]", "prior");
    let expected = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
    assert!((nngp["density"]["density"][0].as_f64().expect("a number") - expected).abs() < 1e-12);
    let narrow = answer("[network]\nwidths = [1, 5]\n[density]\nat = [0.0]", "prior");
    assert_eq!(narrow["density"]["density"][0], "inf");
    let equal = answer(
        "kernel = [[1.0, 1.0], [1.0, 1.0]]\n[network]\nwidths = [3, 2]\noutputs = 2\n[sample]\ndraws = 2",
        "prior",
    );
    for draw in equal["sample"]["values"].as_array().expect("draws") {
        for output in 0..2 {
            let value = |input: usize| draw[input][output].as_f64().expect("a number");
            assert!((value(0) - value(1)).abs() < 1e-12, "{draw}");
        }
    }
}

#[test]
fn a_single_quantity_and_files_of_answers() {
    let folder = folder();
    let path = write(folder.path(), "spec.toml", PRIOR);
    let only = json(&["prior", &path, "moments", "--json"]);
    assert_eq!(only.as_object().expect("an object").len(), 1);
    // 3 (1 + 2/6) (1 + 2/4) (1 + 2/8).
    assert!((only["moments"]["kurtosis"].as_f64().expect("a number") - 7.5).abs() < 1e-12);
    let csv = folder.path().join("answer.csv");
    let csv = csv.to_str().expect("UTF-8");
    assert_eq!(run(&["prior", &path, "--output", csv]).code, 0);
    let text = std::fs::read_to_string(csv).expect("written");
    assert!(text.starts_with("quantity,index,value\n") && text.contains("density.density,1,"), "{text}");
    contains(&refusal(&["prior", &path, "--output", &csv.replace(".csv", ".npy")]), &[".json", ".csv"]);
    contains(&refusal(&["prior", &path, "entropy"]), &["entropy", "density"]);
}
