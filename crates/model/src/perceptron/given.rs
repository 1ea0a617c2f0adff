//! A perceptron with given weights.

use widenet_core::{
    Matrix,
    data::Samples,
    problem::{Activation, Loss},
};

use crate::ModelError;

/// One layer `h = σ_w/√fan_in · x W + σ_b b` (kernel-regime page §1).
#[derive(Debug, Clone, PartialEq)]
pub struct GivenLayer {
    /// W, fan-in × fan-out: entry (i, j) maps input i to output j.
    pub weights: Matrix,
    /// b, one per output; may be empty where `sigma_b` is 0.
    pub biases: Vec<f64>,
    /// σ_w.
    pub sigma_w: f64,
    /// σ_b; 0 is no biases.
    pub sigma_b: f64,
}

/// A perceptron in NTK parameterisation with given weights, hidden widths as they come, computed in `f64` on the CPU.
#[derive(Debug, Clone)]
pub struct GivenNetwork {}

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
    /// At the steps asked for, in their order.
    pub records: Vec<GivenRecord>,
    /// Weights of every layer at the end, fan-in × fan-out; of a linearised network its starting weights plus their tangents.
    pub final_weights: Vec<Matrix>,
}

impl GivenNetwork {
    /// The network of these layers, input layer first.
    ///
    /// # Errors
    /// Layers that do not fit together, and numbers that are not finite, by layer.
    pub fn new(activation: Activation, layers: &[GivenLayer]) -> Result<Self, ModelError> {
        let _ = (activation, layers);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// `f` on inputs (P × d), P × k.
    ///
    /// # Errors
    /// Inputs of another dimension.
    pub fn outputs(&mut self, inputs: &Matrix) -> Result<Matrix, ModelError> {
        let _ = inputs;
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// Tangent kernel between inputs (P × d and Q × d), P k × Q k: entry (p k + a, q k + b) is `∂f_a(x_p)/∂θ · ∂f_b(x_q)/∂θ`.
    ///
    /// # Errors
    /// Inputs of another dimension.
    pub fn tangent_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let _ = (left, right);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// The tangent kernel averaged over outputs, P × Q.
    ///
    /// # Errors
    /// Inputs of another dimension.
    pub fn mean_tangent_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let _ = (left, right);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// NNGP kernel of the last hidden layer's activations, P × Q.
    ///
    /// # Errors
    /// Inputs of another dimension.
    pub fn nngp_kernel(&mut self, left: &Matrix, right: &Matrix) -> Result<Matrix, ModelError> {
        let _ = (left, right);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// Outputs of the network linearised at its weights, at these weights plus `(weights, biases)` of every layer's tangent
    /// (shapes as in [`GivenLayer`]).
    ///
    /// # Errors
    /// Tangents or inputs of other shapes.
    pub fn linearised_outputs(
        &mut self,
        tangents: &[(Matrix, Vec<f64>)],
        inputs: &Matrix,
    ) -> Result<Matrix, ModelError> {
        let _ = (tangents, inputs);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// Full-batch gradient descent from the given weights, with outputs on the training inputs and on `test_inputs` (T × d) at
    /// the steps `at`, in increasing order. The network itself stays as it was given.
    ///
    /// # Errors
    /// Data of other dimensions.
    pub fn descend(
        &self,
        train: &Samples,
        test_inputs: &Matrix,
        loss: Loss,
        learning_rate: f64,
        at: &[u64],
    ) -> Result<GivenRun, ModelError> {
        let _ = (train, test_inputs, loss, learning_rate, at);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }

    /// The same of the network linearised at the given weights.
    ///
    /// # Errors
    /// Data of other dimensions.
    pub fn descend_linearised(
        &self,
        train: &Samples,
        test_inputs: &Matrix,
        loss: Loss,
        learning_rate: f64,
        at: &[u64],
    ) -> Result<GivenRun, ModelError> {
        let _ = (train, test_inputs, loss, learning_rate, at);
        Err(widenet_core::Error::Invalid("perceptrons have no engine yet".into()).into())
    }
}
