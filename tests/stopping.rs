//! Training that stops at a goal: the same step in every engine, the records before it bit for bit those of a run that goes on.

use std::{fs, path::Path};

use serde_json::Value;

use crate::common::{PROBLEM, json as answered, numbers, run, write};

/// Labels, a smaller rate, and a record of every step.
fn problem() -> String {
    let changes = [
        ("[0.5]]", "[1.0]]"),
        ("learning_rate = 0.1", "learning_rate = 0.05"),
        ("steps = 10", "steps = 60"),
        ("at = [0, 1, 5, 10]", "at = { every = 1 }\nquantities = [\"train_loss\", \"outputs\"]"),
    ];
    changes.into_iter().fold(PROBLEM.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn solve(path: &str, more: &[&str]) -> Value {
    answered(&[&["solve", path, "--precision", "f64", "--seed", "3", "--json"], more].concat())[0].clone()
}

/// The first record with a number at most a bound, by hand; not the last.
fn first_below(trajectory: &Value, bound: f64) -> usize {
    let losses: Vec<f64> = records(trajectory).iter().map(|record| numbers(&record["train_loss"])[0]).collect();
    let first = losses.iter().position(|loss| *loss <= bound).expect("the loss gets there");
    assert!(first > 1 && first + 1 < losses.len(), "{first} of {}", losses.len());
    first
}

fn records(trajectory: &Value) -> &Vec<Value> {
    trajectory["records"].as_array().expect("records")
}

/// Compares a problem that stops with itself that does not.
fn check(path: &str, more: &[&str], share: f64) -> u64 {
    let whole = solve(path, more);
    let bound = share * numbers(&records(&whole)[0]["train_loss"])[0];
    let first = first_below(&whole, bound);
    let goal = format!("stop.train_loss={bound:?}");
    let stopped = solve(path, &[more, &["--set", &goal]].concat());
    assert_eq!(stopped["status"], "stopped", "{more:?}");
    assert_eq!(records(&stopped)[..], records(&whole)[..=first], "{more:?}");
    let (at, last) = (&stopped["stopped_at"], &records(&whole)[first]);
    assert_eq!((&at["step"], &at["time"], &at["value"]), (&last["step"], &last["time"], &last["train_loss"]));
    assert_eq!((at["quantity"].as_str(), at["goal"].as_f64()), (Some("train_loss"), Some(bound)));
    at["step"].as_u64().expect("a step")
}

/// Deep linear networks, perceptrons, one hidden layer in law, flows, minibatches, ensembles, and all their limits.
#[test]
fn every_engine_stops_at_the_first_record_that_reaches_the_goal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", &problem());
    let tanh = ["--set", "network.activation=tanh"];
    let one_layer = ["--set", "network.hidden_layers=1"];
    let flow = ["--set", "optimizer={ kind = \"flow\", times = 3 }", "--set", "record.at={ every = 0.1 }"];
    let batches = [
        "--set",
        "optimizer={ kind = \"sgd\", learning_rate = 0.05, steps = 60, batch_size = 1 }",
        "--set",
        "record.at={ every = 3 }",
    ];
    let ensemble = ["--set", "ensemble={ networks = 5 }", "--set", "parameterization={ kind = \"ntk\" }"];
    let logistic = ["--set", "loss.kind=logistic"];
    let standard_classifier = [
        "--set",
        "parameterization={ kind = \"scaling\", name = \"mf\" }",
        "--set",
        "network={ hidden_layers = 1, activation = \"tanh\" }",
        "--set",
        "record.quantities=[\"train_loss\", \"train_accuracy\"]",
    ];
    let law = ["--width", "64", "--engine", "law"];
    let dense = ["--width", "64", "--engine", "dense", "--device", "flex"];
    let conditioned = ["--width", "64", "--engine", "conditioned", "--device", "flex"];
    let regenerated = ["--width", "64", "--engine", "regenerated", "--device", "flex"];
    let limit = ["--width", "inf"];
    let cases: [&[&[&str]]; 15] = [
        &[&law],
        &[&dense],
        &[&conditioned],
        &[&regenerated],
        &[&limit],
        &[&flow, &law],
        &[&flow, &dense],
        &[&flow, &limit],
        &[&batches, &tanh, &dense],
        &[&tanh, &dense],
        &[&tanh, &flow, &dense],
        &[&tanh, &conditioned],
        &[&tanh, &one_layer, &law],
        &[&ensemble, &tanh, &dense],
        &[&ensemble, &tanh, &limit],
    ];
    for case in cases {
        check(&path, &case.concat(), 0.6);
    }
    check(&path, &[&batches[..], &dense].concat(), 0.3);
    check(&path, &[&ensemble[..], &tanh, &logistic, &limit].concat(), 0.9);
    for at in [&law[..], &limit] {
        check(&path, &[&standard_classifier[..], &logistic, at].concat(), 0.3);
    }
    // The mean over replicates decides, in the mean-field limit of a perceptron.
    check(
        &path,
        &[
            &tanh[..],
            &limit,
            &["--accuracy", "0.2", "--set", "optimizer.steps=12", "--set", "optimizer.learning_rate=0.2"],
        ]
        .concat(),
        0.6,
    );
}

/// The law and the limit of one problem, whose numbers are the same to rounding where the width is large, agree on the step.
#[test]
fn engines_agree_on_the_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", &problem());
    let goal = ["--set", "stop.train_loss=0.1"];
    let step = |more: &[&str]| solve(&path, &[&goal[..], more].concat())["stopped_at"]["step"].clone();
    let limit = step(&["--width", "inf"]);
    assert!(limit.as_u64().is_some_and(|step| step > 2), "{limit}");
    assert_eq!(step(&["--width", "1000000000000", "--engine", "law"]), limit);
    // Trained as perceptrons: the same network with another bookkeeping.
    let at = ["--width", "48", "--device", "flex"];
    let as_perceptron = ["--set", "record.quantities=[\"train_loss\", \"weight_change\"]"];
    let stored = step(&[&at[..], &["--engine", "dense"]].concat());
    assert_eq!(step(&[&at[..], &["--engine", "dense"], &as_perceptron].concat()), stored);
}

/// The default moments are few, and what is not recorded does not decide; accuracy does, and the horizon is no stop.
#[test]
fn records_decide() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", &problem());
    let at = ["--width", "inf", "--set", "stop.train_loss=0.1"];
    let fine = solve(&path, &at)["stopped_at"]["step"].as_u64().expect("a step");
    let coarse = solve(&path, &[&at[..], &["--set", "record.at={ every = 7 }"]].concat());
    assert_eq!(coarse["stopped_at"]["step"].as_u64(), Some(fine.div_ceil(7) * 7));
    let last = format!("optimizer.steps={fine}");
    let done = solve(&path, &[&at[..], &["--set", &last]].concat());
    assert_eq!((&done["status"], done.get("stopped_at")), (&Value::from("done"), None));
    let accuracy = solve(&path, &["--width", "inf", "--set", "stop.train_accuracy=1"]);
    assert_eq!(accuracy["stopped_at"]["quantity"], "train_accuracy");
    assert!(accuracy["stopped_at"]["step"].as_u64().is_some_and(|step| step < fine));
    let said = run(&["solve", &path, "--width", "inf", "--set", "stop.train_loss=0.1"]);
    assert!(
        said.out.contains(&format!("stopped at step {fine}: train_loss ")) && said.out.contains("≤ 1e-1"),
        "{}",
        said.out
    );
}

#[test]
fn what_cannot_stop_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", &problem());
    let refused = |arguments: &[&str], parts: &[&str]| {
        let said = run(arguments);
        assert_eq!(said.code, 2, "{}", said.err);
        parts.iter().for_each(|part| assert!(said.err.contains(part), "{part} is missing in {}", said.err));
    };
    let stop = ["--set", "stop.train_loss=0.1"];
    refused(&[&["fluctuations", &path][..], &stop].concat(), &["stop", "leave the section out"]);
    let many = "data.targets=[[1, 0], [0, 1], [1, 0]]";
    let kernel = ["--set", "parameterization={ kind = \"ntk\" }", "--set", "network.activation=tanh"];
    let accuracy = ["--set", "ensemble={ networks = 4 }", "--set", many, "--set", "stop.train_accuracy=1"];
    refused(
        &[&["solve", &path, "--width", "inf"], &kernel[..], &accuracy].concat(),
        &["stop.train_accuracy", "2 outputs", "stop.train_loss"],
    );
    // A coordinate check compares networks after the same steps, whatever they reach.
    let check = ["coord-check", &path, "--width", "16,32,64", "--seeds", "1", "--steps", "2", "--json"];
    let (with, without) = (run(&[&check[..], &["--set", "stop.train_loss=1e9"]].concat()), run(&check));
    assert_eq!((with.code, with.out), (without.code, without.out));
}

const STUDY: &str = r#"
[study]
name = "stops"
claim = "Some of these trials stop."
expected = "Nothing."
[problem.network]
hidden_layers = 2
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0]]
targets = [[1.0], [-1.0]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.05
steps = 60
[problem.record]
at = { every = 2 }
quantities = ["train_loss", "predictor"]
[axes]
width = [64, "inf"]
seed = [1, 2]
stop.train_loss = [1e-2, 0.1]
[[metric]]
name = "final_loss"
quantity = "train_loss"
over = "final"
[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"
over = "sup"
[[figure]]
name = "loss"
kind = "curves"
quantity = "train_loss"
"#;

/// A stopped trial is a success: it is stored, read back, measured at its own moments, drawn, and reported with its reason.
#[test]
fn a_study_has_trials_that_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "stops.toml", STUDY);
    let out = folder.path().to_str().expect("UTF-8");
    let study = || run(&["study", &path, "--out", out]);
    let said = study();
    assert_eq!(said.code, 0, "{}", said.err);
    let directory = fs::read_dir(folder.path()).expect("a folder").flatten().find(|entry| entry.path().is_dir());
    let directory = directory.expect("a run directory").path();
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect("it was written");
    let files = ["table.csv", "metrics.csv", "report.md"].map(read);
    let [table, metrics, report] = &files;

    let column = |text: &str, name: &str| {
        text.lines().next().expect("a header").split(',').position(|column| column == name).expect(name)
    };
    let rows = |text: &str| {
        text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect::<Vec<Vec<String>>>()
    };
    let (goal, loss, distance) =
        (column(metrics, "stop.train_loss"), column(metrics, "final_loss"), column(metrics, "distance"));
    for row in rows(metrics) {
        assert_eq!(row[column(metrics, "status")], "stopped", "{row:?}");
        let number = |i: usize| row[i].parse::<f64>().unwrap_or_else(|_| panic!("{row:?}"));
        assert!(number(loss) <= number(goal) && number(loss) > 0.3 * number(goal), "{row:?}");
        assert!(number(distance) >= 0.0, "{row:?}");
    }
    // No record is made up: the last row of every trial is that of its stop.
    let last: Vec<Vec<String>> =
        rows(table).chunk_by(|a, b| a[0] == b[0]).map(|trial| trial[trial.len() - 1].clone()).collect();
    for row in &last {
        let number = |name: &str| row[column(table, name)].parse::<f64>().expect("a number");
        assert!(number("train_loss") <= number("stop.train_loss") && number("step") < 60.0, "{row:?}");
    }
    assert!(
        report.contains("## Stopped") && report.contains("stopped at step ") && !report.contains("Excluded"),
        "{report}"
    );
    let svg = fs::read_dir(directory.join("figures"))
        .expect("figures")
        .flatten()
        .find(|file| file.path().extension().is_some_and(|e| e == "svg"));
    let svg = fs::read_to_string(svg.expect("a figure").path()).expect("text");
    assert!(svg.contains("of 2 stopped, the first at t = "), "{svg}");

    // Read back, and the same.
    let again = study();
    assert!(again.code == 0 && again.err.contains("8 from before"), "{}", again.err);
    assert_eq!(["table.csv", "metrics.csv", "report.md"].map(read), files);
}

/// A reference that stopped earlier has no record to compare with, and the metric says so.
#[test]
fn a_reference_that_stopped_earlier_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = STUDY.replace("against = \"limit\"", "reference = { stop.train_loss = [0.1] }");
    let path = write(folder.path(), "stops.toml", &text);
    let said = run(&["study", &path, "--out", folder.path().to_str().expect("UTF-8")]);
    assert_eq!(said.code, 0, "{}", said.err);
    let directory = fs::read_dir(folder.path()).expect("a folder").flatten().find(|entry| entry.path().is_dir());
    let report = report(&directory.expect("a run directory").path());
    assert!(report.contains("records and its reference, which stopped at step"), "{report}");
}

fn report(directory: &Path) -> String {
    fs::read_to_string(directory.join("report.md")).expect("a report")
}

/// A list of moments that ends before training does was the end of the run.
#[test]
fn the_end_of_training_is_recorded_whatever_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", &problem());
    for at in [&["--width", "inf"][..], &["--width", "32"], &["--width", "32", "--set", "network.activation=tanh"]] {
        let listed = solve(&path, &[at, &["--set", "record.at=[0, 7]"]].concat());
        let steps: Vec<u64> = records(&listed).iter().filter_map(|record| record["step"].as_u64()).collect();
        assert_eq!((steps, &listed["status"]), (vec![0, 7, 60], &Value::from("done")));
        let every = solve(&path, at);
        assert_eq!(records(&listed)[2], records(&every)[60]);
    }
    let flow = ["--width", "inf", "--set", "optimizer={ kind = \"flow\", times = 2 }", "--set", "record.at=[0, 0.5]"];
    let times: Vec<f64> = records(&solve(&path, &flow)).iter().filter_map(|record| record["time"].as_f64()).collect();
    assert_eq!(times, [0.0, 0.5, 2.0]);
}
