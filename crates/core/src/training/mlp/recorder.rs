//! Records quantities of a perceptron from its state, as [`Quantity`] says.

use std::collections::BTreeMap;

use super::{
    baseline::Baseline,
    correction::InitialCorrection,
    decomposition::decomposition,
    linearisation::Linearisation,
    network::{Mlp, MlpLayer},
    passes::Passes,
    rows::of_network,
    sharpness::sharpness,
};
use crate::{
    matrix::Matrix,
    problem::{Problem, Quantity},
    training::{
        block::{Block, NeuronBlock},
        matrix::EntryMatrix,
        record::{Outputs, explored_quantity, output_quantity, singular_values},
    },
    trajectory::{Record, Value},
};

/// A network and the linearised network beside it, as they are now.
pub(super) struct Networks<'a, W> {
    pub(super) network: &'a mut Mlp<W>,
    pub(super) linearisation: Option<&'a mut Linearisation<W>>,
}

/// Takes records of one run.
pub(super) struct Recorder<'p, W: EntryMatrix> {
    pub(super) problem: &'p Problem,
    pub(super) baseline: Baseline<W>,
    pub(super) correction: InitialCorrection,
}

/// What several quantities are made of, computed once for a record; `None` where none needs it.
#[derive(Default)]
struct Measured {
    train: Option<Matrix>,
    test: Option<Matrix>,
    /// `f_t − f_0` on the training inputs.
    moved: Option<Matrix>,
    linearised_train: Option<Matrix>,
    linearised_test: Option<Matrix>,
    tangent_kernel: Option<Matrix>,
    mean_tangent_kernel: Option<Matrix>,
    nngp_kernel: Option<Matrix>,
    feature_kernels: Option<Vec<Matrix>>,
    gradient_kernels: Option<Vec<Matrix>>,
    activation_norms: Option<Vec<f64>>,
    activation_changes: Option<Vec<f64>>,
    predictor: Option<AffineMap>,
    sharpness: Option<f64>,
}

/// `f(x) = β x + c` of a network with identity activations.
struct AffineMap {
    /// β, k × d.
    predictor: Matrix,
    /// c.
    offset: Vec<f64>,
}

impl AffineMap {
    /// From the outputs on 0 and on all input directions.
    fn of<W: EntryMatrix>(network: &mut Mlp<W>, inputs: usize) -> Self {
        let outputs = network.outputs(&Matrix::identity(inputs + 1, inputs + 1).columns(1, inputs).into_owned());
        let offset = outputs.row(0).into_owned();
        let mut directions = outputs.rows(1, inputs).into_owned();
        directions.row_iter_mut().for_each(|mut row| row -= &offset);
        Self { predictor: directions.transpose(), offset: offset.iter().copied().collect() }
    }
}

impl Measured {
    /// What is measured at outputs, of one network of a group.
    fn of_network(&self, network: usize, networks: usize) -> Self {
        let [train, test, moved] = [&self.train, &self.test, &self.moved]
            .map(|outputs| outputs.as_ref().map(|outputs| of_network(outputs, network, networks)));
        Self { train, test, moved, ..Self::default() }
    }
}

impl<W: EntryMatrix> Recorder<'_, W> {
    /// Records everything asked for.
    pub(super) fn record(
        &mut self,
        mut networks: Networks<'_, W>,
        passes: &Passes<W::Block>,
        step: u64,
        time: f64,
    ) -> Record {
        let measured = self.measure(&mut networks, passes);
        self.record_of(&measured, networks.network, step, time)
    }

    /// Records everything asked for of every network of a group.
    pub(super) fn records(
        &mut self,
        mut networks: Networks<'_, W>,
        passes: &Passes<W::Block>,
        step: u64,
        time: f64,
    ) -> Vec<Record> {
        let measured = self.measure(&mut networks, passes);
        let count = networks.network.networks();
        (0..count)
            .map(|network| self.record_of(&measured.of_network(network, count), networks.network, step, time))
            .collect()
    }

    fn record_of(&mut self, measured: &Measured, network: &mut Mlp<W>, step: u64, time: f64) -> Record {
        let values = self.problem.record.quantities.iter();
        let values: BTreeMap<Quantity, Value> =
            values.filter_map(|&quantity| Some((quantity, self.value(quantity, measured, network)?))).collect();
        Record::new(step, time, values)
    }

    fn measure(&self, networks: &mut Networks<'_, W>, passes: &Passes<W::Block>) -> Measured {
        let Networks { network, linearisation } = networks;
        let wants = |quantities: &[Quantity]| {
            quantities.iter().any(|quantity| self.problem.record.quantities.contains(quantity))
        };
        let wants_full = wants(&[Quantity::TangentKernel, Quantity::TangentKernelNorm, Quantity::TangentKernelChange]);
        let wants_mean = wants(&[Quantity::MeanTangentKernel]);
        let wants_nngp = wants(&[Quantity::NngpKernel, Quantity::NngpKernelChange]);
        let wants_features = wants(&[Quantity::FeatureKernels]);
        let wants_gradients = wants(&[Quantity::GradientKernels]);
        let wants_norms = wants(&[Quantity::ActivationNorms]);
        let wants_changes = wants(&[Quantity::ActivationChanges]);
        let wants_kernel = wants_full || wants_mean || wants_nngp || wants_features || wants_gradients;
        let wants_sharpness = wants(&[Quantity::Sharpness]);
        let wants_pass = wants_kernel || wants_norms || wants_changes || wants_sharpness;
        let wants_linearised_test =
            wants(&[Quantity::LinearisedTestOutputs, Quantity::LinearisedTestLoss, Quantity::LinearisationDistance]);
        let distance_on_train = wants(&[Quantity::LinearisationDistance]) && self.problem.data.test.is_none();
        let wants_linearised_train =
            distance_on_train || wants(&[Quantity::LinearisedOutputs, Quantity::LinearisedTrainLoss]);
        let wants_train = distance_on_train
            || wants_sharpness
            || wants(&[Quantity::TrainLoss, Quantity::TrainAccuracy, Quantity::Outputs, Quantity::OutputChange]);
        let wants_test =
            wants_linearised_test || wants(&[Quantity::TestLoss, Quantity::TestAccuracy, Quantity::TestOutputs]);

        let (data, correction) = (&self.problem.data, &self.correction);
        // The pass of a full batch is one of all training samples; that of a minibatch is not.
        let of_all = passes.is_full_batch();
        let train = wants_train.then(|| {
            if of_all {
                passes.forward.outputs.clone()
            } else {
                correction.on_train(network.outputs(&data.train.inputs), None)
            }
        });
        let moved = train.as_ref().zip(self.baseline.outputs.as_ref()).map(|(now, start)| now - start);
        let test = data.test.as_ref().filter(|_| wants_test);
        let test = test.map(|test| correction.on_test(network.outputs(&test.inputs)));
        let linearised_train = match (&passes.linearised, linearisation.as_deref_mut()) {
            (Some((_, outputs)), Some(_)) if of_all && wants_linearised_train => Some(outputs.clone()),
            (_, Some(linearisation)) if wants_linearised_train => {
                Some(correction.on_train(linearisation.outputs(&data.train.inputs), None))
            }
            _ => None,
        };
        let linearised_test = match (&data.test, linearisation.as_deref_mut()) {
            (Some(test), Some(linearisation)) if wants_linearised_test => {
                Some(correction.on_test(linearisation.outputs(&test.inputs)))
            }
            _ => None,
        };

        let pass = (!of_all && wants_pass).then(|| network.forward(&data.train.inputs));
        let forward = pass.as_ref().unwrap_or(&passes.forward);
        let tangent_kernel = wants_full.then(|| network.tangent_kernel(forward, None));
        let mean_tangent_kernel = wants_mean.then(|| match &tangent_kernel {
            Some(kernel) => mean_over_outputs(kernel, data.output_dimension()),
            None => network.mean_tangent_kernel(forward, None),
        });
        let nngp_kernel = wants_nngp.then(|| network.nngp_kernel(forward, None));
        let feature_kernels = wants_features.then(|| network.feature_kernels(forward));
        let gradient_kernels = wants_gradients.then(|| network.gradient_kernels(forward));
        let activation_norms =
            wants_norms.then(|| forward.all_pre_activations().map(|h| h.mean_square().sqrt()).collect());
        let activation_changes = self.baseline.pre_activations.as_ref().filter(|_| wants_changes).map(|initial| {
            let change = |(now, initial): (&W::Block, &W::Block)| {
                let mut moved = now.clone();
                moved.add_scaled(-1.0, initial);
                moved.mean_square().sqrt()
            };
            forward.all_pre_activations().zip(initial).map(change).collect()
        });
        let wants_predictor =
            wants(&[Quantity::Predictor, Quantity::PredictorOffset, Quantity::PredictorSingularValues]);
        let predictor = wants_predictor.then(|| AffineMap::of(network, data.input_dimension()));
        let at_outputs = train.as_ref().filter(|_| wants_sharpness).map(|train| (train, &data.train.targets));
        let sharpness = at_outputs.and_then(|outputs| sharpness(network, forward, self.problem.loss, outputs));
        Measured {
            train,
            test,
            moved,
            linearised_train,
            linearised_test,
            tangent_kernel,
            mean_tangent_kernel,
            nngp_kernel,
            feature_kernels,
            gradient_kernels,
            activation_norms,
            activation_changes,
            predictor,
            sharpness,
        }
    }

    /// The value of a quantity; `None` where it is not defined.
    fn value(&mut self, quantity: Quantity, measured: &Measured, network: &mut Mlp<W>) -> Option<Value> {
        let (train, test) = (&self.problem.data.train, self.problem.data.test.as_ref());
        let loss = self.problem.loss;
        Some(match quantity {
            Quantity::TangentKernel => Value::Matrix(measured.tangent_kernel.clone()?),
            Quantity::TangentKernelNorm => {
                Value::Scalar(measured.tangent_kernel.as_ref()?.norm() / train.inputs.nrows() as f64)
            }
            Quantity::TangentKernelChange => {
                relative_change(measured.tangent_kernel.as_ref()?, self.baseline.tangent_kernel.as_ref()?)
            }
            Quantity::MeanTangentKernel => Value::Matrix(measured.mean_tangent_kernel.clone()?),
            Quantity::NngpKernel => Value::Matrix(measured.nngp_kernel.clone()?),
            Quantity::NngpKernelChange => {
                relative_change(measured.nngp_kernel.as_ref()?, self.baseline.nngp_kernel.as_ref()?)
            }
            Quantity::FeatureKernels => Value::Matrices(measured.feature_kernels.clone()?),
            Quantity::GradientKernels => Value::Matrices(measured.gradient_kernels.clone()?),
            Quantity::WeightChange => {
                let change = |layer: &mut MlpLayer<W>| {
                    let movement = layer.weights.matrix.movement();
                    if movement.moved == 0.0 { 0.0 } else { (movement.moved / movement.initial).sqrt() }
                };
                Value::List(network.layers.iter_mut().map(change).collect())
            }
            Quantity::ActivationNorms => Value::List(measured.activation_norms.clone()?),
            Quantity::ActivationChanges => Value::List(measured.activation_changes.clone()?),
            Quantity::Predictor => Value::Matrix(measured.predictor.as_ref()?.predictor.clone()),
            Quantity::PredictorOffset => Value::List(measured.predictor.as_ref()?.offset.clone()),
            Quantity::PredictorSingularValues => Value::List(singular_values(&measured.predictor.as_ref()?.predictor)),
            Quantity::Sharpness => Value::Scalar(measured.sharpness?),
            Quantity::OutputChange => {
                let moved = measured.moved.as_ref()?;
                Value::Scalar(moved.norm() / (moved.len() as f64).sqrt())
            }
            Quantity::Decomposition => {
                let inputs = &test.unwrap_or(train).inputs;
                Value::List(decomposition(self.baseline.network.as_mut()?, network, inputs)?)
            }
            Quantity::ParameterDistance => {
                let moved: f64 = network.matrices_mut().map(|matrix| matrix.movement().moved).sum();
                Value::Scalar(moved.sqrt())
            }
            Quantity::LinearisedOutputs => Value::Matrix(measured.linearised_train.clone()?),
            Quantity::LinearisedTestOutputs => Value::Matrix(measured.linearised_test.clone()?),
            Quantity::LinearisedTrainLoss => {
                Value::Scalar(loss.value(measured.linearised_train.as_ref()?, &train.targets))
            }
            Quantity::LinearisedTestLoss => {
                Value::Scalar(loss.value(measured.linearised_test.as_ref()?, &test?.targets))
            }
            Quantity::LinearisationDistance => {
                let difference = match (&measured.test, &measured.linearised_test) {
                    (Some(outputs), Some(linearised)) => outputs - linearised,
                    _ => measured.train.as_ref()? - measured.linearised_train.as_ref()?,
                };
                Value::Scalar(difference.norm() / (difference.len() as f64).sqrt())
            }
            // Others of deep linear networks, of ensembles and of networks in Gram space are neither.
            _ => {
                let outputs = Outputs { train: measured.train.as_ref(), test: measured.test.as_ref() };
                return output_quantity(quantity, self.problem, outputs)
                    .or_else(|| explored_quantity(quantity, network.matrices()));
            }
        })
    }
}

/// `‖now − start‖_F / ‖start‖_F`; a kernel that is and stays 0 has not changed.
fn relative_change(now: &Matrix, start: &Matrix) -> Value {
    let moved = (now - start).norm();
    Value::Scalar(if moved == 0.0 { 0.0 } else { moved / start.norm() })
}

/// `(1/k) Σ_a Θ_aa` of a kernel with samples outermost.
fn mean_over_outputs(kernel: &Matrix, outputs: usize) -> Matrix {
    let samples = kernel.nrows() / outputs;
    Matrix::from_fn(samples, samples, |p, q| {
        let trace: f64 = (0..outputs).map(|a| kernel[(p * outputs + a, q * outputs + a)]).sum();
        trace / outputs as f64
    })
}
