//! A step of Adam or RMSProp changes the entries of a matrix and the running averages of its gradient (docs/theory/training.md §5, Eq. adam;
//! docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
//!
//! ```text
//! u ← β₁ u + (1 − β₁) g,    v ← β₂ v + (1 − β₂) g²,    W ← (1 − s_t λ) W − (s_t η/c₁) u/(√v/√c₂ + ε)        entry by entry
//! ```

use burn::Tensor;
use widenet_core::training::{NormalizedRule, Step};

/// Row panels held in passing.
pub(crate) const PANELS_IN_PASSING: u64 = 2;

/// Matrices read or written by a step's operations for each average that is kept, beside the product that is the gradient: three hidden layers
/// of 2048 neurons and 128 samples take half again as long by RMSProp as by descent, and twice as long by Adam.
pub(crate) const PASSES: f64 = 16.0;

/// Running averages of the gradient's entries.
#[derive(Debug, Clone)]
pub(crate) struct Averages<const D: usize> {
    /// u; none of rules that take the gradient itself.
    pub(crate) mean: Option<Tensor<D>>,
    /// v.
    pub(crate) square: Tensor<D>,
}

impl<const D: usize> Averages<D> {
    /// Those before the first step, of a matrix of this shape.
    fn zero(rule: NormalizedRule, weights: &Tensor<D>) -> Self {
        Self { mean: (rule.averages() > 1).then(|| weights.zeros_like()), square: weights.zeros_like() }
    }
}

/// W and its averages after a step with the gradient g.
pub(crate) fn of_entries<const D: usize>(
    rule: NormalizedRule,
    step: Step,
    g: Tensor<D>,
    weights: Tensor<D>,
    averages: Option<Averages<D>>,
) -> (Tensor<D>, Averages<D>) {
    let Averages { mean, square } = averages.unwrap_or_else(|| Averages::zero(rule, &weights));
    let (of_mean, of_square) = rule.corrections(step);
    let squared = g.clone().mul(g.clone()).mul_scalar(1.0 - rule.second);
    let square = square.mul_scalar(rule.second).add(squared);
    let mean = mean.map(|mean| mean.mul_scalar(rule.first).add(g.clone().mul_scalar(1.0 - rule.first)));
    let size = square.clone().sqrt();
    let size = if of_square == 1.0 { size } else { size.div_scalar(of_square.sqrt()) }.add_scalar(rule.epsilon);
    let direction = mean.clone().unwrap_or(g).div(size).mul_scalar(step.rate() / of_mean);
    let weights = if rule.decay == 0.0 { weights } else { weights.mul_scalar(rule.kept(step)) };
    (weights.sub(direction), Averages { mean, square })
}
