//! Predictions of infinitely wide networks, and kernels, as the program answers them.

use std::fs;

use serde_json::{Value, json};

use crate::common::{json as answered, numbers, root, run, write};

/// A file of reference values, which names the script that made it.
fn reference(name: &str) -> Value {
    let text = fs::read_to_string(root().join("tests/predict").join(name)).expect("the reference values");
    serde_json::from_str(&text).expect("JSON")
}

/// The largest difference, relative to the largest number.
fn difference(found: &Value, wanted: &Value) -> f64 {
    let (found, wanted) = (numbers(found), numbers(wanted));
    assert_eq!(found.len(), wanted.len());
    let size = wanted.iter().fold(0.0_f64, |size, x| size.max(x.abs()));
    found.iter().zip(&wanted).fold(0.0, |most: f64, (found, wanted)| most.max((found - wanted).abs() / size))
}

const SMALL: &str = r#"
[network]
hidden_layers = 2
activation = "erf"
[parameterization]
kind = "ntk"
sigma_w = 1.2
sigma_b = 0.3
[data]
kind = "inline"
inputs = [[1.0, 0.5], [-0.5, 1.0], [0.3, -0.8]]
targets = [[1.0, 0.0], [-1.0, 0.4], [0.5, -0.3]]
test_inputs = [[0.2, 0.9], [-0.7, 0.1]]
test_targets = [[0.0, 0.1], [0.3, -0.2]]
[optimizer]
kind = "gd"
learning_rate = 0.3
steps = 20
[record]
at = [0, 7, 20]
quantities = ["linearised_outputs", "linearised_test_outputs"]
"#;

/// scipy's densities: tests/predict/likelihood.py.
#[test]
fn log_evidence_and_test_log_likelihood_are_those_of_the_gaussian_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = reference("likelihood.json");
    let mut data = reference["data"].clone();
    data["kind"] = json!("inline");
    for case in reference["cases"].as_array().expect("cases") {
        let mut problem = json!({
            "network": { "hidden_layers": case["hidden_layers"], "activation": "relu" },
            "parameterization": { "kind": "ntk", "sigma_w": case["sigma_w"], "sigma_b": case["sigma_b"] },
            "data": data,
            "optimizer": { "kind": "flow", "times": 1 },
            "predict": { "trained": "readout", "at": ["inf", 1] },
        });
        if case["ridge"] != json!(0.0) {
            problem["predict"]["ridge"] = case["ridge"].clone();
        }
        let path = write(folder.path(), "problem.json", &problem.to_string());
        let found = answered(&["predict", &path, "--json"]);
        let [end, during] = [0, 1].map(|position| found["predictions"][position].clone());
        for name in ["log_evidence", "test_log_likelihood"] {
            assert!(difference(&end[name], &case[name]) < 1e-10, "{name}: {} {case}", end[name]);
            // Only the end of training has a posterior.
            assert!(during.get(name).is_none(), "{during}");
        }
        let table = run(&["predict", &path]).out;
        assert!(table.contains("log evidence") && table.contains("test log-likelihood"), "{table}");
        // The control: another noise. By the eigenbasis the numbers are the same.
        let cutoff = answered(&["predict", &path, "--json", "--set", "predict.cutoff=true"]);
        assert!(difference(&cutoff["predictions"][0]["log_evidence"], &case["log_evidence"]) < 1e-9, "{cutoff}");
        let other = answered(&["predict", &path, "--json", "--set", "predict.ridge=0.3"]);
        assert!(difference(&other["predictions"][0]["log_evidence"], &case["log_evidence"]) > 1e-3, "{other}");
        // Networks of which all layers are trained are no Gaussian process's posterior.
        let all = answered(&["predict", &path, "--json", "--set", "predict.trained=all"]);
        assert!(all["predictions"][0].get("log_evidence").is_none(), "{all}");
    }
}

/// `K = 1`, `y = 1`, `r = 1`: `-1/4 - log(4 pi)/2`.
#[test]
fn the_evidence_of_one_sample_is_that_on_paper() {
    let folder = tempfile::tempdir().expect("a folder");
    let problem = "network = { hidden_layers = 1, activation = \"identity\" }\nparameterization = { kind = \"ntk\" }\n\
                   data = { kind = \"inline\", inputs = [[1.0]], targets = [[1.0]], test_inputs = [[1.0]], test_targets = [[1.0]] }\n\
                   optimizer = { kind = \"flow\", times = 1 }\n\
                   predict = { trained = \"readout\", at = [\"inf\"], ridge = 1.0 }\n";
    let path = write(folder.path(), "one.toml", problem);
    let found = answered(&["predict", &path, "--json"]);
    let evidence = found["predictions"][0]["log_evidence"].as_f64().expect("a number");
    assert!((evidence + 1.515_512_123_484_645_4).abs() < 1e-14, "{evidence}");
    // At a test input that is a training input nothing is left of the variance, and there is no density; the evidence has one.
    let said = run(&["predict", &path, "--json", "--set", "predict.ridge=0"]);
    let found: Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(found["predictions"][0]["test_log_likelihood"].is_null(), "{found}");
    assert!(found["predictions"][0]["log_evidence"].is_number(), "{found}");
    assert!(said.err.contains("the variance at test sample 1 is 0"), "{}", said.err);
    // Twice the same input: the kernel is singular.
    let twice =
        ["--set", "data.inputs=[[1.0],[1.0]]", "--set", "data.targets=[[1.0],[1.0]]", "--set", "predict.ridge=0"];
    let said = run(&[&["predict", &path, "--json", "--set", "predict.cutoff=true"], &twice[..]].concat());
    let found: Value = serde_json::from_str(&said.out).expect("JSON");
    assert!(found["predictions"][0]["log_evidence"].is_null(), "{found}");
    assert!(said.err.contains("there is no log evidence: the NNGP kernel is singular"), "{}", said.err);
}

#[test]
fn several_sampled_functions_are_those_of_single_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", SMALL);
    let losses = [&[][..], &["--set", "loss.kind=cross_entropy", "--set", "data.targets=[[1,0],[0,1],[1,0]]"][..]];
    for loss in losses {
        let ask = |own: &[&str]| {
            let asked = ["predict", &path, "--json", "--set", "predict={ initial = \"sample\" }"];
            answered(&[&asked[..], loss, own].concat())["predictions"].as_array().expect("predictions").clone()
        };
        let all = ask(&["--set", "predict.seeds=3"]);
        assert_eq!(all.len(), 9);
        for seed in 1..=3_usize {
            let single = ask(&["--set", &format!("predict.seed={seed}")]);
            let own: Vec<Value> = all.iter().skip(seed - 1).step_by(3).cloned().collect();
            assert_eq!(own, single, "seed {seed}");
        }
        assert_ne!(all[0]["train"], all[1]["train"]);
    }
    let functions = ["--set", "predict={ initial = \"sample\", seeds = 2 }"];
    let csv = folder.path().join("functions.csv");
    let output = ["predict", &path, "--output", csv.to_str().expect("UTF-8")];
    assert_eq!(run(&[&output[..], &functions[..]].concat()).code, 0);
    let text = fs::read_to_string(csv).expect("a table");
    assert!(text.starts_with("at,set,sample,output,mean,std,target,seed\n0,train,0,0,"), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with(",2")).count(), 3 * 5 * 2, "{text}");
    let said = run(&["predict", &path, "--set", "predict.seeds=2"]);
    assert!(said.code == 2 && said.err.contains("`predict.initial` is not \"sample\""), "{}", said.err);
}

/// The network linearized at its start is kernel regression with its own tangent kernel: trained by the dense engine, and predicted from arrays.
#[test]
fn a_full_kernel_and_outputs_from_files_are_the_linearized_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", SMALL);
    let network = ["--width", "32", "--seed", "5", "--precision", "f64"];
    let solved = answered(&[&["solve", &path, "--engine", "dense", "--json"], &network[..]].concat());
    let records = solved[0]["records"].as_array().expect("records").clone();
    let kernel = folder.path().join("kernel.npy");
    let kernel = kernel.to_str().expect("UTF-8");
    let said = run(&[&["kernel", &path, "--kind", "ntk", "--full", "--output", kernel], &network[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    // Outputs at the start as NumPy arrays of a version that the program did not write: 64-byte headers of `<f8`, C order.
    for (name, values) in
        [("f.npy", &records[0]["linearised_outputs"]), ("t.npy", &records[0]["linearised_test_outputs"])]
    {
        fs::write(folder.path().join(name), npy(values)).expect("an array");
    }
    let predicted = |own: &[&str]| {
        let asked = [
            "predict",
            &path,
            "--json",
            "--set",
            "predict={ initial = { outputs = \"f.npy\", test_outputs = \"t.npy\" }, kernels = { ntk = { train = \"kernel-ntk-train.npy\", \
             test_train = \"kernel-ntk-test_train.npy\" } } }",
        ];
        run(&[&asked[..], own].concat())
    };
    let found: Value = serde_json::from_str(&predicted(&[]).out).expect("JSON");
    for (record, prediction) in records.iter().zip(found["predictions"].as_array().expect("predictions")) {
        for (name, set) in [("linearised_outputs", "train"), ("linearised_test_outputs", "test")] {
            let far = difference(&prediction[set]["mean"], &record[name]);
            assert!(far < 1e-10, "{name} at {}: {far:e}", prediction["at"]);
        }
    }
    // The control: a kernel averaged over outputs is another.
    let said = run(&[&["kernel", &path, "--kind", "ntk", "--output", kernel], &network[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let averaged: Value = serde_json::from_str(&predicted(&[]).out).expect("JSON");
    assert!(difference(&averaged["predictions"][2]["train"]["mean"], &records[2]["linearised_outputs"]) > 1e-3);
    // What the kernel of one network does not answer is refused by name.
    let said = run(&[&["kernel", &path, "--kind", "ntk", "--full", "--output", kernel], &network[..]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    for (set, part) in [
        ("predict.initial=ensemble", "there is no law of outputs at the start"),
        ("predict.initial=sample", "there is no law of outputs at the start"),
        (
            "optimizer={ kind = \"sgd\", learning_rate = 0.1, steps = 20, batch_size = 2 }",
            "the squared loss on full batches",
        ),
        (
            "predict.initial={ outputs = \"t.npy\" }",
            "the initial outputs on the training inputs are 2 × 2; they must be 3 × 2",
        ),
        ("predict.initial={ outputs = \"none.npy\" }", "none.npy"),
    ] {
        let said = predicted(&["--set", set]);
        assert!(said.code == 2 && said.err.contains(part), "{set}: {}", said.err);
    }
}

/// A NumPy array of a list of rows.
fn npy(rows: &Value) -> Vec<u8> {
    let (count, values) = (rows.as_array().expect("rows").len(), numbers(rows));
    let mut header =
        format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({count}, {}), }}", values.len() / count);
    header.push_str(&" ".repeat(127 - 10 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn kernels_of_several_networks_are_mean_and_deviation_of_single_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", SMALL);
    let kernel =
        |own: &[&str]| answered(&[&["kernel", &path, "--width", "16", "--precision", "f64", "--json"], own].concat());
    let all = kernel(&["--seeds", "3"]);
    let single = ["1", "2", "3"].map(|seed| kernel(&["--seed", seed]));
    for (kind, block) in [("ntk", "train"), ("ntk", "test_train"), ("nngp", "test")] {
        let of = single.each_ref().map(|single| numbers(&single[kind][block]));
        let entries = 0..of[0].len();
        let mean: Vec<f64> = entries.map(|i| of.iter().map(|kernel| kernel[i]).sum::<f64>() / 3.0).collect();
        let variance = |i: usize| of.iter().map(|kernel| (kernel[i] - mean[i]).powi(2)).sum::<f64>() / 2.0;
        let std: Vec<f64> = (0..mean.len()).map(|i| variance(i).sqrt()).collect();
        assert!(difference(&all[kind][block], &json!(mean)) < 1e-13, "{kind} {block}");
        assert!(difference(&all[format!("{kind}_std")][block], &json!(std)) < 1e-10, "{kind} {block}");
    }
    for (asked, part) in [
        (&["--width", "inf", "--seeds", "3"][..], "all have the same kernels"),
        (&["--width", "16", "--seeds", "3", "--spectrum"], "the kernels of one network"),
        (&["--width", "16", "--seeds", "3", "--set", "kernel.seed=2"], "give one of the two"),
        (&["--width", "16", "--seeds", "1"], "2 to"),
    ] {
        let said = run(&[&["kernel", &path], asked].concat());
        assert!(said.code == 2 && said.err.contains(part), "{asked:?}: {}", said.err);
    }
}

/// The recursion and one wide network in numpy: tests/predict/biases.py.
#[test]
fn biases_that_start_at_0_are_in_the_tangent_kernel_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = reference("biases.json");
    for case in reference["cases"].as_array().expect("cases") {
        let problem = json!({
            "network": { "hidden_layers": reference["hidden_layers"], "activation": case["activation"] },
            "parameterization": {
                "kind": "ntk", "sigma_w": reference["sigma_w"], "sigma_b": reference["sigma_b"], "bias_std": 0,
            },
            "data": { "kind": "inline", "inputs": reference["inputs"], "targets": [[1.0], [0.0], [-1.0]] },
            "optimizer": { "kind": "flow", "times": 1 },
        });
        let path = write(folder.path(), "problem.json", &problem.to_string());
        let found = answered(&["kernel", &path, "--json"]);
        for kind in ["nngp", "ntk"] {
            assert!(difference(&found[kind]["train"], &case[kind]) < 1e-12, "{kind}: {found}");
            // The control: biases that start at random.
            let random = answered(&["kernel", &path, "--json", "--set", "parameterization.bias_std=1"]);
            assert!(difference(&random[kind]["train"], &case[kind]) > 1e-2, "{kind}: {random}");
        }
        // The mean of eight networks is within some four standard errors; without biases the kernel is another.
        let wide = answered(&["kernel", &path, "--json", "--width", "512", "--seeds", "8"]);
        assert!(difference(&wide["ntk"]["train"], &case["ntk"]) < 0.1, "{wide}");
        let without = answered(&["kernel", &path, "--json", "--set", "parameterization.sigma_b=0"]);
        assert!(difference(&without["ntk"]["train"], &case["ntk"]) > 0.2, "{without}");
        let said = run(&["predict", &path, "--set", "predict.trained=readout"]);
        assert!(said.code == 2 && said.err.contains("biases of the readout start at 0"), "{}", said.err);
        let zero = run(&["kernel", &path, "--set", "data.inputs=[[0, 0, 0], [1, 0, 0], [0, 1, 0]]"]);
        let at_kink = case["activation"] == "relu";
        assert_eq!(zero.code, if at_kink { 2 } else { 0 }, "{}", zero.err);
        assert!(!at_kink || zero.err.contains("at the kink of the activation"), "{}", zero.err);
    }
}

/// A grid over depth and σ_w of trained readouts: every point is what `widenet predict` answers for it.
#[test]
fn a_study_of_depth_and_weight_variance_trains_readouts_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), "problem.toml", SMALL);
    let question = SMALL.replace("\n[", "\n[predict.");
    let study = format!(
        "[study]\nname = \"grid\"\nclaim = \"evidence over depth and weight variance\"\nexpected = \"a table\"\n{question}\n[predict.predict]\ntrained = \"readout\"\n\
         at = [\"inf\"]\nridge = 0.05\n[axes]\nnetwork.hidden_layers = [1, 3]\nparameterization.sigma_w = [0.9, 1.6]\npredict.ridge = [0.05, 0.2]\n\
         [[metric]]\nname = \"evidence\"\nvalue = \"predictions.0.log_evidence\"\n\
         [[metric]]\nname = \"test\"\nvalue = \"predictions.0.test_log_likelihood\"\n\
         [[figure]]\nname = \"evidence\"\nkind = \"scaling\"\nmetric = \"evidence\"\nx = \"parameterization.sigma_w\"\nx_scale = \"linear\"\ny_scale = \"linear\"\n"
    );
    let study = write(folder.path(), "study.toml", &study);
    let out = folder.path().join("out");
    let said = run(&["study", &study, "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(said.code, 0, "{}", said.err);
    let run_directory = fs::read_dir(&out).expect("runs").next().expect("a run").expect("a run").path();
    let metrics = fs::read_to_string(run_directory.join("metrics.csv")).expect("metrics");
    let rows: Vec<Vec<String>> = metrics.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let column = |name: &str| rows[0].iter().position(|header| header == name).unwrap_or_else(|| panic!("{metrics}"));
    let columns = ["network.hidden_layers", "parameterization.sigma_w", "predict.ridge", "evidence"].map(column);
    assert_eq!(rows.len(), 9, "{metrics}");
    for row in &rows[1..] {
        let [depth, sigma_w, ridge, evidence] = columns.map(|column| row[column].as_str());
        let set = [
            format!("network.hidden_layers={depth}"),
            format!("parameterization.sigma_w={sigma_w}"),
            format!("predict={{ trained = \"readout\", at = [\"inf\"], ridge = {ridge} }}"),
        ];
        let mut asked = vec!["predict", &path, "--json"];
        asked.extend(set.iter().flat_map(|set| ["--set", set.as_str()]));
        let own = &answered(&asked)["predictions"][0]["log_evidence"];
        assert!(difference(own, &json!(evidence.parse::<f64>().expect("a number"))) < 1e-12, "{row:?}: {own}");
    }
}
