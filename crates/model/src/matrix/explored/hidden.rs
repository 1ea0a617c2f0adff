//! An explored matrix is a Gaussian matrix that is known only where it has been probed, with what it has learned.
//!
//! ```text
//! W_t = s W_0 + Q_G K Q_Aᵀ,      W_0 Q_A = M_A,  W_0ᵀ Q_G = M_G
//! W_0 q = ξ + Q_G (M_Gᵀ q − Q_Gᵀ ξ)   for a new q ⟂ Q_A,     W_0ᵀ g = ξ' + Q_A (M_Aᵀ g − Q_Aᵀ ξ')   for a new g ⟂ Q_G
//! ```
//!
//! (docs/theory/conditioning.md §1, §2, Eq. response, Eq. learned.) With fresh normals ξ ~ N(0, σ² I) the responses have the law of a stored
//! matrix of iid N(0, σ²) entries, exactly at every width; with `ξ = W_0 q` of a matrix that is produced inside the product
//! ([`Fresh::Fixed`]) they are those of that matrix. Gradients are outer products of vectors inside the spans, so every update rule that is
//! linear in past gradients acts on the small K. A matrix and its clones share W_0 and what is known of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use widenet_core::{
    Matrix,
    training::{Exploration, OuterProduct, UpdateRule},
};
use widenet_kernels::Basis;

use super::{coefficients::Coefficients, fresh::Fresh, responses::Responses, side::Side};
use crate::vectors::{DeviceBlock, Layout};

/// Blocks whose coordinates are kept: a step probes with a block again when it learns from it, and a linearised network probes with
/// those of its network.
const REMEMBERED: usize = 6;

/// What one side has been probed with, and its responses.
#[derive(Debug, Clone)]
pub(crate) struct Probed {
    /// Q_A or Q_G.
    pub(crate) basis: Basis,
    /// M_A or M_G.
    pub(crate) responses: Responses,
    remembered: Vec<(Arc<()>, Matrix)>,
}

impl Probed {
    pub(crate) fn new(basis: Basis, responses: Responses) -> Self {
        Self { basis, responses, remembered: Vec::new() }
    }
}

/// W_0 as far as it is known.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) fresh: Fresh,
    pub(crate) direct: Probed,
    pub(crate) transpose: Probed,
    /// Directions whose part outside the spans is shorter than this, relative to their length, are taken to be inside.
    pub(crate) tolerance: f64,
    /// The longest part of a probe left out so far, relative to the probe.
    pub(crate) truncation: f64,
    /// Leaves out what the other side's responses say about a new direction: the negative control of the tests of law.
    #[cfg(test)]
    pub(crate) forgetful: bool,
}

impl Known {
    /// Coordinates of vectors in the span of what a side has been probed with, after probing with what is new in them; `None` if they are not
    /// finite.
    fn coordinates(&mut self, side: Side, x: &DeviceBlock) -> Option<Matrix> {
        let (probed, other) = match side {
            Side::Direct => (&mut self.direct, &self.transpose),
            Side::Transpose => (&mut self.transpose, &self.direct),
        };
        let known = probed.remembered.iter().find(|(identity, _)| Arc::ptr_eq(identity, x.identity()));
        if let Some((_, coordinates)) = known {
            return Some(coordinates.clone().resize_vertically(probed.basis.rank(), 0.0));
        }
        let found = probed.basis.explore(x.vectors(), self.tolerance)?;
        if let Some(directions) = found.new {
            let fresh = self.fresh.draw(side, probed.responses.count(), &directions);
            let known = other.responses.gram_outside(&directions);
            #[cfg(test)]
            let known = if self.forgetful { known * 0.0 } else { known };
            let correction = known - other.basis.gram(&fresh) * probed.responses.std;
            probed.responses.append(fresh, &correction);
        }
        self.truncation = self.truncation.max(found.dropped);
        probed.remembered.truncate(REMEMBERED - 1);
        probed.remembered.insert(0, (x.identity().clone(), found.coordinates.clone()));
        Some(found.coordinates)
    }

    /// Of Q_G and of Q_A.
    fn ranks(&self) -> [usize; 2] {
        [self.transpose.basis.rank(), self.direct.basis.rank()]
    }
}

/// A weight matrix of a very wide layer (module formula).
#[derive(Debug, Clone)]
pub struct ExploredMatrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) layout: Layout,
    pub(crate) known: Arc<Mutex<Known>>,
    /// Coefficients of W_0 in the weights and in the velocity.
    pub(crate) share: (f64, f64),
    /// K of the weights, and of the velocity once there is momentum; rank of Q_G × rank of Q_A when they last grew.
    pub(crate) learned: (Coefficients, Coefficients),
}

impl ExploredMatrix {
    pub(crate) fn new([rows, columns]: [usize; 2], known: Known, layout: Layout) -> Self {
        let learned = (Coefficients::none(), Coefficients::none());
        Self { rows, columns, layout, known: Arc::new(Mutex::new(known)), share: (1.0, 0.0), learned }
    }

    /// W_0 as far as it is known.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are made of the same W_0.
    pub(crate) fn shares_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.known, &other.known)
    }

    /// The same matrix made of another's W_0.
    pub(crate) fn sharing(self, other: &Self) -> Self {
        Self { known: other.known.clone(), ..self }
    }

    /// Takes over what another matrix knows and has learned; those that share W_0 with this one know it too.
    pub(crate) fn become_restored(&mut self, restored: Self) {
        if !self.shares_with(&restored) {
            let known = restored.known().clone();
            *self.known() = known;
        }
        *self = Self { known: self.known.clone(), ..restored };
    }

    /// The same matrix of which something else is known.
    pub(crate) fn with_known(self, known: Known) -> Self {
        Self { known: Arc::new(Mutex::new(known)), ..self }
    }

    /// 0 · W_0 + 0: what a linearised network starts from.
    pub(crate) fn zeros_like(&self) -> Self {
        Self { share: (0.0, 0.0), learned: (Coefficients::none(), Coefficients::none()), ..self.clone() }
    }

    pub(crate) fn apply(&self, x: &DeviceBlock) -> DeviceBlock {
        let mut known = self.known();
        let Some(coordinates) = known.coordinates(Side::Direct, x) else { return self.not_finite(self.rows, x) };
        let learned = self.learned.0.times(&coordinates);
        self.response(&known.direct, &known.transpose.basis, coordinates * self.share.0, learned, self.rows)
    }

    pub(crate) fn apply_transpose(&self, g: &DeviceBlock) -> DeviceBlock {
        let mut known = self.known();
        let Some(coordinates) = known.coordinates(Side::Transpose, g) else { return self.not_finite(self.columns, g) };
        let learned = self.learned.0.transpose_times(&coordinates);
        self.response(&known.transpose, &known.direct.basis, coordinates * self.share.0, learned, self.columns)
    }

    /// `M c + Q k`, for vectors of some length.
    fn response(&self, probed: &Probed, other: &Basis, c: Matrix, k: Matrix, length: usize) -> DeviceBlock {
        let vectors = probed.responses.times(&c, other, k);
        let vectors = vectors.unwrap_or_else(|| self.layout.vectors(&Matrix::zeros(length, c.ncols())));
        DeviceBlock::new(vectors, self.layout.clone())
    }

    /// The response to a probe that is not finite.
    fn not_finite(&self, length: usize, probe: &DeviceBlock) -> DeviceBlock {
        let response = Matrix::from_element(length, probe.vectors().count(), f64::NAN);
        DeviceBlock::laid_out(&response, &self.layout)
    }

    pub(crate) fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, DeviceBlock>]) {
        let mut known = self.known();
        let factors: Option<Vec<(Matrix, Matrix)>> = terms
            .iter()
            .filter(|term| term.scale != 0.0)
            .map(|term| {
                let left = known.coordinates(Side::Transpose, term.left)? * term.scale;
                Some((left, known.coordinates(Side::Direct, term.right)?.transpose()))
            })
            .collect();
        let ranks = known.ranks();
        drop(known);
        // The outputs of the next pass will tell that the gradient was not finite.
        let Some(factors) = factors else {
            self.share = (f64::NAN, f64::NAN);
            return;
        };
        let (weights, velocity) = &mut self.learned;
        weights.grow(ranks[0], ranks[1]);
        self.share = rule.advance(self.share, 0.0);
        if rule.momentum == 0.0 {
            if rule.decay != 0.0 {
                weights.scale(rule.kept());
            }
            weights.add_products(-rule.scale, &factors);
            return;
        }
        velocity.grow(ranks[0], ranks[1]);
        let mut gradient = Coefficients::none();
        gradient.grow(ranks[0], ranks[1]);
        gradient.add_products(1.0, &factors);
        weights.change_with(velocity, &gradient, |pair, term| rule.advance(pair, term));
    }

    /// `‖W_t − W_0‖²` and `‖W_0‖²`; what is unknown of W_0 counts by its mean, which is off by less than `√2` over the larger side of the
    /// matrix, relatively.
    pub(crate) fn movement(&self) -> (f64, f64) {
        let known = self.known();
        let (responses, of_responses) = known.direct.responses.inside(&known.transpose.basis);
        let (_, of_transpose) = known.transpose.responses.inside(&known.direct.basis);
        let (r, s) = (known.direct.basis.rank() as f64, known.transpose.basis.rank() as f64);
        let variance = known.direct.responses.std.powi(2);
        let unknown = variance * (self.rows as f64 - s) * (self.columns as f64 - r);
        let initial = of_responses + of_transpose - responses.norm_squared() + unknown.max(0.0);
        let [rows, columns] = known.ranks();
        let learned = self.learned.0.to_matrix().resize(rows, columns, 0.0);
        let share = self.share.0 - 1.0;
        let moved = share * share * initial + 2.0 * share * responses.dot(&learned) + learned.norm_squared();
        (moved.max(0.0), initial)
    }

    pub(crate) fn exploration(&self) -> Exploration {
        let known = self.known();
        Exploration { ranks: [known.direct.basis.rank(), known.transpose.basis.rank()], truncation: known.truncation }
    }

    pub(crate) fn orthogonality_loss(&self) -> f64 {
        let known = self.known();
        known.direct.basis.orthogonality_loss().max(known.transpose.basis.orthogonality_loss())
    }

    /// Singular values of `Q_G K Q_Aᵀ`, largest first.
    pub(crate) fn learned_singular_values(&self) -> Vec<f64> {
        let learned = self.learned.0.to_matrix();
        if learned.is_empty() {
            return Vec::new();
        }
        let mut values: Vec<f64> = learned.singular_values().iter().copied().collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let largest = values.first().copied().unwrap_or(0.0);
        values.retain(|value| *value > 1e-12 * largest);
        values
    }
}
