//! `widenet bench` as a user meets it, at sizes that take seconds.

use std::fs;

use crate::common::{json, run};

const QUICK: [&str; 4] = ["bench", "--quick", "--device", "cpu"];

#[test]
fn every_rate_is_positive_in_both_float_types() {
    for precision in ["f32", "f64"] {
        let rates = json(&[&QUICK[..], &["--precision", precision, "--json"]].concat());
        let rates = rates.as_array().expect("a list");
        // Copy, stored product, two ranks by three numbers of vectors by two products, normals, three laws, a question.
        assert_eq!(rates.len(), 2 + 12 + 1 + 3 + 1);
        for rate in rates {
            let what = rate["what"].as_str().expect("what was measured");
            assert!(rate["value"].as_f64().is_some_and(|value| value > 0.0), "{what}: {rate}");
            assert!(rate["failure"].is_null(), "{what}: {rate}");
            let fraction = rate["fraction_of_copy"].as_f64();
            let is_fraction = rate["unit"] == "bytes/s" && !what.starts_with("copy");
            assert_eq!(fraction.is_some_and(|fraction| fraction > 0.0), is_fraction, "{what}: {rate}");
        }
    }
}

#[test]
fn the_table_has_a_row_per_rate() {
    let said = run(&QUICK);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("note: device flex"), "{}", said.err);
    for what in ["copy", "W x", "Q X'", "X + C' Q", "normals", "Rademacher", "probe"] {
        assert!(said.out.lines().any(|line| line.contains(what)), "{what} in\n{}", said.out);
    }
}

#[test]
fn a_report_is_written_whole_and_everything_passes_on_the_cpu() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.md");
    let said = run(&[&QUICK[..], &["--width", "500", "--report", path.to_str().expect("UTF-8")]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let files: Vec<_> = fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(files.len(), 1, "nothing is left beside the report: {files:?}");
    let report = fs::read_to_string(&path).expect("a report");
    for part in
        ["# widenet on", "## Failures\n\nNone.", "## Correctness", "## Rates", "## Training", "m = 500: 16 steps"]
    {
        assert!(report.contains(part), "{part} in\n{report}");
    }
    assert!(report.contains("Time grows as m^") && !report.contains("**fail**"), "{report}");
    assert!(said.err.contains("wrote "), "{}", said.err);
}

#[test]
fn what_cannot_be_measured_or_written_is_named() {
    let cases = [
        (vec!["--device", "cuda"], "`cuda`"),
        (vec!["--precision", "f16"], "f32 and f64"),
        (vec!["--report", "/missing/folder/report.md"], "/missing/folder/report.md"),
        (vec!["--report", "."], "it is a folder"),
        (vec!["--width", "1000"], "--report"),
    ];
    for (arguments, named) in cases {
        let said = run(&[&["bench", "--quick"][..], &arguments].concat());
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(named), "{arguments:?}: {}", said.err);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.md");
    let said = run(&[&QUICK[..], &["--width", "3", "--report", path.to_str().expect("UTF-8")]].concat());
    assert!(said.code == 2 && said.err.contains("width = 3"), "{}", said.err);
}
