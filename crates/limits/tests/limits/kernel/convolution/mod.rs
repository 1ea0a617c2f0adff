//! Kernels of convolutional networks: reference values (`reference`), a plain recursion (`all_pairs`), and properties that need neither.

mod all_pairs;
mod reference;

use std::path::Path;

use serde_json::{Value, json};
use widenet_core::{Matrix, Problem, document::Document, scaling::KernelNetwork, training::Control};
use widenet_limits::kernel::{Error, Which, convolution_cost, kernels};

use super::support::{both, wave};

/// All numbers of nested lists, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// One row for each element of the outermost list.
fn rows(value: &Value) -> Matrix {
    let rows: Vec<Vec<f64>> = value.as_array().expect("a list").iter().map(flat).collect();
    Matrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// The problem with these sections and inputs.
fn problem(network: &Value, parameterization: &Value, inputs: &Matrix) -> widenet_core::Result<Problem> {
    let inputs: Vec<Vec<f64>> = inputs.row_iter().map(|row| row.iter().copied().collect()).collect();
    let targets = vec![[1.0]; inputs.len()];
    let file = json!({
        "network": network,
        "parameterization": parameterization,
        "data": { "kind": "inline", "inputs": inputs, "targets": targets },
        "optimizer": { "kind": "gd", "learning_rate": 0.1, "steps": 1 },
    });
    Problem::from_document(&Document::from_json("problem.json", &file.to_string())?, Path::new("."))
}

fn kernel_network(network: &Value, parameterization: &Value, inputs: &Matrix) -> KernelNetwork {
    let problem = problem(network, parameterization, inputs).expect("a network");
    problem.kernel_regime().expect("the kernel regime")
}

/// A network in NTK parameterization, and its images.
fn small(network: Value, bias: f64, images: usize) -> (KernelNetwork, Matrix) {
    let size = flat(&network["image"]).iter().product::<f64>() as usize;
    let inputs = wave(images, size, 0.4);
    (kernel_network(&network, &json!({ "kind": "ntk", "sigma_w": 1.3, "sigma_b": bias }), &inputs), inputs)
}

/// Images of one position and filters of one tap make a perceptron.
#[test]
fn one_position_is_the_perceptron() {
    for activation in ["relu", "abs", "erf", "sin", "gelu", "tanh", "squared_relu", "identity"] {
        let parameterization = json!({ "kind": "ntk", "sigma_w": [1.4, 1.2, 1.1], "sigma_b": [0.3, 0.0, 0.2] });
        // The second of two nearly equal inputs would lose its digits without squared distances.
        let mut inputs = 0.7 * wave(5, 3, 0.2);
        let near = inputs.row(0) * (1.0 + 1e-9);
        inputs.set_row(1, &near);
        let perceptron = json!({ "hidden_layers": 2, "activation": activation });
        let mut convolution = perceptron.clone();
        (convolution["image"], convolution["filter"]) = (json!([1, 1, 3]), json!(1));
        let of = |network: &Value| both(&kernel_network(network, &parameterization, &inputs), &inputs, None);
        let (expected, found) = (of(&perceptron), of(&convolution));
        for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
            let error = (&found - &expected).amax() / expected.amax();
            assert!(error < 1e-14, "{activation}: {error:e}");
        }
        // Negative control.
        convolution["filter"] = json!(3);
        assert!((of(&convolution).0 - of(&perceptron).0).amax() > 1e-3, "{activation}");
    }
}

#[test]
fn pixel_orders_hold_the_same_images() {
    let network = |order: &str| json!({ "image": [3, 4, 2], "pixel_order": order, "hidden_layers": 2, "filter": 3, "activation": "relu" });
    let ((planes, inputs), (interleaved, _)) =
        (small(network("planes"), 0.2, 4), small(network("interleaved"), 0.2, 4));
    let reordered = Matrix::from_fn(4, 24, |i, k| inputs[(i, (k % 2) * 12 + k / 2)]);
    assert_eq!(both(&planes, &inputs, None), both(&interleaved, &reordered, None));
    assert!((both(&planes, &inputs, None).0 - both(&interleaved, &inputs, None).0).amax() > 1e-3);
}

#[test]
fn numbers_do_not_depend_on_threads_and_blocks() {
    let layers = json!([{ "conv": 3 }, { "pool": 2 }, { "residual": ["activation", { "conv": 3 }] }, "gap"]);
    let (network, inputs) = small(json!({ "image": [6, 4, 1], "activation": "relu", "layers": layers }), 0.2, 20);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| both(&network, &inputs, None))
    };
    let (one, two) = (on(1), on(2));
    assert_eq!(one, two);
    // Entries of another block of work: those below the diagonal have the same sides, the others exchange them.
    let (nngp, tangent) = both(&network, &inputs.rows(0, 3).into_owned(), Some(&inputs));
    for (some, all) in [(nngp, &one.0), (tangent, &one.1)] {
        for i in 0..3 {
            for j in 0..20 {
                let (found, expected) = (some[(i, j)], all[(i, j)]);
                assert!(if j <= i { found == expected } else { (found / expected - 1.0).abs() < 1e-13 }, "({i}, {j})");
            }
        }
    }
}

#[test]
fn zero_patches_are_no_numbers_between() {
    // A background of zeros without biases: patches of variance 0.
    let (network, mut inputs) = small(
        json!({ "image": [4, 4, 1], "hidden_layers": 2, "filter": 3, "head": "gap", "activation": "relu" }),
        0.0,
        4,
    );
    inputs.columns_mut(0, 8).fill(0.0);
    inputs.row_mut(3).fill(0.0);
    let (nngp, tangent) = both(&network, &inputs, None);
    for kernel in [nngp, tangent] {
        assert!(kernel.iter().all(|entry| entry.is_finite()));
        assert_eq!(kernel.row(3).amax(), 0.0);
        assert!(kernel[(0, 1)].abs() > 0.01);
    }
    // A line of zeros changes nothing but the weight of the average: 3 × 1 images in the middle of 3 × 3 with filters of one column.
    let column = |image: usize| json!({ "image": [3, image, 1], "hidden_layers": 2, "filter": [3, 1], "head": "gap", "activation": "relu" });
    let ((narrow, inputs), (wide, _)) = (small(column(1), 0.0, 3), small(column(3), 0.0, 3));
    let padded = Matrix::from_fn(3, 9, |i, k| if k % 3 == 1 { inputs[(i, k / 3)] } else { 0.0 });
    let (narrow, wide) = (both(&narrow, &inputs, None), both(&wide, &padded, None));
    assert!((narrow.0 - 9.0 * wide.0).amax() < 1e-13 && (narrow.1 - 9.0 * wide.1).amax() < 1e-13);
}

/// A trained bias that starts at 0 moves pre-activations of zero patches off the kink, where the derivative is none.
#[test]
fn kinks_at_zero_patches_are_refused() {
    let network = json!({ "image": [4, 4, 1], "hidden_layers": 1, "filter": 1, "head": "gap", "activation": "relu" });
    let parameterization = |std: f64| json!({ "kind": "ntk", "sigma_b": 0.3, "bias_std": std });
    let mut inputs = wave(2, 16, 0.1);
    inputs[(1, 5)] = 0.0;
    let which = |which, std| {
        let network = kernel_network(&network, &parameterization(std), &inputs);
        kernels(&network, &inputs, None, which, &mut |_| Control::Continue).map_err(|error| error.to_string())
    };
    let error = which(Which::Tangent, 0.0).unwrap_err();
    assert!(error.contains("kink") && error.contains("image 2"), "{error}");
    assert!(which(Which::Nngp, 0.0).is_ok() && which(Which::Tangent, 1.0).is_ok());
    inputs[(1, 5)] = 0.2;
    let network = kernel_network(&network, &parameterization(0.0), &inputs);
    assert!(kernels(&network, &inputs, None, Which::Tangent, &mut |_| Control::Continue).is_ok());
}

#[test]
fn watch_stops() {
    let (network, inputs) =
        small(json!({ "image": [3, 3, 1], "hidden_layers": 1, "filter": 3, "activation": "relu" }), 0.2, 80);
    let mut shares = Vec::new();
    let mut watch = |share| {
        shares.push(share);
        if shares.len() == 2 { Control::Stop } else { Control::Continue }
    };
    assert_eq!(kernels(&network, &inputs, None, Which::Both, &mut watch), Err(Error::Stopped));
    assert!(shares[0] > 0.0 && shares[0] < shares[1] && shares[1] < 1.0, "{shares:?}");
}

/// Networks that have no kernels at width inf (docs/theory/convolutions.md §3.1), and sizes that are not taken.
#[test]
fn networks_without_the_limit_are_refused() {
    let refused = |image: Value, layers: Value, part: &str| {
        let (network, inputs) = small(json!({ "image": image, "activation": "relu", "layers": layers }), 0.2, 1);
        let error = kernels(&network, &inputs, None, Which::Both, &mut |_| Control::Continue).unwrap_err().to_string();
        assert!(error.contains("network.") && error.contains(part), "{error}");
        assert!(convolution_cost(&network, 1).is_err());
    };
    let conv = || json!({ "conv": 3 });
    refused(json!([4, 4, 1]), json!(["activation", conv(), "flatten"]), "acts on the inputs");
    refused(json!([4, 4, 1]), json!([conv(), "activation", { "activation": "erf" }, "gap"]), "\"erf\" acts on");
    refused(
        json!([4, 4, 1]),
        json!([conv(), "activation", { "residual": [conv(), "activation"] }, "gap"]),
        "have a mean",
    );
    refused(json!([4, 4, 1]), json!([conv(), { "residual": ["activation"] }, "gap"]), "no weights");
    refused(json!([4, 4, 1]), json!([conv(), { "residual": [{ "pool": 1 }, conv()] }, "gap"]), "outside of residuals");
    refused(json!([257, 256, 1]), json!([conv(), "activation", "flatten"]), "65536");
    refused(json!([200, 200, 1]), json!([conv(), "activation", "gap"]), "pairs of positions");
    // The other side of each.
    let taken = |image: Value, layers: Value| {
        let (network, _) = small(json!({ "image": image, "activation": "relu", "layers": layers }), 0.2, 1);
        let cost = convolution_cost(&network, 1);
        assert!(cost.is_ok(), "{cost:?}");
    };
    taken(json!([4, 4, 1]), json!([conv(), "activation", { "residual": [conv(), "activation", conv()] }, "gap"]));
    taken(json!([256, 256, 1]), json!([conv(), "activation", "flatten"]));
}

/// What is told before: dual activations are counted, of the ten pairs among four images.
#[test]
fn cost_counts_dual_activations() {
    let duals = |network: Value| {
        let (network, _) = small(network, 0.2, 1);
        let cost = convolution_cost(&network, 4).expect("a limit").expect("a convolutional network");
        assert!(cost.seconds > 0.0 && cost.bytes > 0);
        cost.duals
    };
    let short = |head: &str, padding: &str| json!({ "image": [5, 4, 1], "hidden_layers": 3, "filter": 3, "activation": "relu", "head": head, "padding": padding });
    assert_eq!(duals(short("flatten", "same")), 10.0 * 3.0 * 20.0);
    assert_eq!(duals(short("gap", "same")), 10.0 * 3.0 * 400.0);
    assert_eq!(duals(short("gap", "circular")), 10.0 * 3.0 * 400.0);
    // Strides of 2 leave pairs of equal parity: 3 × 2 outputs in the last layer, whose filters of one tap see as many inputs.
    let strided = json!([{ "conv": 1, "stride": 2 }, "activation", { "conv": 1 }, "activation", "gap"]);
    assert_eq!(duals(json!({ "image": [5, 4, 1], "activation": "relu", "layers": strided })), 10.0 * 2.0 * 36.0);
    // Windows of 2 × 2 before flatten: four pairs times four of each of 2 × 2 windows.
    let pooled = json!([{ "conv": 1 }, "activation", { "pool": 2 }, "flatten"]);
    assert_eq!(duals(json!({ "image": [4, 4, 1], "activation": "relu", "layers": pooled })), 10.0 * 64.0);
    let perceptron = kernel_network(
        &json!({ "hidden_layers": 1, "activation": "relu" }),
        &json!({ "kind": "ntk" }),
        &wave(2, 3, 0.1),
    );
    assert_eq!(convolution_cost(&perceptron, 1).expect("an answer"), None);
}

#[test]
fn activations_of_layers_are_their_own() {
    let list = |second: &str| json!([{ "conv": 3 }, "activation", { "conv": 3 }, { "activation": second }, "flatten"]);
    let network = |second: &str| json!({ "image": [3, 3, 1], "activation": "relu", "layers": list(second) });
    let of = |second: &str| {
        let (network, inputs) = small(network(second), 0.2, 3);
        both(&network, &inputs, None)
    };
    assert_eq!(of("relu"), {
        let (network, inputs) =
            small(json!({ "image": [3, 3, 1], "activation": "relu", "hidden_layers": 2, "filter": 3 }), 0.2, 3);
        both(&network, &inputs, None)
    });
    assert!((of("erf").0 - of("relu").0).amax() > 1e-3);
}
