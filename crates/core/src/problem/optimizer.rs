//! Optimisers that are linear in past gradients.

/// Optimiser of a deep linear network. `η` is `learning_rate`, in the loss normalisation of [`super::Loss`]; each layer
/// multiplies it by its factor from the [`crate::scaling::Scaling`].
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// The update rule and its horizon.
    pub rule: Rule,
    /// `λ ≥ 0`: every weight shrinks at rate `ηλ` per step (flow: `λ` per unit time) in all layers alike. This is the L2
    /// penalty measured in each layer's own learning rate, so that it has an infinite-width limit.
    pub weight_decay: f64,
}

/// Update rule and horizon.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Steps of (minibatch) gradient descent with heavy-ball momentum:
    /// `u ← μ u + η (∇ + λ W)`, `W ← W − u` (Nesterov: `W ← W − η (∇ + λ W) − μ u` with the new `u`).
    Descent {
        /// `η > 0`.
        learning_rate: f64,
        /// Number of steps `T ≥ 1`.
        steps: u64,
        /// `0 ≤ μ < 1`; 0 is plain gradient descent.
        momentum: f64,
        /// Nesterov's form of momentum.
        nesterov: bool,
        /// Samples per batch; `None` is full batch. Batches are drawn without replacement within an epoch, reshuffled by
        /// the trial's seed.
        batch_size: Option<usize>,
    },
    /// Gradient flow `dW/dt = −∇ − λ W`, by an adaptive embedded Runge–Kutta pair.
    Flow {
        /// Horizon `T > 0`.
        time: f64,
        /// Allowed local error of the predictor per step, > 0.
        tolerance: f64,
    },
}
