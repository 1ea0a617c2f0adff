//! Quantities of ensembles, of linear networks with biases, and of the Hessian; and where on an axis a metric is best.

use std::fs;

use serde_json::Value;

use crate::common::{json as answered, numbers, run, write};

const PROBLEM: &str = r#"
[network]
hidden_layers = 2
activation = "tanh"
[parameterization]
kind = "ntk"
sigma_w = 1.4
sigma_b = 0.5
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [1.0]]
test_inputs = [[0.2, 0.9], [-0.7, 0.1]]
test_targets = [[-1.0], [1.0]]
[optimizer]
kind = "gd"
learning_rate = 0.3
steps = 6
[record]
at = [0, 6]
"#;

fn number(value: &Value) -> f64 {
    numbers(value)[0]
}

fn solve(path: &str, quantities: &str, own: &[&str]) -> Vec<Value> {
    let quantities = format!("record.quantities=[{quantities}]");
    let asked = ["solve", path, "--precision", "f64", "--seed", "3", "--json", "--set", &quantities];
    answered(&[&asked[..], own].concat())[0]["records"].as_array().expect("records").clone()
}

/// Of the recorded mean outputs, by the formulas of loss and accuracy; at width inf those of `widenet predict`.
#[test]
fn losses_and_accuracies_of_mean_outputs_are_those_of_the_mean() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let quantities = "\"outputs\", \"test_outputs\", \"train_loss\", \"test_loss\", \"train_loss_of_mean\", \"test_loss_of_mean\", \
                      \"train_accuracy_of_mean\", \"test_accuracy_of_mean\"";
    let ensemble = ["--set", "ensemble={ networks = 7 }"];
    let predicted = answered(&["predict", &path, "--json"]);
    for width in ["8", "inf"] {
        let records = solve(&path, quantities, &[&ensemble[..], &["--width", width]].concat());
        for (record, prediction) in records.iter().zip(predicted["predictions"].as_array().expect("predictions")) {
            for (set, outputs, targets) in
                [("train", "outputs", &[1.0, -1.0, 1.0][..]), ("test", "test_outputs", &[-1.0, 1.0])]
            {
                let outputs = numbers(&record[outputs]);
                let pairs = || outputs.iter().zip(targets);
                let samples = targets.len() as f64;
                let loss = pairs().map(|(f, y)| 0.5 * (f - y).powi(2)).sum::<f64>() / samples;
                let accuracy = pairs().filter(|(f, y)| **f * **y > 0.0).count() as f64 / samples;
                let found = |name: &str| number(&record[format!("{set}_{name}")]);
                assert!((found("loss_of_mean") - loss).abs() < 1e-12, "{width}: {record}");
                // Outputs 0, the mean at the start of infinitely many networks, are of no class.
                let is_decided = outputs.iter().all(|f| f.abs() > 1e-12);
                assert!(!is_decided || found("accuracy_of_mean") == accuracy, "{width}: {record}");
                // Jensen: the mean of losses of networks that differ is larger.
                assert!(found("loss") > 1.0001 * loss, "{width}: {record}");
                let predicted = number(&prediction[format!("{set}_loss")]);
                assert!(width != "inf" || (predicted - loss).abs() < 1e-12, "{predicted} {loss}");
            }
        }
    }
    let said = run(&["solve", &path, "--width", "8", "--set", "record.quantities=[\"test_accuracy_of_mean\"]"]);
    assert!(said.code == 2 && said.err.contains("add the section `[ensemble]`"), "{}", said.err);
}

/// `f(x) = β x + c` on the recorded outputs, and `Σ s² = ‖β‖²`, `Π s = |det β|`.
#[test]
fn linear_networks_with_biases_are_an_affine_map() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let two = [
        "--set",
        "network.activation=identity",
        "--set",
        "data.targets=[[1, 0.3], [-1, 0.2], [1, -0.6]]",
        "--set",
        "data.test_targets=[[-1, 0], [1, 0]]",
        "--width",
        "16",
    ];
    let plain = ["--set", "parameterization={ kind = \"mean_field\" }"];
    let quantities = "\"predictor\", \"predictor_offset\", \"predictor_singular_values\", \"outputs\"";
    for (own, has_offset) in [
        (&["--engine", "dense"][..], true),
        (&["--engine", "conditioned"], true),
        (&[&plain[..], &["--engine", "dense"]].concat(), false),
        (&[&plain[..], &["--engine", "law"]].concat(), false),
    ] {
        for record in solve(&path, quantities, &[&two[..], own].concat()) {
            let [beta, c, s, f] = ["predictor", "predictor_offset", "predictor_singular_values", "outputs"]
                .map(|name| numbers(&record[name]));
            for (p, x) in [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]].iter().enumerate() {
                for i in 0..2 {
                    let expected = beta[2 * i] * x[0] + beta[2 * i + 1] * x[1] + c[i];
                    assert!((f[2 * p + i] - expected).abs() < 1e-9, "{own:?}: {record}");
                }
            }
            let squares: f64 = beta.iter().map(|b| b * b).sum();
            let determinant = beta[0] * beta[3] - beta[1] * beta[2];
            assert!((s[0].hypot(s[1]) - squares.sqrt()).abs() < 1e-9 && s[0] >= s[1], "{record}");
            assert!((s[0] * s[1] - determinant.abs()).abs() < 1e-9, "{record}");
            assert_eq!(c.iter().any(|c| *c != 0.0), has_offset, "{record}");
        }
    }
    let refused = |own: &[&str], part: &str| {
        let asked = ["solve", &path, "--set", "record.quantities=[\"predictor_offset\"]"];
        let said = run(&[&asked[..], &two[2..], own].concat());
        assert!(said.code == 2 && said.err.contains(part), "{own:?}: {}", said.err);
    };
    refused(&[], "network.activation = \"identity\"");
    refused(&["--set", "network.activation=identity", "--set", "network.centered=true"], "its outputs are corrected");
}

/// Where the readout alone is trained the loss is a parabola, whose Hessian has the eigenvalues of the tangent kernel over P.
#[test]
fn the_sharpness_of_a_trained_readout_is_that_of_its_kernel() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let readout =
        ["--set", "parameterization={ kind = \"ntk\", sigma_w = 1.4, weight_rates = [0, 0, 1] }", "--width", "12"];
    let quantities = "\"sharpness\", \"tangent_kernel\", \"train_loss\"";
    for record in solve(&path, quantities, &[&readout[..], &["--engine", "dense"]].concat()) {
        let kernel = numbers(&record["tangent_kernel"]);
        let mut v = [1.0, 0.7, -0.4];
        let mut size = 0.0;
        for _ in 0..2000 {
            let image: Vec<f64> = kernel.chunks(3).map(|row| row.iter().zip(&v).map(|(k, v)| k * v).sum()).collect();
            size = image.iter().map(|x| x * x).sum::<f64>().sqrt();
            v = [image[0] / size, image[1] / size, image[2] / size];
        }
        let found = number(&record["sharpness"]);
        assert!((3.0 * found / size - 1.0).abs() < 1e-3, "{found}, not {}", size / 3.0);
    }
    let asked = ["solve", &path, "--set", "record.quantities=[\"sharpness\"]"];
    for (own, part) in [
        (&["--width", "16", "--engine", "conditioned"][..], "sharpness"),
        (&["--width", "16", "--engine", "law", "--set", "network.hidden_layers=1"], "sharpness"),
        (
            &["--width", "inf", "--set", "parameterization={ kind = \"mean_field\" }"],
            "`sharpness` is not recorded of the mean-field limit",
        ),
    ] {
        let said = run(&[&asked[..], own].concat());
        assert!(said.code == 2 && said.err.contains(part), "{own:?}: {} {}", said.code, said.err);
    }
}

/// A learning rate that is neither too small nor too large is best: of the last one all seeds diverge.
#[test]
fn the_best_value_of_an_axis_has_an_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let study = |bounds: &str, name: &str| {
        let problem =
            PROBLEM.replace("\n[", "\n[problem.").replace("at = [0, 6]", "at = [0, 6]\nquantities = [\"train_loss\"]");
        let text = format!(
            "[study]\nname = \"{name}\"\nclaim = \"there is a best learning rate\"\nexpected = \"between 0.1 and 2.5\"\n{problem}\n[axes]\nwidth = [16, 64]\nseed = {{ count = 4 }}\n\
             problem.optimizer.learning_rate = [0.02, 0.1, 0.5, 2.5, 100.0]\n[[metric]]\nname = \"loss\"\nquantity = \"train_loss\"\nover = \"final\"\n\
             [[check]]\nname = \"best\"\nkind = \"argmin\"\nmetric = \"loss\"\nx = \"optimizer.learning_rate\"\n{bounds}\n\
             [[figure]]\nname = \"losses\"\nkind = \"scaling\"\nmetric = \"loss\"\nx = \"optimizer.learning_rate\"\nlines = true\n"
        );
        let text = text.replace("problem.optimizer.learning_rate = [", "optimizer.learning_rate = [");
        let path = write(folder.path(), &format!("{name}.toml"), &text);
        let out = folder.path().join(name);
        let said = run(&["study", &path, "--out", out.to_str().expect("UTF-8"), "--device", "cpu"]);
        let directory = fs::read_dir(&out).expect("runs").next().expect("a run").expect("a run").path();
        (said, directory)
    };
    let (said, directory) = study("at_least = 0.1\nat_most = 2.5", "confirmed");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let fits = fs::read_to_string(directory.join("fits.csv")).expect("fits");
    assert!(fits.contains("0.5,0.1,2.5") && fits.contains("argmin from 0.1 to 2.5"), "{fits}");
    assert!(directory.join("figures/losses.svg").exists());
    let (said, _) = study("at_least = 3", "refuted");
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let bad = PROBLEM.replace("\n[", "\n[problem.");
    let text = format!(
        "[study]\nname = \"bad\"\nclaim = \"none\"\nexpected = \"none\"\n{bad}\n[axes]\nwidth = [16]\nnetwork.activation = [\"relu\", \"tanh\"]\n[[metric]]\nname = \"loss\"\n\
         quantity = \"train_loss\"\n[[check]]\nname = \"best\"\nkind = \"argmin\"\nmetric = \"loss\"\nx = \"network.activation\"\nat_most = 1\n"
    );
    let path = write(folder.path(), "bad.toml", &text);
    let said = run(&["study", &path, "--out", folder.path().to_str().expect("UTF-8")]);
    assert!(said.code == 2 && said.err.contains("an axis whose values are numbers"), "{}", said.err);
}
