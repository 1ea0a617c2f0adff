//! A dense matrix has all its entries, as row panels on a device.
//!
//! ```text
//! W = p B + s U + Σ_j c_j g_j a_jᵀ        stored matrix B, pending outer products, rarely a stored velocity U
//! ```
//!
//! A product with W streams B once. An update only notes its outer products; every [`PENDING_COLUMNS`] of them the
//! matrix is flushed: `B ← W` in place, after which `u = (q/p) B + Σ_j (d_j − (q/p) c_j) g_j a_jᵀ`. So momentum costs
//! no second matrix, unless the products still alive in the velocity outweigh one; then U holds the velocity.

use std::ops::Range;

use burn::Tensor;
use widenet_core::{
    Matrix,
    training::{Explored, OuterProduct, UpdateRule, WeightMatrix},
};
use widenet_kernels::{panel_apply, panel_apply_transpose, panel_rank_update};

use super::{
    averages::Averages,
    initial::{Initial, InitialWeights},
    pending::{Component, Pending, Term},
};
use crate::{
    device::{Placement, Precision},
    vectors::DeviceBlock,
};

/// Outer products gathered before a flush: a flush reads and writes the matrix once, and 32 products share it.
pub(crate) const PENDING_COLUMNS: usize = 32;

/// Entries of a matrix that stays in the second-level cache, where a flush costs less than a product with what is pending.
const SMALL: usize = 1 << 16;

/// Above this `|q/p|` the velocity is not expressed through the weights without loss.
const LARGEST_RATIO: f64 = 1e3;

/// A weight matrix on a device (module formula).
#[derive(Debug, Clone)]
pub struct DenseMatrix {
    pub(crate) initial: Initial,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) placement: Placement,
    /// B, from top to bottom.
    pub(crate) panels: Vec<Tensor<2>>,
    /// (p, q).
    pub(crate) stored: Component,
    /// U with (s, r).
    pub(crate) velocity: Option<(Vec<Tensor<2>>, Component)>,
    /// Of Adam and RMSProp, entry by entry, after their first step; such a matrix has no velocity and nothing pending.
    pub(crate) averages: Option<Vec<Averages<2>>>,
    pub(crate) pending: Option<Pending>,
    /// Coefficients of W_0, which weight decay shrinks.
    pub(crate) remaining: Component,
    /// Pending columns that have come since the last flush.
    pub(crate) fresh: usize,
    pub(crate) flushes: u64,
    /// Pending columns at which it is flushed.
    pub(crate) flush_at: usize,
}

impl DenseMatrix {
    /// Makes the matrix at time 0, in panels of at most `panel_rows ≥ 1` rows.
    pub fn new(initial: InitialWeights, panel_rows: usize, placement: Placement) -> Self {
        Self::starting_from(Initial::Random(initial), panel_rows, placement)
    }

    /// Makes a matrix with given entries, in one panel.
    pub fn of_entries(entries: &Matrix, placement: Placement) -> Self {
        let rows = placement.tensor(entries.transpose().as_slice().to_vec(), [entries.nrows(), entries.ncols()]);
        Self::starting_from(Initial::Given(Box::new(rows)), entries.nrows(), placement)
    }

    /// The same of any start.
    pub(crate) fn starting_from(initial: Initial, panel_rows: usize, placement: Placement) -> Self {
        let [rows, columns] = initial.shape();
        let panels = (0..rows)
            .step_by(panel_rows)
            .map(|first| initial.rows(first..rows.min(first + panel_rows), &placement))
            .collect();
        let stored = Component { weight: 1.0, velocity: 0.0 };
        Self {
            initial,
            rows,
            columns,
            placement,
            panels,
            stored,
            velocity: None,
            averages: None,
            pending: None,
            remaining: stored,
            fresh: 0,
            flushes: 0,
            flush_at: Self::flush_limit(rows, columns),
        }
    }

    /// The same matrix, flushed after every update if it is small: for updates by many columns.
    #[must_use]
    pub(crate) fn flushed_at_once_if_small(mut self) -> Self {
        if self.rows * self.columns <= SMALL {
            self.flush_at = 1;
        }
        self
    }

    /// Returns entries per row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Pending columns at which a matrix of this shape is flushed.
    pub(crate) fn flush_limit(rows: usize, columns: usize) -> usize {
        PENDING_COLUMNS.min(rows.min(columns) / 2).max(1)
    }

    /// Steps after which an outer product no longer shows in the velocity: until μ^age falls below rounding.
    pub(crate) fn product_lifetime(momentum: f64, precision: Precision) -> u64 {
        if momentum > 0.0 { (precision.epsilon().ln() / momentum.ln()).ceil() as u64 } else { 0 }
    }

    /// Rows `first row .. last row` of every panel.
    pub(super) fn panel_ranges(&self) -> Vec<Range<usize>> {
        let mut first = 0;
        let range = |panel: &Tensor<2>| {
            let start = first;
            first += panel.dims()[0];
            start..first
        };
        self.panels.iter().map(range).collect()
    }

    /// The stored matrices in W with their coefficients: B, and U where there is one.
    fn stored_parts(&self) -> impl Iterator<Item = (&[Tensor<2>], f64)> {
        let velocity = self.velocity.as_ref().map(|(panels, component)| (panels.as_slice(), component.weight));
        std::iter::once((self.panels.as_slice(), self.stored.weight)).chain(velocity)
    }

    /// Sum of the responses of the stored parts and of the pending terms.
    fn sum_of_parts(
        &self,
        stored: impl Fn(&[Tensor<2>]) -> Tensor<2>,
        pending: impl Fn(&Pending) -> Tensor<2>,
    ) -> DeviceBlock {
        let scaled = |(panels, factor): (&[Tensor<2>], f64)| {
            let image = stored(panels);
            if factor == 1.0 { image } else { image.mul_scalar(factor) }
        };
        let sum = self.stored_parts().filter(|(_, factor)| *factor != 0.0).map(scaled).reduce(Tensor::add);
        let sum = match (sum, &self.pending) {
            (Some(sum), Some(terms)) => sum.add(pending(terms)),
            (Some(sum), None) => sum,
            (None, Some(terms)) => pending(terms),
            (None, None) => stored(&self.panels).mul_scalar(0.0),
        };
        DeviceBlock::from_vectors(sum, self.placement.clone())
    }

    /// `B ← W`, with the velocity re-expressed (module text), after an update by `columns` outer products.
    fn flush(&mut self, momentum: f64, columns: usize) {
        let Component { weight: p, velocity: q } = self.stored;
        let epsilon = self.placement.precision.epsilon();
        // What a term still does to the weights is |d| μ/(1 − μ) or, with a schedule, a share of it; it is dropped below the rounding of what it
        // brought at the peak of the learning rate.
        let alive = |term: &Term, velocity: f64| velocity.abs() * momentum / (1.0 - momentum) > epsilon * term.size;
        let ratio = if momentum > 0.0 { q / p } else { 0.0 };
        let carry = |mut term: Term| {
            let velocity = term.component.velocity - ratio * term.component.weight;
            term.component = Component { weight: 0.0, velocity };
            alive(&term, velocity).then_some(term)
        };
        let living = |pending: &Pending| pending.terms.iter().filter_map(|term| carry(*term)).count();
        let outgrown = self.pending.as_ref().map_or(0, living) > self.rows.min(self.columns) / 2;
        // Updates by so many that they are flushed one by one will outgrow the matrix; until then they would only be carried along.
        let lifetime = Self::product_lifetime(momentum, self.placement.precision);
        let will_outgrow =
            columns >= PENDING_COLUMNS && lifetime * columns as u64 > self.rows.min(self.columns) as u64 / 2;
        let inexpressible = ratio.is_nan() || ratio.abs() > LARGEST_RATIO;
        if self.velocity.is_some() || outgrown || will_outgrow || inexpressible {
            self.flush_with_velocity();
            self.pending = None;
        } else {
            let panels = std::mem::take(&mut self.panels);
            self.panels = self.absorb(panels, p, |component| component.weight);
            self.stored.velocity = ratio;
            self.pending = self.pending.take().and_then(|pending| pending.filter_map(&self.placement, carry));
        }
        self.stored.weight = 1.0;
        self.fresh = 0;
        self.flushes += 1;
    }

    /// `B ← p B + s U + Σ c_j g_j a_jᵀ`, `U ← q B + r U + Σ d_j g_j a_jᵀ`.
    fn flush_with_velocity(&mut self) {
        let Component { weight: p, velocity: q } = self.stored;
        let mut weights = Vec::new();
        let mut velocities = Vec::new();
        let old = self.velocity.take();
        let mut old = old.map(|(panels, component)| (panels.into_iter(), component));
        let scaled = |panel: Tensor<2>, factor: f64| if factor == 1.0 { panel } else { panel.mul_scalar(factor) };
        for panel in std::mem::take(&mut self.panels) {
            let learned = old.as_mut().and_then(|(panels, component)| Some((panels.next()?, *component)));
            let (weight, velocity) = match learned {
                // Without decay the stored weights are no part of the velocity.
                Some((u, c)) if q == 0.0 => {
                    (scaled(panel, p).add(u.clone().mul_scalar(c.weight)), scaled(u, c.velocity))
                }
                Some((u, c)) => (
                    scaled(panel.clone(), p).add(u.clone().mul_scalar(c.weight)),
                    panel.mul_scalar(q).add(u.mul_scalar(c.velocity)),
                ),
                None => (scaled(panel.clone(), p), panel.mul_scalar(q)),
            };
            weights.push(weight);
            velocities.push(velocity);
        }
        self.panels = weights;
        let panels = std::mem::take(&mut self.panels);
        self.panels = self.absorb(panels, 1.0, |component| component.weight);
        let velocities = self.absorb(velocities, 1.0, |component| component.velocity);
        self.velocity = Some((velocities, Component { weight: 0.0, velocity: 1.0 }));
        self.stored.velocity = 0.0;
    }

    /// `factor · panels + Σ_j k_j g_j a_jᵀ` in place.
    fn absorb(&self, panels: Vec<Tensor<2>>, factor: f64, coefficient: impl Fn(Component) -> f64) -> Vec<Tensor<2>> {
        let left = self.pending.as_ref().map(|pending| pending.scaled_left(&self.placement, coefficient));
        let mut first = 0;
        let update = |panel: Tensor<2>| {
            let rows = panel.dims()[0];
            first += rows;
            match (&self.pending, &left) {
                (Some(pending), Some(left)) => {
                    let left = left.clone().narrow(1, first - rows, rows);
                    panel_rank_update(panel, factor, &left, &pending.right)
                }
                _ => panel.mul_scalar(factor),
            }
        };
        panels.into_iter().map(update).collect()
    }
}

impl WeightMatrix for DenseMatrix {
    type Block = DeviceBlock;

    fn input_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::from_matrix(coordinates, self.placement.clone())
    }

    fn output_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::from_matrix(coordinates, self.placement.clone())
    }

    fn apply(&mut self, x: &DeviceBlock) -> DeviceBlock {
        let x = x.panel();
        let stored = |panels: &[Tensor<2>]| match panels {
            [panel] => panel_apply(panel, x),
            _ => Tensor::cat(panels.iter().map(|panel| panel_apply(panel, x)).collect(), 1),
        };
        self.sum_of_parts(stored, |pending| pending.apply(x, &self.placement))
    }

    fn apply_transpose(&mut self, g: &DeviceBlock) -> DeviceBlock {
        let g = g.panel();
        let ranges = self.panel_ranges();
        let part = |panel: &Tensor<2>, range: &Range<usize>| {
            panel_apply_transpose(panel, &g.clone().narrow(1, range.start, range.len()))
        };
        let stored = |panels: &[Tensor<2>]| {
            let (first, rest) = (part(&panels[0], &ranges[0]), panels.iter().zip(&ranges).skip(1));
            rest.fold(first, |sum, (panel, range)| sum.add(part(panel, range)))
        };
        self.sum_of_parts(stored, |pending| pending.apply_transpose(g, &self.placement))
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, DeviceBlock>]) {
        self.stored.advance(rule, 0.0);
        self.remaining.advance(rule, 0.0);
        if let Some((_, component)) = &mut self.velocity {
            component.advance(rule, 0.0);
        }
        for term in self.pending.iter_mut().flat_map(|pending| &mut pending.terms) {
            term.component.advance(rule, 0.0);
        }
        let before = self.fresh;
        for product in terms.iter().filter(|product| product.scale != 0.0) {
            let (left, right) = (product.left.panel().clone(), product.right.panel().clone());
            let mut component = Component { weight: 0.0, velocity: 0.0 };
            component.advance(rule, product.scale);
            let columns = left.dims()[0];
            let terms = vec![Term { component, size: product.scale.abs() }; columns];
            self.pending = Some(Pending::append(self.pending.take(), Pending { left, right, terms }));
            self.fresh += columns;
        }
        if self.fresh >= self.flush_at {
            self.flush(rule.momentum, self.fresh - before);
        }
    }

    fn output_dimension(&self) -> u64 {
        self.rows as u64
    }
}

impl Explored for DenseMatrix {}
