//! The schema of problem files says what the reader does: both come from one declaration per key.

use std::path::Path;

use serde_json::{Value as Json, json};
use widenet_core::{Problem, problem::ProblemFile};
use widenet_document::{Declarations, Document, Section, schema};

use crate::validator::validate;

fn problem_schema() -> Json {
    schema::of::<ProblemFile>("widenet problem")
}

fn as_json(document: &Document) -> Json {
    schema::json(&document.root().value)
}

const BASE: &str = r#"
[network]
hidden_layers = 2
[parameterization]
kind = "mean_field"
[data]
kind = "inline"
inputs = [[1, 0], [0, 2], [1, 1]]
targets = [[1], [-1], [0]]
test_inputs = [[1, 1]]
test_targets = [[1]]
[optimizer]
kind = "gd"
learning_rate = 0.1
steps = 1000
"#;

fn with(overrides: &[(&str, &str)]) -> Document {
    let mut document = Document::from_toml("problem.toml", BASE).unwrap();
    for (key, value) in overrides {
        document.set(key, value, "--set").unwrap();
    }
    document
}

/// Words, types, bounds, missing keys and unknown keys: what one of the two refuses, the other does.
#[test]
fn reader_and_schema_refuse_the_same() {
    let schema = problem_schema();
    let is_read = |document: &Document| Problem::from_document(document, Path::new("")).is_ok();
    let rms_prop = "{ kind = 'rmsprop', learning_rate = 0.1, steps = 3 }";
    for right in [
        &[][..],
        &[("network.hidden_layers", "1e2")],
        &[("network.activation", "{ kind = 'leaky_relu', negative_slope = -1 }")],
        &[("parameterization", "{ kind = 'ntk', sigma_w = [1, 2, 3], sigma_b = 0.1 }")],
        &[("parameterization", "{ kind = 'scaling', name = 'mf' }")],
        &[("loss.over_outputs", "mean")],
        &[("optimizer", rms_prop)],
        &[("optimizer", "{ kind = 'flow', times = [1, 2] }")],
        &[("optimizer", "{ kind = 'sgd', learning_rate = 0.1, steps = 3, batch_size = 2 }")],
        &[("record", "{ at = { every = 10 }, quantities = ['outputs'] }")],
        &[("data.standardize", "feature"), ("data.test_segment", "{ from = 0, to = 1, points = 3 }")],
        &[("kernel.kind", "ntk")],
    ] {
        let document = with(right);
        let found = validate(&schema, &as_json(&document));
        assert!(found.is_ok(), "{right:?}: {found:?}");
        assert!(is_read(&document), "{right:?} is not read");
    }
    for wrong in [
        ("network.hidden_layers", "0"),
        ("network.hidden_layers", "2.5"),
        ("network.hidden_layers", "1001"),
        ("network.activation", "rleu"),
        ("network.depth", "3"),
        ("network", "{ activation = 'relu' }"),
        ("parameterization.kind", "mean_feild"),
        ("parameterization.richness", "0"),
        ("parameterization.sigma_w", "1"),
        ("parameterization", "{ richness = 1 }"),
        ("optimizer.learning_rate", "true"),
        ("optimizer.momentum", "0.5"),
        ("optimizer", "{ kind = 'gd', learning_rate = 0.1 }"),
        ("optimizer", "{ kind = 'momentum', learning_rate = 0.1, steps = 3, momentum = 1 }"),
        ("optimizer", "{ kind = 'rmsprop', learning_rate = 0.1, steps = 3, weight_decay = 0.1 }"),
        ("optimizer", "{ kind = 'rmsprop', learning_rate = 0.1, steps = 3, epsilon = 0 }"),
        ("optimizer.schedule", "{ kind = 'cosine', end_factor = 2 }"),
        ("optimizer.schedule", "{ kind = 'step' }"),
        ("optimizer.schedule", "{ warmup = 1.5 }"),
        ("optimizer", "{ kind = 'flow', times = 1, schedule = { warmup = 3 } }"),
        ("loss.kind", "huber"),
        ("record.quantities", "['train_los']"),
        ("record.quantities", "[]"),
        ("record.at", "{ evry = 3 }"),
        ("data.kind", "hdf5"),
        ("data.inputs", "[[1, true]]"),
        ("data.standardise", "feature"),
        ("data.pixel_scale", "2"),
        ("ensemble.networks", "1"),
        ("netwrok.hidden_layers", "3"),
    ] {
        let document = with(&[wrong]);
        assert!(validate(&schema, &as_json(&document)).is_err(), "the schema takes {wrong:?}");
        assert!(!is_read(&document), "the reader takes {wrong:?}");
    }
}

/// Every key that the schema has is a key of the reader: the reader lists its keys when it meets one that it does not know.
#[test]
fn keys_of_the_schema_are_those_of_the_reader() {
    let declared: Declarations = ProblemFile::declarations();
    let mut sections: Vec<&str> = declared.keys.iter().map(|key| key.key).collect();
    sections.sort_unstable();
    let mut listed = known(&with(&[("qqqqqqqqqqqq", "1")]));
    listed.sort_unstable();
    assert_eq!(listed, sections);

    let schema = problem_schema();
    for section in ["parameterization", "data", "optimizer"] {
        for case in schema["properties"][section]["allOf"].as_array().unwrap() {
            let kind = case["if"]["properties"]["kind"]["const"].as_str().unwrap();
            let then = &case["then"];
            let mut keys: Vec<_> = then["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            let mut table = minimal(then, kind);
            table["qqqqqqqqqqqq"] = json!(1);
            let mut file = as_json(&with(&[]));
            file[section] = table;
            let document = Document::from_json("problem.json", &file.to_string()).unwrap();
            let mut listed = known(&document);
            listed.sort_unstable();
            let refused = ["weight_decay", "relative_learning_rate", "schedule"];
            listed.retain(|key| keys.contains(&key.as_str()) || !refused.contains(&key.as_str()));
            assert_eq!(listed, keys, "{section}, {kind}");
        }
    }
}

/// A table of a kind with its required keys, whose values are the least that their schemas allow.
fn minimal(then: &Json, kind: &str) -> Json {
    let mut table = json!({ "kind": kind });
    for key in then["required"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        table[key] = least(&then["properties"][key]);
    }
    let given = |key: &str| then["properties"].get(key).is_some();
    if given("learning_rate") {
        table["learning_rate"] = json!(0.1);
    }
    if given("q_sigma") {
        table["name"] = json!("mf");
    }
    if kind == "teacher" {
        table["train_samples"] = json!(3);
    }
    if kind == "abc" {
        (table["a"], table["b"], table["c"]) = (json!([0, 0, 0]), json!([0, 0, 0]), json!(0));
    }
    table
}

fn least(schema: &Json) -> Json {
    if let Some(cases) = schema.get("anyOf") {
        return least(&cases[0]);
    }
    match schema["type"].as_str() {
        Some("string") => json!("x"),
        Some("array") => json!([least(&schema["items"])]),
        Some("number") => {
            let number = |key| schema.get(key).and_then(Json::as_f64);
            match number("exclusiveMaximum") {
                Some(bound) => json!(0.5 * bound),
                None => json!(number("minimum").unwrap_or(0.0).max(1.0) as u64),
            }
        }
        _ => json!(null),
    }
}

/// The keys that the reader lists for one that it does not know.
fn known(document: &Document) -> Vec<String> {
    let message = Problem::from_document(document, Path::new("")).unwrap_err().to_string();
    let (_, list) = message.split_once("; known: ").unwrap_or_else(|| panic!("{message}"));
    list.split(", ").map(String::from).collect()
}
