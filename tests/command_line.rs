//! The commands as a user meets them.

use std::{fs, path::Path};
#[cfg(unix)]
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

#[cfg(unix)]
use crate::common::widenet;
use crate::common::{PROBLEM, json, run, write};
use serde_json::Value;

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

/// A limit by quadrature has standard errors in JSON and in the table, its plan says the cost, and finite networks are compared with it.
#[test]
fn a_limit_by_quadrature_has_error_bars() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tanh = PROBLEM.replace("hidden_layers = 2", "hidden_layers = 2\nactivation = \"tanh\"");
    let path = write(folder.path(), "problem.toml", &tanh);
    let options = ["--accuracy", "1e-2", "--replicates", "4"];
    let solved = json(&[&["solve", &path, "--width", "inf", "--json"], &options[..]].concat());
    assert_eq!(solved[0]["engine"], "limit");
    let last = &solved[0]["records"][3];
    let (loss, error) =
        (last["train_loss"].as_f64().expect("a loss"), last["train_loss_error"].as_f64().expect("an error"));
    assert!(loss > 0.0 && error > 0.0 && error < 1e-2 * loss.max(1.0), "{loss} ± {error}");
    let said = run(&[&["solve", &path, "--width", "inf,256"], &options[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("train_loss_error") && said.out.contains("sup |outputs - limit|"), "{}", said.out);
    assert!(said.err.contains("4 replicates of 2^") && said.err.contains("95 % interval"), "{}", said.err);
    let planned = run(&[&["plan", &path, "--width", "inf"], &options[..]].concat());
    assert!(
        planned.out.contains("mean-field limit by quadrature") && planned.out.contains("4 replicates"),
        "{}",
        planned.out
    );
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

/// The limit is computed once for both seeds, and a distance that is missing has its reason on standard error.
#[test]
fn a_missing_distance_to_the_limit_has_a_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let ntk = ["--set", "parameterization={ kind = \"ntk\" }", "--set", "record.quantities=[\"train_loss\"]"];
    let said = run(&[&["solve", &path, "--width", "16,inf", "--seeds", "2"], &ntk[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.err.matches("no distance to the limit at width 16").count(), 1, "{}", said.err);
    assert!(said.err.contains("record predictor at 0"), "{}", said.err);
}

/// Both count from 1, so `--seeds 3` and `seed = { count = 3 }` are the same three networks.
#[test]
fn seeds_count_as_those_of_studies() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write(folder.path(), "problem.toml", PROBLEM);
    let solved = run(&["solve", &path, "--width", "50", "--seeds", "3", "--json"]).out;
    let solved: serde_json::Value = serde_json::from_str(&solved).expect("JSON");
    let seeds: Vec<_> = solved.as_array().expect("a list").iter().map(|one| one["seed"].as_u64()).collect();
    assert_eq!(seeds, [Some(1), Some(2), Some(3)]);
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
    // Nothing that runs is no table.
    let said = run(&["plan", &path, "--width", "1e9", "--engine", "dense", "--device", "cpu"]);
    assert!(
        said.code == 2 && said.out.is_empty() && said.err.contains("cannot run width 1e9"),
        "{}{}",
        said.out,
        said.err
    );
    // A flow takes as many evaluations as it needs.
    let flow = ["--set", "optimizer={ kind = \"flow\", times = 3 }", "--set", "record={ at = [0, 3] }"];
    let said = run(&[&["plan", &path, "--width", "inf"], &flow[..]].concat());
    assert!(
        said.out.contains("at least") && !run(&["plan", &path, "--width", "inf"]).out.contains("at least"),
        "{}",
        said.out
    );
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

const KERNEL: &str = "experiments/kernel-regime/kernel.toml";
const PREDICT: &str = "experiments/kernel-regime/predict.toml";

/// Rows of a CSV file of numbers.
fn csv(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).expect("a file");
    text.lines().map(|line| line.split(',').map(|number| number.parse().expect("a number")).collect()).collect()
}

/// Names of the files in a folder, sorted; hidden ones too.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// A summary has a row per kernel and block; options win over the file; JSON, CSV and NumPy files hold the same numbers.
#[test]
fn kernels_in_every_format() {
    let said = run(&["kernel", KERNEL]);
    assert_eq!((said.code, said.out.lines().count()), (0, 7), "{}", said.err);
    assert!(said.out.contains("ntk-test_train  100 x 300") && said.err.contains("2.0 MiB"), "{}{}", said.out, said.err);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let small = ["--set", "data.train_samples=5", "--set", "data.test_samples=3"];
    let write_to = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let said = run(&[&["kernel", KERNEL, "--output", path.to_str().expect("UTF-8")], &small[..], more].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        said.out.lines().map(|line| line.strip_prefix("wrote ").expect("a file").to_string()).collect::<Vec<_>>()
    };
    let answer = json(&[&["kernel", KERNEL, "--json"], &small[..]].concat());
    assert_eq!((&answer["width"], &answer["activation"]), (&"inf".into(), &"relu".into()));
    assert_eq!(write_to("all.json", &[]).len(), 1);
    let text = fs::read_to_string(folder.path().join("all.json")).expect("a file");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), answer);

    assert_eq!(write_to("all.csv", &[]).len(), 6);
    let table = csv(&folder.path().join("all-ntk-test_train.csv"));
    assert_eq!(serde_json::json!(table), answer["ntk"]["test_train"]);

    let one = write_to("one.npy", &["--kind", "nngp", "--between", "train"]);
    assert!(one.len() == 1 && one[0].ends_with("one.npy"), "{one:?}");
    let bytes = fs::read(folder.path().join("one.npy")).expect("a file");
    let numbers: Vec<f64> =
        bytes[128..].chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight"))).collect();
    let rows: Vec<&[f64]> = numbers.chunks_exact(5).collect();
    assert_eq!(serde_json::json!(rows), answer["nngp"]["train"]);
    assert_eq!(files(folder.path()).len(), 8, "nothing is left beside the files");
}

/// A wide network's kernels are near the limit's; the whole tensor averages to the kernel that is shown.
#[test]
fn kernels_of_a_finite_network() {
    let small = ["--set", "data.train_samples=6", "--set", "data.test_samples=2", "--json"];
    let kernels = |more: &[&str]| json(&[&["kernel", KERNEL], &small[..], more].concat());
    let numbers = |value: &Value| -> Vec<f64> {
        let rows = value.as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("a row").iter().map(|x| x.as_f64().expect("a number"))).collect()
    };
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let limit = kernels(&[]);
    let finite = kernels(&["--width", "2048", "--precision", "f64"]);
    for kernel in ["nngp", "ntk"] {
        for block in ["train", "test_train", "test"] {
            let (found, wanted) = (numbers(&finite[kernel][block]), numbers(&limit[kernel][block]));
            let difference: Vec<f64> = found.iter().zip(&wanted).map(|(a, b)| a - b).collect();
            let error = norm(&difference) / norm(&wanted);
            // About 0.05 for three layers of 2048 (docs/theory/ntk.md §E1).
            assert!(error > 1e-4 && error < 0.2, "{kernel} {block}: {error}");
        }
    }
    assert_ne!(finite, kernels(&["--width", "2048", "--precision", "f64", "--seed", "1"]));

    let at_64 = ["--width", "64", "--precision", "f64", "--kind", "ntk", "--between", "test"];
    let mean = numbers(&kernels(&at_64)["ntk"]["test"]);
    let full = numbers(&kernels(&[&at_64[..], &["--full"]].concat())["ntk"]["test"]);
    // Among six images there are five or six digits: the outputs.
    let k = (full.len() / mean.len()).isqrt();
    let block_mean = |i: usize, j: usize| (0..k).map(|a| full[(i * k + a) * 2 * k + j * k + a]).sum::<f64>() / k as f64;
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        assert!(k > 1 && (block_mean(i, j) - mean[2 * i + j]).abs() < 1e-10, "{i} {j}");
    }
}

#[test]
fn predictions_in_every_format() {
    let said = run(&["predict", PREDICT]);
    assert_eq!(said.code, 0, "{}", said.err);
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.iter().map(|line| line[0]).collect::<Vec<_>>(), ["at", "0", "10", "100", "inf"], "{}", said.out);

    let answer = json(&["predict", PREDICT, "--json", "--set", "predict.learning_rates=true"]);
    let rates = &answer["learning_rates"];
    let (largest, critical) = (rates["largest_stable"].as_f64(), rates["critical"].as_f64());
    assert!(critical.expect("a number") < largest.expect("a number"), "{rates}");
    let end = &answer["predictions"][3];
    assert_eq!((&end["at"], &end["time"]), (&"inf".into(), &"inf".into()));
    assert!(end["train_loss"].as_f64().expect("a loss") < 1e-12 && end["test_accuracy"].as_f64() > Some(0.95), "{end}");
    assert!(answer["predictions"][0]["train"]["std"][0].as_f64() > Some(1.0));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let write_to = |name: &str| {
        let path = folder.path().join(name);
        let said = run(&["predict", PREDICT, "--output", path.to_str().expect("UTF-8")]);
        assert_eq!(said.code, 0, "{}", said.err);
        path
    };
    let tidy = fs::read_to_string(write_to("p.csv")).expect("a file");
    let rows: Vec<Vec<&str>> = tidy.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["at", "set", "sample", "output", "mean", "std", "target"]);
    assert_eq!(rows.len(), 1 + 4 * (200 + 160));
    let last = rows[rows.len() - 1].clone();
    assert_eq!(last[..4], ["inf", "test", "159", "0"]);
    assert_eq!(last[4].parse::<f64>().ok(), end["test"]["mean"][159][0].as_f64());
    assert_eq!(last[5].parse::<f64>().ok(), end["test"]["std"][159].as_f64());
    write_to("p.npy");
    assert_eq!(files(folder.path()), ["p-at-0.npy", "p-at-10.npy", "p-at-100.npy", "p-at-inf.npy", "p.csv"]);
}

/// A sampled function is the one that `solve` trains at width inf with the same seed.
#[test]
fn a_sampled_function_is_that_of_solve() {
    let sampled = |seed: &str| {
        let seed = format!("predict.seed={seed}");
        let sample = ["--set", "predict.initial=sample", "--set", "predict.at=[0, 10]", "--set", &seed];
        json(&[&["predict", PREDICT, "--json"], &sample[..]].concat())["predictions"].clone()
    };
    let record = "record={ at = [0, 10], quantities = [\"train_loss\", \"test_loss\"] }";
    let solved = json(&["solve", PREDICT, "--width", "inf", "--seed", "3", "--json", "--set", record]);
    let predicted = sampled("3");
    for moment in [0, 1] {
        for quantity in ["train_loss", "test_loss"] {
            let loss = |value: &Value| value[moment][quantity].as_f64().expect("a loss");
            let (predicted, solved) = (loss(&predicted), loss(&solved[0]["records"]));
            assert!((predicted - solved).abs() < 1e-10 * solved, "{quantity}: {predicted} against {solved}");
        }
    }
    assert_ne!(predicted, sampled("4"));
}

/// A learning rate far above the largest stable one: moments at which the model has diverged say so and have no numbers, in every format.
#[test]
fn predictions_that_diverge_say_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = r#"
        network = { hidden_layers = 1, activation = "relu" }
        parameterization = { kind = "ntk" }
        data = { kind = "inline", inputs = [[1.0, 0.5], [-0.5, 1.0]], targets = [[1.0], [-1.0]] }
        optimizer = { kind = "gd", learning_rate = 100.0, steps = 1000 }
        predict = { at = [0, 10, 1000] }
    "#;
    let problem = write(folder.path(), "diverges.toml", text);
    let answer = json(&["predict", &problem, "--json"]);
    let predictions = answer["predictions"].as_array().expect("predictions");
    assert_eq!(predictions[2], serde_json::json!({ "at": 1000, "time": 1e5, "status": "diverged" }));
    for healthy in &predictions[..2] {
        assert!(healthy.get("status").is_none() && healthy["train"]["mean"][0][0].is_f64(), "{healthy}");
    }
    let said = run(&["predict", &problem]);
    assert!(said.code == 0 && said.out.contains("diverged") && said.err.contains("diverged at 1000"), "{}", said.err);
    assert!(!said.out.contains("NaN") && !said.out.contains("inf"), "{}", said.out);
    let table = folder.path().join("diverges.csv");
    assert_eq!(run(&["predict", &problem, "--output", table.to_str().expect("UTF-8")]).code, 0);
    let rows = fs::read_to_string(table).expect("a table");
    assert!(rows.lines().count() == 5 && !rows.contains("NaN") && !rows.contains("inf"), "{rows}");
}

/// Inputs beyond single precision: kernels of a network in `f32` are refused, and the limit has them.
#[test]
fn kernels_beyond_their_precision_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = r#"
        network = { hidden_layers = 1 }
        parameterization = { kind = "ntk" }
        data = { kind = "inline", inputs = [[1e39, 0.5], [-0.5, 1e39]], targets = [[1.0], [-1.0]] }
        optimizer = { kind = "gd", learning_rate = 0.1, steps = 10 }
    "#;
    let problem = write(folder.path(), "large.toml", text);
    let single = run(&["kernel", &problem, "--width", "4", "--device", "cpu", "--json"]);
    assert_eq!((single.code, single.out.as_str()), (2, ""), "{}", single.err);
    assert!(single.err.contains("beyond single precision"), "{}", single.err);
    let double = ["--width", "4", "--device", "cpu", "--precision", "f64", "--json"];
    for more in [&double[..], &["--json"]] {
        let answer = json(&[&["kernel", problem.as_str()], more].concat());
        assert!(answer["ntk"]["train"][0][0].as_f64() > Some(1e76), "{answer}");
    }
}

/// Kernels that one command writes, the other reads: the same predictions as with the network's own.
#[test]
fn kernels_written_to_files_can_be_given_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("k.npy");
    let output = output.to_str().expect("UTF-8");
    assert_eq!(run(&["kernel", PREDICT, "--output", output]).code, 0);
    let of = |kernel: &str| {
        let file = |block: &str| format!("{block} = \"{}\"", output.replace(".npy", &format!("-{kernel}-{block}.npy")));
        format!("{kernel} = {{ {}, {}, {} }}", file("train"), file("test_train"), file("test"))
    };
    let given = format!("predict.kernels={{ {}, {} }}", of("ntk"), of("nngp"));
    let predictions = |more: &[&str]| json(&[&["predict", PREDICT, "--json"], more].concat())["predictions"].clone();
    assert_eq!(predictions(&["--set", &given]), predictions(&[]));
}

/// Ctrl-C: exit code 75, and neither the file nor a part of it.
#[cfg(unix)]
#[test]
fn an_interrupted_kernel_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("k.npy");
    let teacher = "data={ kind = \"teacher\", input_dimension = 2, train_samples = 4000 }";
    let deep = ["kernel", KERNEL, "--kind", "nngp", "--set", teacher, "--set", "network.hidden_layers=100", "--output"];
    let mut child = widenet(&deep).arg(&output).stderr(Stdio::piped()).spawn().expect("the program starts");
    // Its note says that it is about to compute, which takes much longer than the pause.
    let mut note = String::new();
    BufReader::new(child.stderr.as_mut().expect("a pipe")).read_line(&mut note).expect("a line");
    assert!(note.contains("4000 training"), "{note}");
    std::thread::sleep(Duration::from_millis(100));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    assert_eq!(child.wait().expect("it ends").code(), Some(75));
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
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
    let loss = |said: &crate::common::Said| {
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
