//! Takes a step of RMSProp on a stored matrix (docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
//!
//! ```text
//! g = c Σ_j g_j a_jᵀ,    v ← ρ v + (1 − ρ) g²,    W ← W − η g/(√v + ε)        entry by entry
//! ```
//!
//! The rule is not linear in g, so nothing can be left pending: every step forms the gradient, panel by panel, and changes the
//! stored entries. A panel of the gradient and one of its sizes are held in passing.

use burn::Tensor;
use widenet_core::training::{NormalizedUpdate, OuterProduct, RmsProp};
use widenet_kernels::panel_apply_transpose;

use super::matrix::DenseMatrix;
use crate::vectors::DeviceBlock;

/// Row panels held in passing.
pub(crate) const PANELS_IN_PASSING: u64 = 2;

/// Matrices read or written by a step's operations, beside the product that is the gradient: three hidden layers of 2048 neurons and 128
/// samples take half again as long as by descent.
pub(crate) const PASSES: f64 = 16.0;

impl NormalizedUpdate for DenseMatrix {
    fn update_normalized(&mut self, rule: RmsProp, learning_rate: f64, gradient: OuterProduct<'_, DeviceBlock>) {
        let left = gradient.left.panel().clone().mul_scalar(gradient.scale);
        let ranges = self.panel_ranges();
        let panels = std::mem::take(&mut self.panels);
        let moments = self.second_moment.take();
        let moments = moments.unwrap_or_else(|| panels.iter().map(Tensor::zeros_like).collect());
        let step = |((panel, moment), rows): ((Tensor<2>, Tensor<2>), std::ops::Range<usize>)| {
            let left = left.clone().narrow(1, rows.start, rows.len());
            let g = panel_apply_transpose(gradient.right.panel(), &left.transpose());
            of_entries(rule, learning_rate, g, panel, moment)
        };
        let (panels, moments) = panels.into_iter().zip(moments).zip(ranges).map(step).unzip();
        (self.panels, self.second_moment) = (panels, Some(moments));
        self.flushes += 1;
    }
}

/// W and v after a step with the gradient g.
pub(crate) fn of_entries<const D: usize>(
    rule: RmsProp,
    learning_rate: f64,
    g: Tensor<D>,
    weights: Tensor<D>,
    moment: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    let squared = g.clone().mul(g.clone()).mul_scalar(1.0 - rule.decay);
    let moment = moment.mul_scalar(rule.decay).add(squared);
    let size = moment.clone().sqrt().add_scalar(rule.epsilon);
    (weights.sub(g.div(size).mul_scalar(learning_rate)), moment)
}
