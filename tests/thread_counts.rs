//! Every command and every engine gives the same bytes on 1, 2, 3 and 7 threads, with enough samples that work is split.
//!
//! Products with one column, eigenvalues and Cholesky factors are split from some 250 samples on; a split that follows the number of
//! threads changes their last digits.

use std::fs;

use crate::common::{root, said, widenet, write};

/// Perceptrons on 500 samples.
const PERCEPTRON: &str = r#"
[network]
hidden_layers = 2
activation = "relu"
[parameterization]
kind = "ntk"
sigma_w = 1.4142135623730951
sigma_b = 0.1
[data]
kind = "teacher"
input_dimension = 10
train_samples = 500
test_samples = 100
seed = 1
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 4
[record]
at = [0, 1, 4]
[predict]
at = [0, 1, 4, "inf"]
"#;

/// Deep linear networks on 500 samples.
const LINEAR: &str = r#"
[network]
hidden_layers = 2
[parameterization]
kind = "mean_field"
[data]
kind = "teacher"
input_dimension = 10
train_samples = 500
seed = 1
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 4
"#;

/// Digits, of which `SAMPLES` are trained on.
const DIGITS: &str = r#"
kind = "idx"
images = "ROOT/data/digits-8x8/images-idx3-ubyte"
labels = "ROOT/data/digits-8x8/labels-idx1-ubyte"
pixel_scale = 16
classes = [4, 9]
train_samples = SAMPLES
test_samples = 20
standardize = "global"
"#;

const CLASSIFIER: &str = r#"
[network]
hidden_layers = 1
activation = { kind = "leaky_relu", negative_slope = 0.1 }
[parameterization]
kind = "scaling"
name = "ntk"
reference_width = 128
[loss]
kind = "logistic"
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 2
[record]
at = [0, 2]
quantities = ["train_loss", "normalised_outputs", "tangent_kernel_norm"]
[data]
"#;

const PRIOR: &str = r#"
kernel = [[1.0, 0.3], [0.3, 0.8]]
[network]
width = 24
hidden_layers = 12
outputs = 2
[sample]
of = "outputs"
draws = 500
seed = 1
[agreement]
draws = 500
by = "network"
"#;

const POSTERIOR: &str = r#"
[network]
width = 24
hidden_layers = 12
[posterior]
noise_variance = 0.1
[data]
"#;

const STUDY: &str = r#"
[study]
name = "threads"
claim = "tables do not depend on the number of threads"
expected = "the same table"
[problem.network]
hidden_layers = 2
activation = "tanh"
[problem.parameterization]
kind = "ntk"
[problem.data]
kind = "teacher"
input_dimension = 10
train_samples = 300
seed = 1
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 4
[problem.record]
at = [0, 4]
[axes]
width = [32, 64, "inf"]
seed = { count = 3 }
"#;

fn digits(samples: usize) -> String {
    DIGITS.replace("ROOT", &root().to_string_lossy()).replace("SAMPLES", &samples.to_string())
}

/// What the command prints on this many threads; `FILE` among the arguments is a file with the text.
fn answer(text: &str, arguments: &[&str], threads: usize) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = write(folder.path(), "threads.toml", text);
    let arguments: Vec<&str> = arguments.iter().map(|word| if *word == "FILE" { &file } else { *word }).collect();
    let mut command = widenet(&arguments);
    command.env("RAYON_NUM_THREADS", threads.to_string());
    let said = said(command.output().expect("the program starts"));
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
    said.out
}

#[track_caller]
fn assert_independent_of_threads(text: &str, arguments: &[&str]) {
    let on_one = answer(text, arguments, 1);
    assert!(on_one.len() > 40, "{arguments:?} says nothing");
    for threads in [2, 3, 7] {
        assert!(answer(text, arguments, threads) == on_one, "{arguments:?}: another answer on {threads} threads");
    }
}

#[test]
fn the_kernel_regime() {
    assert_independent_of_threads(PERCEPTRON, &["predict", "FILE", "--json"]);
    assert_independent_of_threads(
        PERCEPTRON,
        &["kernel", "FILE", "--spectrum", "--json", "--set", "kernel.between=train"],
    );
    assert_independent_of_threads(PERCEPTRON, &["solve", "FILE", "--width", "inf", "--json"]);
    let minibatches = ["--set", "optimizer.kind=sgd", "--set", "optimizer.batch_size=50"];
    let covariance = ["--set", "predict.spread=covariance"];
    assert_independent_of_threads(PERCEPTRON, &[&["predict", "FILE", "--json"], &covariance[..]].concat());
    assert_independent_of_threads(
        PERCEPTRON,
        &[&["solve", "FILE", "--width", "inf", "--json"], &minibatches[..]].concat(),
    );
    let flow = ["--set", "optimizer={ kind = \"flow\", times = [0, 0.4] }", "--set", "record={ at = [0, 0.4] }"];
    let logistic = format!("{}{}", CLASSIFIER.replace("hidden_layers = 1", "hidden_layers = 2"), digits(300))
        .replace("kind = \"scaling\"\nname = \"ntk\"\nreference_width = 128", "kind = \"ntk\"");
    assert_independent_of_threads(&logistic, &[&["solve", "FILE", "--width", "inf", "--json"], &flow[..]].concat());
}

#[test]
fn deep_linear_networks() {
    assert_independent_of_threads(LINEAR, &["solve", "FILE", "--width", "64,1e6,inf", "--json"]);
    assert_independent_of_threads(LINEAR, &["solve", "FILE", "--width", "64", "--engine", "dense", "--json"]);
}

#[test]
fn fluctuations_of_small_networks() {
    let few = ["--networks", "6", "--small-width", "8", "--json"];
    assert_independent_of_threads(LINEAR, &[&["fluctuations", "FILE"], &few[..]].concat());
    let tanh = LINEAR.replace("hidden_layers = 2", "hidden_layers = 2\nactivation = \"tanh\"");
    let tanh = tanh.replace("train_samples = 500", "train_samples = 8");
    assert_independent_of_threads(&tanh, &[&["fluctuations", "FILE", "--accuracy", "0.1"], &few[..]].concat());
}

#[test]
fn networks_on_a_device() {
    for engine in ["dense", "conditioned", "regenerated"] {
        let arguments =
            ["solve", "FILE", "--width", "300", "--seeds", "2", "--engine", engine, "--device", "cpu", "--json"];
        assert_independent_of_threads(PERCEPTRON, &arguments);
    }
    let kernels = ["kernel", "FILE", "--width", "200", "--device", "cpu", "--json", "--set", "kernel.between=train"];
    assert_independent_of_threads(PERCEPTRON, &kernels);
}

#[test]
fn classifiers() {
    let many = format!("{CLASSIFIER}{}", digits(300));
    assert_independent_of_threads(&many, &["solve", "FILE", "--width", "inf", "--json"]);
    assert_independent_of_threads(&many, &["solve", "FILE", "--width", "256", "--engine", "law", "--json"]);
    let particles = format!("{CLASSIFIER}{}", digits(12)).replace("name = \"ntk\"", "name = \"mf\"");
    assert_independent_of_threads(&particles, &["solve", "FILE", "--width", "inf", "--json"]);
}

#[test]
fn priors_and_posteriors() {
    assert_independent_of_threads(PRIOR, &["prior", "FILE", "--device", "cpu", "--json"]);
    let posterior = format!("{POSTERIOR}{}", digits(300).replace("standardize = \"global\"\n", ""));
    assert_independent_of_threads(&posterior, &["posterior", "FILE", "--json"]);
}

#[test]
fn checks_of_scalings() {
    assert_independent_of_threads("", &["scaling", "--name", "mup", "--json"]);
    let check =
        ["coord-check", "FILE", "--width", "64,128,256", "--seeds", "2", "--steps", "2", "--device", "cpu", "--json"];
    assert_independent_of_threads(PERCEPTRON, &check);
}

#[test]
fn studies() {
    let table = |threads: usize| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = write(folder.path(), "study.toml", STUDY);
        let out = folder.path().join("out");
        let mut command = widenet(&["study", &file, "--device", "cpu", "--out", &out.to_string_lossy()]);
        command.env("RAYON_NUM_THREADS", threads.to_string());
        let said = said(command.output().expect("the program starts"));
        assert_eq!(said.code, 0, "{}", said.err);
        let runs: Vec<_> = fs::read_dir(&out).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        let found = runs.iter().chain([&out]).map(|folder| folder.join("table.csv")).find(|path| path.exists());
        fs::read_to_string(found.expect("a table")).expect("a table")
    };
    let on_one = table(1);
    assert!(on_one.lines().count() > 9, "{on_one}");
    for threads in [2, 3, 7] {
        assert!(table(threads) == on_one, "another table on {threads} threads");
    }
}
