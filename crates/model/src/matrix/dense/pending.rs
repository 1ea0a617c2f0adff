//! Pending are the outer products that a matrix has learned but not yet folded into its storage.
//!
//! Weights and velocity are `W = p B + s U + Σ_j c_j g_j a_jᵀ` and `u = q B + r U + Σ_j d_j g_j a_jᵀ` with stored B
//! (and, rarely, U). The update rule is linear, so every coefficient pair follows [`UpdateRule::advance`] by itself.

use burn::Tensor;
use widenet_core::training::UpdateRule;
use widenet_kernels::{panel_apply, panel_apply_transpose};

use crate::device::Placement;

/// Coefficients of one component in the weights and in the velocity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Component {
    pub(crate) weight: f64,
    pub(crate) velocity: f64,
}

impl Component {
    pub(crate) fn is_finite(self) -> bool {
        self.weight.is_finite() && self.velocity.is_finite()
    }

    /// One step of the rule; `term` is the component's coefficient in the new gradient.
    pub(crate) fn advance(&mut self, rule: UpdateRule, term: f64) {
        (self.weight, self.velocity) = rule.advance((self.weight, self.velocity), term);
    }
}

/// One column pair `g_j`, `a_j`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    pub(crate) component: Component,
    /// |coefficient| in the gradient that brought it.
    pub(crate) size: f64,
}

/// Terms with their vectors: row j of `left` is g_j, row j of `right` is a_j.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) left: Tensor<2>,
    pub(crate) right: Tensor<2>,
    pub(crate) terms: Vec<Term>,
}

impl Pending {
    /// Adds terms at the end.
    pub(crate) fn append(pending: Option<Pending>, new: Pending) -> Pending {
        match pending {
            None => new,
            Some(old) => Pending {
                left: Tensor::cat(vec![old.left, new.left], 0),
                right: Tensor::cat(vec![old.right, new.right], 0),
                terms: [old.terms, new.terms].concat(),
            },
        }
    }

    /// `Σ_j c_j g_j (a_jᵀ x)`, vectors as rows.
    pub(crate) fn apply(&self, x: &Tensor<2>, placement: &Placement) -> Tensor<2> {
        let inner = panel_apply(&self.right, x).mul(self.coefficients(placement, |c| c.weight).transpose());
        panel_apply_transpose(&self.left, &inner)
    }

    /// `Σ_j c_j a_j (g_jᵀ g)`, vectors as rows.
    pub(crate) fn apply_transpose(&self, g: &Tensor<2>, placement: &Placement) -> Tensor<2> {
        let inner = panel_apply(&self.left, g).mul(self.coefficients(placement, |c| c.weight).transpose());
        panel_apply_transpose(&self.right, &inner)
    }

    /// `c_j g_j` as rows, with the coefficient chosen from every component.
    pub(crate) fn scaled_left(&self, placement: &Placement, coefficient: impl Fn(Component) -> f64) -> Tensor<2> {
        self.left.clone().mul(self.coefficients(placement, coefficient))
    }

    /// The terms that `keep` leaves, as it leaves them.
    pub(crate) fn filter_map(self, placement: &Placement, keep: impl Fn(Term) -> Option<Term>) -> Option<Pending> {
        let kept: Vec<Option<Term>> = self.terms.into_iter().map(keep).collect();
        let rows: Vec<i32> = (0_i32..).zip(&kept).filter(|(_, term)| term.is_some()).map(|(row, _)| row).collect();
        let terms: Vec<Term> = kept.into_iter().flatten().collect();
        if terms.is_empty() {
            return None;
        }
        let rows = placement.indices(rows);
        Some(Pending { left: self.left.select(0, rows.clone()), right: self.right.select(0, rows), terms })
    }

    fn coefficients(&self, placement: &Placement, coefficient: impl Fn(Component) -> f64) -> Tensor<2> {
        let values = self.terms.iter().map(|term| coefficient(term.component)).collect();
        placement.tensor(values, [self.terms.len(), 1])
    }
}
