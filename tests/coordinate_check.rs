//! `widenet coord-check` as a user meets it, on real networks.

use std::fs;
#[cfg(unix)]
use std::{process::Stdio, time::Duration};

#[cfg(unix)]
use crate::common::widenet;
use crate::common::{Said, run};
use serde_json::Value;

const PROBLEM: &str = "experiments/coordinate-check/mean-field.toml";

/// Checks the digits on few samples, at small widths, with more options.
fn check(more: &[&str]) -> Said {
    let small = ["--set", "data.train_samples=30", "--width", "256,512,1024,2048", "--steps", "3"];
    run(&[&["coord-check", PROBLEM], &small[..], more].concat())
}

fn report(more: &[&str]) -> (i32, Value) {
    let said = check(&[more, &["--json"]].concat());
    (said.code, serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.err)))
}

/// `quantity layer step`.
fn name(row: &Value) -> String {
    format!("{} {} {}", row["quantity"], row["layer"], row["step"]).replace('"', "")
}

/// The rows of a report that a verdict was passed on.
fn with_verdict(report: &Value, verdict: &str) -> Vec<String> {
    let rows = report["rows"].as_array().expect("rows").iter();
    rows.filter(|row| row["verdict"] == verdict).map(name).collect()
}

/// The exponent that a row is predicted to have.
fn predicted(report: &Value, wanted: &str) -> Option<f64> {
    report["rows"].as_array().expect("rows").iter().find(|row| name(row) == wanted)?["predicted"].as_f64()
}

#[track_caller]
fn assert_rows(rows: &[String], wanted: &[&str]) {
    for row in wanted {
        assert!(rows.iter().any(|found| found == row), "`{row}` is missing in {rows:?}");
    }
}

/// µP for Adam, and the same rates as gradient descent's.
#[test]
fn the_mean_field_parameterization_follows_the_optimizer() {
    let adam = ["--set", "optimizer.kind=adam", "--set", "optimizer.learning_rate=0.02"];
    let (code, passed) = report(&adam);
    let (refuted, confirmed) = (with_verdict(&passed, "refuted"), with_verdict(&passed, "confirmed"));
    assert!(code == 0 && refuted.is_empty(), "{refuted:?}");
    assert!(passed["rows"].as_array().expect("rows").iter().all(|row| row["grows"] == false));
    assert_rows(&confirmed, &["activation_changes h_1 1", "activation_changes h_2 1", "weight_change hidden 1 1"]);
    let standard = ["--set", "parameterization={ kind = \"standard\" }"];
    let (code, grows) = report(&[&adam[..], &standard].concat());
    assert_eq!(code, 1, "{grows}");
}

#[test]
fn the_mean_field_parameterization_passes() {
    let (code, report) = report(&[]);
    let (refuted, confirmed) = (with_verdict(&report, "refuted"), with_verdict(&report, "confirmed"));
    assert!(code == 0 && refuted.is_empty(), "{refuted:?}");
    assert!(report["rows"].as_array().expect("rows").iter().all(|row| row["grows"] == false));
    assert_rows(
        &confirmed,
        &[
            "activation_norms h_1 0",
            "activation_norms h_2 3",
            "activation_norms outputs 0",
            "activation_changes h_1 1",
            "activation_changes h_2 3",
            "activation_changes outputs 3",
            "weight_change input 1",
            "weight_change hidden 1 3",
            "weight_change readout 3",
            "tangent_kernel_norm all 0",
            "tangent_kernel_change all 3",
        ],
    );
}

#[test]
fn the_ntk_parameterization_passes_with_its_exponents() {
    let (code, report) =
        report(&["--set", "parameterization={ kind = \"ntk\" }", "--set", "optimizer.learning_rate=1"]);
    let (refuted, confirmed) = (with_verdict(&report, "refuted"), with_verdict(&report, "confirmed"));
    assert!(code == 0 && refuted.is_empty(), "{refuted:?}");
    assert_rows(
        &confirmed,
        &[
            "activation_norms h_2 0",
            "activation_changes h_1 1",
            "activation_changes h_2 3",
            "weight_change input 1",
            "weight_change hidden 1 3",
            "weight_change readout 3",
            "tangent_kernel_norm all 0",
            "tangent_kernel_change all 3",
        ],
    );
    let predicted = |layer| predicted(&report, &format!("weight_change {layer} 1"));
    assert_eq!(["input", "hidden 1", "readout"].map(predicted), [-0.5, -1.0, -0.5].map(Some));
}

/// One hidden layer has closed forms for the kernel too: −1 with a smooth activation in the NTK parameterisation.
#[test]
fn one_hidden_layer_passes_with_the_exponent_of_its_kernel() {
    let ntk = ["--set", "parameterization={ kind = \"ntk\" }", "--set", "optimizer.learning_rate=4"];
    let shallow = ["--set", "network={ hidden_layers = 1, activation = \"erf\" }"];
    let (code, report) = report(&[&ntk[..], &shallow].concat());
    assert!(code == 0, "{:?}", with_verdict(&report, "refuted"));
    assert_rows(&with_verdict(&report, "confirmed"), &["tangent_kernel_change all 1", "activation_changes h_1 2"]);
}

/// Golikov's plane (docs/theory/scaling-limits.md §2): between mean field and NTK, and sym-default, whose logits grow as predicted.
#[test]
fn scalings_of_classifiers_pass_with_their_exponents() {
    let digits = "data={ kind = \"idx\", images = \"../../data/digits-8x8/images-idx3-ubyte\", \
                  labels = \"../../data/digits-8x8/labels-idx1-ubyte\", standardize = \"global\", classes = [4, 9], train_samples = 30 }";
    let shallow = ["--set", digits, "--set", "network={ hidden_layers = 1, activation = \"relu\" }"];
    let training = ["--set", "loss.kind=logistic", "--set", "optimizer.learning_rate=0.05"];
    let sizes = ["--width", "256,1024,4096,16384", "--seeds", "8", "--steps", "2", "--json"];
    for (q_sigma, q, [logits, kernel, step]) in [(-0.75, 0.5, [-0.25, 0.0, -0.25]), (-0.5, 0.5, [0.0, 0.5, 0.0])] {
        let scaling = format!("parameterization={{ kind = \"scaling\", q_sigma = {q_sigma}, q_a = {q}, q_w = {q} }}");
        let said = run(&[&["coord-check", PROBLEM, "--set", &scaling], &shallow[..], &training, &sizes].concat());
        let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.err));
        // What grows fails the check, predicted or not.
        assert!(with_verdict(&report, "refuted").is_empty() && said.code == i32::from(kernel > 0.0), "{}", said.err);
        let (h, f) = ("activation_changes h_1 1", "tangent_kernel_norm all 0");
        assert_rows(
            &with_verdict(&report, "confirmed"),
            &["activation_norms outputs 0", h, "activation_changes outputs 1", f],
        );
        let found = ["activation_norms outputs 0", f, h].map(|row| predicted(&report, row));
        assert_eq!(found, [logits, kernel, step].map(Some));
        let kernel_grows =
            report["rows"].as_array().expect("rows").iter().any(|row| name(row) == f && row["grows"] == true);
        assert_eq!(kernel_grows, kernel > 0.0);
    }
}

#[test]
fn the_standard_parameterization_at_constant_rate_is_refuted_and_its_growth_told() {
    let standard = ["--set", "parameterization={ kind = \"standard\" }", "--set", "optimizer.learning_rate=0.5"];
    let said = check(&standard);
    assert_eq!(said.code, 1, "{}", said.err);
    for growing in ["activation_changes of h_2, at steps 1, 2, 3\n", "tangent_kernel_norm, at step 0\n"] {
        assert!(said.out.contains(&format!("grows with the width: {growing}")), "{}", said.out);
    }
    assert!(said.out.contains("no prediction: must not grow") && said.out.contains("refuted"), "{}", said.out);
    let (_, report) = report(&standard);
    assert_rows(&with_verdict(&report, "refuted"), &["activation_norms outputs 2", "activation_changes outputs 3"]);
    // What power counting says of the first step holds.
    assert_rows(&with_verdict(&report, "confirmed"), &["weight_change readout 1", "tangent_kernel_norm all 0"]);
}

/// Table, files and figures of the same check say the same.
#[test]
fn reports_are_written_in_every_format() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    let quick = ["--seeds", "2", "--steps", "1", "--width", "32,64,128", "--set", "network.hidden_layers=1"];
    let quick =
        |more: &[&str]| run(&[&["coord-check", PROBLEM, "--set", "data.train_samples=20"], &quick[..], more].concat());
    let (csv, json, figures) = (path("check.csv"), path("check.json"), path("figures"));
    let said = quick(&["--output", &csv, "--figure", &figures]);
    assert!(said.out.contains(&format!("wrote {csv}")), "{}{}", said.out, said.err);
    quick(&["--output", &json]);
    let printed: Value = serde_json::from_str(&quick(&["--json"]).out).expect("JSON");
    let written: Value = serde_json::from_str(&fs::read_to_string(&json).expect("a file")).expect("JSON");
    assert_eq!(printed, written);
    let rows = printed["rows"].as_array().expect("rows");
    let table = fs::read_to_string(&csv).expect("a file");
    assert_eq!(table.lines().count(), 1 + rows.len());
    for (line, row) in table.lines().skip(1).zip(rows) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((Some(cells[0]), Some(cells[1])), (row["quantity"].as_str(), row["layer"].as_str()));
        assert_eq!(cells[4].parse().ok(), row["exponent"].as_f64());
    }
    for stem in ["activation_norms-step-0", "activation_changes-step-1", "tangent_kernel_change-step-1"] {
        for extension in ["svg", "png"] {
            let file = folder.path().join("figures").join(format!("{stem}.{extension}"));
            assert!(file.metadata().is_ok_and(|file| file.len() > 1000), "{}", file.display());
        }
    }
    assert!(!folder.path().join("figures/activation_changes-step-0.svg").exists());
}

/// `parameterization` prints the lists that RMSProp needs, those of docs/theory/scaling-limits.md §5.4; with those of mean-field scaling nothing
/// grows, and with the rates of gradient descent something does.
#[test]
fn the_lists_that_are_printed_for_rmsprop_do_not_grow() {
    let rule = "optimizer={ kind = \"rmsprop\", learning_rate = 0.01, steps = 3 }";
    let printed_for = |rule: &str, kind: &str| {
        let said = run(&[
            "parameterization",
            PROBLEM,
            "--set",
            rule,
            "--set",
            &format!("parameterization={{ kind = \"{kind}\" }}"),
        ]);
        let line = said.out.lines().find(|line| line.contains("kind = \"abc\"")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{}{}", said.out, said.err))
    };
    let printed = |kind: &str| printed_for(rule, kind);
    let adam = printed_for("optimizer={ kind = \"adam\", learning_rate = 0.01, steps = 3 }", "standard");
    assert!(adam.starts_with("adam does not") && adam.ends_with("c = [0.5, 1.5, 1.0]"), "{adam}");
    let mean_field = printed("mean_field");
    assert!(mean_field.ends_with("a = [0.0, 0.0, 1.0], b = [0.0, 0.5, 0.0], c = [0.0, 1.0, 0.0]"), "{mean_field}");
    let standard = printed("standard");
    assert!(standard.ends_with("a = [0.0, 0.0, 0.0], b = [0.0, 0.5, 0.5], c = [0.5, 1.5, 1.0]"), "{standard}");
    let (_, lists) = mean_field.rsplit_once("\"abc\": ").expect("lists");
    let sizes = ["--seeds", "2", "--set", rule];
    let listed = format!("parameterization={{ kind = \"abc\", {lists}, sigma = [0.125, 1, 1] }}");
    let said = check(&[&sizes[..], &["--set", &listed]].concat());
    assert!(!said.out.contains("grows with the width:"), "{}", said.out);
    assert!(!check(&sizes).out.contains("grows with the width:"), "the mean-field rates follow the optimizer");
    let standard = check(&[&sizes[..], &["--set", "parameterization={ kind = \"standard\" }"]].concat());
    assert!(standard.out.contains("grows with the width: "), "the rates of gradient descent: {}", standard.out);
    let own = run(&["parameterization", PROBLEM, "--set", rule, "--set", &listed]);
    assert!(own.out.contains("at any width with these rates; as kind"), "{}", own.out);
}

/// A check of which no network is left is no success, and the advice is about what happened.
#[test]
fn a_coordinate_check_whose_networks_diverged_fails() {
    let sizes = ["--set", "data.train_samples=10", "--width", "16,32,64", "--seeds", "1", "--steps", "60"];
    let wild = ["--set", "loss.kind=squared", "--set", "optimizer.learning_rate=1e9"];
    let said = run(&[&["coord-check", PROBLEM], &sizes[..], &wild].concat());
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("3 of 3 networks diverged: nothing can be judged; give a smaller learning rate"),
        "{}",
        said.out
    );
    assert!(!said.out.contains("more widths"), "{}", said.out);
}

/// Frozen layers have no rows; the others are as predicted.
#[test]
fn frozen_layers_are_left_out() {
    let (_, report) =
        report(&["--seeds", "2", "--set", "parameterization={ kind = \"ntk\", weight_rates = [0, 0, 1] }"]);
    let rows = report["rows"].as_array().expect("rows").iter();
    let moving: Vec<&str> = rows
        .filter(|row| row["step"] == 1 && row["quantity"] != "activation_norms")
        .map(|row| row["layer"].as_str().expect("a name"))
        .collect();
    assert_eq!(moving, ["outputs", "readout"]);
}

/// Ctrl-C: exit code 75 and no file.
#[cfg(unix)]
#[test]
fn an_interrupted_check_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("check.json");
    let slow = ["coord-check", PROBLEM, "--steps", "1000", "--width", "1024,1448,2048", "--output"];
    let mut child = widenet(&slow).arg(&output).stderr(Stdio::null()).spawn().expect("the program starts");
    std::thread::sleep(Duration::from_millis(1500));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("it ends").code(), Some(75));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}
