//! Kernels at width ∞, and single entries for nearly equal inputs.

use serde_json::{Value, json};

use super::{
    case::{Place, ask, list, network, number, only},
    compare::{Tolerance, close, near, transposed},
};

/// Fields of the reference file, kernel and block of the program, for x1 as training and x2 as test inputs.
pub(crate) const ARRAYS: [(&str, &str, &str); 4] = [
    ("nngp_11", "nngp", "train"),
    ("ntk_11", "ntk", "train"),
    ("nngp_12", "nngp", "test_train"),
    ("ntk_12", "ntk", "test_train"),
];

const ENTRYWISE: &str = "entrywise: |value - reference| <= rtol * sqrt(reference_ii * reference_jj)";

/// Checks the kernels among x1 and between x1 and x2.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    let mut known = vec!["net", "x1", "x2", "rtol", "rtol_ntk_diagonal", "tolerance_rule"];
    known.extend(ARRAYS.map(|(field, _, _)| field));
    only(case, &known)?;
    let entrywise = match case["tolerance_rule"].as_str() {
        None => false,
        Some(ENTRYWISE) => true,
        Some(rule) => return Err(format!("unknown kind of case: tolerance rule `{rule}`")),
    };
    let kernels = kernels_of(&case["net"], &case["x1"], &case["x2"], place)?;
    compare_kernels(case, &kernels, entrywise)
}

/// Compares the arrays of a case with the kernels of the program.
pub(crate) fn compare_kernels(case: &Value, kernels: &Value, entrywise: bool) -> Result<usize, String> {
    let rtol = number(case, "rtol")?;
    let mut compared = 0;
    for (field, kernel, block) in ARRAYS {
        if case[field].is_null() {
            continue;
        }
        let mut found = kernels[kernel][block].clone();
        let mut tolerance = Tolerance { entrywise, ..Tolerance::of(rtol) };
        if block == "test_train" {
            found = transposed(&found)?;
        } else if kernel == "ntk" {
            tolerance.diagonal = case["rtol_ntk_diagonal"].as_f64().unwrap_or(rtol);
        }
        compared += close(field, &found, &case[field], tolerance)?;
    }
    Ok(compared)
}

/// The kernels of a network among the training and between training and test inputs.
pub(crate) fn kernels_of(net: &Value, train: &Value, test: &Value, place: &Place) -> Result<Value, String> {
    let mut problem = network(net)?;
    problem["data"] = json!({ "kind": "inline", "inputs": train });
    if !test.is_null() {
        problem["data"]["test_inputs"] = test.clone();
    }
    ask(place, "kernel", &problem, &[])
}

/// Checks single entries for pairs of inputs that get closer, to the accuracy of a recursion without cancellation.
pub(crate) fn check_pairs(case: &Value, place: &Place) -> Result<usize, String> {
    only(case, &["net", "pairs", "rtol", "rtol_stretch"])?;
    let rtol = number(case, "rtol")?.min(number(case, "rtol_stretch")?);
    let mut compared = 0;
    for pair in list(case, "pairs")? {
        only(pair, &["delta", "x1", "x2", "nngp", "ntk"])?;
        let kernels = kernels_of(&case["net"], &json!([pair["x1"]]), &json!([pair["x2"]]), place)?;
        for kernel in ["nngp", "ntk"] {
            let what = format!("{kernel} at distance {}", pair["delta"]);
            compared += near(&what, &kernels[kernel]["test_train"][0][0], &pair[kernel], rtol)?;
        }
    }
    Ok(compared)
}
