//! Perceptrons in mean-field scaling at width ∞, by their outputs and kernels.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, number, only},
    compare::flat,
};

/// A table of the case by steps, the quantity that it is of, and whether it has the tolerance of kernels.
struct Table {
    name: &'static str,
    quantity: &'static str,
    is_kernel: bool,
}

const TABLES: [Table; 7] = [
    Table { name: "outputs_at_step", quantity: "outputs", is_kernel: false },
    Table { name: "train_loss_at_step", quantity: "train_loss", is_kernel: false },
    Table { name: "test_outputs_at_step", quantity: "test_outputs", is_kernel: false },
    Table { name: "feature_kernel_at_step", quantity: "feature_kernels", is_kernel: true },
    Table { name: "gradient_kernel_at_step", quantity: "gradient_kernels", is_kernel: true },
    Table { name: "tangent_kernel_at_step", quantity: "tangent_kernel", is_kernel: true },
    Table { name: "preactivation_change_at_step", quantity: "activation_changes", is_kernel: true },
];

/// Kernels between all pairs of steps, of one layer. The program records kernels at one step: the diagonals.
const OF_TWO_STEPS: [(&str, &str, usize); 2] = [
    ("first_layer_two_time_feature_kernel", "feature_kernels", 0),
    ("second_layer_two_time_gradient_kernel", "gradient_kernels", 1),
];

/// Standard errors that are allowed beside the tolerance.
const ERRORS: f64 = 5.0;

/// Checks one case; returns how many numbers were compared.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    let errors = TABLES.map(|table| table.name.replace("_at_step", "_standard_error"));
    let described = ["problem", "tolerance_abs", "kernel_tolerance_abs", "method"];
    let known = TABLES.iter().map(|table| table.name).chain(errors.iter().map(String::as_str)).chain(described);
    let known = known.chain(OF_TWO_STEPS.map(|(name, ..)| name));
    only(case, &known.collect::<Vec<_>>())?;
    let tolerance = number(case, "tolerance_abs")?;
    let targets = flat(&case["problem"]["data"]["targets"])?.1;
    let size = targets.iter().fold(0.0f64, |largest, target| largest.max(target.abs()));
    // A 95 % interval of 8 replicates that has standard errors of half of the tolerance.
    let exact = (2.36 * tolerance / 2.0 / size).clamp(1e-6, 1e-2);
    let outputs = compare(case, place, false, (tolerance, exact))?;
    let diagonals = compare_diagonals(case, place, tolerance)?;
    match case["kernel_tolerance_abs"].as_f64() {
        Some(tolerance) => Ok(outputs + diagonals + compare(case, place, true, (tolerance, 5e-3))?),
        None => Ok(outputs + diagonals),
    }
}

/// Compares kernels of one sample and one output at each step with the diagonals of those between steps.
fn compare_diagonals(case: &Value, place: &Place, tolerance: f64) -> Result<usize, String> {
    let mut compared = 0;
    for (name, quantity, layer) in OF_TWO_STEPS.into_iter().filter(|(name, ..)| !case[*name].is_null()) {
        let kernel = case[name].as_array().ok_or("a matrix")?;
        let mut problem = case["problem"].clone();
        problem["record"] = json!({ "at": (0..kernel.len()).collect::<Vec<_>>(), "quantities": [quantity] });
        let solved = ask(place, "solve", &problem, &["--width", "inf", "--accuracy", "1e-4"])?;
        for (step, row) in kernel.iter().enumerate() {
            let record = &solved[0]["records"][step];
            let wanted = row[step].as_f64().ok_or("a number")?;
            let found = record[quantity][layer][0][0].as_f64().ok_or("no kernel was recorded")?;
            let error = record[format!("{quantity}_error")][layer][0][0].as_f64().ok_or("no error was recorded")?;
            close(&format!("{name} at step {step}"), (found, error), (wanted, tolerance))?;
            compared += 1;
        }
    }
    Ok(compared)
}

fn close(what: &str, (found, error): (f64, f64), (wanted, tolerance): (f64, f64)) -> Result<(), String> {
    let apart = (found - wanted).abs();
    if apart.is_nan() || apart > tolerance + ERRORS * error {
        return Err(format!("{what}: {found} ± {error:e} against {wanted}: off by {apart:e}, tolerance {tolerance:e}"));
    }
    Ok(())
}

/// Solves for the quantities of one kind and compares them.
fn compare(case: &Value, place: &Place, kernels: bool, (tolerance, accuracy): (f64, f64)) -> Result<usize, String> {
    // The changes of cases with test inputs are means over these too, which the program does not record.
    let has_test = !case["problem"]["data"]["test_inputs"].is_null();
    let is_asked = |table: &&Table| {
        let is_mixed = has_test && table.quantity == "activation_changes";
        table.is_kernel == kernels && !case[table.name].is_null() && !is_mixed
    };
    let tables: Vec<&Table> = TABLES.iter().filter(is_asked).collect();
    let mut steps: Vec<u64> = Vec::new();
    for table in &tables {
        let entries = case[table.name].as_object().ok_or("a table by steps")?;
        steps.extend(entries.keys().map(|key| key.parse::<u64>().unwrap_or(u64::MAX)));
    }
    let mut problem = case["problem"].clone();
    let is_linear = problem["network"]["activation"] == "identity";
    if has_test {
        let data = &mut problem["data"];
        let count = data["test_inputs"].as_array().map_or(0, Vec::len);
        let outputs = data["targets"][0].as_array().map_or(1, Vec::len);
        data["test_targets"] = json!(vec![vec![0.0; outputs]; count]);
    }
    problem["record"] =
        json!({ "at": steps, "quantities": tables.iter().map(|table| table.quantity).collect::<Vec<_>>() });
    let accuracy = format!("--accuracy={accuracy:e}");
    let options: &[&str] = if is_linear { &["--width", "inf"] } else { &["--width", "inf", &accuracy] };
    let solved = ask(place, "solve", &problem, options)?;
    let records = solved[0]["records"].as_array().ok_or("no records")?;
    let mut compared = 0;
    for table in tables {
        for (key, wanted) in case[table.name].as_object().into_iter().flatten() {
            let step: u64 = key.parse().map_err(|_| format!("step `{key}`"))?;
            let record = records.iter().find(|record| record["step"] == step).ok_or("a step was not recorded")?;
            let (_, found) = flat(&record[table.quantity])?;
            let of_errors = &record[format!("{}_error", table.quantity)];
            let errors = if of_errors.is_null() { vec![0.0; found.len()] } else { flat(of_errors)?.1 };
            let (_, wanted) = flat(wanted)?;
            // Of activations the outputs come last.
            if found.len() != wanted.len() + usize::from(table.quantity == "activation_changes") {
                return Err(format!("{}: {} numbers for {}", table.quantity, found.len(), wanted.len()));
            }
            for (i, wanted) in wanted.iter().enumerate() {
                let what = format!("{} at step {step}, entry {i}", table.quantity);
                close(&what, (found[i], errors[i]), (*wanted, tolerance))?;
            }
            compared += wanted.len();
        }
    }
    Ok(compared)
}
