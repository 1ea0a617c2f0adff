//! A hidden matrix between two layers of nodes is known by its responses, as one of a finite network is, with coordinates for fresh normals.
//!
//! ```text
//! W_t = s σ W_0 + Q_G K ⟨Q_A, ·⟩
//! W_0 q = ω + Q_G (⟨M_G, q⟩ − ⟨Q_G, ω⟩)   for a new q ⟂ Q_A,     M_A ← [M_A, W_0 q],     and the same backwards
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §2, §3; docs/theory/conditioning.md §2, Eq. response, Eq. learned.) ω are coordinates of the responding
//! layer. A matrix and its clones share W_0 and what is known of it.

use std::{cell::RefCell, rc::Rc};

use widenet_core::{
    Matrix,
    training::{Exploration, Movement, OuterProduct, UpdateRule},
};

use super::{
    basis::Basis,
    block::NodeBlock,
    space::{SharedSpace, Space},
};

/// Blocks whose coordinates are kept: a step probes with a block again when it learns from it.
const REMEMBERED: usize = 6;

/// Which side of a matrix is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Direct,
    Transpose,
}

/// What one side has been probed with, and the responses to it, which are vectors of the other side's layer.
#[derive(Debug)]
struct Probed {
    /// Q.
    basis: Basis,
    /// Where in Ω of the responding layer the coordinate of each response is.
    coordinates: Vec<usize>,
    /// What else each response has along the other side's basis: rank of that basis × responses.
    inside: Matrix,
    remembered: Vec<(Rc<()>, Matrix)>,
}

impl Probed {
    fn nothing(space: &Space) -> Self {
        let basis = Basis::empty(space.nodes(), space.measure().clone());
        Self { basis, coordinates: Vec::new(), inside: Matrix::zeros(0, 0), remembered: Vec::new() }
    }

    /// Coefficients of the responses as coefficients of all coordinates of their layer.
    fn spread(&self, coefficients: &Matrix, known: usize) -> Matrix {
        let mut spread = Matrix::zeros(known, coefficients.ncols());
        for (response, coordinate) in self.coordinates.iter().enumerate() {
            spread.row_mut(*coordinate).copy_from(&coefficients.row(response));
        }
        spread
    }
}

/// W_0 as far as it is known.
#[derive(Debug)]
struct Known {
    direct: Probed,
    transpose: Probed,
    input: SharedSpace,
    output: SharedSpace,
    /// Directions whose part outside the bases is shorter than this, relative to their length, are taken to be inside.
    tolerance: f64,
    /// The longest part of a probe left out so far, relative to the probe.
    truncation: f64,
}

impl Known {
    /// Coordinates of vectors in what a side has been probed with, after probing with what is new in them; `None` if they are not finite.
    fn coordinates(&mut self, side: Side, x: &NodeBlock) -> Option<Matrix> {
        let (probed, other, asked, responding) = match side {
            Side::Direct => (&mut self.direct, &self.transpose, &self.input, &self.output),
            Side::Transpose => (&mut self.transpose, &self.direct, &self.output, &self.input),
        };
        if let Some((_, known)) = probed.remembered.iter().find(|(identity, _)| Rc::ptr_eq(identity, x.identity())) {
            return Some(known.clone().resize_vertically(probed.basis.rank(), 0.0));
        }
        let found = probed.basis.explore(x.values(), self.tolerance)?;
        if found.new > 0 {
            let directions = probed.basis.vectors().last(probed.basis.rank() - found.new);
            let (asked, mut responding) = (asked.borrow(), responding.borrow_mut());
            // ⟨M, q⟩ of the other side's responses, for q orthogonal to this side's basis.
            let of_known = asked.measure().gram_of(asked.known(), &directions).select_rows(&other.coordinates);
            let of_known = if asked.scheme().forgetful { of_known * 0.0 } else { of_known };
            let first = responding.draw(found.new);
            let correction = of_known - other.basis.gram(&responding.known().last(first));
            let responses = probed.coordinates.len();
            probed.coordinates.extend(first..first + found.new);
            probed.inside.resize_mut(other.basis.rank(), responses + found.new, 0.0);
            probed.inside.columns_mut(responses, found.new).copy_from(&correction);
        }
        self.truncation = self.truncation.max(found.dropped);
        probed.remembered.truncate(REMEMBERED - 1);
        probed.remembered.insert(0, (x.identity().clone(), found.coordinates.clone()));
        Some(found.coordinates)
    }

    /// Of Q_G and of Q_A.
    fn ranks(&self) -> (usize, usize) {
        (self.transpose.basis.rank(), self.direct.basis.rank())
    }
}

/// A matrix between two layers of nodes (module formula).
#[derive(Debug, Clone)]
pub(super) struct HiddenMatrix {
    known: Rc<RefCell<Known>>,
    /// σ √m: standard deviation of the initial entries in units of 1/√m.
    std: f64,
    /// s: coefficients of W_0 in the weights and in the velocity.
    share: (f64, f64),
    /// K of the weights and of the velocity; rank of Q_G × rank of Q_A when they last grew.
    learned: (Matrix, Matrix),
}

impl HiddenMatrix {
    /// A matrix of which nothing is known.
    pub(super) fn new(input: SharedSpace, output: SharedSpace, std: f64, tolerance: f64) -> Self {
        let direct = Probed::nothing(&input.borrow());
        let transpose = Probed::nothing(&output.borrow());
        let known = Known { direct, transpose, input, output, tolerance, truncation: 0.0 };
        let learned = (Matrix::zeros(0, 0), Matrix::zeros(0, 0));
        Self { known: Rc::new(RefCell::new(known)), std, share: (1.0, 0.0), learned }
    }

    /// 0 · W_0 + 0: what a linearized network starts from.
    pub(super) fn zeros_like(&self) -> Self {
        Self { share: (0.0, 0.0), learned: (Matrix::zeros(0, 0), Matrix::zeros(0, 0)), ..self.clone() }
    }

    pub(super) fn apply(&self, x: &NodeBlock) -> NodeBlock {
        self.response(Side::Direct, x)
    }

    pub(super) fn apply_transpose(&self, g: &NodeBlock) -> NodeBlock {
        self.response(Side::Transpose, g)
    }

    fn response(&self, side: Side, x: &NodeBlock) -> NodeBlock {
        let mut known = self.known.borrow_mut();
        let coordinates = known.coordinates(side, x);
        let (probed, other, responding) = match side {
            Side::Direct => (&known.direct, &known.transpose, known.output.borrow()),
            Side::Transpose => (&known.transpose, &known.direct, known.input.borrow()),
        };
        let Some(c) = coordinates else {
            let broken = Matrix::from_element(responding.nodes(), x.values().ncols(), f64::NAN);
            return NodeBlock::new(broken, responding.measure().clone());
        };
        let initial = &c * (self.share.0 * self.std);
        let mut response = Matrix::zeros(responding.nodes(), c.ncols());
        responding.known().add_product(&mut response, &probed.spread(&initial, responding.known().count()), 1.0);
        let mut inside = Matrix::zeros(other.basis.rank(), c.ncols());
        inside.rows_mut(0, probed.inside.nrows()).gemm(1.0, &probed.inside, &initial, 0.0);
        let k = &self.learned.0;
        match side {
            Side::Direct => inside.rows_mut(0, k.nrows()).gemm(1.0, k, &c.rows(0, k.ncols()), 1.0),
            Side::Transpose => inside.rows_mut(0, k.ncols()).gemm_tr(1.0, k, &c.rows(0, k.nrows()), 1.0),
        }
        other.basis.vectors().add_product(&mut response, &inside, 1.0);
        NodeBlock::new(response, responding.measure().clone())
    }

    pub(super) fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, NodeBlock>]) {
        let mut known = self.known.borrow_mut();
        let mut factors = Vec::new();
        for term in terms {
            let (left, right) =
                (known.coordinates(Side::Transpose, term.left), known.coordinates(Side::Direct, term.right));
            // The outputs of the next pass will tell that the gradient was not finite.
            let (Some(left), Some(right)) = (left, right) else {
                self.share = (f64::NAN, f64::NAN);
                return;
            };
            factors.push((left * term.scale, right));
        }
        let (rows, columns) = known.ranks();
        let mut gradient = Matrix::zeros(rows, columns);
        for (left, right) in &factors {
            // A later term may have found more directions.
            gradient.view_mut((0, 0), (left.nrows(), right.nrows())).gemm(1.0, left, &right.transpose(), 1.0);
        }
        self.share = rule.advance(self.share, 0.0);
        let (weights, velocity) = &mut self.learned;
        weights.resize_mut(rows, columns, 0.0);
        velocity.resize_mut(rows, columns, 0.0);
        for ((weight, velocity), term) in weights.iter_mut().zip(velocity.iter_mut()).zip(gradient.iter()) {
            (*weight, *velocity) = rule.advance((*weight, *velocity), *term);
        }
    }

    /// Per neuron: what is learned is of order 1 and W_0 of order √m.
    pub(super) fn movement(&self) -> Movement {
        let moved = if self.share.0 == 1.0 { self.learned.0.norm_squared() } else { f64::INFINITY };
        Movement { moved, initial: f64::INFINITY }
    }

    pub(super) fn exploration(&self) -> Exploration {
        let known = self.known.borrow();
        let (rows, columns) = known.ranks();
        Exploration { ranks: [columns, rows], truncation: known.truncation }
    }

    pub(super) fn orthogonality_loss(&self) -> f64 {
        let known = self.known.borrow();
        known.direct.basis.orthogonality_loss().max(known.transpose.basis.orthogonality_loss())
    }
}
