//! Deep linear mean-field networks at width ∞, by their predictors.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, only},
    compare::flat,
};

/// A deep linear mean-field problem with the predictor at some steps or flow times.
struct Expectation<'a> {
    table: &'a str,
    tolerance: &'a str,
    optimizer: Value,
    moment: fn(&Value) -> f64,
}

/// Checks one case; returns how many predictors were compared.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    only(
        case,
        &[
            "hidden_layers",
            "richness",
            "sigma_in",
            "sigma_out",
            "learning_rate",
            "inputs",
            "targets",
            "predictor_at_step",
            "tolerance_abs",
            "predictor_at_flow_time",
            "flow_tolerance_abs",
        ],
    )?;
    let steps = Expectation {
        table: "predictor_at_step",
        tolerance: "tolerance_abs",
        optimizer: json!({ "kind": "gd", "learning_rate": case["learning_rate"] }),
        moment: |record| record["step"].as_f64().unwrap_or(f64::NAN),
    };
    let flow = Expectation {
        table: "predictor_at_flow_time",
        tolerance: "flow_tolerance_abs",
        optimizer: json!({ "kind": "flow" }),
        moment: |record| record["time"].as_f64().unwrap_or(f64::NAN),
    };
    let mut compared = 0;
    for expectation in [steps, flow] {
        if !case[expectation.table].is_null() {
            compared += check_predictors(case, expectation, place)?;
        }
    }
    Ok(compared)
}

fn check_predictors(case: &Value, expectation: Expectation<'_>, place: &Place) -> Result<usize, String> {
    let table = case[expectation.table].as_object().ok_or("expected predictors must be an object")?;
    let tolerance = case[expectation.tolerance].as_f64().ok_or("a tolerance is missing")?;
    let mut moments: Vec<f64> =
        table.keys().map(|key| key.parse().map_err(|_| format!("moment `{key}`"))).collect::<Result<_, _>>()?;
    moments.sort_by(f64::total_cmp);
    let horizon = *moments.last().ok_or("no moments")?;
    let mut optimizer = expectation.optimizer;
    if optimizer["kind"] == "flow" {
        optimizer["times"] = json!(horizon);
    } else {
        optimizer["steps"] = json!(horizon as u64);
    }
    let problem = json!({
        "network": { "hidden_layers": case["hidden_layers"] },
        "parameterization": {
            "kind": "mean_field",
            "richness": case["richness"],
            "sigma_in": case["sigma_in"],
            "sigma_out": case["sigma_out"],
        },
        "data": { "kind": "inline", "inputs": case["inputs"], "targets": case["targets"] },
        "optimizer": optimizer,
        "record": { "at": moments, "quantities": ["predictor"] },
    });
    let solved = ask(place, "solve", &problem, &["--width", "inf"])?;
    let records = solved[0]["records"].as_array().ok_or("no records")?;
    for (key, expected) in table {
        let moment: f64 = key.parse().map_err(|_| "moment")?;
        let record = records
            .iter()
            .find(|record| (expectation.moment)(record) == moment)
            .ok_or_else(|| format!("{} {key} was not recorded", expectation.table))?;
        let error = largest_difference(&record["predictor"], expected)?;
        if error > tolerance || error.is_nan() {
            return Err(format!("{} {key}: error {error:e} > tolerance {tolerance:e}", expectation.table));
        }
    }
    Ok(table.len())
}

/// `max |a − b|` of arrays of the same shape.
fn largest_difference(a: &Value, b: &Value) -> Result<f64, String> {
    let ((a_shape, a), (b_shape, b)) = (flat(a)?, flat(b)?);
    if a_shape != b_shape {
        return Err(format!("shapes differ: {a_shape:?} against {b_shape:?}"));
    }
    let larger = |largest: f64, x: f64| if x > largest || x.is_nan() { x } else { largest };
    Ok(a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, larger))
}
