//! Kernels of convolutional networks at width ∞. Images are lists of rows, columns and channels.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, list, number, only},
    compare::flat,
    kernel::{ARRAYS, compare_kernels},
};

/// Checks the kernels of a network that is written as problem files have it.
pub(crate) fn check_kernel(case: &Value, place: &Place) -> Result<usize, String> {
    let mut known = vec!["network", "parameterization", "layout", "x1", "x2", "rtol", "rtol_ntk_diagonal", "peer"];
    known.extend(ARRAYS.map(|(field, _, _)| field));
    only(case, &known)?;
    let problem = json!({ "network": case["network"], "parameterization": case["parameterization"] });
    check_arrays(case, problem, place)
}

/// Checks the kernels of equal convolutions behind each other.
pub(crate) fn check_repeated(case: &Value, place: &Place) -> Result<usize, String> {
    let mut known = vec!["conv", "layout", "x1", "x2", "rtol"];
    known.extend(ARRAYS.map(|(field, _, _)| field));
    only(case, &known)?;
    let conv = &case["conv"];
    only(conv, &["layers", "filter", "stride", "padding", "activation", "sigma_w", "sigma_b", "head", "readout"])?;
    let layers = conv["layers"].as_u64().ok_or("`layers` is missing")? as usize;
    let (shape, _) = flat(&case["x1"])?;
    let per_layer = |key: &str| -> Result<Vec<f64>, String> {
        let mut sigmas = vec![number(conv, key)?; layers];
        sigmas.push(number(&conv["readout"], key)?);
        Ok(sigmas)
    };
    let problem = json!({
        "network": {
            "hidden_layers": layers,
            "activation": conv["activation"]["name"],
            "image": shape[1..],
            "pixel_order": "interleaved",
            "filter": conv["filter"],
            "stride": conv["stride"],
            "padding": conv["padding"].as_str().map(str::to_lowercase),
            "head": conv["head"],
        },
        "parameterization": { "kind": "ntk", "sigma_w": per_layer("sigma_w")?, "sigma_b": per_layer("sigma_b")? },
    });
    check_arrays(case, problem, place)
}

fn check_arrays(case: &Value, mut problem: Value, place: &Place) -> Result<usize, String> {
    if case["layout"] != "NHWC" {
        return Err(format!("unknown kind of case: layout {}", case["layout"]));
    }
    let rows = |key: &str| -> Result<Vec<Vec<f64>>, String> {
        list(case, key)?.iter().map(|image| flat(image).map(|(_, numbers)| numbers)).collect()
    };
    problem["data"] = json!({ "kind": "inline", "inputs": rows("x1")?, "test_inputs": rows("x2")? });
    compare_kernels(case, &ask(place, "kernel", &problem, &[])?, false)
}
