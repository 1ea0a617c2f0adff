//! What people in the field ran into: a command, its file, and the numbers that are right.
//!
//! Answers whose right value is a sentence, or whose data are free to choose, are tests of their own in `tests/field.rs`.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, only},
    compare::flat,
};

/// Where a number stands in the answer of its command.
struct Answer {
    /// Name of the number among the right ones.
    name: &'static str,
    /// JSON pointer to the first of the numbers.
    pointer: &'static str,
    /// How many follow each other there.
    count: usize,
    /// Allowed difference, relative to the number where it is above 1.
    tolerance: f64,
}

const ANSWERS: [Answer; 9] = [
    Answer { name: "train_outputs", pointer: "/predictions/0/train/mean", count: 4, tolerance: 1e-3 },
    Answer { name: "train_accuracy", pointer: "/predictions/0/train_accuracy", count: 1, tolerance: 0.0 },
    Answer { name: "nngp_first_row_start", pointer: "/nngp/train/0", count: 2, tolerance: 2e-6 },
    Answer { name: "nngp_diagonal", pointer: "/nngp/train/0/0", count: 1, tolerance: 1e-7 },
    Answer { name: "ntk_diagonal", pointer: "/ntk/train/0/0", count: 1, tolerance: 1e-3 },
    Answer { name: "density(2e-5)", pointer: "/density/density/1", count: 1, tolerance: 1e-4 },
    Answer { name: "P(f>2e-5)", pointer: "/cdf/upper/1", count: 1, tolerance: 1e-5 },
    Answer { name: "output_to_limit", pointer: "/distance/output_to_limit", count: 1, tolerance: 1e-6 },
    Answer { name: "output_to_nngp", pointer: "/distance/output_to_nngp", count: 1, tolerance: 1e-2 },
];

/// Cases without a file or a number; `tests/field.rs` and the tests of the proportional limit have them.
const IN_WORDS: [&str; 3] = ["log-evidence-of-nngp", "posterior-without-data", "headerless-csv"];

/// Whether a case has a test of its own.
pub(crate) fn is_in_words(case: &Value) -> bool {
    case["name"].as_str().is_some_and(|name| IN_WORDS.contains(&name))
}

/// Checks one case; returns how many numbers were compared.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    const SAID: [&str; 9] =
        ["command", "problem", "right", "tolerance", "tolerance_relative", "today", "cause", "also", "invariant"];
    only(case, &SAID)?;
    let (command, options) = match case["command"].as_str().ok_or("no command")?.split_once(' ') {
        Some((command, options)) => (command, options.split(' ').collect()),
        None => (case["command"].as_str().unwrap_or_default(), Vec::new()),
    };
    let problem = &case["problem"];
    let file = if command == "prior" { with_kernel(problem) } else { problem.clone() };
    let answer = ask(place, command, &file, &options)?;
    let mut compared = 0;
    for (name, right) in case["right"].as_object().ok_or("the right values must be an object")? {
        let known =
            ANSWERS.iter().find(|answer| answer.name == name).ok_or_else(|| format!("unknown value `{name}`"))?;
        let found = answer.pointer(known.pointer).ok_or_else(|| format!("{name} is not at {}", known.pointer))?;
        let (found, wanted) = (flat_numbers(found)?, flat_numbers(right)?);
        if wanted.len() != known.count || found.len() < known.count {
            return Err(format!("{name}: {} numbers of {} for {}", found.len(), known.count, wanted.len()));
        }
        for (found, wanted) in found.iter().zip(&wanted) {
            let allowed = known.tolerance * wanted.abs().max(if command == "kernel" { 0.0 } else { 1.0 });
            if (found - wanted).abs() > allowed {
                return Err(format!("{name}: {found} against {wanted}"));
            }
        }
        compared += wanted.len();
    }
    Ok(compared)
}

/// A law of outputs at one input of unit size.
fn with_kernel(problem: &Value) -> Value {
    let mut file = problem.clone();
    file["kernel"] = json!([[1.0]]);
    file
}

fn flat_numbers(value: &Value) -> Result<Vec<f64>, String> {
    match value.as_f64() {
        Some(number) => Ok(vec![number]),
        None => Ok(flat(value)?.1),
    }
}
