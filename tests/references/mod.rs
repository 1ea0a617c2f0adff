//! The built program against values made independently.
//!
//! Every `.json` file of the reference directory is read: the project's own `tests/reference/`, or the directory that
//! `WIDENET_REFERENCE_DIR` names. A file, case or field of a kind that is not known fails; it is never skipped.

mod case;
mod compare;
mod controls;
mod convolution;
mod convolution_network;
mod dynamics;
mod ensemble;
mod field;
mod finite_network;
mod image_regression;
mod images;
mod kernel;
mod mean_field;
mod nonlinear;
mod proportional;

use std::path::{Path, PathBuf};

use case::Place;
use serde_json::Value;

use crate::common;

fn directory() -> PathBuf {
    std::env::var_os("WIDENET_REFERENCE_DIR").map_or_else(|| common::root().join("tests/reference"), PathBuf::from)
}

/// Checks one case; returns how many arrays or numbers were compared.
type Check = fn(&Value, &Place) -> Result<usize, String>;

/// Every kind of case. Those without a kind are what somebody ran into if they have a `command`, of random deep linear networks if they
/// have a `quantity`, of perceptrons in mean-field scaling if they have a `problem`, else of deep linear mean-field networks.
const KINDS: [(&str, Check); 14] = [
    ("mean_field", mean_field::check),
    ("nonlinear_mean_field", nonlinear::check),
    ("kernel", kernel::check),
    ("kernel_pairs", kernel::check_pairs),
    ("ensemble", ensemble::check),
    ("linear_dynamics", dynamics::check),
    ("finite_network", finite_network::check),
    ("image_regression", image_regression::check),
    ("conv_kernel", convolution::check_repeated),
    ("convolution_kernel", convolution::check_kernel),
    ("convolution_network", convolution_network::check),
    ("convolution_regression", image_regression::check),
    ("proportional", proportional::check),
    ("field", field::check),
];

/// Kinds that are not compared here, with the reason. They are counted, not passed.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("convolution_geometry", "tested in crates/limits/tests"),
    ("convolution_mean_field", "convolutional networks have no mean-field limit here"),
    ("field_in_words", "what is right is said in words; tests/field.rs has it"),
];

/// What became of the cases of a file.
#[derive(Debug, Default)]
struct Outcome {
    /// Cases that were met.
    met: usize,
    /// Numbers compared in them.
    compared: usize,
    /// Names of cases that were not compared, with the reason.
    unsupported: Vec<String>,
    /// A sentence per case that was not met.
    failures: Vec<String>,
}

/// How many numbers of a case were compared, or why none was.
fn check_case(case: &Value, place: &Place) -> Result<Result<usize, &'static str>, String> {
    let kind = match &case["kind"] {
        Value::Null if field::is_in_words(case) => "field_in_words",
        Value::Null if !case["command"].is_null() => "field",
        Value::Null if !case["quantity"].is_null() => "proportional",
        Value::Null if !case["problem"].is_null() => "nonlinear_mean_field",
        Value::Null => "mean_field",
        kind => kind.as_str().ok_or_else(|| format!("unknown kind of case: {kind}"))?,
    };
    if let Some((_, reason)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == kind) {
        return Ok(Err(reason));
    }
    let (_, check) =
        KINDS.iter().find(|(known, _)| *known == kind).ok_or_else(|| format!("unknown kind of case: {kind}"))?;
    match check(case, place)? {
        0 => Err("the case expects nothing".into()),
        compared => Ok(Ok(compared)),
    }
}

fn name_of(case: &Value) -> &Value {
    if case["name"].is_null() { &case["id"] } else { &case["name"] }
}

/// Checks all cases of a file by their kind. Data are looked for near `directory`.
fn check_file(path: &Path, directory: &Path) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place { directory: directory.to_owned(), folder: folder.path().to_owned() };
    let name = path.display();
    let mut outcome = Outcome::default();
    let file = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()));
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            outcome.failures.push(format!("{name}: {error}"));
            return outcome;
        }
    };
    let Some(cases) = file["cases"].as_array().filter(|cases| !cases.is_empty()) else {
        outcome.failures.push(format!("{name}: no cases"));
        return outcome;
    };
    for case in cases {
        match check_case(case, &place) {
            Ok(Ok(compared)) => {
                outcome.met += 1;
                outcome.compared += compared;
            }
            Ok(Err(reason)) => outcome.unsupported.push(format!("{}: {reason}", name_of(case))),
            Err(message) => outcome.failures.push(format!("{name}, case {}: {message}", name_of(case))),
        }
    }
    outcome
}

#[test]
#[allow(clippy::print_stdout, reason = "cases that were not computed are reported")]
fn every_reference_file_is_met() {
    let directory = directory();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .expect("the reference directory is readable")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no reference files in {}", directory.display());
    let mut failures = Vec::new();
    for path in files {
        let outcome = check_file(&path, &directory);
        println!("{}: {} cases met, {} numbers", path.display(), outcome.met, outcome.compared);
        for case in &outcome.unsupported {
            println!("  UNSUPPORTED {case}");
        }
        failures.extend(outcome.failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
