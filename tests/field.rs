//! What people in the field ran into: right values are those of `tests/reference/field.json`, by independent numpy, scipy and mpmath code.

use std::fs;

use serde_json::Value;

use crate::common::{json, numbers, root, run, said, widenet, write};

/// The problem file and the right values of a case.
fn case(name: &str) -> (Value, Value) {
    let text = fs::read_to_string(root().join("tests/reference/field.json")).expect("the reference values");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let found = all["cases"].as_array().expect("cases").iter().find(|case| case["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no case {name}"));
    (found["problem"].clone(), found["right"].clone())
}

#[track_caller]
fn assert_close(found: &[f64], wanted: &[f64], tolerance: f64) {
    let far =
        found.iter().zip(wanted).any(|(found, wanted)| (found - wanted).abs() > tolerance * wanted.abs().max(1.0));
    assert!(found.len() == wanted.len() && !far, "{found:?}, not {wanted:?}");
}

/// The sign of one output made 0.75 of a perfect fit of 0 and 1.
#[test]
fn labels_0_and_1_have_an_accuracy_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (problem, right) = case("accuracy-of-0-1-targets");
    let path = write(folder.path(), "problem.json", &problem.to_string());
    let answer = &json(&["predict", &path, "--json"])["predictions"][0];
    assert_close(&numbers(&answer["train"]["mean"]), &numbers(&right["train_outputs"]), 1e-3);
    assert_eq!(answer["train_accuracy"], right["train_accuracy"]);
    // A regression has none, and is told why; class numbers are told.
    let regression = ["--set", "data.targets=[[0.5],[1.5],[2.5],[0]]"];
    let said = run(&[&["predict", &path, "--json"], &regression[..]].concat());
    let answer: Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(answer["predictions"][0]["train_accuracy"].is_null(), "{}", said.out);
    assert!(said.err.contains("there is no accuracy") && said.err.contains("more than two values"), "{}", said.err);
    let asked = ["--set", "record.quantities=[\"train_accuracy\"]"];
    let said = run(&[
        &["solve", &path, "--width", "4", "--set", "optimizer={kind=\"gd\",learning_rate=1,steps=1}"],
        &regression[..],
        &asked,
    ]
    .concat());
    assert!(said.code == 2 && said.err.contains("`train_accuracy` is the share of right classes"), "{}", said.err);
    let classes = ["--set", "data.inputs=[[1],[2],[3],[4],[5],[6]]", "--set", "data.targets=[[0],[1],[2],[0],[1],[2]]"];
    let said = run(&[&["predict", &path], &classes[..]].concat());
    assert!(said.err.contains("the whole numbers 0 to 2") && said.err.contains("data.classes"), "{}", said.err);
}

#[test]
fn nngp_kernels_need_no_learning_rates() {
    let folder = tempfile::tempdir().expect("a folder");
    let (problem, right) = case("nngp-of-standard-does-not-need-rates");
    let path = write(folder.path(), "problem.json", &problem.to_string());
    let kernel = json(&["kernel", &path, "--kind", "nngp", "--json"]);
    assert_close(&numbers(&kernel["nngp"]["train"][0])[..2], &numbers(&right["nngp_first_row_start"]), 1e-6);
    let said = run(&["kernel", &path]);
    assert!(said.code == 2 && said.err.contains("one step moves the outputs"), "{}", said.err);
}

#[test]
fn deep_chaotic_networks_have_kernels() {
    let folder = tempfile::tempdir().expect("a folder");
    let (problem, right) = case("deep-chaotic-erf");
    let path = write(folder.path(), "problem.json", &problem.to_string());
    let kernel = json(&["kernel", &path, "--json"]);
    for (kind, wanted) in [("nngp", &right["nngp_diagonal"]), ("ntk", &right["ntk_diagonal"])] {
        let (found, wanted) =
            (kernel[kind]["train"][0][0].as_f64().expect("a number"), wanted.as_f64().expect("a number"));
        assert!((found / wanted - 1.0).abs() < 1e-3, "{kind}: {found}, not {wanted}");
    }
}

#[test]
fn the_first_sample_of_a_file_without_header_is_not_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "rows.csv", "1.5,2,3\n2,1,4\n3,3,5\n");
    let problem = "[network]\nhidden_layers = 1\nactivation = \"relu\"\n[parameterization]\nkind = \"ntk\"\n\
                   [data]\nkind = \"csv\"\ntrain = \"rows.csv\"\ninputs = [0, 1]\ntargets = [2]\n";
    let path = write(folder.path(), "problem.toml", problem);
    let said = run(&["kernel", &path]);
    assert!(said.code == 2 && said.err.contains("first line is made of numbers, `1.5,2,3`"), "{}", said.err);
    let said = run(&["kernel", &path, "--set", "data.header=false"]);
    assert!(said.code == 0 && said.err.contains("3 training"), "{}", said.err);
}

const CENTERED: &str = r#"
[network]
hidden_layers = 2
activation = "identity"
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0], [-1.0], [0.5]]
test_inputs = [[0.2, 0.9]]
test_targets = [[0.0]]
[optimizer]
kind = "gd"
learning_rate = 0.05
steps = 20
[record]
at = [0, 7, 20]
quantities = ["outputs", "test_outputs", "train_loss"]
"#;

/// The outputs at every record, training inputs first.
fn outputs(trajectories: &Value) -> Vec<Vec<f64>> {
    let records = trajectories[0]["records"].as_array().expect("records").iter();
    records.map(|record| [numbers(&record["outputs"]), numbers(&record["test_outputs"])].concat()).collect()
}

/// `f − f_0` trained on y is `f` trained on `y + f_0`, less `f_0`: of the same network, whatever engine it is.
#[test]
fn centered_networks_are_trained_as_their_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let ntk = "parameterization={ kind = \"ntk\", sigma_b = 0.3 }";
    let cases: [(&str, &[&str], f64); 8] = [
        ("dense", &[], 1e-9),
        ("law", &[], 1e-9),
        ("conditioned", &[], 1e-6),
        ("regenerated", &[], 1e-6),
        ("law", &["--set", "optimizer={ kind = \"flow\", times = 2 }", "--set", "record.at=[0, 1, 2]"], 1e-6),
        ("dense", &["--set", "network.activation=tanh"], 1e-9),
        ("conditioned", &["--set", "network.activation=tanh"], 1e-6),
        ("dense", &["--set", "network.activation=relu", "--set", ntk], 1e-9),
    ];
    for (engine, more, tolerance) in cases {
        let solve = |own: &[&str]| {
            let asked =
                ["solve", &path, "--width", "16", "--seed", "3", "--engine", engine, "--precision", "f64", "--json"];
            outputs(&json(&[&asked[..], more, own].concat()))
        };
        let start = solve(&[])[0].clone();
        let centered = solve(&["--set", "network.centered=true"]);
        assert!(centered[0].iter().all(|f| f.abs() < 1e-12), "{engine}: {:?}", centered[0]);
        let targets = [1.0, -1.0, 0.5].iter().zip(&start).map(|(y, f)| format!("[{:?}]", y + f));
        let shifted = format!("data.targets=[{}]", targets.collect::<Vec<_>>().join(","));
        let shifted = solve(&["--set", &shifted]);
        for (centered, shifted) in centered.iter().zip(&shifted) {
            let change: Vec<f64> = shifted.iter().zip(&start).map(|(f, start)| f - start).collect();
            assert_close(centered, &change, tolerance);
        }
        assert!(centered[2].iter().any(|f| f.abs() > 1e-3), "{engine} {more:?} learns nothing");
    }
}

/// The limits of centered networks start at 0 for every seed, and are those of kernel regression from 0.
#[test]
fn centered_limits_start_at_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let ntk = [
        "--set",
        "parameterization={ kind = \"ntk\" }",
        "--set",
        "network.activation=relu",
        "--set",
        "network.centered=true",
    ];
    let limit = |seed: &str, more: &[&str]| {
        let asked = ["solve", &path, "--width", "inf", "--json", "--seed", seed];
        outputs(&json(&[&asked[..], &ntk, more].concat()))
    };
    let one = limit("1", &[]);
    assert_eq!(one, limit("2", &[]));
    assert_eq!(one[0], [0.0; 4]);
    assert_close(&limit("1", &["--set", "ensemble.networks=4"])[2], &one[2], 1e-12);
    let predicted = json(&[&["predict", &path, "--json", "--set", "predict.at=[20]"], &ntk[..]].concat());
    let answer = &predicted["predictions"][0];
    assert_close(&[numbers(&answer["train"]["mean"]), numbers(&answer["test"]["mean"])].concat(), &one[2], 1e-9);
    let said = run(&[&["predict", &path, "--set", "predict.initial=ensemble"], &ntk[..]].concat());
    assert!(said.code == 2 && said.err.contains("network.centered"), "{}", said.err);
    let said =
        run(&["solve", &path, "--width", "4", "--set", "network.centered=true", "--set", "optimizer.weight_decay=0.1"]);
    assert!(said.code == 2 && said.err.contains("`network.centered` = true"), "{}", said.err);
    // Deep linear networks of a lazy scaling.
    let linear = ["--set", "parameterization={ kind = \"ntk\" }", "--set", "network.centered=true"];
    let solve = |seed: &str| {
        outputs(&json(&[&["solve", &path, "--width", "inf", "--json", "--seed", seed], &linear[..]].concat()))
    };
    assert_close(&solve("1").concat(), &solve("2").concat(), 1e-12);
}

/// Classifiers of one hidden layer in Gram space, and their limits.
#[test]
fn centered_classifiers_start_at_zero_in_law_and_in_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let classifier = |scaling: &str, more: &[&str]| {
        let scaling = format!("parameterization={{ kind = \"scaling\", name = \"{scaling}\" }}");
        let asked = [
            "solve",
            &path,
            "--json",
            "--set",
            &scaling,
            "--set",
            "network={ hidden_layers = 1, activation = \"tanh\", centered = true }",
            "--set",
            "loss.kind=logistic",
            "--set",
            "data.targets=[[1],[-1],[1]]",
            "--set",
            "data.test_targets=[[1]]",
        ];
        outputs(&json(&[&asked[..], more].concat()))
    };
    let law = classifier("mf", &["--width", "65536", "--engine", "law"]);
    let dense = classifier("mf", &["--width", "512", "--engine", "dense"]);
    assert!(law[0].iter().chain(&dense[0]).all(|f| f.abs() < 1e-6), "{:?} {:?}", law[0], dense[0]);
    let limit = classifier("mf", &["--width", "inf"]);
    assert_close(&law[2], &limit[2], 0.03);
    let ntk =
        [classifier("ntk", &["--width", "inf", "--seed", "1"]), classifier("ntk", &["--width", "inf", "--seed", "2"])];
    assert_eq!((&ntk[0][0], &ntk[0]), (&vec![0.0; 4], &ntk[1]));
}

/// What is valid and probably not meant is told.
#[test]
fn runs_that_mean_little_are_warned_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let said = |more: &[&str]| run(&[&["solve", &path, "--width", "16"], more].concat()).err;
    assert_eq!(said(&[]), "");
    let rms_prop = ["--set", "optimizer={ kind = \"rmsprop\", learning_rate = 1e-4, steps = 20 }"];
    let standard = ["--set", "parameterization={ kind = \"standard\" }"];
    assert!(!said(&rms_prop).contains("gradient descent"), "the mean-field rates follow the optimizer");
    let rms_prop = said(&[rms_prop, standard].concat());
    assert!(rms_prop.contains("are those of gradient descent: one step moves the outputs of the"), "{rms_prop}");
    let saturated = ["--set", "network.activation=tanh", "--set", "parameterization.sigma_in=10"];
    assert!(said(&saturated).contains("where tanh is flat"), "{}", said(&saturated));
    let dwarfed = said(&["--set", "parameterization.richness=1e-4"]);
    assert!(
        dwarfed.contains("the start dwarfs the targets") && dwarfed.contains("network.centered = true"),
        "{dwarfed}"
    );
    assert_eq!(said(&["--set", "parameterization.richness=1e-4", "--set", "network.centered=true"]), "");
    let scale = said(&[
        "--set",
        "data.inputs=[[100.0, 50.0], [-50.0, 100.0], [30.0, -80.0]]",
        "--set",
        "optimizer.learning_rate=1e-9",
    ]);
    assert!(scale.contains("far from unit size"), "{scale}");
}

/// Coordinate checks say what they know, and no more.
#[test]
fn a_coordinate_check_that_knows_little_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let check = |more: &[&str]| run(&[&["coord-check", &path], more].concat());
    let little = check(&["--width", "16,32,64", "--seeds", "1", "--steps", "1"]);
    assert!(
        !little.out.contains("nothing grows") && little.out.contains("rows are inconclusive and may"),
        "{}",
        little.out
    );
    let standard =
        ["--set", "parameterization={ kind = \"standard\" }", "--width", "128,256,512", "--seeds", "2", "--steps", "1"];
    let grown = check(&standard);
    assert!(grown.code == 1 && grown.out.contains("grows with the width: tangent_kernel_norm"), "{}", grown.out);
    let written = folder.path().join("check.json");
    let said = check(&[&standard[..], &["--output", written.to_str().expect("UTF-8")]].concat());
    assert!(said.out.contains("grows with the width") && said.out.contains("refuted"), "{}", said.out);
}

/// Errors tell everything that is wrong with a section, and what is meant by names of other programs.
#[test]
fn errors_tell_all_and_what_is_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |from: &str, to: &str| write(folder.path(), "problem.toml", &CENTERED.replacen(from, to, 1));
    let refused = |path: &str, parts: &[&str]| {
        let said = run(&["solve", path, "--width", "4"]);
        let is_told = parts.iter().all(|part| said.err.contains(part));
        assert!(said.code == 2 && is_told, "{parts:?} in {}", said.err);
        said.err
    };
    let both = refused(
        &file("learning_rate = 0.05\nsteps = 20", "lr = 0.05\nepochs = 20\nfoo = 1"),
        &[
            "`optimizer.steps` is missing",
            "`optimizer.lr`; optimizer.learning_rate is meant",
            "`optimizer.epochs`; optimizer.steps",
            "optimizer.foo",
        ],
    );
    let known = both.rsplit("known: ").next().expect("a list").trim().trim_end_matches('.').to_owned();
    let mut words: Vec<&str> = known.split(", ").collect();
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count, "{known}");
    refused(&file("hidden_layers = 2", "hidden_layers = 2\nwidth = 64"), &["unknown key `network.width`", "--width"]);
    refused(&file("\"identity\"", "\"swish\""), &["`silu` is meant here"]);
    refused(&file("\"identity\"", "\"gelu_tanh\""), &["`gelu` is meant here"]);
    refused(&file("\"mean_field\"", "\"mu_p\""), &["`mean_field` is meant here"]);
    let long = format!("learning_rate = [{}]", vec!["0.125"; 40].join(", "));
    let said = refused(&file("learning_rate = 0.05", &long), &["`optimizer.learning_rate` is"]);
    assert!(said.len() < 300, "{said}");
    // A study is no problem, and the other way round.
    refused("experiments/quickstart.toml", &["is a study", "widenet study experiments/quickstart.toml"]);
    let said = run(&["study", "experiments/problem.toml"]);
    assert!(said.code == 2 && said.err.contains("widenet solve experiments/problem.toml"), "{}", said.err);
    let said = run(&["plan", &file("", ""), "--width", "8"]);
    assert!(said.out.contains("1 trial,") && !said.out.contains("-0 ms"), "{}", said.out);
}

/// Files that are taken for data are named as what they are.
#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let kinds: [(&[u8], &str); 5] = [
        (b"PK\x03\x04rest of an archive", "named by their keys"),
        (b"\x1f\x8brest of a gzip file", "compressed with gzip"),
        (b"\x80\x04\x95rest of a pickle", "Python pickle"),
        (b"\x89PNG\r\n\x1a\nrest", "PNG image"),
        (b"PAR1rest of a table", "Parquet table"),
    ];
    for (bytes, what) in kinds {
        std::fs::write(folder.path().join("x.npy"), bytes).expect("writable");
        for data in [
            "kind = \"npy\"\ninputs = \"x.npy\"\ntargets = \"x.npy\"",
            "kind = \"csv\"\ntrain = \"x.npy\"\ninputs = 1\ntargets = [1]",
            "kind = \"idx\"\nimages = \"x.npy\"\nlabels = \"x.npy\"",
        ] {
            let problem = format!(
                "[network]\nhidden_layers = 1\n[parameterization]\nkind = \"ntk\"\n[data]\n{data}\n\
                 [optimizer]\nkind = \"gd\"\nlearning_rate = 1\nsteps = 1\n"
            );
            let said = run(&["solve", &write(folder.path(), "problem.toml", &problem), "--width", "4"]);
            assert!(said.code == 2 && said.err.contains(what), "{what}: {}", said.err);
        }
    }
}

/// Completions know the engines, the devices and the keys of `--set`.
#[test]
fn completions_know_engines_devices_and_keys() {
    for shell in ["bash", "zsh", "fish"] {
        let said = run(&["completions", shell]);
        for key in ["optimizer.learning_rate=", "network.hidden_layers=", "kernel.between=", "axes.width="] {
            assert!(said.code == 0 && said.out.contains(key), "{shell} does not know {key}: {}", said.err);
        }
        assert!(!said.out.contains("[]=") && !said.out.contains(".KEY="), "{shell}");
    }
    let script = run(&["completions", "bash"]).out;
    assert!(script.contains("auto limit law dense conditioned regenerated"), "{script}");
    assert!(script.contains("auto cpu flex ndarray wgpu vulkan"), "{script}");
}

/// Ranges end where somebody could want to go, and not where numbers end.
#[test]
fn ranges_of_options_are_those_of_people() {
    for (command, option) in [("solve", "--seeds"), ("coord-check", "--seeds"), ("coord-check", "--steps")] {
        let said = run(&[command, "experiments/problem.toml", "--width", "8", option, "0"]);
        assert!(said.code == 2 && said.err.contains("0 is not in 1..=1"), "{command} {option}: {}", said.err);
        assert!(!said.err.contains(&u64::MAX.to_string()), "{}", said.err);
    }
}

/// Which device is chosen is said once on a machine, and again when it is another choice or cannot be remembered.
#[test]
fn the_choice_of_a_device_is_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let solve = |state: &str| {
        let mut command = widenet(&["solve", &path, "--width", "8", "--engine", "dense"]);
        said(command.env("XDG_STATE_HOME", state).output().expect("it runs")).err
    };
    let state = folder.path().join("state");
    let state = state.to_str().expect("UTF-8");
    assert!(solve(state).contains("device auto"));
    assert!(!solve(state).contains("device auto"));
    for file in fs::read_dir(folder.path().join("state/widenet")).expect("what was said") {
        fs::write(file.expect("an entry").path(), "device auto: using another\n").expect("writable");
    }
    assert!(solve(state).contains("device auto"));
    assert!(solve("").contains("device auto") && solve("").contains("device auto"), "nothing is remembered");
}

/// The pages of the guide are what the program prints, so that no key and no quantity lacks its entry.
#[test]
fn the_guide_has_every_key_and_quantity() {
    for (command, page) in [("keys", "docs/guide/keys.md"), ("quantities", "docs/guide/quantities.md")] {
        let said = run(&[command, "--markdown"]);
        let written = fs::read_to_string(root().join(page)).expect("a page of the guide");
        assert_eq!(said.out, written, "{page} is not that of this version: `widenet {command} --markdown > {page}`");
    }
    let said = run(&["keys", "optimizer"]);
    for part in ["optimizer.learning_rate\n    number > 0", "default 0.0", "of gd, momentum, sgd"] {
        assert!(said.out.contains(part), "{part} is missing in {}", said.out);
    }
    assert!(run(&["quantities", "function_kurtosis"]).out.contains("Excess kurtosis"));
    assert_eq!(run(&["quantities", "train_los"]).code, 2);
}

/// The commands of a page, those that the program runs.
fn commands(page: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join(page)).expect("a page of the guide");
    let words = |line: &str| line.split('#').next().unwrap_or(line).split_whitespace().map(String::from).collect();
    page.lines().filter_map(|line| line.trim().strip_prefix("widenet ")).map(words).collect()
}

/// What a newcomer types works: every command of the first hour runs, with its figure.
#[test]
fn every_command_of_the_first_hour_runs() {
    let out = tempfile::tempdir().expect("a folder");
    let folder = out.path().to_str().expect("UTF-8");
    let commands = commands("docs/guide/first-hour.md");
    assert!(commands.len() >= 10, "{commands:?}");
    for command in &commands {
        let words: Vec<&str> = command.iter().map(|word| if word == "out" { folder } else { word }).collect();
        let said = run(&words);
        // A coordinate check says 1 where something grows.
        let is_fine = said.code == 0 || words[0] == "coord-check" && said.code == 1;
        assert!(is_fine, "{words:?}: {}{}", said.out, said.err);
    }
    let runs: Vec<_> =
        fs::read_dir(out.path()).expect("readable").map(|entry| entry.expect("an entry").path()).collect();
    assert!(
        runs.len() == 1 && runs[0].join("report.md").exists() && runs[0].join("figures/loss.svg").exists(),
        "{runs:?}"
    );
    let solved = json(&["solve", "examples/plants.toml", "--width", "512", "--json"]);
    let last = solved[0]["records"].as_array().expect("records").last().expect("a record");
    assert!(last["test_accuracy"].as_f64().expect("a number") > 0.8, "{last}");
}

/// Every example is in the first hour, and every command of the guide names options and files that exist.
#[test]
fn the_guide_shows_what_exists() {
    let hour = fs::read_to_string(root().join("docs/guide/first-hour.md")).expect("a page");
    for entry in fs::read_dir(root().join("examples")).expect("readable") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(!name.ends_with(".toml") || hour.contains(&format!("examples/{name}")), "{name} is in no page");
    }
    let index = fs::read_to_string(root().join("docs/guide/README.md")).expect("an index");
    for entry in fs::read_dir(root().join("docs/guide")).expect("readable") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(
            name == "README.md" || index.contains(&format!("`{name}`")),
            "docs/guide/README.md does not list {name}"
        );
        for command in commands(&format!("docs/guide/{name}")) {
            let help = run(&[&command[0], "--help"]);
            assert_eq!(help.code, 0, "{name}: {command:?}");
            for word in &command[1..] {
                let option = word.split('=').next().unwrap_or(word);
                assert!(
                    !option.starts_with("--") || help.out.contains(option),
                    "{name}: `widenet {}` has no {option}",
                    command[0]
                );
                let is_file = word.ends_with(".toml") && !word.contains('=');
                assert!(!is_file || root().join(word).exists(), "{name}: {word} does not exist");
            }
        }
    }
    let readme = fs::read_to_string(root().join("README.md")).expect("a page");
    assert!(readme.lines().count() <= 120, "the README has {} lines", readme.lines().count());
}

/// All records of a solution, as a file.
#[test]
fn solutions_are_written_to_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", CENTERED);
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (json_file, csv_file) = (file("all.json"), file("all.csv"));
    let solve = |output: &str| run(&["solve", &path, "--width", "8,inf", "--seeds", "2", "--output", output]);
    let said = solve(&json_file);
    assert!(
        said.code == 0 && said.out.contains("wrote ") && said.out.contains("train_loss"),
        "{}{}",
        said.out,
        said.err
    );
    let written: Value = serde_json::from_str(&fs::read_to_string(&json_file).expect("a file")).expect("JSON");
    assert_eq!(written, json(&["solve", &path, "--width", "8,inf", "--seeds", "2", "--json"]));
    assert_eq!(solve(&csv_file).code, 0);
    let table = fs::read_to_string(&csv_file).expect("a file");
    // Four trajectories of three records with 3 + 1 outputs and a loss.
    assert_eq!(table.lines().count(), 1 + 4 * 3 * 5);
    let loss = written[0]["records"][1]["train_loss"].as_f64().expect("a number");
    assert!(table.contains(&format!("8,law,1,done,7,{:?},train_loss,0,{loss:?}", 0.05 * 7.0)), "{table}");
}
