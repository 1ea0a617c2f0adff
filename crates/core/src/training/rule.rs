//! A rule says how a gradient becomes an update.
//!
//! ```text
//! ∇ = Σ_j c_j g_j a_jᵀ + λ W,    u ← μ u + ∇,    W ← W − s_t u        (Nesterov: W ← W − s_t (∇ + μ u))
//! ```
//!
//! (docs/theory/training.md §5, Eq. update, Eq. schedule.) ∇ and u have the peak of the learning rate as their unit, of which step t is taken with
//! the share `s_t`.

use crate::problem::{LearningRates, Optimizer, Rule};

/// Where a run is, and how far it goes from there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps that were taken before.
    pub taken: u64,
    /// η, at its peak.
    pub learning_rate: f64,
    /// `s_t`, in (0, 1].
    pub scale: f64,
}

impl Step {
    /// Returns the step that comes after `taken` others.
    pub fn after(taken: u64, rates: &LearningRates) -> Step {
        Step { taken, learning_rate: rates.peak, scale: rates.scale(taken) }
    }

    /// Returns `η_t = s_t η`.
    pub fn rate(&self) -> f64 {
        self.scale * self.learning_rate
    }
}

/// How a gradient becomes an update (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdateRule {
    /// `μ`, in [0, 1).
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
    /// `λ` per step of the peak learning rate.
    pub decay: f64,
    /// `s_t`, in (0, 1]: 1 leaves every number as it is.
    pub scale: f64,
}

impl UpdateRule {
    /// `W ← W − Σ_j c_j g_j a_jᵀ`.
    pub const PLAIN: UpdateRule = UpdateRule { momentum: 0.0, nesterov: false, decay: 0.0, scale: 1.0 };

    /// Returns the rule with the share of a step.
    pub fn at(self, step: Step) -> UpdateRule {
        UpdateRule { scale: step.scale, ..self }
    }

    /// Returns what a step without momentum leaves of the weights, `1 − s_t λ`.
    pub fn kept(&self) -> f64 {
        1.0 - self.scale * self.decay
    }

    /// Takes one step for one component of `(W, u)`: the coefficients of a fixed matrix in `W` and in `u`, given its
    /// coefficient in the new gradient's terms. The rule is linear, so every component follows this same recurrence.
    pub fn advance(&self, (weight, velocity): (f64, f64), term: f64) -> (f64, f64) {
        let gradient = term + self.decay * weight;
        let velocity = self.momentum * velocity + gradient;
        let step = if self.nesterov { gradient + self.momentum * velocity } else { velocity };
        (weight - self.scale * step, velocity)
    }
}

impl UpdateRule {
    /// Returns the rule of descent that an optimiser is, at the peak of its learning rate.
    pub fn of(optimizer: &Optimizer) -> Option<UpdateRule> {
        match optimizer.rule {
            Rule::Descent { learning_rate, momentum, nesterov, .. } => {
                Some(UpdateRule { momentum, nesterov, decay: learning_rate * optimizer.weight_decay, scale: 1.0 })
            }
            Rule::Flow { .. } | Rule::MomentumFlow { .. } | Rule::RmsProp { .. } | Rule::Adam { .. } => None,
        }
    }
}

/// A rule that divides the gradient by its size, entry by entry, and so is not linear in it (docs/theory/training.md §5, Eq. adam;
/// docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
///
/// ```text
/// u ← β₁ u + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²,    w ← (1 − s_t λ) w − s_t η (u/c₁)/(√(v/c₂) + ε)        u = v = 0 at the start
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
    /// λ per step of the peak learning rate.
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

    /// Returns what a step leaves of the weights, `1 − s_t λ`.
    pub fn kept(&self, step: Step) -> f64 {
        1.0 - step.scale * self.decay
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Annealing, Schedule};

    /// One weight with the loss w²/2, as `torch.optim.SGD` moves it under a scheduler: `buf ← μ buf + g + λ w`, `w ← w − η_t buf` (Nesterov:
    /// `w ← w − η_t (g + λ w + μ buf)`).
    #[test]
    fn scheduled_steps_are_those_of_buffers_that_hold_gradients() {
        let schedule = Schedule { warmup: 3, annealing: Annealing::Linear { end_factor: 0.2 } };
        let rates = LearningRates { peak: 0.3, schedule, steps: 12 };
        for (momentum, nesterov) in [(0.0, false), (0.8, false), (0.8, true)] {
            let (peak, decay) = (rates.peak, 0.1);
            let rule = UpdateRule { momentum, nesterov, decay: peak * decay, scale: 1.0 };
            let (mut component, mut w, mut buffer) = ((2.0, 0.0), 2.0, 0.0);
            for step in 0..12 {
                component = rule.at(Step::after(step, &rates)).advance(component, peak * component.0);
                let g = w + decay * w;
                buffer = momentum * buffer + g;
                w -= rates.rate(step) * if nesterov { g + momentum * buffer } else { buffer };
                let error: f64 = component.0 - w;
                assert!(error.abs() < 1e-15, "μ {momentum}, step {step}: {error:e}");
            }
        }
    }

    /// A share of 1 changes no bit.
    #[test]
    fn the_peak_is_the_rule_itself() {
        let rule = UpdateRule { momentum: 0.7, nesterov: true, decay: 0.013, scale: 1.0 };
        let rates = LearningRates { peak: 0.3, schedule: Schedule::CONSTANT, steps: 3 };
        let at = rule.at(Step::after(2, &rates));
        let (weight, velocity, term) = (0.123, 0.456, 0.789);
        let gradient: f64 = term + 0.013 * weight;
        let moved = 0.7 * velocity + gradient;
        assert_eq!(at.advance((weight, velocity), term), (weight - (gradient + 0.7 * moved), moved));
        assert_eq!((at, at.kept()), (rule, 1.0 - 0.013));
    }
}
