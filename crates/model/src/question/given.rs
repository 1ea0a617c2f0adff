//! A perceptron with given weights runs in `f64` on the CPU by the same engine, for comparison with other programs.

use widenet_core::{
    Error, Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    training::{
        Block, Control, Start, Training, WeightMatrix,
        mlp::{Forward, Linearisation, Mlp, MlpLayer, MlpTraining, Parameters},
    },
    trajectory::{Record, Value},
};

use crate::{
    device::{DeviceChoice, Placement, Precision},
    error::ModelError,
    matrix::dense::{initial::Initial, matrix::DenseMatrix},
    vectors::DeviceBlock,
};

/// One layer `h = σ_w/√fan_in · x W + σ_b b` (docs/theory/ntk.md §1).
#[derive(Debug, Clone, PartialEq)]
pub struct GivenLayer {
    /// W, fan-in × fan-out: entry (i, j) maps input i to output j.
    pub weights: Matrix,
    /// b, one per output; not used, and may be empty, where `sigma_b` is 0.
    pub biases: Vec<f64>,
    /// σ_w.
    pub sigma_w: f64,
    /// σ_b; 0 is no biases.
    pub sigma_b: f64,
}

/// A perceptron in NTK parameterisation with given weights, its hidden widths as they come.
#[derive(Debug, Clone)]
pub struct GivenNetwork {
    activation: Activation,
    network: Mlp<DenseMatrix>,
    layers: Vec<GivenLayer>,
    placement: Placement,
}

/// Outputs of a training run at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenRecord {
    /// Steps taken.
    pub step: u64,
    /// On the training inputs, P × k.
    pub train: Matrix,
    /// On the test inputs, T × k.
    pub test: Matrix,
    /// Training loss.
    pub loss: f64,
}

/// A training run of a given network.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenRun {
    /// At the steps asked for; those after a divergence are missing.
    pub records: Vec<GivenRecord>,
    /// Weights of every layer at the end, fan-in × fan-out; of a linearised network its starting weights plus their tangents.
    pub final_weights: Vec<Matrix>,
}

impl GivenNetwork {
    /// Makes the network of these layers, input layer first.
    ///
    /// # Errors
    /// Layers that do not fit together, and numbers that are not finite, by layer.
    pub fn new(activation: Activation, layers: &[GivenLayer]) -> Result<Self, ModelError> {
        let placement = DeviceChoice::Flex.open()?.placement(Precision::F64)?;
        let network = assemble(activation, layers, &placement)?;
        Ok(Self { activation, network, layers: layers.to_vec(), placement })
    }

    /// Returns `f` on inputs (P × d), P × k.
    ///
    /// # Errors
    /// Inputs of another dimension, or not finite.
    pub fn outputs(&mut self, inputs: &Matrix) -> Result<Matrix, ModelError> {
        self.check_inputs(inputs)?;
        Ok(self.network.outputs(inputs))
    }

    /// Returns the tangent kernel between inputs (P × d and Q × d), P k × Q k: entry (p k + a, q k + b) is `∂f_a(x_p)/∂θ · ∂f_b(x_q)/∂θ`.
    ///
    /// # Errors
    /// Inputs of another dimension, or not finite.
    pub fn tangent_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let (left, right) = self.passes(left, right)?;
        Ok(self.network.tangent_kernel(&left, Some(&right)))
    }

    /// Returns the tangent kernel averaged over outputs, P × Q.
    ///
    /// # Errors
    /// Inputs of another dimension, or not finite.
    pub fn mean_tangent_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let (left, right) = self.passes(left, right)?;
        Ok(self.network.mean_tangent_kernel(&left, Some(&right)))
    }

    /// Returns the NNGP kernel of the last hidden layer's activations, P × Q.
    ///
    /// # Errors
    /// Inputs of another dimension, or not finite.
    pub fn nngp_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let (left, right) = self.passes(left, right)?;
        Ok(self.network.nngp_kernel(&left, Some(&right)))
    }

    /// Returns outputs of the network linearised at its weights, at these weights plus `(weights, biases)` of every layer's tangent
    /// (shapes as in [`GivenLayer`]).
    ///
    /// # Errors
    /// Tangents or inputs of other shapes.
    pub fn linearised_outputs(
        &mut self,
        tangents: &[(Matrix, Vec<f64>)],
        inputs: &Matrix,
    ) -> Result<Matrix, ModelError> {
        self.check_inputs(inputs)?;
        if tangents.len() != self.layers.len() {
            return Err(invalid(format!("{} tangents for {} layers", tangents.len(), self.layers.len())));
        }
        let displaced = self.layers.iter().zip(tangents).enumerate().map(|(l, (layer, (weights, biases)))| {
            if weights.shape() != layer.weights.shape() {
                return Err(invalid(format!(
                    "the tangent of the weights of layer {l} is {}, and they are {}",
                    shape(weights),
                    shape(&layer.weights)
                )));
            }
            Ok(GivenLayer { weights: weights.clone(), biases: biases.clone(), ..*layer })
        });
        let tangents: Vec<GivenLayer> = displaced.collect::<Result<_, _>>()?;
        let tangents = assemble(self.activation, &tangents, &self.placement)?;
        Ok(Linearisation::with_tangents(self.network.clone(), tangents).outputs(inputs))
    }

    /// Runs full-batch gradient descent from the given weights, with outputs on the training inputs and on `test_inputs` (T × d) at
    /// the steps `at`, in increasing order. The network itself stays as it was given.
    ///
    /// # Errors
    /// Data of other dimensions or not finite, steps out of order, a learning rate that is not > 0.
    pub fn descend(
        &self,
        train: &Samples,
        test_inputs: &Matrix,
        loss: Loss,
        learning_rate: f64,
        at: &[u64],
    ) -> Result<GivenRun, ModelError> {
        let quantities = [Quantity::TrainLoss, Quantity::Outputs, Quantity::TestOutputs];
        let problem = self.problem(train, test_inputs, loss, learning_rate, at, quantities)?;
        let mut training = MlpTraining::new(&problem, self.network.clone(), 0)?;
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        let final_weights = training.network.layers.iter_mut().map(|layer| weights(&mut layer.weights.matrix));
        Ok(GivenRun { final_weights: final_weights.collect(), records: given(&records, quantities)? })
    }

    /// Returns the same of the network linearised at the given weights. It ends where the network itself diverges.
    ///
    /// # Errors
    /// Data of other dimensions or not finite, steps out of order, a learning rate that is not > 0.
    pub fn descend_linearised(
        &self,
        train: &Samples,
        test_inputs: &Matrix,
        loss: Loss,
        learning_rate: f64,
        at: &[u64],
    ) -> Result<GivenRun, ModelError> {
        let quantities = [Quantity::LinearisedTrainLoss, Quantity::LinearisedOutputs, Quantity::LinearisedTestOutputs];
        let problem = self.problem(train, test_inputs, loss, learning_rate, at, quantities)?;
        let mut training = MlpTraining::new(&problem, self.network.clone(), 0)?;
        let (records, _) = training.run(Start::default(), &mut |_, _| Control::Continue);
        let tangents =
            training.linearisation.iter_mut().flat_map(|linearisation| &mut linearisation.tangents_mut().layers);
        let final_weights = self
            .layers
            .iter()
            .zip(tangents)
            .map(|(layer, tangent)| &layer.weights + weights(&mut tangent.weights.matrix));
        Ok(GivenRun { final_weights: final_weights.collect(), records: given(&records, quantities)? })
    }

    fn check_inputs(&self, inputs: &Matrix) -> Result<(), ModelError> {
        let (d, columns) = (self.layers[0].weights.nrows(), inputs.ncols());
        if columns != d {
            return Err(invalid(format!("inputs have {columns} columns, and the input layer takes {d}")));
        }
        match inputs.iter().find(|number| !number.is_finite()) {
            Some(number) => Err(invalid(format!("inputs hold {number}; all their numbers must be finite"))),
            None => Ok(()),
        }
    }

    fn passes(
        &mut self,
        left: &Matrix,
        right: &Matrix,
    ) -> Result<(Forward<DeviceBlock>, Forward<DeviceBlock>), ModelError> {
        self.check_inputs(left)?;
        self.check_inputs(right)?;
        Ok((self.network.forward(left), self.network.forward(right)))
    }

    fn problem(
        &self,
        train: &Samples,
        test_inputs: &Matrix,
        loss: Loss,
        learning_rate: f64,
        at: &[u64],
        quantities: [Quantity; 3],
    ) -> Result<Problem, ModelError> {
        self.check_inputs(&train.inputs)?;
        self.check_inputs(test_inputs)?;
        let k = self.layers[self.layers.len() - 1].weights.ncols();
        if train.targets.shape() != (train.inputs.nrows(), k) {
            let samples = train.inputs.nrows();
            return Err(invalid(format!(
                "targets are {}, and {samples} samples have {k} outputs",
                shape(&train.targets)
            )));
        }
        if let Some(number) = train.targets.iter().find(|number| !number.is_finite()) {
            return Err(invalid(format!("targets hold {number}; all their numbers must be finite")));
        }
        if !learning_rate.is_finite() || learning_rate <= 0.0 {
            return Err(invalid(format!("the learning rate {learning_rate} must be finite and > 0")));
        }
        let Some(steps) = at.last().copied().filter(|_| at.is_sorted_by(|a, b| a < b)) else {
            return Err(invalid(format!("the steps {at:?} must be increasing, and at least one")));
        };
        let rule = Rule::Descent { learning_rate, steps, momentum: 0.0, nesterov: false, batch_size: None };
        let hidden_layers = self.layers.len() - 1;
        let test = Samples { inputs: test_inputs.clone(), targets: Matrix::zeros(test_inputs.nrows(), k) };
        Ok(Problem {
            network: Network {
                hidden_layers,
                activation: self.activation,
                entry_law: EntryLaw::Gaussian,
                centered: false,
                image: None,
            },
            parameterization: Parameterization::ntk(hidden_layers, 1.0),
            data: Dataset { train: train.clone(), test: Some(test), provenance: Default::default() },
            loss,
            optimizer: Optimizer { rule, weight_decay: 0.0, schedule: Schedule::CONSTANT },
            record: RecordPlan { at: at.iter().map(|step| *step as f64).collect(), quantities: quantities.to_vec() },
            ensemble: None,
            stop: None,
        })
    }
}

/// A network of layers that fit together.
fn assemble(
    activation: Activation,
    layers: &[GivenLayer],
    placement: &Placement,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    if layers.is_empty() {
        return Err(invalid("a network needs at least one layer".into()));
    }
    for (l, pair) in layers.windows(2).enumerate() {
        let (outputs, inputs) = (pair[0].weights.ncols(), pair[1].weights.nrows());
        if outputs != inputs {
            return Err(invalid(format!("layer {l} has {outputs} outputs, and layer {} takes {inputs} inputs", l + 1)));
        }
    }
    let layer = |(l, layer): (usize, &GivenLayer)| {
        let (fan_in, fan_out) = layer.weights.shape();
        let wanted = if layer.sigma_b == 0.0 { 0 } else { fan_out };
        if layer.biases.len() != wanted && !(layer.sigma_b == 0.0 && layer.biases.len() == fan_out) {
            let given = layer.biases.len();
            return Err(invalid(format!(
                "layer {l} has {given} biases; with sigma_b = {} it needs {wanted}",
                layer.sigma_b
            )));
        }
        if fan_in == 0 || fan_out == 0 {
            return Err(invalid(format!(
                "the weights of layer {l} are {}; a layer needs neurons",
                shape(&layer.weights)
            )));
        }
        let mut numbers = layer.weights.iter().chain(&layer.biases).chain([&layer.sigma_w, &layer.sigma_b]);
        if let Some(number) = numbers.find(|number| !number.is_finite()) {
            return Err(invalid(format!("layer {l} holds {number}; all its numbers must be finite")));
        }
        // The columns of W, one after another, are the rows of the matrix that acts on column vectors.
        let weights = parameters(layer.weights.as_slice(), [fan_out, fan_in], placement);
        let biases = (layer.sigma_b != 0.0).then(|| parameters(&layer.biases, [fan_out, 1], placement));
        Ok(MlpLayer {
            weights: Parameters { multiplier: layer.sigma_w / (fan_in as f64).sqrt(), ..weights },
            biases: biases.map(|biases| Parameters { multiplier: layer.sigma_b, ..biases }),
        })
    };
    let layers = layers.iter().enumerate().map(layer).collect::<Result<Vec<_>, ModelError>>()?;
    Ok(Mlp::perceptron(layers, activation))
}

fn parameters(entries: &[f64], shape: [usize; 2], placement: &Placement) -> Parameters<DenseMatrix> {
    let initial = Initial::Given(Box::new(placement.tensor(entries.to_vec(), shape)));
    Parameters {
        matrix: DenseMatrix::starting_from(initial, shape[0], placement.clone()),
        multiplier: 1.0,
        init_std: 1.0,
        learning_rate: 1.0,
    }
}

/// W, fan-in × fan-out.
pub(super) fn weights(matrix: &mut DenseMatrix) -> Matrix {
    let identity = matrix.input_block(&Matrix::identity(matrix.columns, matrix.columns));
    matrix.apply(&identity).to_matrix().transpose()
}

/// Records of (loss, training outputs, test outputs).
fn given(records: &[Record], [loss, train, test]: [Quantity; 3]) -> Result<Vec<GivenRecord>, ModelError> {
    let record = |record: &Record| match (&record.values[&loss], &record.values[&train], &record.values[&test]) {
        (Value::Scalar(loss), Value::Matrix(train), Value::Matrix(test)) => {
            Ok(GivenRecord { step: record.step, train: train.clone(), test: test.clone(), loss: *loss })
        }
        _ => Err(invalid(format!("the record of step {} lacks its outputs", record.step))),
    };
    records.iter().map(record).collect()
}

fn invalid(message: String) -> ModelError {
    Error::Invalid(message).into()
}

fn shape(matrix: &Matrix) -> String {
    format!("{} × {}", matrix.nrows(), matrix.ncols())
}
