//! Bad input of `widenet coord-check`.

use super::{contains, folder, refusal};
use crate::common::{PROBLEM, write};

#[track_caller]
fn refused(problem: &str, options: &[&str], parts: &[&str]) {
    let folder = folder();
    let path = write(folder.path(), "problem.toml", problem);
    contains(&refusal(&[&["coord-check", &path], options].concat()), parts);
}

#[test]
fn widths_of_a_coordinate_check() {
    refused(PROBLEM, &["--width", "64"], &["at least 3 widths", "not 1", "256,512,1024"]);
    refused(PROBLEM, &["--width", "64,128,inf"], &["width inf", "finite widths"]);
    refused(PROBLEM, &["--width", "64,128,64"], &["width 64 is given twice"]);
    refused(PROBLEM, &["--width", "64,128,0"], &["width", "0"]);
    // Real matrices of every width: found out before the first one is trained.
    refused(PROBLEM, &["--width", "64,128,1e9", "--device", "cpu"], &["1e9", "GiB", "widest that fits"]);
}

#[test]
fn options_of_a_coordinate_check() {
    refused(PROBLEM, &["--engine", "law"], &["--engine"]);
    for tolerance in ["0", "-0.1", "nan", "wide"] {
        refused(PROBLEM, &["--tolerance", tolerance], &["tolerance", tolerance, "> 0"]);
    }
    refused(PROBLEM, &["--seeds", "0"], &["seeds", "0"]);
    refused(PROBLEM, &["--steps", "0"], &["steps", "0"]);
    refused(PROBLEM, &["--output", "check.npy"], &["check.npy", ".json", ".csv"]);
    refused(PROBLEM, &["--output", "nowhere/check.csv"], &["nowhere/check.csv"]);
    refused(PROBLEM, &["--figure", "Cargo.toml/figures"], &["Cargo.toml/figures"]);
}

#[test]
fn optimizers_of_a_coordinate_check() {
    let descent = "kind = \"gd\"\nlearning_rate = 0.1\nsteps = 10\n[record]\nat = [0, 1, 5, 10]";
    assert!(PROBLEM.contains(descent));
    let flow = PROBLEM.replace(descent, "kind = \"flow\"\ntimes = 1.0");
    refused(&flow, &[], &["counts steps", "optimizer.kind", "\"gd\""]);
}
