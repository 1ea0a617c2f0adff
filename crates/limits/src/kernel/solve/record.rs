//! Records quantities of a solution in the kernel regime.

use widenet_core::{
    Matrix, Problem, Width,
    problem::{Labels, Quantity},
    scaling::KernelNetwork,
    training::Control,
    trajectory::{Record, Value},
};

use crate::{
    kernel::{blocks::TrainingKernel, ensemble::Prior, error::Result as KernelResult, gram::kernels, matrices::Which},
    linear_algebra::product,
};

/// A solution at one moment: of one function, or means over many.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) train: Matrix,
    pub(super) test: Option<Matrix>,
    pub(super) train_loss: f64,
    pub(super) test_loss: Option<f64>,
    pub(super) train_accuracy: Option<f64>,
    pub(super) test_accuracy: Option<f64>,
    pub(super) train_std: Option<Matrix>,
    pub(super) test_std: Option<Matrix>,
    pub(super) test_covariance: Option<Matrix>,
    /// `‖θ_t − θ_0‖`.
    pub(super) distance: Option<f64>,
    pub(super) kurtosis: Option<f64>,
}

/// Makes records of snapshots.
pub(super) struct SnapshotRecorder<'a> {
    pub(super) problem: &'a Problem,
    kernel: &'a TrainingKernel,
    prior: Option<&'a Prior>,
    pub(super) labels: Result<Labels, String>,
    /// The kernel of `‖θ_t − θ_0‖² = tr zᵀ D z`, where it is recorded.
    distance_kernel: Option<Matrix>,
}

impl<'a> SnapshotRecorder<'a> {
    pub(super) fn new(
        problem: &'a Problem,
        network: &KernelNetwork,
        kernel: &'a TrainingKernel,
        prior: Option<&'a Prior>,
    ) -> KernelResult<Self> {
        let distance_kernel = if problem.record.quantities.contains(&Quantity::ParameterDistance) {
            Some(distance_kernel(problem, network, kernel)?)
        } else {
            None
        };
        Ok(Self { problem, kernel, prior, labels: problem.labels(), distance_kernel })
    }

    /// `‖θ_t − θ_0‖` for the sums z of gradients (N × k).
    pub(super) fn distance(&self, z: &Matrix) -> Option<f64> {
        Some(product(self.distance_kernel.as_ref()?, z).dot(z).clamp(0.0, f64::INFINITY).sqrt())
    }

    /// Losses and accuracies of one function.
    pub(super) fn snapshot(&self, train: &Matrix, test: Option<Matrix>, z: &Matrix) -> Snapshot {
        Snapshot { distance: self.distance(z), ..self.of_function(train, test) }
    }

    /// The same of the mean function.
    fn of_mean(&self, snapshot: &Snapshot) -> Snapshot {
        self.of_function(&snapshot.train, snapshot.test.clone())
    }

    fn of_function(&self, train: &Matrix, test: Option<Matrix>) -> Snapshot {
        let data = &self.problem.data;
        let targets = data.test.as_ref().map(|test| &test.targets);
        let on_test = |f: &dyn Fn(&Matrix, &Matrix) -> f64| Some(f(test.as_ref()?, targets?));
        Snapshot {
            train_loss: self.problem.loss.value(train, &data.train.targets),
            test_loss: on_test(&|f, y| self.problem.loss.value(f, y)),
            train_accuracy: Labels::accuracy_of(&self.labels, train, &data.train.targets),
            test_accuracy: test.as_ref().zip(targets).and_then(|(f, y)| Labels::accuracy_of(&self.labels, f, y)),
            train: train.clone(),
            test,
            ..Snapshot::default()
        }
    }

    /// The record of the plan's moment at a position.
    pub(super) fn record(&self, position: usize, snapshot: &Snapshot) -> Record {
        let moment = self.problem.record.at[position];
        let step = if self.problem.optimizer.has_steps() { moment as u64 } else { position as u64 };
        let quantities = self.problem.record.quantities.iter();
        let values = quantities.filter_map(|quantity| Some((*quantity, self.value(*quantity, snapshot)?))).collect();
        Record::new(step, self.problem.optimizer.time(moment), values)
    }

    fn value(&self, quantity: Quantity, snapshot: &Snapshot) -> Option<Value> {
        let (samples, outputs) = self.problem.data.train.targets.shape();
        let tangent = &self.kernel.train;
        let matrix = |matrix: &Option<Matrix>| matrix.clone().map(Value::Matrix);
        match quantity {
            // The network is its own linearisation.
            Quantity::TrainLoss | Quantity::LinearisedTrainLoss => Some(Value::Scalar(snapshot.train_loss)),
            Quantity::TestLoss | Quantity::LinearisedTestLoss => snapshot.test_loss.map(Value::Scalar),
            Quantity::Outputs | Quantity::LinearisedOutputs => Some(Value::Matrix(snapshot.train.clone())),
            Quantity::TestOutputs | Quantity::LinearisedTestOutputs => matrix(&snapshot.test),
            Quantity::TrainAccuracy => snapshot.train_accuracy.map(Value::Scalar),
            Quantity::TestAccuracy => snapshot.test_accuracy.map(Value::Scalar),
            Quantity::TrainLossOfMean => Some(Value::Scalar(self.of_mean(snapshot).train_loss)),
            Quantity::TestLossOfMean => self.of_mean(snapshot).test_loss.map(Value::Scalar),
            Quantity::TrainAccuracyOfMean => self.of_mean(snapshot).train_accuracy.map(Value::Scalar),
            Quantity::TestAccuracyOfMean => self.of_mean(snapshot).test_accuracy.map(Value::Scalar),
            Quantity::OutputStd => matrix(&snapshot.train_std),
            Quantity::TestOutputStd => matrix(&snapshot.test_std),
            Quantity::TestOutputCovariance => matrix(&snapshot.test_covariance),
            Quantity::FunctionKurtosis => snapshot.kurtosis.map(Value::Scalar),
            Quantity::ParameterDistance => snapshot.distance.map(Value::Scalar),
            // The kernels do not move, nor does any weight by an amount of its own size.
            Quantity::TangentKernelChange | Quantity::NngpKernelChange | Quantity::LinearisationDistance => {
                Some(Value::Scalar(0.0))
            }
            Quantity::WeightChange => Some(Value::List(vec![0.0; self.problem.network.hidden_layers + 1])),
            Quantity::TangentKernelNorm => {
                Some(Value::Scalar((outputs as f64).sqrt() * tangent.norm() / samples as f64))
            }
            Quantity::TangentKernel => Some(Value::Matrix(tangent.kronecker(&Matrix::identity(outputs, outputs)))),
            Quantity::MeanTangentKernel => Some(Value::Matrix(tangent.clone())),
            Quantity::NngpKernel => self.prior.map(|prior| Value::Matrix(prior.train.clone())),
            _ => None,
        }
    }
}

/// `Δθ_l = −κ_l J_lᵀ z`, so `‖Δθ‖² = tr zᵀ (Σ κ_l² J_l J_lᵀ) z`: the tangent kernel with each layer's part `κ_l J_l J_lᵀ` once more
/// times its learning rate κ_l.
fn distance_kernel(problem: &Problem, network: &KernelNetwork, kernel: &TrainingKernel) -> KernelResult<Matrix> {
    let scaling = problem.scaling();
    let mut scaled = network.clone();
    for (l, layer) in scaled.layers.iter_mut().enumerate() {
        layer.weight_tangent = times_rate(layer.weight_tangent, scaling.layers[l].learning_rate.at(Width::Infinite));
        if let Some(bias) = &scaling.biases[l] {
            layer.bias_tangent = times_rate(layer.bias_tangent, bias.learning_rate.at(Width::Infinite));
        }
    }
    if scaled == *network {
        return Ok(kernel.train.clone());
    }
    let inputs = &problem.data.train.inputs;
    let kernels = kernels(&scaled, inputs, None, Which::Tangent, &mut |_| Control::Continue)?;
    Ok(kernels.tangent.unwrap_or_default())
}

fn times_rate(tangent: f64, rate: f64) -> f64 {
    if tangent == 0.0 { 0.0 } else { tangent * rate }
}
