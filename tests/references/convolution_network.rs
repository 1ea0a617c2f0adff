//! One convolutional network with given weights: outputs, tangent kernel, linearisation, training, and what each layer is scaled by. Through the
//! library, as problem files have seeds and no weights.

use serde_json::{Value, json};
use widenet_core::{
    Matrix, Problem,
    document::Document,
    problem::{Loss, Quantity},
    training::{
        Control, Start, Training,
        mlp::{Linearisation, Mlp, MlpLayer, MlpTraining, Parameters},
    },
    trajectory::{Record, Value as Recorded},
};
use widenet_model::{DenseMatrix, DeviceChoice, Precision, mlp_of_entries};

use super::{
    case::{Place, list, number, only, paired},
    compare::{flat, near},
    finite_network::{rows, tensor},
};

/// Checks every part that the case has.
pub(crate) fn check(case: &Value, _: &Place) -> Result<usize, String> {
    only(
        case,
        &[
            "network",
            "parameterization",
            "width",
            "outputs",
            "layout",
            "weights",
            "biases",
            "x_train",
            "x_test",
            "y_train",
            "f_train",
            "f_test",
            "tangent_kernel_train_train",
            "tangent_kernel_test_train",
            "delta_weights",
            "delta_biases",
            "f_train_linearised_at_delta",
            "loss",
            "learning_rate",
            "momentum",
            "gradient_descent",
            "rtol",
            "layers",
            "peer",
            "max_learning_rate",
        ],
    )?;
    let rtol = number(case, "rtol")?;
    let given = Given::read(case)?;
    let (train, test) = (&given.problem.data.train, given.problem.data.test.as_ref().ok_or("no test images")?);
    let mut network = given.network.clone();
    let (train_pass, test_pass) = (network.forward(&train.inputs), network.forward(&test.inputs));
    let kernel = network.tangent_kernel(&train_pass, None);
    let test_kernel = network.tangent_kernel(&test_pass, Some(&train_pass));
    let k = train.targets.ncols();
    let mut compared = 0;
    for (field, found) in [
        ("f_train", rows(&network.outputs(&train.inputs))),
        ("f_test", rows(&network.outputs(&test.inputs))),
        ("tangent_kernel_train_train", tensor(&kernel, k)),
        ("tangent_kernel_test_train", tensor(&test_kernel, k)),
        ("f_train_linearised_at_delta", rows(&given.linearisation().outputs(&train.inputs))),
    ] {
        compared += near(field, &found, &case[field], rtol)?;
    }
    compared += check_layers(list(case, "layers")?, &network)?;
    if !case["max_learning_rate"].is_null() {
        let outputs = if given.problem.loss == (Loss::Squared { mean_over_outputs: true }) { k } else { 1 };
        let largest = kernel.symmetric_eigenvalues().max() / (train.inputs.nrows() * outputs) as f64;
        compared += near("max_learning_rate", &json!(2.0 / largest), &case["max_learning_rate"], rtol)?;
    }
    Ok(compared + check_descent(case, &given, rtol)?)
}

/// What the case gives.
struct Given {
    problem: Problem,
    network: Mlp<DenseMatrix>,
    /// δ, in the shape of the network.
    delta: Mlp<DenseMatrix>,
}

impl Given {
    fn read(case: &Value) -> Result<Self, String> {
        if case["layout"] != "NHWC" {
            return Err(format!("unknown kind of case: layout {}", case["layout"]));
        }
        let images = |key: &str| -> Result<Vec<Vec<f64>>, String> {
            list(case, key)?.iter().map(|image| flat(image).map(|(_, numbers)| numbers)).collect()
        };
        let test = images("x_test")?;
        let outputs = case["outputs"].as_u64().ok_or("`outputs` is missing")? as usize;
        let last = list(&case["gradient_descent"], "nonlinear")?.last().ok_or("no descent")?;
        let momentum = number(case, "momentum")?;
        let problem = json!({
            "network": case["network"],
            "parameterization": case["parameterization"],
            "data": {
                "kind": "inline",
                "inputs": images("x_train")?,
                "targets": case["y_train"],
                "test_targets": vec![vec![0.0; outputs]; test.len()],
                "test_inputs": test,
            },
            "loss": case["loss"],
            "optimizer": {
                "kind": "momentum",
                "learning_rate": case["learning_rate"],
                "momentum": momentum,
                "steps": last["step"],
            },
        });
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let document = Document::from_json("problem.json", &problem.to_string()).map_err(|error| text(&error))?;
        let problem = Problem::from_document(&document, std::path::Path::new("")).map_err(|error| text(&error))?;
        let device = DeviceChoice::Flex.open().map_err(|error| text(&error))?;
        let placement = device.placement(Precision::F64).map_err(|error| text(&error))?;
        let width = case["width"].as_u64().ok_or("`width` is missing")?;
        let network = |weights: &str, biases: &str| {
            let entries = entries(list(case, weights)?, list(case, biases)?)?;
            mlp_of_entries(&problem, width, &entries, &placement).map_err(|error| text(&error))
        };
        let (network, delta) = (network("weights", "biases")?, network("delta_weights", "delta_biases")?);
        Ok(Given { problem, network, delta })
    }

    fn linearisation(&self) -> Linearisation<DenseMatrix> {
        Linearisation::with_tangents(self.network.clone(), self.delta.clone())
    }
}

/// Of each layer the weights, outputs × inputs, and the biases.
fn entries(weights: &[Value], biases: &[Value]) -> Result<Vec<(Matrix, Option<Matrix>)>, String> {
    let of_layer = |(weights, biases): (&Value, &Value)| -> Result<(Matrix, Option<Matrix>), String> {
        let (shape, numbers) = flat(weights)?;
        let outputs = *shape.last().ok_or("weights without a shape")?;
        // Row, column and input before the output.
        let weights = Matrix::from_column_slice(outputs, numbers.len() / outputs, &numbers);
        let biases = match biases {
            Value::Null => None,
            biases => Some(Matrix::from_column_slice(outputs, 1, &flat(biases)?.1)),
        };
        Ok((weights, biases))
    };
    weights.iter().zip(biases).map(of_layer).collect()
}

/// The table of what a parameterization makes of every layer.
fn check_layers(layers: &[Value], network: &Mlp<DenseMatrix>) -> Result<usize, String> {
    let scales = |parameters: &Parameters<DenseMatrix>| {
        json!([parameters.multiplier, parameters.init_std, parameters.learning_rate])
    };
    let wanted = |layer: &Value| json!([layer["multiplier"], layer["init_std"], layer["learning_rate"]]);
    let mut compared = 0;
    for (l, (layer, MlpLayer { weights, biases })) in paired(layers, &network.layers)?.into_iter().enumerate() {
        only(layer, &["fan_in", "multiplier", "init_std", "learning_rate", "bias"])?;
        compared += near(&format!("layer {l}"), &scales(weights), &wanted(layer), 1e-14)?;
        let fan_in = weights.matrix.columns();
        if json!(fan_in) != layer["fan_in"] {
            return Err(format!("layer {l} has {fan_in} inputs, reference {}", layer["fan_in"]));
        }
        match (biases, &layer["bias"]) {
            (None, Value::Null) => {}
            (Some(biases), bias) if !bias.is_null() => {
                compared += near(&format!("biases of layer {l}"), &scales(biases), &wanted(bias), 1e-14)?;
            }
            _ => return Err(format!("layer {l} has biases or not; reference {}", layer["bias"])),
        }
    }
    Ok(compared + layers.len())
}

/// Gradient descent of the network and of its linearisation.
fn check_descent(case: &Value, given: &Given, rtol: f64) -> Result<usize, String> {
    only(&case["gradient_descent"], &["nonlinear", "linearised"])?;
    let mut compared = 0;
    for (part, quantities) in [
        ("nonlinear", [Quantity::TrainLoss, Quantity::Outputs, Quantity::TestOutputs]),
        ("linearised", [Quantity::LinearisedTrainLoss, Quantity::LinearisedOutputs, Quantity::LinearisedTestOutputs]),
    ] {
        let entries = list(&case["gradient_descent"], part)?;
        let mut problem = given.problem.clone();
        problem.record.at = entries.iter().map(|entry| entry["step"].as_f64().unwrap_or(0.0)).collect();
        problem.record.quantities = quantities.to_vec();
        let mut training = MlpTraining::new(&problem, given.network.clone(), 0).map_err(|error| error.to_string())?;
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        for (entry, record) in paired(entries, &records)? {
            only(entry, &["step", "f_train", "f_test", "train_loss"])?;
            for (field, quantity) in ["train_loss", "f_train", "f_test"].into_iter().zip(quantities) {
                let what = format!("{part} descent, {field} at step {}", entry["step"]);
                compared += near(&what, &recorded(record, quantity), &entry[field], rtol)?;
            }
        }
    }
    Ok(compared)
}

fn recorded(record: &Record, quantity: Quantity) -> Value {
    match record.values.get(&quantity) {
        Some(Recorded::Scalar(number)) => json!(number),
        Some(Recorded::Matrix(matrix)) => rows(matrix),
        _ => Value::Null,
    }
}
