//! Mean and covariance over initialisations, of networks trained as a whole and of networks whose readout alone is trained.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, horizon, list, loss, moments, network, number, only, paired},
    compare::near,
};

/// Kernel of the reference file and the program's word for what is trained.
pub(crate) const TRAINED: [(&str, &str); 2] = [("nngp", "readout"), ("ntk", "all")];

/// Checks the results on test inputs and those on training inputs.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    only(
        case,
        &[
            "net",
            "x_train",
            "y_train",
            "x_test",
            "learning_rate",
            "diag_reg",
            "diag_reg_absolute",
            "results",
            "train_results",
            "rtol",
        ],
    )?;
    let rtol = number(case, "rtol")?;
    let mut compared = 0;
    for (field, set) in [("results", "test"), ("train_results", "train")] {
        let Some(results) = case[field].as_array().filter(|results| !results.is_empty()) else { continue };
        let at = moments(results, number(case, "learning_rate")?)?;
        for (kernel, trained) in TRAINED {
            let mut problem = network(&case["net"])?;
            problem["data"] = json!({
                "kind": "inline",
                "inputs": case["x_train"],
                "targets": case["y_train"],
                "test_inputs": case["x_test"],
            });
            problem["loss"] = loss(&json!("mse"))?;
            problem["optimizer"] = json!({ "kind": "flow", "times": horizon(&at) });
            problem["predict"] = json!({ "trained": trained, "at": at, "spread": "covariance" });
            add_ridge(&mut problem, case)?;
            let answer = ask(place, "predict", &problem, &[])?;
            for (result, prediction) in paired(results, list(&answer, "predictions")?)? {
                only(result, &["t", "nngp", "ntk"])?;
                only(&result[kernel], &["mean", "cov"])?;
                for (moment, name) in [("mean", "mean"), ("cov", "covariance")] {
                    let what = format!("{field}, {kernel} {moment} at t = {}", result["t"]);
                    compared += near(&what, &prediction[set][name], &result[kernel][moment], rtol)?;
                }
            }
        }
    }
    Ok(compared)
}

/// The case's `diag_reg` as the program's ridge.
pub(crate) fn add_ridge(problem: &mut Value, case: &Value) -> Result<(), String> {
    let ridge = number(case, "diag_reg")?;
    let absolute = case["diag_reg_absolute"].as_bool().ok_or("`diag_reg_absolute` is missing")?;
    if ridge != 0.0 {
        problem["predict"]["ridge"] = if absolute { json!(ridge) } else { json!({ "relative": ridge }) };
    }
    Ok(())
}
