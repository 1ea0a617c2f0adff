//! From the state of a perceptron to recorded quantities, as [`Quantity`] says.

use std::collections::BTreeMap;

use super::{
    Forward, Mlp, NeuronMatrix,
    training::{MlpTraining, Passes},
};
use crate::{
    Matrix, Problem,
    problem::{Loss, Quantity},
    trajectory::{Record, Value},
};

/// Kernels on the training inputs at the start, where a quantity compares with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    tangent_kernel: Option<Matrix>,
    nngp_kernel: Option<Matrix>,
}

impl Baseline {
    pub(super) fn is_needed(problem: &Problem) -> bool {
        let compared = [Quantity::TangentKernelChange, Quantity::NngpKernelChange];
        compared.iter().any(|quantity| problem.record.quantities.contains(quantity))
    }

    pub(super) fn of<W: NeuronMatrix>(network: &mut Mlp<W>, forward: &Forward<W::Block>, problem: &Problem) -> Self {
        let wants = |quantity| problem.record.quantities.contains(&quantity);
        Self {
            tangent_kernel: wants(Quantity::TangentKernelChange).then(|| network.tangent_kernel(forward, None)),
            nngp_kernel: wants(Quantity::NngpKernelChange).then(|| network.nngp_kernel(forward, None)),
        }
    }
}

/// What several quantities are made of, computed once for a record; `None` where none needs it.
struct Measured {
    train: Option<Matrix>,
    test: Option<Matrix>,
    linearised_train: Option<Matrix>,
    linearised_test: Option<Matrix>,
    tangent_kernel: Option<Matrix>,
    mean_tangent_kernel: Option<Matrix>,
    nngp_kernel: Option<Matrix>,
}

impl<W: NeuronMatrix> MlpTraining<'_, W> {
    /// Records everything asked for.
    pub(super) fn take_record(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Record {
        let measured = self.measure(passes);
        let values = self.problem.record.quantities.iter();
        let values: BTreeMap<Quantity, Value> =
            values.filter_map(|&quantity| Some((quantity, self.value(quantity, &measured)?))).collect();
        Record { step, time, values }
    }

    fn measure(&mut self, passes: &Passes<W::Block>) -> Measured {
        let wants = |quantities: &[Quantity]| {
            quantities.iter().any(|quantity| self.problem.record.quantities.contains(quantity))
        };
        let wants_full = wants(&[Quantity::TangentKernel, Quantity::TangentKernelNorm, Quantity::TangentKernelChange]);
        let wants_mean = wants(&[Quantity::MeanTangentKernel]);
        let wants_nngp = wants(&[Quantity::NngpKernel, Quantity::NngpKernelChange]);
        let wants_linearised_test =
            wants(&[Quantity::LinearisedTestOutputs, Quantity::LinearisedTestLoss, Quantity::LinearisationDistance]);
        let distance_on_train = wants(&[Quantity::LinearisationDistance]) && self.problem.data.test.is_none();
        let wants_linearised_train =
            distance_on_train || wants(&[Quantity::LinearisedOutputs, Quantity::LinearisedTrainLoss]);
        let wants_train =
            distance_on_train || wants(&[Quantity::TrainLoss, Quantity::TrainAccuracy, Quantity::Outputs]);
        let wants_test =
            wants_linearised_test || wants(&[Quantity::TestLoss, Quantity::TestAccuracy, Quantity::TestOutputs]);

        let (data, correction) = (&self.problem.data, &self.correction);
        // The pass of a full batch is one of all training samples; that of a minibatch is not.
        let of_all = passes.is_full_batch();
        let train = match of_all {
            _ if !wants_train => None,
            true => Some(passes.forward.outputs.clone()),
            false => Some(correction.on_train(self.network.outputs(&data.train.inputs), None)),
        };
        let test = data.test.as_ref().filter(|_| wants_test);
        let test = test.map(|test| correction.on_test(self.network.outputs(&test.inputs)));
        let linearised_train = match (&passes.linearised, &mut self.linearisation) {
            (Some((_, outputs)), Some(_)) if of_all && wants_linearised_train => Some(outputs.clone()),
            (_, Some(linearisation)) if wants_linearised_train => {
                Some(correction.on_train(linearisation.outputs(&data.train.inputs), None))
            }
            _ => None,
        };
        let linearised_test = match (&data.test, &mut self.linearisation) {
            (Some(test), Some(linearisation)) if wants_linearised_test => {
                Some(correction.on_test(linearisation.outputs(&test.inputs)))
            }
            _ => None,
        };

        let pass =
            (!of_all && (wants_full || wants_mean || wants_nngp)).then(|| self.network.forward(&data.train.inputs));
        let forward = pass.as_ref().unwrap_or(&passes.forward);
        let tangent_kernel = wants_full.then(|| self.network.tangent_kernel(forward, None));
        let mean_tangent_kernel = wants_mean.then(|| match &tangent_kernel {
            Some(kernel) => mean_over_outputs(kernel, data.output_dimension()),
            None => self.network.mean_tangent_kernel(forward, None),
        });
        let nngp_kernel = wants_nngp.then(|| self.network.nngp_kernel(forward, None));
        Measured { train, test, linearised_train, linearised_test, tangent_kernel, mean_tangent_kernel, nngp_kernel }
    }

    /// The value of a quantity; `None` where it is not defined.
    fn value(&mut self, quantity: Quantity, measured: &Measured) -> Option<Value> {
        let (train, test) = (&self.problem.data.train, self.problem.data.test.as_ref());
        let loss = self.problem.loss;
        Some(match quantity {
            Quantity::TrainLoss => Value::Scalar(loss.value(measured.train.as_ref()?, &train.targets)),
            Quantity::TestLoss => Value::Scalar(loss.value(measured.test.as_ref()?, &test?.targets)),
            Quantity::TrainAccuracy => Value::Scalar(Loss::accuracy(measured.train.as_ref()?, &train.targets)),
            Quantity::TestAccuracy => Value::Scalar(Loss::accuracy(measured.test.as_ref()?, &test?.targets)),
            Quantity::Outputs => Value::Matrix(measured.train.clone()?),
            Quantity::TestOutputs => Value::Matrix(measured.test.clone()?),
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
            Quantity::WeightChange => {
                let change = |layer: &mut super::MlpLayer<W>| {
                    let movement = layer.weights.matrix.movement();
                    if movement.moved == 0.0 { 0.0 } else { (movement.moved / movement.initial).sqrt() }
                };
                Value::List(self.network.layers.iter_mut().map(change).collect())
            }
            Quantity::ParameterDistance => {
                let moved: f64 = self.network.matrices_mut().map(|matrix| matrix.movement().moved).sum();
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
            // Of ensembles, and of deep linear networks.
            Quantity::OutputStd
            | Quantity::TestOutputStd
            | Quantity::TestOutputCovariance
            | Quantity::FunctionKurtosis
            | Quantity::Predictor
            | Quantity::MinNormDistance
            | Quantity::FeatureGram
            | Quantity::GradientGram
            | Quantity::InputCovariance
            | Quantity::InputAutocovariance
            | Quantity::OutputCovariance
            | Quantity::OutputAutocovariance
            | Quantity::InputKurtosis
            | Quantity::OutputKurtosis
            | Quantity::LearnedSingularValues
            | Quantity::EffectiveDimensions => return None,
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
