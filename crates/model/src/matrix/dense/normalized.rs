//! Takes a step of Adam or RMSProp on a stored matrix.
//!
//! ```text
//! g = c Σ_j g_j a_jᵀ,    W and its averages as in [`super::averages`]
//! ```
//!
//! (docs/theory/training.md §5.) The rule is not linear in g, so nothing can be left pending: every step forms the gradient, panel by panel, and changes
//! the stored entries. A panel of the gradient and one of its sizes are held in passing.

use burn::Tensor;
use widenet_core::training::{NormalizedRule, NormalizedUpdate, OuterProduct, Step};
use widenet_kernels::panel_apply_transpose;

use super::{
    averages::{Averages, of_entries},
    matrix::DenseMatrix,
};
use crate::vectors::DeviceBlock;

impl NormalizedUpdate for DenseMatrix {
    fn update_normalized(&mut self, rule: NormalizedRule, step: Step, gradient: OuterProduct<'_, DeviceBlock>) {
        let left = gradient.left.panel().clone().mul_scalar(gradient.scale);
        let ranges = self.panel_ranges();
        let panels = std::mem::take(&mut self.panels);
        let averages: Vec<Option<Averages<2>>> = match self.averages.take() {
            Some(averages) => averages.into_iter().map(Some).collect(),
            None => vec![None; panels.len()],
        };
        let of_panel = |((panel, averages), rows): ((Tensor<2>, Option<Averages<2>>), std::ops::Range<usize>)| {
            let left = left.clone().narrow(1, rows.start, rows.len());
            let g = panel_apply_transpose(gradient.right.panel(), &left.transpose());
            of_entries(rule, step, g, panel, averages)
        };
        let (panels, averages) = panels.into_iter().zip(averages).zip(ranges).map(of_panel).unzip();
        (self.panels, self.averages) = (panels, Some(averages));
        self.remaining.weight *= rule.kept(step);
        self.flushes += 1;
    }
}
