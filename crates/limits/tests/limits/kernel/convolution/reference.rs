//! Values in `tests/reference/convolution.json` and the cases `conv_kernel` of `ntk.json`, each within its own tolerance.

use serde_json::{Value, json};
use widenet_core::{
    document::Word,
    problem::{Padding, Window},
};
use widenet_limits::kernel::diagonals;

use super::{super::support::both, kernel_network, problem, rows};

fn cases(file: &str, kind: &str) -> Vec<Value> {
    let path = format!("{}/../../tests/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the reference file");
    let file: Value = serde_json::from_str(&text).expect("valid JSON");
    let cases: Vec<Value> =
        file["cases"].as_array().expect("cases").iter().filter(|case| case["kind"] == kind).cloned().collect();
    assert!(!cases.is_empty(), "no cases of kind {kind}");
    cases
}

fn check(case: &Value, network: &Value, parameterization: &Value) {
    let name = case["name"].as_str().expect("a name");
    let (x1, x2) = (rows(&case["x1"]), rows(&case["x2"]));
    let network = kernel_network(network, parameterization, &x1);
    let tolerance = case["rtol"].as_f64().expect("a tolerance");
    let on_diagonal = case["rtol_ntk_diagonal"].as_f64().unwrap_or(tolerance);
    for (side, other) in [("11", None), ("12", Some(&x2))] {
        let (nngp, tangent) = both(&network, &x1, other);
        for (kernel, key) in [(nngp, "nngp"), (tangent, "ntk")] {
            let reference = rows(&case[format!("{key}_{side}")]);
            assert_eq!(kernel.shape(), reference.shape());
            for i in 0..kernel.nrows() {
                for j in 0..kernel.ncols() {
                    let is_diagonal = i == j && key == "ntk" && side == "11";
                    let allowed = if is_diagonal { on_diagonal } else { tolerance } * reference.amax();
                    let (value, expected) = (kernel[(i, j)], reference[(i, j)]);
                    assert!((value - expected).abs() <= allowed, "{name} {key}_{side} ({i}, {j}): {value} {expected}");
                }
            }
        }
    }
    let (of_diagonals, (nngp, tangent)) = (diagonals(&network, &x1).expect("diagonals"), both(&network, &x1, None));
    assert_eq!(of_diagonals.nngp, nngp.diagonal().as_slice());
    assert_eq!(of_diagonals.tangent, tangent.diagonal().as_slice());
}

#[test]
fn kernels_of_layer_lists() {
    for case in cases("convolution.json", "convolution_kernel") {
        check(&case, &case["network"], &case["parameterization"]);
    }
}

#[test]
fn kernels_of_the_short_form() {
    for case in cases("ntk.json", "conv_kernel") {
        let section = &case["conv"];
        let first = &case["x1"][0];
        let length = |value: &Value| value.as_array().expect("a list").len();
        // The cases have one filter and one stride for all layers.
        let network = json!({
            "image": [length(first), length(&first[0]), length(&first[0][0])],
            "pixel_order": "interleaved",
            "hidden_layers": section["layers"],
            "activation": section["activation"]["name"],
            "filter": section["filter"][0],
            "stride": section["stride"][0],
            "padding": section["padding"].as_str().expect("a word").to_lowercase(),
            "head": section["head"],
        });
        let hidden = section["layers"].as_u64().expect("a number") as usize;
        let per_layer = |key: &str| {
            let mut sigmas = vec![section[key].clone(); hidden];
            sigmas.push(section["readout"][key].clone());
            Value::Array(sigmas)
        };
        let parameterization =
            json!({ "kind": "ntk", "sigma_w": per_layer("sigma_w"), "sigma_b": per_layer("sigma_b") });
        check(&case, &network, &parameterization);
    }
}

#[test]
fn windows_see_the_inputs_of_the_reference() {
    for case in cases("convolution.json", "convolution_geometry") {
        for item in case["items"].as_array().expect("items") {
            let number = |key: &str| item[key].as_u64().expect("a whole number") as usize;
            let padding = Padding::from_word(item["padding"].as_str().expect("a word")).expect("a padding");
            let window = Window { size: [number("filter"), 1], stride: [number("stride"), 1], padding };
            let taps = window.taps([number("size"), 1]).expect("a window that fits");
            assert_eq!(taps.positions, [number("out"), 1], "{item}");
            for i in 0..number("out") {
                let seen: Vec<i64> = taps.of(i).iter().map(|tap| tap.map_or(-1, i64::from)).collect();
                assert_eq!(json!(seen), item["taps"][i], "output {i} of {item}");
            }
        }
    }
}

/// The table of weight matrices of finite networks (docs/theory/convolutions.md §2).
#[test]
fn weight_matrices_are_scaled_by_their_inputs() {
    for case in cases("convolution.json", "convolution_network") {
        let inputs = rows(&case["x_train"]);
        let problem = problem(&case["network"], &case["parameterization"], &inputs).expect("a network");
        let width = widenet_core::Width::Finite(case["width"].as_u64().expect("a width"));
        let (scaling, fan_ins) = (problem.scaling(), problem.network.fan_ins(inputs.ncols()));
        let layers = case["layers"].as_array().expect("layers");
        assert_eq!((scaling.layers.len(), fan_ins.len()), (layers.len(), layers.len()));
        for (l, layer) in layers.iter().enumerate() {
            let check = |value: f64, expected: &Value, what: &str| {
                let expected = expected.as_f64().expect("a number");
                assert!((value / expected - 1.0).abs() < 1e-9, "{} {what} of {l}: {value} {expected}", case["name"]);
            };
            check(fan_ins[l].at(width), &layer["fan_in"], "fan_in");
            let parts = [(Some(scaling.layers[l]), layer), (scaling.biases[l], &layer["bias"])];
            for (found, expected) in parts {
                assert_eq!(found.is_none(), expected.is_null(), "{} {l}", case["name"]);
                let Some(found) = found else { continue };
                check(found.multiplier.at(width), &expected["multiplier"], "multiplier");
                check(found.init_std.at(width), &expected["init_std"], "init_std");
                check(found.learning_rate.at(width), &expected["learning_rate"], "learning_rate");
            }
        }
    }
}
