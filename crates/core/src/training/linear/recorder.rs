//! Records quantities of a deep linear network from its state (docs/theory/training.md §2, Eq. grams).
//!
//! ```text
//! F_0 = 1, F_{l+1} = W_l F_l        feature Gram matrices M_l = F_lᵀF_l (d × d), gradient Gram matrices B_l = G_lᵀG_l (k × k)
//! Θ(x,x') = C Σ_l ρ_l B_{l+1} xᵀ M_l x'
//! ```
//!
//! Features are probes of the matrices, so recording them extends what the law and limit engines have explored.

use std::collections::BTreeMap;

use super::network::LinearNetwork;
use crate::problem::Need;
use crate::{
    matrix::Matrix,
    problem::{Problem, Quantity},
    training::{
        block::Block,
        matrix::{LinearLayer, Neurons, WeightMatrix},
        record::{Outputs, explored_quantity, output_quantity, singular_values},
        risk,
        runge_kutta::Point,
    },
    trajectory::{Record, Value},
};

/// The factors of the tangent kernel.
#[derive(Debug, Clone)]
struct KernelFactors {
    /// `C ρ_l`.
    scales: Vec<f64>,
    /// `M_0 … M_L`.
    features: Vec<Matrix>,
    /// `B_1 … B_{L+1}`.
    gradients: Vec<Matrix>,
}

impl KernelFactors {
    /// `⟨Θ, Θ'⟩_F / P²` on inputs with covariance Σ: `Σ_ij c_i c_j' tr(B_i B_j') tr(M_i Σ M_j' Σ)`.
    fn inner(&self, other: &Self, sigma: &Matrix) -> f64 {
        let weighted: Vec<Matrix> = self.features.iter().map(|m| sigma * m * sigma).collect();
        let mut sum = 0.0;
        for (i, left) in weighted.iter().enumerate() {
            for (j, right) in other.features.iter().enumerate() {
                let gradients = self.gradients[i].dot(&other.gradients[j]);
                sum += self.scales[i] * other.scales[j] * gradients * left.dot(right);
            }
        }
        sum
    }

    /// `Θ` on some inputs (P × d), P k × P k, samples outermost.
    fn on(&self, inputs: &Matrix) -> Matrix {
        let layers = self.scales.iter().zip(&self.features).zip(&self.gradients);
        let kernels = layers.map(|((scale, features), gradients)| {
            (inputs * features * inputs.transpose() * *scale).kronecker(gradients)
        });
        kernels.reduce(|sum, kernel| sum + kernel).unwrap_or_else(|| Matrix::zeros(0, 0))
    }
}

/// What later records are compared with.
struct Baseline<B> {
    kernel: Option<KernelFactors>,
    kernel_norm_squared: f64,
    input_weights: Option<B>,
    readout_weights: Option<B>,
}

/// What quantities are made of at one moment.
struct State<'a, B> {
    outputs: Outputs<'a>,
    predictor: &'a Matrix,
    /// `G_0 … G_{L+1}`.
    backward: &'a [B],
    /// `F_0 … F_{L+1}`, where a quantity needs them.
    features: &'a [B],
}

/// Takes records of one run.
pub(super) struct Recorder<'p, B> {
    problem: &'p Problem,
    sigma: Option<Matrix>,
    min_norm: Option<Matrix>,
    baseline: Baseline<B>,
}

impl<'p, B: Block> Recorder<'p, B> {
    /// Prepares for a run that starts from `initial`, the network at time 0 (also when the run is then resumed).
    pub(super) fn new<W: WeightMatrix<Block = B>>(problem: &'p Problem, initial: &mut LinearNetwork<W>) -> Self {
        let wants = |quantity| problem.record.quantities.contains(&quantity);
        let sigma = (wants(Quantity::TangentKernelChange) || wants(Quantity::TangentKernelNorm))
            .then(|| risk::input_covariance(&problem.data.train));
        let min_norm = wants(Quantity::MinNormDistance).then(|| risk::min_norm_predictor(&problem.data.train));
        let kernel = wants(Quantity::TangentKernelChange).then(|| {
            let backward = initial.backward(&Point::OWN, &[]);
            let features = features(initial);
            kernel_factors(initial, &backward, &features)
        });
        let kernel_norm_squared = match (&kernel, &sigma) {
            (Some(kernel), Some(sigma)) => kernel.inner(kernel, sigma),
            _ => 0.0,
        };
        let input_weights = wants(Quantity::InputAutocovariance).then(|| input_weights(initial));
        let readout_weights = wants(Quantity::OutputAutocovariance).then(|| readout_weights(initial));
        let baseline = Baseline { kernel, kernel_norm_squared, input_weights, readout_weights };
        Self { problem, sigma, min_norm, baseline }
    }

    /// Records everything asked for. `backward` and `predictor` belong to the network as it is now.
    pub(super) fn record<W: LinearLayer<Block = B>>(
        &self,
        network: &mut LinearNetwork<W>,
        backward: &[B],
        predictor: &Matrix,
        step: u64,
        time: f64,
    ) -> Record {
        let quantities = &self.problem.record.quantities;
        let needs_features = quantities.iter().any(|quantity| quantity.needs(Need::Features));
        let features = if needs_features { features(network) } else { Vec::new() };
        let wants = |wanted: &[Quantity]| wanted.iter().any(|quantity| quantities.contains(quantity));
        let data = &self.problem.data;
        let train = wants(&[Quantity::TrainLoss, Quantity::TrainAccuracy, Quantity::Outputs])
            .then(|| &data.train.inputs * predictor.transpose());
        let test = data.test.as_ref();
        let test = test.filter(|_| wants(&[Quantity::TestLoss, Quantity::TestAccuracy, Quantity::TestOutputs]));
        let test = test.map(|test| &test.inputs * predictor.transpose());
        let state = State {
            outputs: Outputs { train: train.as_ref(), test: test.as_ref() },
            predictor,
            backward,
            features: &features,
        };
        let mut values = BTreeMap::new();
        for &quantity in quantities {
            if let Some(value) = self.value(quantity, network, &state) {
                values.insert(quantity, value);
            }
        }
        Record::new(step, time, values)
    }

    /// The value of a quantity; `None` where it is not defined.
    fn value<W: LinearLayer<Block = B>>(
        &self,
        quantity: Quantity,
        network: &mut LinearNetwork<W>,
        state: &State<'_, B>,
    ) -> Option<Value> {
        let hidden_layers = network.layers.len() - 1;
        let kernel = |network: &LinearNetwork<W>| kernel_factors(network, state.backward, state.features);
        Some(match quantity {
            Quantity::Predictor => Value::Matrix(state.predictor.clone()),
            Quantity::PredictorOffset => Value::List(vec![0.0; state.predictor.nrows()]),
            Quantity::PredictorSingularValues => Value::List(singular_values(state.predictor)),
            Quantity::MinNormDistance => Value::Scalar((state.predictor - self.min_norm.as_ref()?).norm()),
            Quantity::FeatureGram => {
                Value::Matrices(state.features[1..=hidden_layers].iter().map(|f| f.gram(f)).collect())
            }
            Quantity::GradientGram => {
                Value::Matrices(state.backward[1..=hidden_layers].iter().map(|g| g.gram(g)).collect())
            }
            Quantity::TangentKernelChange => Value::Scalar(self.kernel_change(&kernel(network))),
            Quantity::TangentKernelNorm => Value::Scalar(self.kernel_norm(&kernel(network))),
            Quantity::TangentKernel => Value::Matrix(kernel(network).on(&self.problem.data.train.inputs)),
            Quantity::InputCovariance => {
                let weights = input_weights(network);
                Value::Matrix(weights.gram(&weights))
            }
            Quantity::InputAutocovariance => {
                Value::Matrix(self.baseline.input_weights.as_ref()?.gram(&input_weights(network)))
            }
            Quantity::OutputCovariance => {
                let weights = readout_weights(network);
                Value::Matrix(weights.gram(&weights))
            }
            Quantity::OutputAutocovariance => {
                Value::Matrix(self.baseline.readout_weights.as_ref()?.gram(&readout_weights(network)))
            }
            Quantity::InputKurtosis => {
                let weights = input_weights(network);
                Value::Scalar(excess_kurtosis(network.layers[0].neurons(&weights))?)
            }
            Quantity::OutputKurtosis => {
                let weights = readout_weights(network);
                Value::Scalar(excess_kurtosis(network.layers[hidden_layers].neurons(&weights))?)
            }
            Quantity::LearnedSingularValues => {
                let layers = &mut network.layers;
                Value::Lists((1..hidden_layers).map(|layer| layers[layer].learned_singular_values()).collect())
            }
            Quantity::EffectiveDimensions => Value::List(
                network.layers[..hidden_layers].iter().map(|layer| layer.output_dimension() as f64).collect(),
            ),
            // Those of perceptrons and of ensembles are neither.
            _ => {
                return output_quantity(quantity, self.problem, state.outputs)
                    .or_else(|| explored_quantity(quantity, network.layers.iter()));
            }
        })
    }

    fn kernel_change(&self, now: &KernelFactors) -> f64 {
        let (Some(initial), Some(sigma)) = (&self.baseline.kernel, &self.sigma) else { return f64::NAN };
        // Θ_t − Θ_0 as one kernel with twice the terms: no cancellation of two large norms.
        let mut difference = Vec::new();
        for l in 0..now.scales.len() {
            let features = &now.features[l] - &initial.features[l];
            let gradients = &now.gradients[l] - &initial.gradients[l];
            difference.push((now.scales[l], features, now.gradients[l].clone()));
            difference.push((now.scales[l], initial.features[l].clone(), gradients));
        }
        let difference = KernelFactors {
            scales: difference.iter().map(|term| term.0).collect(),
            features: difference.iter().map(|term| term.1.clone()).collect(),
            gradients: difference.into_iter().map(|term| term.2).collect(),
        };
        let moved = difference.inner(&difference, sigma).max(0.0);
        // A kernel that is 0 on these inputs stays so.
        if moved == 0.0 { 0.0 } else { (moved / self.baseline.kernel_norm_squared).sqrt() }
    }

    fn kernel_norm(&self, now: &KernelFactors) -> f64 {
        self.sigma.as_ref().map_or(f64::NAN, |sigma| now.inner(now, sigma).max(0.0).sqrt())
    }
}

/// `F_0 … F_{L+1}`.
fn features<W: WeightMatrix>(network: &mut LinearNetwork<W>) -> Vec<W::Block> {
    let identity = Matrix::identity(network.input_dimension, network.input_dimension);
    network.forward(&identity, &Point::OWN, &[])
}

fn kernel_factors<W: WeightMatrix>(
    network: &LinearNetwork<W>,
    backward: &[W::Block],
    features: &[W::Block],
) -> KernelFactors {
    let layers = network.layers.len();
    KernelFactors {
        scales: network.rates.iter().map(|rate| network.output_scale * rate).collect(),
        features: features[..layers].iter().map(|f| f.gram(f)).collect(),
        gradients: backward[1..].iter().map(|g| g.gram(g)).collect(),
    }
}

/// `U`, as a block of d columns.
fn input_weights<W: WeightMatrix>(network: &mut LinearNetwork<W>) -> W::Block {
    let layer = &mut network.layers[0];
    let identity = layer.input_block(&Matrix::identity(network.input_dimension, network.input_dimension));
    layer.apply(&identity)
}

/// `V`, as a block of k columns.
fn readout_weights<W: WeightMatrix>(network: &mut LinearNetwork<W>) -> W::Block {
    let last = network.layers.len() - 1;
    let layer = &mut network.layers[last];
    let identity = layer.output_block(&Matrix::identity(network.output_dimension, network.output_dimension));
    layer.apply_transpose(&identity)
}

/// Mean over columns of the unbiased `G_2 = (n−1)/((n−2)(n−3)) ((n+1) g_2 + 6)`, `g_2 = m_4/m_2² − 3`, over n ≥ 4 neurons.
fn excess_kurtosis(neurons: Neurons) -> Option<f64> {
    let entries = match neurons {
        Neurons::Entries(entries) => entries,
        Neurons::Gaussian => return Some(0.0),
        Neurons::Unknown => return None,
    };
    let n = entries.nrows() as f64;
    let of_column = |column: nalgebra::DVectorView<'_, f64>| {
        let mean = column.mean();
        let moment = |power| column.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
        let plain = moment(4) / moment(2).powi(2) - 3.0;
        (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * plain + 6.0)
    };
    let sum: f64 = entries.column_iter().map(of_column).sum();
    Some(sum / entries.ncols() as f64)
}
