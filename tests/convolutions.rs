//! Convolutional networks: kernels at width inf by every command that has them, and one sentence by all others.

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
    let cases: [(&[&str], &[&str]); 11] = [
        (&["solve", "--width", "64"], &[]),
        (&["solve", "--width", "64", "--engine", "dense"], &[]),
        (&["solve", "--width", "64", "--engine", "conditioned"], &[]),
        (&["solve", "--width", "64", "--engine", "regenerated"], &[]),
        (&["solve", "--width", "64", "--engine", "law"], &["network.activation=identity"]),
        (&["solve", "--width", "inf"], &[MEAN_FIELD, STEPS]),
        (&["kernel", "--width", "64"], &[]),
        (&["kernel"], &[MEAN_FIELD]),
        (&["coord-check", "--width", "64,128,256"], &[STEPS]),
        (&["fluctuations", "--width", "1000"], &[STEPS]),
        (&["scaling"], &[]),
    ];
    for (command, settings) in cases {
        let words = with(command, settings);
        let said = run(&words);
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code != 0, "{words:?}: {text}");
        for part in ["network.image = [8, 8, 1]", "convolutional", "widenet kernel", "--width inf"] {
            assert!(text.contains(part), "{words:?}: `{part}` is missing in {text}");
        }
    }
}

#[test]
fn mistakes_in_layers_are_told_where_they_are() {
    for (settings, parts) in [
        (["network={image=[8,8,1],layers=[{conv=3},\"activation\"]}"], vec!["network.layers", "\"gap\""]),
        (["network.image=[8,7,1]"], vec!["network.image", "56", "64"]),
        (["network={image=[8,8,1],layers=[\"activation\",\"gap\"]}"], vec!["network.layers", "acts on the image"]),
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
