//! Kernel regression on images: accuracies, errors, means, variances, and the kernels themselves.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{
    case::{Place, ask, list, loss, network, number, only},
    compare::near,
    ensemble::{TRAINED, add_ridge},
    images::{self, read_array},
};
use crate::common;

/// How the reference file describes what is done to the pixels, and to the labels.
const PIXELS: &str = "x = (pixel - mean)/std, mean and std over all train pixels used";
const SIGNS: &str = "targets -1 for the smaller label, +1 for the larger";
const SHIFTED: &str = "targets one-hot minus 1/classes";

/// Checks every number of the case.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    only(
        case,
        &[
            "data",
            "n_train",
            "n_test",
            "preprocessing",
            "pixel_mean",
            "pixel_std",
            "net",
            "network",
            "parameterization",
            "peer",
            "diag_reg",
            "diag_reg_absolute",
            "rtol",
            "nngp",
            "ntk",
            "ntk_flow_time_100",
            "max_learning_rate",
        ],
    )?;
    let rtol = number(case, "rtol")?;
    let mut problem = match case["net"].is_null() {
        true => json!({ "network": case["network"], "parameterization": case["parameterization"] }),
        false => network(&case["net"])?,
    };
    problem["loss"] = loss(&json!("mse"))?;
    let mut compared = write_data(case, &mut problem, rtol, place)?;
    if images::is_in_planes(case["data"].as_str().unwrap_or_default()) && !problem["network"]["image"].is_null() {
        problem["network"]["pixel_order"] = json!("planes");
    }
    compared += check_kernels(case, &problem, rtol, place)?;

    problem["optimizer"] = json!({ "kind": "flow", "times": 100 });
    for (kernel, trained) in TRAINED {
        let wanted = &case[kernel];
        only(
            wanted,
            &[
                "accuracy",
                "test_mse",
                "mean_first5",
                "variance_first5",
                "kernel_first3",
                "trace",
                "lambda_max",
                "lambda_min",
            ],
        )?;
        problem["predict"] = json!({ "trained": trained, "at": ["inf"] });
        add_ridge(&mut problem, case)?;
        compared += check_prediction(kernel, wanted, &problem, rtol, place)?;
    }
    let early = &case["ntk_flow_time_100"];
    only(early, &["test_mse", "mean_first5"])?;
    problem["predict"] = json!({ "at": [100] });
    compared += check_prediction("ntk_flow_time_100", early, &problem, rtol, place)?;

    problem["predict"] = json!({ "at": [0], "spread": "none", "learning_rates": true });
    let answer = ask(place, "predict", &problem, &[])?;
    let largest = &answer["learning_rates"]["largest_stable"];
    Ok(compared + near("max_learning_rate", largest, &case["max_learning_rate"], rtol)?)
}

/// Writes the images as arrays and the section `[data]` that reads them.
fn write_data(case: &Value, problem: &mut Value, rtol: f64, place: &Place) -> Result<usize, String> {
    let preprocessing = case["preprocessing"].as_str().unwrap_or_default();
    let shifted = preprocessing.contains(SHIFTED);
    if !preprocessing.contains(PIXELS) || shifted == preprocessing.contains(SIGNS) {
        return Err(format!("unknown kind of case: preprocessing `{preprocessing}`"));
    }
    let data = case["data"].as_str().ok_or("`data` is missing")?;
    let (n_train, n_test) = (number(case, "n_train")? as usize, number(case, "n_test")? as usize);
    let [train, test] = images::load(data, place, n_train, n_test)?;
    let (mean, deviation) = train.mean_and_deviation();
    let mut compared = near("pixel_mean", &json!(mean), &case["pixel_mean"], rtol)?;
    compared += near("pixel_std", &json!(deviation), &case["pixel_std"], rtol)?;
    let classes = train.classes();
    for (name, bytes) in [
        ("inputs.npy", train.inputs()),
        ("targets.npy", train.targets(&classes, shifted)),
        ("test-inputs.npy", test.inputs()),
        ("test-targets.npy", test.targets(&classes, shifted)),
    ] {
        fs::write(place.folder.join(name), bytes).map_err(|error| format!("{name}: {error}"))?;
    }
    problem["data"] = json!({
        "kind": "npy",
        "inputs": "inputs.npy",
        "targets": "targets.npy",
        "test_inputs": "test-inputs.npy",
        "test_targets": "test-targets.npy",
        "standardize": "global",
    });
    Ok(compared)
}

/// Corner, trace and ends of the spectrum of both kernels, from the arrays that the program writes.
fn check_kernels(case: &Value, problem: &Value, rtol: f64, place: &Place) -> Result<usize, String> {
    let path = common::write(&place.folder, "problem.json", &problem.to_string());
    let output = place.folder.join("kernel.npy");
    let output = output.to_str().ok_or("the folder is not UTF-8")?;
    let said = common::run(&["kernel", &path, "--between", "train", "--spectrum", "--output", output]);
    if said.code != 0 {
        return Err(format!("widenet kernel: {}", said.err));
    }
    let mut compared = 0;
    for kernel in ["nngp", "ntk"] {
        let array = |name: &str| read_array(Path::new(&place.folder.join(format!("kernel-{kernel}-{name}.npy"))));
        let (entries, columns) = array("train")?;
        let (eigenvalues, _) = array("eigenvalues")?;
        let corner: Vec<&[f64]> = entries.chunks_exact(columns).take(3).map(|row| &row[..3]).collect();
        let trace: f64 = entries.iter().step_by(columns + 1).sum();
        for (field, found) in [
            ("kernel_first3", json!(corner)),
            ("trace", json!(trace)),
            ("lambda_min", json!(eigenvalues.first())),
            ("lambda_max", json!(eigenvalues.last())),
        ] {
            compared += near(&format!("{kernel} {field}"), &found, &case[kernel][field], rtol)?;
        }
    }
    Ok(compared)
}

/// The test predictions that a part of the case expects.
fn check_prediction(part: &str, wanted: &Value, problem: &Value, rtol: f64, place: &Place) -> Result<usize, String> {
    let answer = ask(place, "predict", problem, &[])?;
    let prediction = list(&answer, "predictions")?.first().ok_or("no prediction")?;
    let first = |key: &str| -> Vec<Value> {
        prediction["test"][key].as_array().map(|list| list[..5.min(list.len())].to_vec()).unwrap_or_default()
    };
    let variance = |std: &Value| json!(std.as_f64().map(|std| std * std));
    let found = [
        ("accuracy", prediction["test_accuracy"].clone()),
        // The loss is half the mean square.
        ("test_mse", json!(prediction["test_loss"].as_f64().map(|loss| 2.0 * loss))),
        ("mean_first5", Value::Array(first("mean"))),
        ("variance_first5", first("std").iter().map(variance).collect()),
    ];
    let mut compared = 0;
    for (field, found) in found {
        if !wanted[field].is_null() {
            compared += near(&format!("{part} {field}"), &found, &wanted[field], rtol)?;
        }
    }
    Ok(compared)
}
