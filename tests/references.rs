//! The built program against values made independently.
//!
//! Every `.json` file of the reference directory is read: the project's own `tests/reference/`, or the directory that
//! `WIDENET_REFERENCE_DIR` names. A file or case of a kind that is not known fails; it is never skipped.

#[allow(dead_code, reason = "shared with other test binaries")]
mod common;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn directory() -> PathBuf {
    std::env::var_os("WIDENET_REFERENCE_DIR").map_or_else(|| common::root().join("tests/reference"), PathBuf::from)
}

/// A deep linear mean-field problem with the predictor at some steps or flow times.
struct Expectation<'a> {
    table: &'a str,
    tolerance: &'a str,
    optimizer: Value,
    moment: fn(&Value) -> f64,
}

/// Checks one case; returns how many predictors were compared.
fn check_mean_field(case: &Value, folder: &Path) -> Result<usize, String> {
    let fields = case.as_object().ok_or("a case must be an object")?;
    let known = [
        "name",
        "kind",
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
    ];
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown kind of case: field `{unknown}`"));
    }
    if !fields.get("kind").is_none_or(|kind| kind == "mean_field") {
        return Err(format!("unknown kind of case: {}", case["kind"]));
    }
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
        if let Some(table) = fields.get(expectation.table) {
            compared += check_predictors(case, table, expectation, folder)?;
        }
    }
    if compared == 0 {
        return Err("the case expects nothing".into());
    }
    Ok(compared)
}

fn check_predictors(case: &Value, table: &Value, expectation: Expectation, folder: &Path) -> Result<usize, String> {
    let table = table.as_object().ok_or("expected predictors must be an object")?;
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
    let path = common::write(folder, "problem.json", &problem.to_string());
    let solved = common::json(&["solve", &path, "--width", "inf", "--json"]);
    let records = solved[0]["records"].as_array().ok_or("no records")?;
    for (key, expected) in table {
        let moment: f64 = key.parse().map_err(|_| "moment")?;
        let record = records
            .iter()
            .find(|record| (expectation.moment)(record) == moment)
            .ok_or_else(|| format!("{} {key} was not recorded", expectation.table))?;
        let error = largest_difference(&record["predictor"], expected)?;
        if error > tolerance {
            return Err(format!("{} {key}: error {error:e} > tolerance {tolerance:e}", expectation.table));
        }
    }
    Ok(table.len())
}

/// `max |a − b|` of nested arrays of the same shape.
fn largest_difference(a: &Value, b: &Value) -> Result<f64, String> {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_fold(0.0f64, |largest, (a, b)| Ok(largest.max(largest_difference(a, b)?)))
        }
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => Ok((a - b).abs()),
            _ => Err(format!("shapes differ: {a} against {b}")),
        },
    }
}

/// Checks all cases of a file by its kind; returns (cases, comparisons).
fn check_file(path: &Path, folder: &Path) -> Result<(usize, usize), Vec<String>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{name}: {error}")])?;
    let file: Value = serde_json::from_str(&text).map_err(|error| vec![format!("{name}: {error}")])?;
    let Some(cases) = file["cases"].as_array().filter(|cases| !cases.is_empty()) else {
        return Err(vec![format!("{name}: no cases")]);
    };
    let mut failures = Vec::new();
    let mut compared = 0;
    for case in cases {
        match check_mean_field(case, folder) {
            Ok(count) => compared += count,
            Err(message) => failures.push(format!("{name}, case {}: {message}", case["name"])),
        }
    }
    if failures.is_empty() { Ok((cases.len(), compared)) } else { Err(failures) }
}

#[test]
fn every_reference_file_is_met() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory())
        .expect("the reference directory is readable")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no reference files in {}", directory().display());
    let failures: Vec<String> =
        files.iter().filter_map(|path| check_file(path, folder.path()).err()).flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The harness itself: a wrong number and an unknown kind are failures.
#[test]
fn wrong_values_and_unknown_kinds_fail() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = std::fs::read_to_string(common::root().join("tests/reference/mean-field.json")).expect("the own copy");
    let good: Value = serde_json::from_str(&text).expect("valid JSON");
    let failure = |change: &dyn Fn(&mut Value)| {
        let mut file = good.clone();
        change(&mut file);
        let path = folder.path().join("changed.json");
        std::fs::write(&path, file.to_string()).expect("writable");
        check_file(&path, folder.path()).expect_err("must fail").join("\n")
    };
    let wrong = failure(&|file| {
        let value = &mut file["cases"][0]["predictor_at_step"]["5"][0][0];
        *value = json!(value.as_f64().expect("a number") + 2e-9);
    });
    assert!(wrong.contains("predictor_at_step 5"), "{wrong}");
    let kind = failure(&|file| file["cases"][1]["kind"] = json!("conv_kernel"));
    assert!(kind.contains("unknown kind") && kind.contains("conv_kernel"), "{kind}");
    let field = failure(&|file| file["cases"][1]["kurtosis"] = json!(3.0));
    assert!(field.contains("unknown kind") && field.contains("kurtosis"), "{field}");
}
