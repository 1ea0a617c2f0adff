//! One network with given weights: outputs, tangent kernel, linearisation, training. Through the library, as problem files have
//! seeds and no weights.

use serde_json::{Value, json};
use widenet_core::document::Word;
use widenet_core::{
    Matrix,
    data::Samples,
    problem::{Activation, Loss},
};
use widenet_model::{GivenLayer, GivenNetwork, GivenRun};

use super::{
    case::{Place, ask, horizon, list, loss, moments, network, number, only, paired},
    compare::{flat, near},
};

/// The squared loss of the reference file.
const LOSS: Loss = Loss::Squared { mean_over_outputs: true };

/// Checks every part that the case has.
pub(crate) fn check(case: &Value, place: &Place) -> Result<usize, String> {
    only(
        case,
        &[
            "net",
            "widths",
            "weights",
            "biases",
            "x_train",
            "x_test",
            "y_train",
            "f_train",
            "f_test",
            "empirical_ntk_train_train",
            "empirical_ntk_test_train",
            "empirical_ntk_trace_train_train",
            "delta_weights",
            "delta_biases",
            "f_train_linearised_at_delta",
            "f_train_nonlinear_at_delta",
            "learning_rate",
            "gradient_descent",
            "linearised_flow",
            "rtol",
        ],
    )?;
    let rtol = number(case, "rtol")?;
    let given = Given::read(case)?;
    let mut net = given.network(0.0)?;
    let text = |error: widenet_model::ModelError| error.to_string();
    let k = given.train.targets.ncols();
    let full = |net: &mut GivenNetwork, left: &Matrix| net.tangent_kernel(left, &given.train.inputs).map_err(text);
    let train_kernel = full(&mut net, &given.train.inputs)?;
    let test_kernel = full(&mut net, &given.test)?;
    let mut compared = 0;
    for (field, found) in [
        ("f_train", rows(&net.outputs(&given.train.inputs).map_err(text)?)),
        ("f_test", rows(&net.outputs(&given.test).map_err(text)?)),
        ("empirical_ntk_train_train", tensor(&train_kernel, k)),
        ("empirical_ntk_test_train", tensor(&test_kernel, k)),
        (
            "empirical_ntk_trace_train_train",
            rows(&net.mean_tangent_kernel(&given.train.inputs, &given.train.inputs).map_err(text)?),
        ),
        (
            "f_train_linearised_at_delta",
            rows(&net.linearised_outputs(&given.delta, &given.train.inputs).map_err(text)?),
        ),
        ("f_train_nonlinear_at_delta", rows(&given.network(1.0)?.outputs(&given.train.inputs).map_err(text)?)),
    ] {
        compared += near(field, &found, &case[field], rtol)?;
    }
    compared += check_descent(case, &given, &net, rtol)?;
    compared += check_flow(case, &[&train_kernel, &test_kernel], rtol, place)?;
    Ok(compared)
}

/// What the case gives.
struct Given {
    activation: Activation,
    layers: Vec<GivenLayer>,
    delta: Vec<(Matrix, Vec<f64>)>,
    train: Samples,
    test: Matrix,
}

impl Given {
    fn read(case: &Value) -> Result<Given, String> {
        let net = &case["net"];
        network(net)?;
        let name = net["activation"]["name"].as_str().unwrap_or_default();
        let mut activation = Activation::from_word(name).map_err(|reason| format!("activation {reason}"))?;
        if let (Activation::LeakyRelu { negative_slope }, Some(slope)) =
            (&mut activation, net["activation"]["negative_slope"].as_f64())
        {
            *negative_slope = slope;
        }
        // Without biases a case may leave them out, as a whole or layer by layer.
        let parameters = |weights: &str, biases: &str| -> Result<Vec<(Matrix, Vec<f64>)>, String> {
            let of_layer = |(l, weights): (usize, &Value)| match &case[biases][l] {
                Value::Null => Ok((matrix(weights)?, Vec::new())),
                biases => Ok((matrix(weights)?, flat(biases)?.1)),
            };
            list(case, weights)?.iter().enumerate().map(of_layer).collect()
        };
        let layers = parameters("weights", "biases")?
            .into_iter()
            .zip(list(net, "layers")?)
            .map(|((weights, biases), layer)| {
                let (sigma_w, sigma_b) = (number(layer, "sigma_w")?, number(layer, "sigma_b")?);
                Ok(GivenLayer { weights, biases, sigma_w, sigma_b })
            })
            .collect::<Result<Vec<_>, String>>()?;
        let widths: Vec<usize> = layers
            .iter()
            .map(|layer| layer.weights.nrows())
            .chain([layers[layers.len() - 1].weights.ncols()])
            .collect();
        if json!(widths) != case["widths"] {
            return Err(format!("widths {} for weights of {widths:?}", case["widths"]));
        }
        Ok(Given {
            activation,
            layers,
            delta: parameters("delta_weights", "delta_biases")?,
            train: Samples { inputs: matrix(&case["x_train"])?, targets: matrix(&case["y_train"])? },
            test: matrix(&case["x_test"])?,
        })
    }

    /// The network with `share` of delta added to its weights.
    fn network(&self, share: f64) -> Result<GivenNetwork, String> {
        let moved = |(layer, (weights, biases)): (&GivenLayer, &(Matrix, Vec<f64>))| GivenLayer {
            weights: &layer.weights + weights * share,
            biases: layer.biases.iter().zip(biases).map(|(bias, delta)| bias + share * delta).collect(),
            ..*layer
        };
        let layers: Vec<GivenLayer> = self.layers.iter().zip(&self.delta).map(moved).collect();
        GivenNetwork::new(self.activation, &layers).map_err(|error| error.to_string())
    }
}

/// Gradient descent of the network and of its linearisation.
fn check_descent(case: &Value, given: &Given, net: &GivenNetwork, rtol: f64) -> Result<usize, String> {
    only(&case["gradient_descent"], &["nonlinear", "linearised"])?;
    let rate = number(case, "learning_rate")?;
    let mut compared = 0;
    for part in ["nonlinear", "linearised"] {
        let table = &case["gradient_descent"][part];
        only(table, &["steps", "final_first_weight"])?;
        let entries = list(table, "steps")?;
        let mut at: Vec<u64> = entries.iter().map(|entry| entry["step"].as_u64().unwrap_or(0)).collect();
        // The reference's final weights are those after one step more than its last outputs.
        at.extend(at.last().map(|last| last + 1));
        let run = match part {
            "nonlinear" => net.descend(&given.train, &given.test, LOSS, rate, &at),
            _ => net.descend_linearised(&given.train, &given.test, LOSS, rate, &at),
        };
        let GivenRun { records, final_weights } = run.map_err(|error| error.to_string())?;
        let (_, asked) = records.split_last().ok_or("no records")?;
        for (entry, record) in paired(entries, asked)? {
            only(entry, &["step", "f_train", "f_test", "loss"])?;
            let what = |field: &str| format!("{part} descent, {field} at step {}", entry["step"]);
            compared += near(&what("f_train"), &rows(&record.train), &entry["f_train"], rtol)?;
            compared += near(&what("f_test"), &rows(&record.test), &entry["f_test"], rtol)?;
            if !entry["loss"].is_null() {
                compared += near(&what("loss"), &json!(record.loss), &entry["loss"], rtol)?;
            }
        }
        let what = format!("{part} descent, final_first_weight");
        compared += near(&what, &rows(&final_weights[0]), &table["final_first_weight"], rtol)?;
    }
    Ok(compared)
}

/// Flow of the linearisation: linear dynamics with the whole tangent kernel. Outputs are coupled there, so that the k outputs of a
/// sample are k samples of one output to the program.
fn check_flow(case: &Value, kernels: &[&Matrix; 2], rtol: f64, place: &Place) -> Result<usize, String> {
    let entries = list(case, "linearised_flow")?;
    let at = moments(entries, number(case, "learning_rate")?)?;
    let column = |value: &Value| -> Result<Value, String> {
        Ok(flat(value)?.1.into_iter().map(|number| json!([number])).collect())
    };
    let stand_ins = |kernel: &Matrix| -> Vec<[usize; 1]> { (0..kernel.nrows()).map(|row| [row]).collect() };
    let problem = json!({
        "network": { "hidden_layers": 1 },
        "parameterization": { "kind": "ntk" },
        "data": {
            "kind": "inline",
            "inputs": stand_ins(kernels[0]),
            "targets": column(&case["y_train"])?,
            "test_inputs": stand_ins(kernels[1]),
        },
        "loss": loss(&json!("mse"))?,
        "optimizer": { "kind": "flow", "times": horizon(&at) },
        "predict": {
            "at": at,
            "initial": { "outputs": column(&case["f_train"])?, "test_outputs": column(&case["f_test"])? },
            "kernels": { "ntk": { "train": rows(kernels[0]), "test_train": rows(kernels[1]) } },
        },
    });
    let answer = ask(place, "predict", &problem, &[])?;
    let mut compared = 0;
    for (entry, prediction) in paired(entries, list(&answer, "predictions")?)? {
        only(entry, &["t", "f_train", "f_test"])?;
        for (field, set) in [("f_train", "train"), ("f_test", "test")] {
            let what = format!("linearised_flow, {field} at t = {}", entry["t"]);
            compared += near(&what, &prediction[set]["mean"], &column(&entry[field])?, rtol)?;
        }
    }
    Ok(compared)
}

fn matrix(value: &Value) -> Result<Matrix, String> {
    match flat(value)? {
        (shape, numbers) if shape.len() == 2 => Ok(Matrix::from_row_slice(shape[0], shape[1], &numbers)),
        (shape, _) => Err(format!("an array of shape {shape:?} is not a matrix")),
    }
}

pub(crate) fn rows(matrix: &Matrix) -> Value {
    matrix.row_iter().map(|row| row.iter().copied().collect::<Value>()).collect()
}

/// A kernel P k × Q k as `[i][j][a][b]`.
pub(crate) fn tensor(kernel: &Matrix, k: usize) -> Value {
    let entry = |i: usize, j: usize, a: usize| -> Value { (0..k).map(|b| kernel[(i * k + a, j * k + b)]).collect() };
    let block = |i: usize, j: usize| -> Value { (0..k).map(|a| entry(i, j, a)).collect() };
    let row = |i: usize| -> Value { (0..kernel.ncols() / k).map(|j| block(i, j)).collect() };
    (0..kernel.nrows() / k).map(row).collect()
}
