//! Convolutional networks: kernels at width inf and training at finite widths by every command that has them, and one sentence by all others.

use serde_json::Value;

use crate::common::{json, run};

const DIGITS: &str = "examples/digits-convolution.toml";

/// Commands on the digits with a few settings.
fn with<'a>(command: &'a [&'a str], settings: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![command[0], DIGITS];
    words.extend(&command[1..]);
    settings.iter().for_each(|setting| words.extend(["--set", setting]));
    words
}

#[test]
fn a_convolutional_kernel_predicts_digits() {
    let answer = json(&with(&["predict", "--json"], &[]));
    let accuracy = answer["predictions"][0]["test_accuracy"].as_f64().expect("an accuracy");
    assert!(accuracy >= 0.9, "{accuracy}");
}

#[test]
fn the_kernel_regime_is_solved_at_width_inf() {
    for parameterization in ["kind = \"ntk\"", "kind = \"standard\", learning_rate_exponent = -1"] {
        let setting = format!("parameterization={{{parameterization}, sigma_w = 1.4}}");
        let settings = [setting.as_str(), "data.train_samples=12", "data.test_samples=5"];
        let solved = json(&with(&["solve", "--width", "inf", "--json"], &settings));
        assert_eq!(solved[0]["engine"], "limit", "{solved}");
        let records = solved[0]["records"].as_array().expect("records");
        let loss = |record: &Value| record["train_loss"].as_f64().expect("a loss");
        assert!(loss(&records[records.len() - 1]) < loss(&records[0]), "{parameterization}");
    }
    let planned = run(&with(&["plan", "--width", "inf"], &[]));
    // 5050 pairs among 100 images, two layers, 64 pairs of positions, each with itself.
    assert!(planned.code == 0 && planned.out.contains("6.46e5 dual activations"), "{}{}", planned.out, planned.err);
}

/// Everything that has no convolutions says so, and what has.
#[test]
fn other_commands_refuse_in_one_sentence() {
    const MEAN_FIELD: &str = "parameterization={kind=\"mean_field\"}";
    const STEPS: &str = "optimizer={kind=\"gd\",learning_rate=0.1,steps=2}";
    let cases: [(&[&str], &[&str]); 7] = [
        (&["solve", "--width", "64", "--engine", "conditioned"], &[]),
        (&["solve", "--width", "64", "--engine", "regenerated"], &[]),
        (&["solve", "--width", "64", "--engine", "law"], &["network.activation=identity"]),
        (&["solve", "--width", "inf"], &[MEAN_FIELD, STEPS]),
        (&["kernel"], &[MEAN_FIELD]),
        (&["fluctuations", "--width", "1000"], &[STEPS]),
        (&["scaling"], &[]),
    ];
    for (command, settings) in cases {
        let words = with(command, settings);
        let said = run(&words);
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code != 0, "{words:?}: {text}");
        for part in ["network.image = [8, 8, 1]", "convolutional", "dense engine at finite widths", "widenet kernel"] {
            assert!(text.contains(part), "{words:?}: `{part}` is missing in {text}");
        }
    }
}

/// What finite networks do not have is told where it is asked for.
#[test]
fn finite_widths_refuse_what_they_do_not_have() {
    const STEPS: &str = "optimizer={kind=\"gd\",learning_rate=0.1,steps=2}";
    for (settings, parts) in [
        ("record.quantities=[\"sharpness\"]", ["`sharpness`", "network.image"]),
        ("record.quantities=[\"feature_kernels\"]", ["`feature_kernels`", "network.image"]),
        ("network.entry_law=rademacher", ["network.entry_law = \"rademacher\"", "Gaussian entries"]),
        ("parameterization={kind=\"scaling\",name=\"mf\"}", ["\"scaling\"", "\"mean_field\" or \"abc\""]),
        (
            "network={image=[8,8,1],activation=\"relu\",layers=[{conv=3,channels=0.001},\"activation\",\"gap\"]}",
            ["0.001 m channels", "width 64"],
        ),
    ] {
        let said = run(&with(&["solve", "--width", "64"], &[STEPS, settings]));
        let told = parts.iter().all(|part| said.err.contains(part));
        assert!(said.code != 0 && told, "{settings}: {}", said.err);
    }
}

const SMALL: [&str; 3] = ["data.train_samples=10", "data.test_samples=5", "parameterization.sigma_w=1.2"];

/// Beside finite widths stands their distance to the limit that starts from their own function.
#[test]
fn finite_widths_are_compared_with_their_limit() {
    let settings = [
        &SMALL[..],
        &[
            "optimizer={kind=\"gd\",relative_learning_rate=0.2,steps=20}",
            "record.quantities=[\"train_loss\",\"outputs\",\"test_outputs\"]",
            "record.at=[0,5,20]",
        ],
    ]
    .concat();
    let said = run(&with(&["solve", "--width", "8,32,128,inf", "--precision", "f64"], &settings));
    assert_eq!(said.code, 0, "{}", said.err);
    let distance = |width: &str| -> f64 {
        let row = said.out.lines().map(str::split_whitespace).find(|row| row.clone().next() == Some(width));
        let cells: Vec<&str> = row.expect("a row").collect();
        cells[cells.len() - 1].parse().unwrap_or_else(|_| panic!("a distance: {}", said.out))
    };
    let distances = ["8", "32", "128"].map(distance);
    assert!(distances[2] < 0.6 * distances[0] && distances[2] > 0.0, "{distances:?}");
    assert_eq!(distance("inf"), 0.0);
}

/// The relative distance of the mean of the kernels of networks to a matrix, for every kind of kernel.
fn distances(words: &[&str], settings: &[&str], limit: &Value) -> [f64; 2] {
    let found = json(&with(words, settings));
    ["nngp", "ntk"].map(|kind| {
        let flat = |kernels: &Value| -> Vec<f64> {
            let rows = kernels[kind]["train"].as_array().expect("rows");
            rows.iter().flat_map(|row| row.as_array().expect("a row")).map(|x| x.as_f64().expect("a number")).collect()
        };
        let (found, limit) = (flat(&found), flat(limit));
        let square = |x: f64| x * x;
        let apart: f64 = found.iter().zip(&limit).map(|(x, y)| square(x - y)).sum();
        (apart / limit.iter().map(|x| square(*x)).sum::<f64>()).sqrt()
    })
}

/// Means over 40 networks of a residual network approach the kernels of infinitely many channels. Kernels of one network of m channels are off by about
/// m^-1/2, means of 40 by a sixth of it: 0.04 at 16 channels and 0.01 at 256. Biases twice as large, the negative control, are off by more than half.
#[test]
fn mean_kernels_of_finite_networks_approach_the_limit() {
    let network = "network={image=[8,8,1],activation=\"relu\",layers=[{conv=3,stride=2},{residual=[\"activation\",{conv=3}],skip=[{conv=1}]},\
                   \"activation\",\"gap\"]}";
    let settings = [network, "data.train_samples=6", "data.test_samples=0"];
    let limit = json(&with(&["kernel", "--json"], &settings));
    let at = |width: &str, settings: &[&str]| {
        distances(&["kernel", "--json", "--width", width, "--seeds", "40", "--precision", "f64"], settings, &limit)
    };
    let (narrow, wide) = (at("16", &settings), at("256", &settings));
    for (narrow, wide) in narrow.into_iter().zip(wide) {
        assert!(wide < 0.03 && narrow < 0.12 && wide < narrow, "{narrow} {wide}");
    }
    let other = at("256", &[&settings[..], &["parameterization.sigma_b=0.6"]].concat());
    assert!(other.iter().all(|distance| *distance > 0.3), "{other:?}");
}

/// Coordinates of a chain are judged against power counting, those of a residual network are measured. Readouts are small, so that outputs at the start,
/// which fall with the width, are no part of the residuals.
#[test]
fn coordinates_of_convolutional_networks_are_checked() {
    let mean_field = "parameterization={kind=\"mean_field\",sigma_out=0.1}";
    let steps = "optimizer={kind=\"gd\",learning_rate=0.1,steps=2}";
    // One output: tangent kernels of ten take a minute.
    let classes = "data.classes=[4,9]";
    let check = ["coord-check", "--width", "16,32,64,128", "--seeds", "10", "--steps", "2"];
    let said = run(&with(&check, &[&SMALL[..2], &[mean_field, steps, classes]].concat()));
    let is_judged = said.out.contains("hidden 1") && said.out.contains("confirmed, 0 refuted");
    assert!(said.code == 0 && is_judged, "{}{}", said.out, said.err);
    let residual = "network={image=[8,8,1],activation=\"relu\",layers=[{conv=3},{residual=[\"activation\",{conv=3}]},\"activation\",\"gap\"]}";
    let said = run(&with(&check, &[&SMALL[..2], &[mean_field, steps, classes, residual]].concat()));
    assert!(said.code == 0, "{}{}", said.out, said.err);
}

/// Perceptrons of unequal layers, and residual ones, without an image: trained at finite widths beside their limit.
#[test]
fn lists_of_fully_connected_layers_are_solved_at_every_width() {
    let network = "network={activation=\"relu\",layers=[{dense=1},{repeat=2,layers=[{residual=[\"activation\",{dense=2},\"activation\",{dense=1}]}]},\
                   \"activation\"]}";
    let settings = [
        &SMALL[..2],
        &[
            network,
            "parameterization.sigma_w=1",
            "optimizer={kind=\"gd\",relative_learning_rate=0.2,steps=20}",
            "record.quantities=[\"train_loss\",\"outputs\",\"test_outputs\"]",
            "record.at=[0,20]",
        ],
    ]
    .concat();
    let solved = json(&with(&["solve", "--width", "64,inf", "--json"], &settings));
    let engines: Vec<&str> = (0..2).map(|i| solved[i]["engine"].as_str().expect("an engine")).collect();
    assert_eq!(engines, ["dense", "limit"]);
    let said = run(&with(&["solve", "--width", "64", "--engine", "law"], &settings));
    assert!(said.code != 0 && said.err.contains("network.layers"), "{}", said.err);
    let kernel = json(&with(&["kernel", "--json"], &settings));
    let finite = json(&with(&["kernel", "--json", "--width", "1024", "--seeds", "10"], &settings));
    let first = |kernels: &Value| kernels["ntk"]["train"][0][0].as_f64().expect("a number");
    assert!((first(&finite) / first(&kernel) - 1.0).abs() < 0.1, "{} {}", first(&finite), first(&kernel));
}

#[test]
fn mistakes_in_layers_are_told_where_they_are() {
    for (settings, parts) in [
        (["network={image=[8,8,1],layers=[{conv=3},\"activation\"]}"], vec!["network.layers", "\"gap\""]),
        (["network.image=[8,7,1]"], vec!["network.image", "56", "64"]),
        (["network={image=[8,8,1],layers=[\"activation\",\"gap\"]}"], vec!["network.layers", "acts on the inputs"]),
    ] {
        let said = run(&with(&["kernel"], &settings));
        assert!(said.code != 0 && parts.iter().all(|part| said.err.contains(part)), "{}", said.err);
    }
}

/// Filters of one position without biases: every patch is parallel to every other, where dual activations cancel.
#[test]
fn parallel_patches_have_a_kernel() {
    let parallel = ["network.filter=1", "parameterization.sigma_b=0", "data.train_samples=120"];
    let descent = ["optimizer={kind=\"gd\",learning_rate=0.05,steps=40}"];
    let said = run(&with(&["solve", "--width", "inf", "--json"], &[&parallel[..], &descent].concat()));
    assert_eq!(said.code, 0, "{}", said.err);
    let said =
        run(&with(&["predict"], &[&parallel[..], &["network.head=flatten", "parameterization.sigma_w=1"]].concat()));
    assert_eq!(said.code, 0, "{}", said.err);
}
