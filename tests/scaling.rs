//! `widenet scaling` and `solve` of classifiers in any scaling, through the built program.

use crate::common::{json, run, write};
use serde_json::Value;

fn scaling(arguments: &[&str]) -> Value {
    json(&[&["scaling"], arguments, &["--json"]].concat())
}

/// The 13 examples of docs/theory/scaling-limits.md §3.2, in its order.
const EXAMPLES: [(&str, &str, &str); 13] = [
    ("0", "-0.5", "pre-NTK"),
    ("-0.5", "0", "NTK"),
    ("-1", "0.5", "post-NTK"),
    ("0", "-0.25", "pre-NTK/sym-default"),
    ("-0.5", "0.25", "NTK/sym-default"),
    ("-0.66", "0.5", "barycentre"),
    ("-0.75", "0.5", "MF/NTK"),
    ("-1", "0.75", "post-MF/NTK"),
    ("0", "0", "pre-sym-default"),
    ("-0.5", "0.5", "sym-default"),
    ("-0.75", "0.75", "sym-default/MF"),
    ("-1", "1", "MF"),
    ("-1.5", "1.5", "post-MF"),
];

#[test]
fn the_examples_of_the_page_have_their_classes() {
    for (number, (q_sigma, q, class)) in EXAMPLES.into_iter().enumerate() {
        let answer = scaling(&["--q-sigma", q_sigma, "--q", q]);
        let golikov = &answer["golikov"];
        assert_eq!(
            (golikov["class"].as_str(), golikov["class_number"].as_u64()),
            (Some(class), Some(number as u64 + 1))
        );
        assert!(answer["conditions"]["holds"].as_array().is_some_and(|all| all.iter().all(|holds| holds == true)));
    }
}

#[test]
fn names_abc_and_problem_files_lead_to_the_same_answer() {
    let mf = scaling(&["--name", "mf"]);
    assert_eq!(mf["golikov"]["class"], "MF");
    assert_eq!(mf["yang_hu"]["verdict"], "feature learning");
    assert_eq!(scaling(&["--abc", "0,1/0,0/-1"]), mf);
    assert_eq!(scaling(&["--q-sigma", "-1", "--q-a", "1", "--q-w", "1"]), mf);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let problem = r#"
[network]
hidden_layers = 1
activation = "relu"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0]]
targets = [[1.0]]
[loss]
kind = "logistic"
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 3
"#;
    assert_eq!(scaling(&[&write(folder.path(), "problem.toml", problem)]), mf);
    let corrected = scaling(&["--name", "ic_mf"]);
    assert_eq!(
        (&corrected["golikov"]["class"], &corrected["predictions"]),
        (&Value::from("IC-MF"), &mf["predictions"])
    );
    // Verdicts of gradient descent say nothing of RMSProp.
    let rmsprop = problem.replace("\"gd\"", "\"rmsprop\"");
    let verdict = |text: &str| {
        let normalised = scaling(&[&write(folder.path(), "rmsprop.toml", text)]);
        assert!(normalised.get("golikov").is_none(), "{normalised}");
        normalised["rms_prop"]["verdict"].clone()
    };
    assert_eq!(verdict(&rmsprop), "stable");
    assert_eq!(verdict(&problem.replace("\"gd\"", "\"adam\"")), "stable");
    let of_gradient = "kind = \"abc\"\na = [0, 1]\nb = [0, 0]\nc = -1";
    assert_eq!(verdict(&rmsprop.replace("kind = \"mean_field\"", of_gradient)), "UNSTABLE");
    let deep = scaling(&["--name", "mup", "--hidden-layers", "4"]);
    assert!(deep.get("golikov").is_none() && deep["yang_hu"]["verdict"] == "feature learning");
    assert_eq!(deep["exponents"]["w"].as_array().map(Vec::len), Some(5));
    let learns = |layers: &str, rule: &str| {
        scaling(&["--name", "golikov_mf", "--hidden-layers", layers])["golikov_deep"][rule].as_str().map(str::to_owned)
    };
    assert!(learns("2", "gradient_descent").is_some_and(|text| text.contains("learn at any width")));
    assert!(learns("3", "gradient_descent").is_some_and(|text| text.contains("vanish like m^-1")));
    assert!(learns("3", "rms_prop").is_some_and(|text| text.contains("learn at any width")));
}

#[test]
fn what_is_unstable_or_stagnant_is_said_loudly_and_is_no_error() {
    for (arguments, word) in [
        (&["--q-sigma", "1", "--q", "1"][..], "UNSTABLE"),
        (&["--q-sigma=-1", "--q", "-1"], "STAGNANT"),
        (&["--name", "default"], "UNSTABLE"),
        // Its limit is a classifier's, whose outputs diverge.
        (&["--name", "sym_default", "--loss", "squared"], "UNSTABLE"),
    ] {
        let output = run(&[&["scaling"], arguments].concat());
        assert_eq!(output.code, 0, "{arguments:?}");
        let said = output.err;
        assert!(said.contains(word) && said.contains("fails: "), "{said}");
        assert!(output.out.contains(word));
    }
}

/// Plain decimals would have 300 digits.
#[test]
fn huge_exponents_stay_short() {
    let said = run(&["scaling", "--q-sigma", "1e300", "--q", "1"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("A = 1e300, wanted 0"), "{}", said.out);
    let longest = said.out.lines().chain(said.err.lines()).map(|line| line.chars().count()).max();
    assert!(longest < Some(300), "{longest:?}");
}

/// The theory of a limit is named in the same words by `scaling` and `plan`, and why there is none.
#[test]
fn the_theory_of_a_limit_is_named() {
    let found = |arguments: &[&str]| scaling(arguments)["infinite_width"].clone();
    let deep = found(&["--name", "mup", "--hidden-layers", "3"]);
    assert_eq!(deep["page"], "docs/theory/nonlinear-mean-field.md");
    assert_eq!(found(&["--name", "ntp", "--hidden-layers", "3"])["page"], "docs/theory/ntk.md");
    assert_eq!(found(&["--name", "mf"])["page"], "docs/theory/scaling-limits.md");
    let obstacle = |arguments: &[&str]| found(arguments)["obstacle"].as_str().map(str::to_owned).unwrap_or_default();
    let unstable = obstacle(&["--name", "sp", "--hidden-layers", "3"]);
    assert!(unstable.starts_with("no infinite-width limit: unstable"), "{unstable}");
    let stable = obstacle(&["--q-sigma", "-0.75", "--q", "0.5", "--loss", "squared"]);
    assert!(stable.starts_with("the infinite-width limit is not computed: "), "{stable}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", ONE_HIDDEN_LAYER);
    let planned = run(&["plan", &path, "--width", "inf"]).out;
    let named = found(&[&path]);
    for part in ["theory", "page"] {
        assert!(named[part].as_str().is_some_and(|part| planned.contains(part)), "{planned}");
    }
    let solved = json(&["solve", &path, "--width", "64", "--engine", "law", "--json"]);
    assert_eq!(solved[0]["engine"], "law");
}

/// Two outputs, tanh, squared loss.
const ONE_HIDDEN_LAYER: &str = r#"
[network]
hidden_layers = 1
activation = "tanh"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.3, 0.8]]
targets = [[1.0, 0.0], [0.2, -0.5]]
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 3
"#;

#[test]
fn the_map_shows_the_band_its_cells_and_the_scaling() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("UTF-8");
    let output = run(&["scaling", "--map", path]);
    assert_eq!(output.code, 0);
    let svg = || std::fs::read_to_string(folder.path().join("scaling-map.svg")).expect("a figure");
    let plane = svg();
    assert!(plane.contains("13  post-MF") && plane.contains("s = 0") && folder.path().join("scaling-map.png").exists());
    assert_eq!(run(&["scaling", "--name", "default", "--map", path]).code, 0);
    assert!(svg().contains("default: no limit") && !plane.contains("no limit"));
}

#[test]
fn wrong_questions_are_answered_by_what_would_be_right() {
    for (arguments, expected) in [
        (&[][..], "give a problem file, --q-sigma with --q"),
        (&["--q-sigma", "-1"], "--q-sigma needs --q"),
        (&["--q-sigma", "x", "--q", "1"], "invalid value 'x'"),
        (&["--q-sigma", "nan", "--q", "1"], "q_σ is NaN"),
        (&["--name", "mff"], "`mff` is not known"),
        (&["--name", "sym_default", "--hidden-layers", "3"], "a scaling of 1 hidden layer, not of 3"),
        (&["--abc", "0,1/0,0"], "it has 2 parts"),
        (&["--abc", "0,1/0,x/1"], "\"0,x\" is no list of numbers"),
        (&["--abc", "0,1/0/1"], "both must have one per weight matrix"),
        (&["--name", "mf", "--set", "network.hidden_layers=2"], "--set changes keys of a problem file"),
    ] {
        let output = run(&[&["scaling"], arguments].concat());
        let said = output.err;
        assert_eq!(output.code, 2, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// Digits 4 against 9 by networks in Gram space, and their mean-field limit: same problem, any width.
#[test]
fn a_classifier_is_solved_at_every_width() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let problem = r#"
[network]
hidden_layers = 1
activation = { kind = "leaky_relu", negative_slope = 0.1 }
[parameterization]
kind = "scaling"
q_sigma = -1
q_a = 1
q_w = 1
reference_width = 16
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [1.0]]
[loss]
kind = "logistic"
[optimizer]
kind = "gd"
learning_rate = 0.5
steps = 5
[record]
at = [0, 5]
quantities = ["train_loss", "normalised_outputs"]
"#;
    let path = write(folder.path(), "problem.toml", problem);
    let solved = json(&["solve", &path, "--width", "1e5,inf", "--json"]);
    let loss = |i: usize| solved[i]["records"][1]["train_loss"].as_f64();
    let (finite, limit) = (loss(0).expect("a loss"), loss(1).expect("a loss"));
    assert!((finite - limit).abs() < 0.01 && limit < 2f64.ln(), "{finite} against {limit}");
    assert_eq!(solved[1]["engine"], "limit");
    assert_eq!(solved[0]["engine"], "law");
}
