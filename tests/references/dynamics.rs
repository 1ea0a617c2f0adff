//! Linear dynamics from given initial outputs under a given kernel: flow, steps, momentum, and the largest stable learning rates.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, horizon, list, loss, moments, network, number, only, paired},
    compare::near,
    kernel::kernels_of,
};

/// Checks every part that the case has.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    let rates: Vec<&String> = case
        .as_object()
        .ok_or("a case must be an object")?
        .keys()
        .filter(|key| key.starts_with("max_learning_rate"))
        .collect();
    let mut known = vec![
        "loss",
        "net",
        "x_train",
        "y_train",
        "x_test",
        "ntk_train_train",
        "ntk_test_train",
        "f_train_0",
        "f_test_0",
        "learning_rate",
        "momentum",
        "flow",
        "flow_tight",
        "flow_tight_source",
        "discrete",
        "heavy_ball",
        "rtol",
        "rtol_tight",
    ];
    known.extend(rates.iter().map(|key| key.as_str()));
    only(case, &known)?;
    let rtol = number(case, "rtol")?;
    let mut compared = check_kernels(case, rtol, place)?;

    let flow = flow_optimizer(case)?;
    compared += check_table(case, "flow", &case["flow"], flow.clone(), rtol, place)?;
    if !case["flow_tight"].is_null() {
        compared += check_table(case, "flow_tight", &case["flow_tight"], flow, number(case, "rtol_tight")?, place)?;
    }
    for part in ["discrete", "heavy_ball"] {
        let table = &case[part];
        if table.is_null() {
            continue;
        }
        only(table, &["learning_rate", "momentum", "steps"])?;
        let momentum = table["momentum"].as_f64().unwrap_or(0.0);
        let optimizer = json!({ "kind": "momentum", "learning_rate": table["learning_rate"], "momentum": momentum });
        compared += check_table(case, part, &table["steps"], (optimizer, 1.0), rtol, place)?;
    }
    for key in rates {
        compared += check_rate(case, key, rtol, place)?;
    }
    Ok(compared)
}

/// The network's own kernels against those that the case gives.
fn check_kernels(case: &Value, rtol: f64, place: &Place) -> Result<usize, String> {
    let kernels = kernels_of(&case["net"], &case["x_train"], &case["x_test"], place)?;
    let train = near("ntk_train_train", &kernels["ntk"]["train"], &case["ntk_train_train"], rtol)?;
    Ok(train + near("ntk_test_train", &kernels["ntk"]["test_train"], &case["ntk_test_train"], rtol)?)
}

/// The continuous-time optimizer of the case, and its moment per step.
fn flow_optimizer(case: &Value) -> Result<(Value, f64), String> {
    let rate = number(case, "learning_rate")?;
    Ok(match case["momentum"].as_f64() {
        None => (json!({ "kind": "flow" }), rate),
        Some(momentum) => (json!({ "kind": "momentum_flow", "learning_rate": rate, "momentum": momentum }), 1.0),
    })
}

fn problem_of(case: &Value, mut optimizer: Value, horizon: f64) -> Result<Value, String> {
    let key = if optimizer["kind"] == "flow" { "times" } else { "steps" };
    optimizer[key] = json!(horizon);
    let mut problem = network(&case["net"])?;
    problem["data"] = json!({
        "kind": "inline",
        "inputs": case["x_train"],
        "targets": case["y_train"],
        "test_inputs": case["x_test"],
    });
    problem["loss"] = loss(&case["loss"])?;
    problem["optimizer"] = optimizer;
    Ok(problem)
}

/// Training and test outputs at the moments of a table, under the kernels that the case gives.
fn check_table(
    case: &Value,
    part: &str,
    table: &Value,
    (optimizer, unit): (Value, f64),
    rtol: f64,
    place: &Place,
) -> Result<usize, String> {
    let entries = table.as_array().ok_or_else(|| format!("`{part}` is missing or not a list"))?;
    let at = moments(entries, unit)?;
    let mut problem = problem_of(case, optimizer, horizon(&at))?;
    problem["predict"] = json!({
        "at": at,
        "initial": { "outputs": case["f_train_0"], "test_outputs": case["f_test_0"] },
        "kernels": { "ntk": { "train": case["ntk_train_train"], "test_train": case["ntk_test_train"] } },
    });
    let answer = ask(place, "predict", &problem, &[])?;
    let mut compared = 0;
    for (entry, prediction) in paired(entries, list(&answer, "predictions")?)? {
        only(entry, &["t", "step", "f_train", "f_test"])?;
        for (field, set) in [("f_train", "train"), ("f_test", "test")] {
            let what = format!("{part}, {field} at {}", prediction["at"]);
            compared += near(&what, &prediction[set]["mean"], &entry[field], rtol)?;
        }
    }
    Ok(compared)
}

/// `max_learning_rate`, or `max_learning_rate_momentum_0_9` with that momentum.
fn check_rate(case: &Value, key: &str, rtol: f64, place: &Place) -> Result<usize, String> {
    let momentum = match key.strip_prefix("max_learning_rate_momentum_") {
        Some(digits) => digits.replace('_', ".").parse().map_err(|_| format!("unknown kind of case: field `{key}`"))?,
        None if key == "max_learning_rate" => 0.0,
        None => return Err(format!("unknown kind of case: field `{key}`")),
    };
    let optimizer = json!({ "kind": "momentum", "learning_rate": 1e-3, "momentum": momentum });
    let mut problem = problem_of(case, optimizer, 1.0)?;
    problem["predict"] = json!({ "at": [0], "learning_rates": true });
    let answer = ask(place, "predict", &problem, &[])?;
    near(key, &answer["learning_rates"]["largest_stable"], &case[key], rtol)
}
