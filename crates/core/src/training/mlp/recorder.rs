//! From the state of a perceptron to recorded quantities, as [`Quantity`] says.

use std::collections::BTreeMap;

use super::{
    Forward, Mlp, NeuronBlock, NeuronMatrix,
    correction::InitialCorrection,
    decomposition::decomposition,
    group::of_network,
    training::{MlpTraining, Passes},
};
use crate::{
    Matrix, Problem,
    problem::{Loss, Quantity},
    training::weights::{Block, explored_quantity},
    trajectory::{Record, Value},
};

/// The network at the start on the training inputs, as far as quantities compare with it.
pub(super) struct Baseline<W: NeuronMatrix> {
    tangent_kernel: Option<Matrix>,
    nngp_kernel: Option<Matrix>,
    outputs: Option<Matrix>,
    pre_activations: Option<Vec<W::Block>>,
    /// Its weights.
    network: Option<Mlp<W>>,
}

impl<W: NeuronMatrix> Baseline<W> {
    /// Whether a quantity is compared with a pass at the start.
    pub(super) fn needs_pass(problem: &Problem) -> bool {
        let compared = [
            Quantity::TangentKernelChange,
            Quantity::NngpKernelChange,
            Quantity::ActivationChanges,
            Quantity::OutputChange,
        ];
        compared.iter().any(|quantity| problem.record.quantities.contains(quantity))
    }

    /// From the network at the start and, where it is needed, its pass of all training samples, whose outputs are corrected.
    pub(super) fn of(
        network: &mut Mlp<W>,
        forward: Option<&Forward<W::Block>>,
        correction: &InitialCorrection,
        problem: &Problem,
    ) -> Self {
        let wants = |quantity| problem.record.quantities.contains(&quantity);
        let pass_for = |quantity| forward.filter(|_| wants(quantity));
        Self {
            tangent_kernel: pass_for(Quantity::TangentKernelChange).map(|pass| network.tangent_kernel(pass, None)),
            nngp_kernel: pass_for(Quantity::NngpKernelChange).map(|pass| network.nngp_kernel(pass, None)),
            outputs: pass_for(Quantity::OutputChange).map(|pass| correction.on_train(pass.outputs.clone(), None)),
            pre_activations: pass_for(Quantity::ActivationChanges).map(|pass| pass.pre_activations.clone()),
            network: wants(Quantity::Decomposition).then(|| network.clone()),
        }
    }
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
    activation_norms: Option<Vec<f64>>,
    activation_changes: Option<Vec<f64>>,
}

impl Measured {
    /// What is measured at outputs, of one network of a group.
    fn of_network(&self, network: usize, networks: usize) -> Self {
        let [train, test, moved] = [&self.train, &self.test, &self.moved]
            .map(|outputs| outputs.as_ref().map(|outputs| of_network(outputs, network, networks)));
        Self { train, test, moved, ..Self::default() }
    }
}

impl<W: NeuronMatrix> MlpTraining<'_, W> {
    /// Records everything asked for.
    pub(super) fn take_record(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Record {
        let measured = self.measure(passes);
        self.record_of(&measured, step, time)
    }

    /// Records everything asked for of every network of a group.
    pub(super) fn take_records(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Vec<Record> {
        let (measured, networks) = (self.measure(passes), self.network.networks());
        (0..networks).map(|network| self.record_of(&measured.of_network(network, networks), step, time)).collect()
    }

    fn record_of(&mut self, measured: &Measured, step: u64, time: f64) -> Record {
        let values = self.problem.record.quantities.iter();
        let values: BTreeMap<Quantity, Value> =
            values.filter_map(|&quantity| Some((quantity, self.value(quantity, measured)?))).collect();
        Record { step, time, values }
    }

    fn measure(&mut self, passes: &Passes<W::Block>) -> Measured {
        let wants = |quantities: &[Quantity]| {
            quantities.iter().any(|quantity| self.problem.record.quantities.contains(quantity))
        };
        let wants_full = wants(&[Quantity::TangentKernel, Quantity::TangentKernelNorm, Quantity::TangentKernelChange]);
        let wants_mean = wants(&[Quantity::MeanTangentKernel]);
        let wants_nngp = wants(&[Quantity::NngpKernel, Quantity::NngpKernelChange]);
        let wants_norms = wants(&[Quantity::ActivationNorms]);
        let wants_changes = wants(&[Quantity::ActivationChanges]);
        let wants_pass = wants_full || wants_mean || wants_nngp || wants_norms || wants_changes;
        let wants_linearised_test =
            wants(&[Quantity::LinearisedTestOutputs, Quantity::LinearisedTestLoss, Quantity::LinearisationDistance]);
        let distance_on_train = wants(&[Quantity::LinearisationDistance]) && self.problem.data.test.is_none();
        let wants_linearised_train =
            distance_on_train || wants(&[Quantity::LinearisedOutputs, Quantity::LinearisedTrainLoss]);
        let wants_train = distance_on_train
            || wants(&[Quantity::TrainLoss, Quantity::TrainAccuracy, Quantity::Outputs, Quantity::OutputChange]);
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
        let moved = train.as_ref().zip(self.baseline.outputs.as_ref()).map(|(now, start)| now - start);
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

        let pass = (!of_all && wants_pass).then(|| self.network.forward(&data.train.inputs));
        let forward = pass.as_ref().unwrap_or(&passes.forward);
        let tangent_kernel = wants_full.then(|| self.network.tangent_kernel(forward, None));
        let mean_tangent_kernel = wants_mean.then(|| match &tangent_kernel {
            Some(kernel) => mean_over_outputs(kernel, data.output_dimension()),
            None => self.network.mean_tangent_kernel(forward, None),
        });
        let nngp_kernel = wants_nngp.then(|| self.network.nngp_kernel(forward, None));
        let activation_norms =
            wants_norms.then(|| forward.pre_activations.iter().map(|h| h.mean_square().sqrt()).collect());
        let activation_changes = self.baseline.pre_activations.as_ref().filter(|_| wants_changes).map(|initial| {
            let change = |(now, initial): (&W::Block, &W::Block)| {
                let mut moved = now.clone();
                moved.add_scaled(-1.0, initial);
                moved.mean_square().sqrt()
            };
            forward.pre_activations.iter().zip(initial).map(change).collect()
        });
        Measured {
            train,
            test,
            moved,
            linearised_train,
            linearised_test,
            tangent_kernel,
            mean_tangent_kernel,
            nngp_kernel,
            activation_norms,
            activation_changes,
        }
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
            Quantity::ActivationNorms => Value::List(measured.activation_norms.clone()?),
            Quantity::ActivationChanges => Value::List(measured.activation_changes.clone()?),
            Quantity::OutputChange => {
                let moved = measured.moved.as_ref()?;
                Value::Scalar(moved.norm() / (moved.len() as f64).sqrt())
            }
            Quantity::Decomposition => {
                let inputs = &test.unwrap_or(train).inputs;
                Value::List(decomposition(self.baseline.network.as_mut()?, &mut self.network, inputs)?)
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
            Quantity::ExploredRanks | Quantity::OrthogonalityLoss | Quantity::TruncationError => {
                explored_quantity(quantity, self.network.matrices())?
            }
            // Of ensembles, of deep linear networks, and of networks in Gram space.
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
            | Quantity::EffectiveDimensions
            | Quantity::NormalisedOutputs
            | Quantity::NormalisedTestOutputs => return None,
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
