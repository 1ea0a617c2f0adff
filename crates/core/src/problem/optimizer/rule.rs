//! These are the update rules of all optimizers.

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
        /// `0 ≤ μ < 1 − 10⁻⁹`; 0 is plain gradient descent.
        momentum: f64,
        /// Whether the momentum is Nesterov's.
        nesterov: bool,
        /// Samples per batch; `None` is full batch. Batches are drawn without replacement within an epoch, reshuffled
        /// by the trial's seed.
        batch_size: Option<usize>,
    },
    /// Gradient flow `dW/dt = −∇ − λ W`, by an adaptive embedded Runge–Kutta pair.
    Flow {
        /// Horizon `T ≥ 1e-300`.
        time: f64,
        /// Allowed local error per step, > 0: of the predictor plus that of the weights' decay. Where rounding is larger
        /// (`f32`), rounding bounds it instead.
        tolerance: f64,
    },
    /// Gradient flow with momentum, the limit of heavy-ball descent for small η: `W'' = −((1 − μ)/√η) W' − ∇` from rest, in the
    /// time `s = √η t` of step t (docs/theory/ntk.md §4).
    MomentumFlow {
        /// `η > 0`.
        learning_rate: f64,
        /// Horizon in steps; moments in between may be fractions of steps.
        steps: u64,
        /// `0 ≤ μ < 1 − 10⁻⁹`.
        momentum: f64,
        /// Allowed relative local error per step, where the flow has no closed form.
        tolerance: f64,
    },
    /// Steps of RMSProp (docs/theory/scaling-limits.md §5.4), entry by entry, with the gradient g in the parameter `w` of the
    /// parameterisation, from v = 0: `v ← ρ v + (1 − ρ) g²`, `w ← w − η κ g/(√v + ε)`, κ the layer's own learning rate.
    RmsProp {
        /// `η > 0`.
        learning_rate: f64,
        /// Number of steps `T ≥ 1`.
        steps: u64,
        /// `0 ≤ ρ < 1 − 10⁻⁹`.
        decay: f64,
        /// `ε ≥ 10⁻³⁰`, outside the root. Gradients must stay far above it for their size not to matter.
        epsilon: f64,
        /// Samples per batch, as of descent.
        batch_size: Option<usize>,
    },
    /// Steps of Adam, entry by entry, with the gradient g in the parameter `w` of the parameterisation (docs/theory/training.md §5,
    /// Eq. adam). The weight decay λ is that of AdamW: `w ← (1 − ηλ) w` at every step, whatever the gradient and the layer.
    Adam {
        /// `η > 0`.
        learning_rate: f64,
        /// Number of steps `T ≥ 1`.
        steps: u64,
        /// `0 ≤ β₁ < 1 − 10⁻⁹`.
        beta1: f64,
        /// `0 ≤ β₂ < 1 − 10⁻⁹`.
        beta2: f64,
        /// `ε ≥ 10⁻³⁰`, outside the root. Gradients must stay far above it for their size not to matter.
        epsilon: f64,
        /// Samples per batch, as of descent.
        batch_size: Option<usize>,
    },
}
