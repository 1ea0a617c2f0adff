//! The commands as a user meets them.

#[allow(dead_code, reason = "shared with other test binaries")]
mod common;

use common::{PROBLEM, json, run, write};

#[test]
fn solve_prints_one_json_object_per_width_and_seed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let solved = json(&["solve", &path, "--width", "16,1e12,inf", "--seeds", "2", "--json"]);
    let runs = solved.as_array().expect("an array");
    assert_eq!(runs.len(), 6);
    assert_eq!(runs[0]["width"], 16);
    assert_eq!(runs[5]["width"], "inf");
    assert_eq!(runs[5]["engine"], "limit");
    for solved in runs {
        assert_eq!(solved["status"], "done");
        assert!(solved["seed"].is_u64());
        let records = solved["records"].as_array().expect("records");
        let steps: Vec<u64> = records.iter().map(|record| record["step"].as_u64().expect("a step")).collect();
        assert_eq!(steps, [0, 1, 5, 10]);
        for record in records {
            assert!(
                (record["time"].as_f64().expect("a time") - 0.1 * record["step"].as_f64().expect("a step")).abs()
                    < 1e-12
            );
            assert!(record["train_loss"].is_f64());
            let predictor = record["predictor"].as_array().expect("k rows");
            assert_eq!((predictor.len(), predictor[0].as_array().expect("d columns").len()), (1, 2));
        }
    }
}

#[test]
fn every_engine_solves_the_same_problem() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let loss = |arguments: &[&str]| {
        let solved = json(&[&["solve", &path, "--json"], arguments].concat());
        solved[0]["records"][3]["train_loss"].as_f64().expect("a loss")
    };
    let limit = loss(&["--width", "inf"]);
    let law = loss(&["--width", "1e12", "--engine", "law"]);
    let dense = loss(&["--width", "4096", "--engine", "dense", "--device", "cpu", "--precision", "f64"]);
    assert!((law - limit).abs() < 1e-4, "{law} {limit}");
    assert!((dense - limit).abs() < 0.1 * limit, "{dense} {limit}");
}

#[test]
fn the_table_has_a_row_per_width_and_the_distance_to_the_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let said = run(&["solve", &path, "--width", "1e3,1e6,inf"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", said.out);
    assert!(lines[0].contains("train_loss") && lines[0].contains("sup |predictor - limit|"));
    assert!(lines[3].trim_start().starts_with("inf") && lines[3].ends_with("0.00000"));
}

/// A limit that starts at random is compared given each network's own start.
#[test]
fn the_table_compares_ntk_networks_with_their_own_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let said = run(&["solve", &path, "--width", "1e4,1e8,inf", "--set", "parameterization={ kind = \"ntk\" }"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let distance = |line: usize| -> f64 {
        let row = said.out.lines().nth(line).expect("a row");
        row.split_whitespace().last().expect("a distance").parse().expect("a number")
    };
    let ratio = distance(1) / distance(2);
    assert!((ratio / 100.0 - 1.0).abs() < 0.1 && distance(3) == 0.0, "{}", said.out);
}

#[test]
fn overrides_change_the_problem_and_seeds_change_the_network() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let solve = |more: &[&str]| run(&[&["solve", &path, "--width", "50", "--json"], more].concat()).out;
    let plain = solve(&[]);
    assert_eq!(plain, solve(&["--seed", "0"]), "the same seed gives the same numbers");
    assert_ne!(plain, solve(&["--seed", "1"]));
    assert_ne!(plain, solve(&["--set", "optimizer.learning_rate=0.2"]));
    assert_eq!(plain, solve(&["--set", "optimizer.learning_rate=0.1"]));
}

#[test]
fn the_parameterization_prints_as_a_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let said = run(&["parameterization", &path, "--width", "100"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in ["input", "hidden 1", "readout", "m^-1/2"] {
        assert!(said.out.contains(part), "`{part}` is missing in:\n{}", said.out);
    }
}

#[test]
fn plan_says_which_engine_and_why_and_refuses_what_cannot_fit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let said = run(&["plan", &path, "--width", "64,1e9,inf"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in ["law", "limit", "iB", "up to"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = run(&["plan", &path, "--width", "64,1e9", "--engine", "dense", "--device", "cpu"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("1e9") && said.out.contains("64"), "{}{}", said.out, said.err);
}

#[test]
fn devices_lists_every_device_by_name() {
    let said = run(&["devices"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for device in ["flex", "ndarray", "wgpu", "vulkan"] {
        assert!(said.out.contains(device), "{device} is missing in:\n{}", said.out);
    }
}

#[test]
fn completions_are_printed() {
    let said = run(&["completions", "bash"]);
    assert!(said.code == 0 && said.out.contains("widenet"), "{}", said.err);
}

/// The width that cannot run is found before the others have run.
#[test]
fn solve_plans_everything_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let said = run(&["solve", &path, "--width", "64,1e9", "--engine", "dense", "--device", "cpu", "--json"]);
    assert_eq!(said.code, 2);
    assert!(said.out.is_empty() && said.err.contains("1e9"), "{}{}", said.out, said.err);
    let mixed = json(&["solve", &path, "--width", "64,inf", "--engine", "dense", "--device", "cpu", "--json"]);
    assert_eq!((&mixed[0]["engine"], &mixed[1]["engine"]), (&"dense".into(), &"limit".into()));
}

/// Devices compute the same trajectory, up to f32 rounding carried through a few steps.
#[cfg(any(feature = "gpu", feature = "ndarray"))]
#[test]
#[allow(clippy::print_stdout, reason = "CI looks for the word")]
fn devices_agree_through_the_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let solve =
        |device: &str| run(&["solve", &path, "--width", "100", "--engine", "dense", "--device", device, "--json"]);
    let loss = |said: &common::Said| {
        let solved: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        solved[0]["records"][3]["train_loss"].as_f64().expect("a loss")
    };
    let cpu = loss(&solve("cpu"));
    for (device, compiled) in [("ndarray", cfg!(feature = "ndarray")), ("wgpu", cfg!(feature = "gpu"))] {
        let said = solve(device);
        if said.code == 2 && said.err.contains("on this machine") {
            println!("SKIPPED (no adapter): {device}: {}", said.err);
        } else if compiled {
            assert_eq!(said.code, 0, "{}", said.err);
            assert!((loss(&said) - cpu).abs() < 1e-5 * cpu, "{device}: {} against {cpu}", loss(&said));
        }
    }
}
