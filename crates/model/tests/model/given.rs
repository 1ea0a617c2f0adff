//! Perceptrons with given weights against the case `finite-relu` of the reference values (float64, neural-tangents).

use std::path::Path;

use serde_json::Value as Json;
use widenet_core::{
    Matrix,
    data::Samples,
    problem::{Activation, Loss},
};
use widenet_model::{GivenLayer, GivenNetwork, GivenRun};

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn matrix(json: &Json) -> Matrix {
    let rows: Vec<Vec<f64>> = json.as_array().unwrap().iter().map(numbers).collect();
    Matrix::from_row_iterator(rows.len(), rows[0].len(), rows.concat())
}

fn assert_close(found: &Matrix, expected: &Matrix, rtol: f64, what: &str) {
    let error = (found - expected).amax() / expected.amax();
    assert!(error <= rtol, "{what}: {error:e} > {rtol:e}");
}

#[test]
fn outputs_kernels_and_training_are_those_of_another_library() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/ntk.json");
    let file: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["name"] == "finite-relu").unwrap();
    let rtol = case["rtol"].as_f64().unwrap();
    let layers: Vec<GivenLayer> = (0..3)
        .map(|l| GivenLayer {
            weights: matrix(&case["weights"][l]),
            biases: numbers(&case["biases"][l]),
            sigma_w: case["net"]["layers"][l]["sigma_w"].as_f64().unwrap(),
            sigma_b: case["net"]["layers"][l]["sigma_b"].as_f64().unwrap(),
        })
        .collect();
    let mut network = GivenNetwork::new(Activation::Relu, &layers).unwrap();
    let (train, test) = (matrix(&case["x_train"]), matrix(&case["x_test"]));

    assert_close(&network.outputs(&train).unwrap(), &matrix(&case["f_train"]), rtol, "f_train");
    assert_close(&network.outputs(&test).unwrap(), &matrix(&case["f_test"]), rtol, "f_test");
    for (left, name) in [(&train, "empirical_ntk_train_train"), (&test, "empirical_ntk_test_train")] {
        let kernel = network.tangent_kernel(left, &train).unwrap();
        let expected = Matrix::from_fn(kernel.nrows(), kernel.ncols(), |row, column| {
            case[name][row / 2][column / 2][row % 2][column % 2].as_f64().unwrap()
        });
        assert_close(&kernel, &expected, rtol, name);
    }
    let mean = network.mean_tangent_kernel(&train, &train).unwrap();
    assert_close(&mean, &matrix(&case["empirical_ntk_trace_train_train"]), rtol, "empirical_ntk_trace");

    let tangent = |l: usize| (matrix(&case["delta_weights"][l]), numbers(&case["delta_biases"][l]));
    let tangents: Vec<_> = (0..3).map(tangent).collect();
    let linearised = network.linearised_outputs(&tangents, &train).unwrap();
    assert_close(&linearised, &matrix(&case["f_train_linearised_at_delta"]), rtol, "f_train_linearised_at_delta");

    let samples = Samples { inputs: train, targets: matrix(&case["y_train"]) };
    let rate = case["learning_rate"].as_f64().unwrap();
    let loss = Loss::Squared { mean_over_outputs: true };
    // The weights at the end are those of one step more than the last outputs.
    let steps = |run: &Json| -> Vec<u64> {
        let at = run["steps"].as_array().unwrap().iter().map(|record| record["step"].as_u64().unwrap());
        let at: Vec<u64> = at.collect();
        let last = at[at.len() - 1];
        [at, vec![last + 1]].concat()
    };
    let compare = |run: GivenRun, name: &str| {
        let expected = &case["gradient_descent"][name];
        for (record, expected) in run.records.iter().zip(expected["steps"].as_array().unwrap()) {
            let what = format!("{name} at step {}", record.step);
            assert_close(&record.train, &matrix(&expected["f_train"]), rtol, &what);
            assert_close(&record.test, &matrix(&expected["f_test"]), rtol, &what);
            let loss = expected["loss"].as_f64().unwrap();
            assert!((record.loss - loss).abs() <= rtol * loss, "{what}: loss {} for {loss}", record.loss);
        }
        assert_eq!(run.records.len() - 1, expected["steps"].as_array().unwrap().len());
        assert_close(&run.final_weights[0], &matrix(&expected["final_first_weight"]), rtol, name);
    };
    let at = steps(&case["gradient_descent"]["nonlinear"]);
    compare(network.descend(&samples, &test, loss, rate, &at).unwrap(), "nonlinear");
    let at = steps(&case["gradient_descent"]["linearised"]);
    compare(network.descend_linearised(&samples, &test, loss, rate, &at).unwrap(), "linearised");
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let layer = |inputs, outputs, biases: usize| GivenLayer {
        weights: Matrix::from_element(inputs, outputs, 0.5),
        biases: vec![0.1; biases],
        sigma_w: 1.0,
        sigma_b: 1.0,
    };
    let refusal = |layers: &[GivenLayer]| GivenNetwork::new(Activation::Erf, layers).unwrap_err().to_string();
    let message = refusal(&[layer(3, 4, 4), layer(5, 1, 1)]);
    assert!(message.contains("layer 0 has 4 outputs") && message.contains("takes 5"), "{message}");
    let message = refusal(&[layer(3, 4, 2)]);
    assert!(message.contains("2 biases") && message.contains("needs 4"), "{message}");
    let mut network = GivenNetwork::new(Activation::Erf, &[layer(3, 4, 4), layer(4, 1, 1)]).unwrap();
    let message = network.outputs(&Matrix::zeros(2, 5)).unwrap_err().to_string();
    assert!(message.contains("5 columns") && message.contains("takes 3"), "{message}");
}

/// A network of inputs in R^3 with two outputs.
fn small(activation: Activation) -> GivenNetwork {
    let layer = |inputs: usize, outputs: usize| GivenLayer {
        weights: Matrix::from_fn(inputs, outputs, |i, j| (1.3 * (i * outputs + j) as f64 + 0.2).sin()),
        biases: (0..outputs).map(|j| (j as f64).cos()).collect(),
        sigma_w: 1.4,
        sigma_b: 0.1,
    };
    GivenNetwork::new(activation, &[layer(3, 4), layer(4, 4), layer(4, 2)]).unwrap()
}

#[test]
fn data_that_cannot_be_trained_on_are_named() {
    let network = small(Activation::Erf);
    let refusal = |inputs: f64, target: f64, rate: f64, at: &[u64]| {
        let train = Samples { inputs: Matrix::from_element(2, 3, inputs), targets: Matrix::from_element(2, 2, target) };
        network.descend(&train, &Matrix::zeros(0, 3), Loss::SQUARED, rate, at).unwrap_err().to_string()
    };
    for (message, part) in [
        (refusal(f64::NAN, 0.0, 0.1, &[1]), "inputs hold NaN"),
        (refusal(1.0, f64::INFINITY, 0.1, &[1]), "targets hold inf"),
        (refusal(1.0, 0.0, -0.1, &[1]), "learning rate -0.1"),
        (refusal(1.0, 0.0, f64::NAN, &[1]), "learning rate NaN"),
        (refusal(1.0, 0.0, 0.1, &[2, 1]), "[2, 1]"),
        (refusal(1.0, 0.0, 0.1, &[]), "at least one"),
    ] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn an_empty_set_of_inputs_is_legal() {
    let (none, some) = (Matrix::zeros(0, 3), Matrix::from_fn(2, 3, |i, j| (i + j) as f64));
    for activation in [Activation::Relu, Activation::Gelu] {
        let mut network = small(activation);
        assert_eq!(network.outputs(&none).unwrap().shape(), (0, 2));
        assert_eq!(network.tangent_kernel(&none, &some).unwrap().shape(), (0, 4));
        assert_eq!(network.mean_tangent_kernel(&some, &none).unwrap().shape(), (2, 0));
        assert_eq!(network.nngp_kernel(&none, &none).unwrap().shape(), (0, 0));
        let train = Samples { inputs: some.clone(), targets: Matrix::zeros(2, 2) };
        let run = network.descend_linearised(&train, &none, Loss::SQUARED, 0.1, &[0, 3]).unwrap();
        assert_eq!(run.records.iter().map(|record| record.test.shape()).collect::<Vec<_>>(), [(0, 2), (0, 2)]);
    }
}
