//! Every kind of bad input: exit code 2 and an error that names the thing, its value and what would be right.

mod coordinates;
mod fluctuations;
mod kernel;
mod proportional;

use std::fs;

use crate::common::{PROBLEM, run, write};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Runs and returns the message of a refusal; nothing may panic and nothing may be printed as a result.
fn refusal(arguments: &[&str]) -> String {
    let said = run(arguments);
    assert_eq!(said.code, 2, "{arguments:?}\nout: {}\nerr: {}", said.out, said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
    assert!(said.out.is_empty(), "{}", said.out);
    said.err
}

/// The refusal of a problem text, solved at width inf.
fn problem_refusal(text: &str) -> String {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", text);
    refusal(&["solve", &path, "--width", "inf"])
}

#[track_caller]
fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

/// The problem with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert!(PROBLEM.contains(line), "{line}");
    PROBLEM.replace(line, replacement)
}

#[test]
fn missing_file() {
    contains(&refusal(&["solve", "nowhere/problem.toml", "--width", "inf"]), &["nowhere/problem.toml"]);
    contains(&refusal(&["study", "nowhere/study.toml"]), &["nowhere/study.toml"]);
    contains(&refusal(&["report", "nowhere/run"]), &["nowhere/run"]);
}

#[test]
fn unknown_file_type() {
    let folder = folder();
    let path = write(folder.path(), "problem.yaml", PROBLEM);
    contains(&refusal(&["solve", &path, "--width", "inf"]), &["problem.yaml", ".toml", ".json"]);
}

#[test]
fn malformed_text_has_line_and_column() {
    contains(&problem_refusal(&with("steps = 10", "steps = = 10")), &["problem.toml:13:"]);
    let folder = folder();
    let path = write(folder.path(), "problem.json", "{\n  \"network\": {,}\n}");
    contains(&refusal(&["solve", &path, "--width", "inf"]), &["problem.json:2:"]);
}

#[test]
fn unknown_key_suggests_the_nearest() {
    let message = problem_refusal(&with("learning_rate = 0.1", "lerning_rate = 0.1"));
    contains(&message, &["problem.toml:12:1", "lerning_rate", "learning_rate"]);
    contains(&problem_refusal(&with("\"gd\"", "\"lbfgs\"")), &["lbfgs", "gd", "momentum", "sgd", "flow"]);
    contains(&problem_refusal(&with("\"mean_field\"", "\"mean_feild\"")), &["mean_feild", "mean_field"]);
}

#[test]
fn what_is_not_built_is_not_parsed() {
    contains(
        &problem_refusal(&with("hidden_layers = 2", "hidden_layers = 2\nactivation = \"rleu\"")),
        &["rleu", "relu"],
    );
    contains(
        &problem_refusal(&with("[optimizer]", "[loss]\nkind = \"huber\"\n[optimizer]")),
        &["huber", "squared", "logistic"],
    );
}

#[test]
fn widths() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", PROBLEM);
    for width in ["0", "-5", "1.5", "1e30", "wide"] {
        contains(&refusal(&["solve", &path, "--width", width]), &["width", width, "inf"]);
    }
}

#[test]
fn numbers_out_of_range() {
    contains(&problem_refusal(&with("learning_rate = 0.1", "learning_rate = 0")), &["learning_rate", "0", "> 0"]);
    contains(&problem_refusal(&with("learning_rate = 0.1", "learning_rate = -0.5")), &["learning_rate", "-0.5"]);
    contains(&problem_refusal(&with("hidden_layers = 2", "hidden_layers = 0")), &["hidden_layers", "0"]);
    contains(&problem_refusal(&with("steps = 10", "steps = 0")), &["steps", "0"]);
    let richness = with("kind = \"mean_field\"", "kind = \"mean_field\"\nrichness = -1.0");
    contains(&problem_refusal(&richness), &["richness", "-1"]);
    contains(&problem_refusal(&with("at = [0, 1, 5, 10]", "at = [0, 11]")), &["11", "10"]);
}

#[test]
fn data() {
    contains(&problem_refusal(&with("[0.3, -0.8]", "[0.3, nan]")), &["inputs", "nan"]);
    contains(&problem_refusal(&with("[0.3, -0.8]", "[0.3]")), &["inputs"]);
    contains(&problem_refusal(&with("targets = [[1.0], [-1.0], [0.5]]", "targets = [[1.0], [-1.0]]")), &["3", "2"]);
    let empty = with("inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]", "inputs = []");
    contains(&problem_refusal(&empty), &["inputs"]);
    let idx = with(
        "kind = \"inline\"\ninputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]\ntargets = [[1.0], [-1.0], [0.5]]",
        "kind = \"idx\"\nimages = \"no-images\"\nlabels = \"no-labels\"",
    );
    contains(&problem_refusal(&idx), &["no-images"]);
}

#[test]
fn overrides() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let set = |text: &str| refusal(&["solve", &path, "--width", "inf", "--set", text]);
    contains(&set("optimizer.learning_rate=-2"), &["--set", "learning_rate", "-2"]);
    contains(&set("optimizer.lr=2"), &["lr", "learning_rate"]);
    contains(&set("nothing"), &["nothing", "KEY=VALUE"]);
}

#[test]
fn a_scaling_without_limit() {
    let message = problem_refusal(&with("\"mean_field\"", "\"standard\""));
    contains(&message, &["no infinite-width limit", "hidden 1", "learning rate"]);
}

/// RMSProp has no limit and no law here; what it lacks is named with its key.
#[test]
fn rmsprop() {
    let folder = folder();
    let spec = with("\"gd\"", "\"rmsprop\"");
    let path = write(folder.path(), "problem.toml", &spec);
    contains(&refusal(&["solve", &path, "--width", "inf"]), &["optimizer.kind = \"rmsprop\"", "gd", "finite width"]);
    contains(&refusal(&["solve", &path, "--width", "64", "--engine", "law"]), &["gd, momentum, sgd or flow", "dense"]);
    contains(
        &refusal(&["solve", &path, "--width", "inf", "--set", "optimizer.weight_decay=0.1"]),
        &["weight_decay", "gd"],
    );
    let relative = write(folder.path(), "relative.toml", &spec.replace("learning_rate", "relative_learning_rate"));
    contains(&refusal(&["solve", &relative, "--width", "64"]), &["relative_learning_rate", "give `learning_rate`"]);
    let features = spec.replace("at = [0, 1, 5, 10]", "at = [0]\nquantities = [\"feature_gram\"]");
    let features = write(folder.path(), "features.toml", &features);
    contains(&refusal(&["solve", &features, "--width", "64"]), &["feature_gram", "gd, momentum, sgd or flow"]);
    contains(&refusal(&["predict", &path]), &["rmsprop", "finite width"]);
}

/// The limit with an initial correction is another than those that are solved here.
#[test]
fn initial_correction() {
    let folder = folder();
    let golikov = "kind = \"scaling\"\nq_sigma = -1\nq_a = 1\nq_w = 1\ninitial_correction = true";
    let spec = with("kind = \"mean_field\"", golikov).replace("hidden_layers = 2", "hidden_layers = 1");
    let path = write(folder.path(), "problem.toml", &spec);
    let parts = ["parameterization.initial_correction = true", "false, or a finite width"];
    contains(&refusal(&["solve", &path, "--width", "inf"]), &parts);
    contains(&refusal(&["predict", &path]), &parts);
    contains(&refusal(&["solve", &path, "--width", "64", "--engine", "law"]), &["no initial_correction", "dense"]);
}

#[test]
fn engine_that_cannot() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let message = refusal(&["solve", &path, "--width", "1e9", "--engine", "dense", "--device", "cpu"]);
    contains(&message, &["1e9", "GiB", "law"]);
    contains(&refusal(&["solve", &path, "--width", "64", "--engine", "limit"]), &["64", "inf"]);
    for engine in ["law", "dense"] {
        contains(&refusal(&["solve", &path, "--width", "inf", "--engine", engine]), &[engine, "finite", "limit"]);
    }
    contains(&refusal(&["solve", &path, "--width", "64", "--engine", "quantum"]), &["quantum", "dense"]);
    let kurtosis = with("at = [0, 1, 5, 10]", "at = [0]\nquantities = [\"input_kurtosis\"]");
    let path = write(folder.path(), "kurtosis.toml", &kurtosis);
    let message = refusal(&["solve", &path, "--width", "64", "--engine", "law"]);
    contains(&message, &["input_kurtosis", "dense"]);
    // One hidden layer has a law, of what its neurons do on the data: of all their weights it knows nothing.
    let one = with("hidden_layers = 2", "hidden_layers = 1")
        .replace("at = [0, 1, 5, 10]", "at = [0]\nquantities = [\"weight_change\"]");
    let path = write(folder.path(), "weights.toml", &one);
    contains(&refusal(&["solve", &path, "--width", "64", "--engine", "law"]), &["`weight_change`", "dense"]);
}

#[test]
fn tolerance() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", PROBLEM);
    for tolerance in ["0", "-1e-3", "nan", "2", "1"] {
        let message = refusal(&["solve", &path, "--width", "inf", "--tolerance", tolerance]);
        contains(&message, &["--tolerance", tolerance, "between 0 and 1"]);
    }
}

/// Options of limits by quadrature: out of range, where there is no such limit, and quantities that it does not have.
#[test]
fn limits_by_quadrature() {
    let folder = folder();
    let text = with("hidden_layers = 2", "hidden_layers = 2\nactivation = \"tanh\"");
    let tanh = write(folder.path(), "tanh.toml", &text);
    let linear = write(folder.path(), "linear.toml", PROBLEM);
    let refused = |file: &str, width: &str, option: [&str; 2], parts: &[&str]| {
        let arguments = ["solve", file, "--width", width, option[0], option[1]];
        contains(&refusal(&arguments), parts);
    };
    for accuracy in ["0", "-1", "1", "nan"] {
        refused(&tanh, "inf", ["--accuracy", accuracy], &["accuracy = ", "between 0 and 1"]);
    }
    for replicates in ["0", "1"] {
        refused(&tanh, "inf", ["--replicates", replicates], &["replicates = ", "at least 2"]);
    }
    refused(&tanh, "64", ["--accuracy", "1e-3"], &["accuracy = 0.001", "width inf", "leave it out"]);
    refused(&linear, "inf", ["--replicates", "4"], &["replicates = 4", "mean-field scaling", "leave it out"]);
    refused(&tanh, "inf", ["--tolerance", "1e-9"], &["tolerance = 1e-9", "1e-7"]);
    let weights = text.replace("at = [0, 1, 5, 10]", "at = [0]\nquantities = [\"weight_change\"]");
    let weights = write(folder.path(), "weights.toml", &weights);
    contains(&refusal(&["solve", &weights, "--width", "inf"]), &["weight_change", "feature_kernels"]);
    // Why there is no limit is said, whatever options it would have.
    refused(&weights, "inf", ["--accuracy", "1e-2"], &["weight_change", "feature_kernels"]);
    let rule = "kind = \"rmsprop\"\nlearning_rate = 0.1\nsteps = 10";
    let rmsprop = text.replace("kind = \"gd\"\nlearning_rate = 0.1\nsteps = 10", rule);
    assert!(rmsprop != text);
    let rmsprop = write(folder.path(), "rmsprop.toml", &rmsprop);
    contains(&refusal(&["solve", &rmsprop, "--width", "inf"]), &["rmsprop", "gd"]);
    for (file, parts) in [(&rmsprop, ["rmsprop", "gd"]), (&weights, ["weight_change", "feature_kernels"])] {
        let planned = run(&["plan", file, "--width", "inf"]);
        assert_eq!(planned.code, 2);
        contains(&planned.err, &parts);
    }
    refused(&rmsprop, "inf", ["--accuracy", "1e-2"], &["rmsprop", "gd"]);
    for nodes in ["0", "8", "1000", "8388608"] {
        refused(&tanh, "inf", ["--nodes", nodes], &["nodes = ", "power of two from 2^4 to 2^22"]);
    }
    let both = ["solve", &tanh, "--width", "inf", "--nodes", "64", "--accuracy", "1e-2"];
    contains(&refusal(&both), &["accuracy = 0.01", "nodes = 64", "one of the two"]);
    let planned = run(&["plan", &tanh, "--width", "inf", "--accuracy", "1e-9"]);
    contains(&planned.out, &["accuracy 1e-9 is likely out of reach", "about ", "nodes per layer"]);
}

/// What an engine does not have is refused, not ignored; the message names engines that have it.
#[test]
fn options_of_other_engines() {
    let folder = folder();
    let linear = write(folder.path(), "linear.toml", PROBLEM);
    let tanh = with("hidden_layers = 2", "hidden_layers = 2\nactivation = \"tanh\"");
    let ntk = tanh.replace("mean_field", "ntk");
    let (tanh, ntk) = (write(folder.path(), "tanh.toml", &tanh), write(folder.path(), "ntk.toml", &ntk));
    let refused = |file: &str, width: &str, more: &[&str]| {
        let solve = [&["solve", file, "--width", width], more].concat();
        let message = refusal(&solve);
        let planned = run(&[&["plan"], &solve[1..]].concat());
        assert_eq!(planned.code, 2, "{}", planned.out);
        assert!(planned.err.contains("leave it out"), "plan refuses what solve refuses: {}", planned.err);
        message
    };
    let tolerance = ["--tolerance", "1e-3"];
    let answers = ["--answers", "stored"];
    contains(
        &refused(&linear, "64", &[&tolerance[..], &["--engine", "dense"]].concat()),
        &["tolerance = 0.001: the dense engine has no tolerance", "use the law, conditioned or regenerated engine"],
    );
    contains(
        &refused(&tanh, "64", &tolerance),
        &["the dense engine, which auto takes at width 64, has no tolerance", "conditioned or regenerated engine"],
    );
    contains(&refused(&ntk, "inf", &tolerance), &["the limit engine has no tolerance", "use a finite width and the"]);
    contains(
        &refused(&linear, "64", &answers),
        &[
            "answers = \"stored\": the law engine, which auto takes at width 64, has no choice of answers",
            "--engine conditioned",
        ],
    );
    contains(
        &refused(&tanh, "64", &[&answers[..], &["--engine", "regenerated"]].concat()),
        &["has no choice of answers"],
    );
    contains(
        &refused(&linear, "inf", &answers),
        &["limit engine has no choice of answers", "a finite width and the conditioned"],
    );
    let ensemble = write(folder.path(), "rms.toml", &with("\"gd\"", "\"rmsprop\""));
    let message = refused(&ensemble, "64", &[&tolerance[..], &["--engine", "dense"]].concat());
    assert!(message.trim_end().ends_with("leave it out"), "no engine has both: {message}");

    // What some width has is no mistake at width inf, which keeps no answers, and nothing at all of a perceptron.
    let both = [&tolerance[..], &answers[..], &["--engine", "conditioned"]].concat();
    for file in [&linear, &ntk] {
        let said = run(&[&["solve", file, "--width", "16,inf"], &both[..]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
    }
    let planned = run(&[&["plan", &ntk, "--width", "16"], &both[..]].concat());
    contains(&planned.out, &["tolerance 0.001, answers stored"]);
}

#[test]
fn device_absent() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let dense =
        |device: &str| ["solve", &path, "--width", "8", "--engine", "dense", "--device", device].map(String::from);
    let refused = |device: &str| {
        let arguments = dense(device);
        refusal(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    contains(&refused("tpu"), &["tpu", "auto", "wgpu"]);
    if cfg!(not(feature = "gpu-spirv")) {
        contains(&refused("vulkan"), &["vulkan", "--features gpu-spirv"]);
        // Also where nothing would run on it.
        let law = ["solve", &path, "--width", "1e6", "--device", "vulkan"];
        contains(&refusal(&law), &["vulkan", "--features gpu-spirv"]);
    }
    if cfg!(not(feature = "ndarray")) {
        contains(&refused("ndarray"), &["ndarray", "--features ndarray"]);
    }
}

const STUDY: &str = r#"
[study]
name = "small"
claim = "finite networks converge"
expected = "rate -1/2"
engine = "law"
[problem]
PROBLEM
[axes]
width = [1000, 100000, "inf"]
seed = { count = 3 }
[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"
over = "sup"
[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
x = "width"
exponent = -0.5
tolerance = 0.2
"#;

fn study() -> String {
    STUDY.replace("PROBLEM", &PROBLEM.replace("\n[", "\n[problem."))
}

#[test]
fn studies() {
    let folder = folder();
    let refused = |text: &str| {
        let path = write(folder.path(), "study.toml", text);
        let out = folder.path().join("out");
        refusal(&["study", &path, "--out", out.to_str().expect("UTF-8")])
    };
    contains(&refused(&study().replace("width = [1000", "width = [0")), &["study.toml:", "width"]);
    contains(&refused(&study().replace("metric = \"distance\"", "metric = \"distnace\"")), &["distnace", "distance"]);
    contains(&refused(&study().replace("[axes]", "[axes]\n\"optimizer.learning_rat\" = [0.1]")), &["learning_rat"]);
    contains(&refused(&study().replace("hidden_layers = 2", "hidden_layers = -2")), &["hidden_layers", "-2"]);
    let dense = study().replace("engine = \"law\"", "engine = \"dense\"\ntolerance = 1e-3");
    contains(&refused(&dense), &["m1000-s1", "tolerance = 0.001: the dense engine has no tolerance", "regenerated"]);
    let law = study().replace("[axes]", "[axes]\nanswers = [\"stored\", \"recomputed\"]");
    contains(
        &refused(&law),
        &["answers = \"stored\": the law engine has no choice of answers", "use the conditioned engine"],
    );
    let path = write(folder.path(), "study.toml", &study());
    contains(&refusal(&["study", &path, "--shard", "3/2"]), &["3/2"]);
    contains(&refusal(&["study", &path, "--jobs", "0"]), &["jobs"]);
    contains(&refusal(&["plan", &path, "--width", "64"]), &["--width", "axes.width"]);
    contains(&refusal(&["plan", &path, "--engine", "law"]), &["--engine", "study.engine"]);
    contains(&refusal(&["plan", &path, "--precision", "f64"]), &["--precision", "study.precision"]);
    contains(&refusal(&["plan", &path, "--tolerance", "1e-3"]), &["--tolerance", "study.tolerance"]);
    contains(&refusal(&["plan", &path, "--answers", "stored"]), &["--answers", "study.answers"]);
    contains(&refusal(&["plan", &path, "--images", "stored"]), &["now called --answers"]);
    contains(&refusal(&["plan", &path, "--answers", "regenerated"]), &["now called recomputed"]);
}

#[test]
fn unwritable_output() {
    let folder = folder();
    let path = write(folder.path(), "study.toml", &study());
    let file = write(folder.path(), "a-file", "not a folder");
    contains(&refusal(&["study", &path, "--out", &file]), &["a-file"]);
}

/// A damaged trial is made again; a directory that is not a run directory is refused by name.
#[test]
fn corrupted_run_directory() {
    let folder = folder();
    let path = write(folder.path(), "study.toml", &study());
    let out = folder.path().join("out");
    let study = ["study", &path, "--out", out.to_str().expect("UTF-8")];
    assert_eq!(run(&study).code, 0);
    let entry = |path: &std::path::Path| {
        fs::read_dir(path).expect("readable").next().expect("an entry").expect("an entry").path()
    };
    let directory = entry(&out);
    let table = fs::read(directory.join("table.csv")).expect("a table");
    let trial = entry(&directory.join("trials"));
    fs::write(trial.join("trajectory.json"), "{\"truncated").expect("writable");
    let again = run(&study);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(fs::read(directory.join("table.csv")).expect("a table"), table);
    fs::write(directory.join("manifest.json"), "garbage").expect("writable");
    contains(&refusal(&study), &["manifest"]);
    contains(&refusal(&["report", folder.path().to_str().expect("UTF-8")]), &["manifest"]);
}

/// A diverging run is a result: exit code 0, the step, what came before, and a learning rate that would be stable.
#[test]
fn diverging_run() {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", &with("learning_rate = 0.1", "learning_rate = 1000"));
    let said = run(&["solve", &path, "--width", "100,inf"]);
    assert_eq!(said.code, 0, "{}", said.err);
    contains(&said.out, &["diverged at step"]);
    contains(&said.err, &["diverged at step", "learning rates below"]);
}
