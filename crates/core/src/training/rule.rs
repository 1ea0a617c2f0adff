//! A rule says how a gradient becomes an update.
//!
//! ```text
//! ∇ = Σ_j c_j g_j a_jᵀ + λ W,    u ← μ u + ∇,    W ← W − u        (Nesterov: W ← W − ∇ − μ u)
//! ```
//!
//! (docs/theory/training.md §5, Eq. update.)

use crate::problem::{Optimizer, Rule};

/// How a gradient becomes an update (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdateRule {
    /// `μ`, in [0, 1).
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
    /// `λ` per step.
    pub decay: f64,
}

impl UpdateRule {
    /// `W ← W − Σ_j c_j g_j a_jᵀ`.
    pub const PLAIN: UpdateRule = UpdateRule { momentum: 0.0, nesterov: false, decay: 0.0 };

    /// Takes one step for one component of `(W, u)`: the coefficients of a fixed matrix in `W` and in `u`, given its
    /// coefficient in the new gradient's terms. The rule is linear, so every component follows this same recurrence.
    pub fn advance(&self, (weight, velocity): (f64, f64), term: f64) -> (f64, f64) {
        let gradient = term + self.decay * weight;
        let velocity = self.momentum * velocity + gradient;
        let step = if self.nesterov { gradient + self.momentum * velocity } else { velocity };
        (weight - step, velocity)
    }
}

impl UpdateRule {
    /// Returns the rule of descent that an optimiser is.
    pub fn of(optimizer: &Optimizer) -> Option<UpdateRule> {
        match optimizer.rule {
            Rule::Descent { learning_rate, momentum, nesterov, .. } => {
                Some(UpdateRule { momentum, nesterov, decay: learning_rate * optimizer.weight_decay })
            }
            Rule::Flow { .. } | Rule::MomentumFlow { .. } | Rule::RmsProp { .. } => None,
        }
    }
}

/// RMSProp: an update rule entry by entry, not linear in the gradient (docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
///
/// ```text
/// v ← ρ v + (1 − ρ) g²,    w ← w − η g/(√v + ε)        v = 0 at the start
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// ρ, in [0, 1).
    pub decay: f64,
    /// ε > 0.
    pub epsilon: f64,
}

/// How a step changes a matrix of entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepRule {
    /// By the module's formula.
    Linear(UpdateRule),
    /// By RMSProp.
    RmsProp(RmsProp),
}

impl StepRule {
    /// Returns the rule of an optimiser that trains by steps.
    pub fn of(optimizer: &Optimizer) -> Option<StepRule> {
        match optimizer.rule {
            Rule::RmsProp { decay, epsilon, .. } => Some(StepRule::RmsProp(RmsProp { decay, epsilon })),
            _ => UpdateRule::of(optimizer).map(StepRule::Linear),
        }
    }
}
