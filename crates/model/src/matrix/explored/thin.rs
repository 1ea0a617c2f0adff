//! A thin matrix has one short side and is stored as vectors along its long side.
//!
//! ```text
//! W (m × d) = [w_1 … w_d]:   W x = Σ_j x_j w_j,   (Wᵀ g)_j = w_jᵀ g,   w_j ← w_j − Σ_p c g_p x_pj
//! ```
//!
//! Input weights (m × d), readouts (k × m, stored by rows) and biases (m × 1) of a very wide network: every product is tall-skinny and
//! runs over pieces that fit one buffer. Where there are fewer inputs than input dimensions, only the products with an orthonormal basis B
//! of the inputs are kept, `W B` (m × r): Gaussian weights have no other effect, and updates stay in the span.

use std::sync::Arc;

use widenet_core::{
    Matrix,
    training::{Block, Movement, OuterProduct, UpdateRule},
};
use widenet_kernels::{NormalStream, SplitVectors};

use crate::vectors::{DeviceBlock, Layout};

/// Which side of the matrix is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Long {
    Rows,
    Columns,
}

/// The law of the entries at time 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThinLaw {
    /// Vectors of the stream, in order.
    pub(crate) stream: NormalStream,
    /// Standard deviation; 0 for a matrix of zeros.
    pub(crate) std: f64,
}

/// A thin matrix (module formula).
#[derive(Debug, Clone)]
pub struct ThinMatrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) law: ThinLaw,
    pub(crate) layout: Layout,
    /// B (d × r), where only the products with it are kept.
    pub(crate) span: Option<Arc<Matrix>>,
    pub(crate) vectors: SplitVectors,
    /// u of the update rule, once there is momentum.
    pub(crate) velocity: Option<SplitVectors>,
    /// Coefficients of the initial weights in the weights and in the velocity.
    pub(crate) share: (f64, f64),
}

impl ThinMatrix {
    pub(crate) fn new([rows, columns]: [usize; 2], law: ThinLaw, layout: Layout) -> Self {
        Self::starting([rows, columns], law, layout, None)
    }

    /// A matrix of which only the products with an orthonormal basis of some inputs (d × r) are kept.
    pub(crate) fn on_span(rows: usize, span: Matrix, law: ThinLaw, layout: Layout) -> Self {
        Self::starting([rows, span.nrows()], law, layout, Some(Arc::new(span)))
    }

    fn starting([rows, columns]: [usize; 2], law: ThinLaw, layout: Layout, span: Option<Arc<Matrix>>) -> Self {
        let nothing = SplitVectors::new(vec![layout.placement.tensor(Vec::new(), [0, 0])]);
        let share = (1.0, 0.0);
        let matrix = Self { rows, columns, law, layout, span, vectors: nothing, velocity: None, share };
        Self { vectors: matrix.initial(), ..matrix }
    }

    /// Says how many vectors are kept.
    pub fn stored_vectors(&self) -> usize {
        self.stored_shape().1
    }

    /// Length and number of the vectors.
    pub(crate) fn stored_shape(&self) -> (usize, usize) {
        match (&self.span, self.long()) {
            (Some(span), _) => (self.rows, span.ncols()),
            (None, Long::Rows) => (self.rows, self.columns),
            (None, Long::Columns) => (self.columns, self.rows),
        }
    }

    /// The vectors at time 0.
    fn initial(&self) -> SplitVectors {
        let (length, count) = self.stored_shape();
        let std = self.law.std;
        self.layout.normals(self.law.stream, 0..count, length).map(|piece| piece.mul_scalar(std))
    }

    pub(crate) fn long(&self) -> Long {
        if self.span.is_some() || self.rows >= self.columns { Long::Rows } else { Long::Columns }
    }

    pub(crate) fn zeros_like(&self) -> Self {
        let law = ThinLaw { std: 0.0, ..self.law };
        Self::starting([self.rows, self.columns], law, self.layout.clone(), self.span.clone())
    }

    /// Coordinates of a block of the short space.
    fn coordinates(&self, x: &DeviceBlock) -> Matrix {
        let x = x.to_matrix();
        self.span.as_ref().map_or_else(|| x.clone(), |span| span.tr_mul(&x))
    }

    pub(crate) fn apply(&self, x: &DeviceBlock) -> DeviceBlock {
        match self.long() {
            Long::Rows => self.combination(x),
            Long::Columns => self.products(x),
        }
    }

    pub(crate) fn apply_transpose(&self, g: &DeviceBlock) -> DeviceBlock {
        match self.long() {
            Long::Rows => self.products(g),
            Long::Columns => self.combination(g),
        }
    }

    /// `Σ_j x_j w_j`.
    fn combination(&self, x: &DeviceBlock) -> DeviceBlock {
        DeviceBlock::new(self.vectors.times(&self.coordinates(x)), self.layout.clone())
    }

    /// `w_jᵀ x`.
    fn products(&self, x: &DeviceBlock) -> DeviceBlock {
        let products = self.vectors.gram(x.vectors());
        let products = self.span.as_ref().map_or_else(|| products.clone(), |span| &**span * &products);
        DeviceBlock::laid_out(&products, &self.layout)
    }

    /// `target + factor Σ terms`.
    fn add_terms(&self, target: SplitVectors, factor: f64, terms: &[OuterProduct<'_, DeviceBlock>]) -> SplitVectors {
        terms.iter().filter(|term| term.scale != 0.0).fold(target, |target, term| {
            let (long, short) = match self.long() {
                Long::Rows => (term.left, term.right),
                Long::Columns => (term.right, term.left),
            };
            target.add(long.vectors(), &(self.coordinates(short).transpose() * (factor * term.scale)))
        })
    }

    pub(crate) fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, DeviceBlock>]) {
        self.share = rule.advance(self.share, 0.0);
        let nothing = SplitVectors::new(vec![self.layout.placement.tensor(Vec::new(), [0, 0])]);
        let weights = std::mem::replace(&mut self.vectors, nothing);
        if rule.momentum == 0.0 {
            let kept = rule.kept();
            let weights = if kept == 1.0 { weights } else { weights.map(|piece| piece.mul_scalar(kept)) };
            self.vectors = self.add_terms(weights, -rule.scale, terms);
            return;
        }
        // ∇ = Σ terms + λ W, u ← μ u + ∇, W ← W − s u (Nesterov: W ← W − s ∇ − s μ u).
        let decayed = weights.clone().map(|piece| piece.mul_scalar(rule.decay));
        let gradient = self.add_terms(decayed, 1.0, terms);
        let velocity = match self.velocity.take() {
            Some(velocity) => sum(velocity.map(|piece| piece.mul_scalar(rule.momentum)), 1.0, &gradient),
            None => gradient.clone(),
        };
        self.vectors = if rule.nesterov {
            sum(sum(weights, -rule.scale, &gradient), -rule.scale * rule.momentum, &velocity)
        } else {
            sum(weights, -rule.scale, &velocity)
        };
        self.velocity = Some(velocity);
    }

    pub(crate) fn movement(&self) -> Movement {
        let initial = self.initial();
        let moved = sum(self.vectors.clone(), -1.0, &initial);
        // Outside the span nothing learns, and the weights count by their mean; decay shrinks them.
        let outside = self.span.as_ref().map_or(0, |span| self.rows * (self.columns - span.ncols()));
        let outside = outside as f64 * self.law.std.powi(2);
        Movement {
            moved: moved.gram(&moved).trace() + outside * (1.0 - self.share.0).powi(2),
            initial: initial.gram(&initial).trace() + outside,
        }
    }

    /// Singular values of what has been learned, largest first.
    pub(crate) fn learned_singular_values(&self) -> Vec<f64> {
        let initial = self.initial();
        let learned = sum(self.vectors.clone(), -self.share.0, &initial);
        let squares = learned.gram(&learned).symmetric_eigenvalues();
        let mut values: Vec<f64> = squares.iter().map(|square| square.max(0.0).sqrt()).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let rounding = self.layout.placement.precision.epsilon() * initial.gram(&initial).trace().sqrt();
        values.retain(|value| *value > 8.0 * rounding);
        values
    }
}

/// `x + factor y`.
fn sum(x: SplitVectors, factor: f64, y: &SplitVectors) -> SplitVectors {
    let mut others = y.pieces().iter();
    x.map(|piece| match others.next() {
        Some(other) => piece.add(other.clone().mul_scalar(factor)),
        None => piece,
    })
}
