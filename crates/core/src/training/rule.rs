//! A rule says how a gradient becomes an update.
//!
//! ```text
//! ∇ = Σ_j c_j g_j a_jᵀ + λ W,    u ← μ u + ∇,    W ← W − u        (Nesterov: W ← W − ∇ − μ u)
//! ```
//!
//! (docs/theory/training.md §5, Eq. update.)

use crate::problem::{Optimizer, Rule};

/// Where a run is, and how far it goes from there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps that were taken before.
    pub taken: u64,
    /// η.
    pub learning_rate: f64,
}

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
            Rule::Flow { .. } | Rule::MomentumFlow { .. } | Rule::RmsProp { .. } | Rule::Adam { .. } => None,
        }
    }
}

/// A rule that divides the gradient by its size, entry by entry, and so is not linear in it (docs/theory/training.md §5, Eq. adam;
/// docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
///
/// ```text
/// u ← β₁ u + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²,    w ← (1 − λ) w − η (u/c₁)/(√(v/c₂) + ε)        u = v = 0 at the start
/// ```
///
/// Adam corrects step t ≥ 1 by `c = 1 − β^t`; RMSProp has β₁ = 0 and c = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalizedRule {
    /// β₁, in [0, 1); 0 is the gradient itself, without an average.
    pub first: f64,
    /// β₂, in [0, 1).
    pub second: f64,
    /// ε > 0.
    pub epsilon: f64,
    /// λ per step.
    pub decay: f64,
    /// Whether averages are corrected for their start at 0.
    pub is_corrected: bool,
}

impl NormalizedRule {
    /// How many averages every entry has.
    pub fn averages(&self) -> u64 {
        if self.first > 0.0 { 2 } else { 1 }
    }

    /// (c₁, c₂) of a step.
    pub fn corrections(&self, step: Step) -> (f64, f64) {
        // 1 − β^t without cancellation.
        let of = |beta: f64| if beta == 0.0 { 1.0 } else { -((step.taken + 1) as f64 * beta.ln()).exp_m1() };
        if self.is_corrected { (of(self.first), of(self.second)) } else { (1.0, 1.0) }
    }
}

/// How a step changes a matrix of entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepRule {
    /// By the module's formula.
    Linear(UpdateRule),
    /// Divided by the gradient's size.
    Normalized(NormalizedRule),
}

impl StepRule {
    /// Returns the rule of an optimiser that trains by steps.
    pub fn of(optimizer: &Optimizer) -> Option<StepRule> {
        match optimizer.rule {
            Rule::RmsProp { decay, epsilon, .. } => Some(StepRule::Normalized(NormalizedRule {
                first: 0.0,
                second: decay,
                epsilon,
                decay: 0.0,
                is_corrected: false,
            })),
            Rule::Adam { learning_rate, beta1, beta2, epsilon, .. } => Some(StepRule::Normalized(NormalizedRule {
                first: beta1,
                second: beta2,
                epsilon,
                decay: learning_rate * optimizer.weight_decay,
                is_corrected: true,
            })),
            _ => UpdateRule::of(optimizer).map(StepRule::Linear),
        }
    }
}
