//! Input weights, readouts and biases are stored as vectors of values at the nodes.
//!
//! ```text
//! h = U x = Ω_U B x,    f = ⟨V, a⟩,    Vᵀ g = V g,    W ← W − Σ_p c g_p x_pᵀ    entry by entry
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §1, §3.) B are coordinates of inputs in an orthonormal basis of the data.

use std::rc::Rc;

use widenet_core::{
    Matrix,
    training::{Movement, OuterProduct, UpdateRule},
};

use super::{
    block::NodeBlock,
    products::{add_product, product},
    space::SharedSpace,
};

/// Which end of the network is short.
#[derive(Debug, Clone)]
enum End {
    /// Inputs: vectors are the images of the columns of this basis (d × r).
    Inputs(Rc<Matrix>),
    /// Outputs: one vector per output.
    Outputs,
}

/// A matrix between a layer of nodes and a space of few dimensions.
#[derive(Debug, Clone)]
pub(super) struct ThinMatrix {
    end: End,
    space: SharedSpace,
    /// Dimension of the short space.
    dimension: usize,
    /// Standard deviation of the entries at the start.
    std: f64,
    /// Nodes × vectors.
    weights: Matrix,
    velocity: Matrix,
    initial: Rc<Matrix>,
}

impl ThinMatrix {
    /// Weights from inputs, with the first columns of a basis of them first; no coordinates are drawn for a `std` of 0.
    pub(super) fn from_inputs(space: &SharedSpace, basis: Rc<Matrix>, std: f64) -> Self {
        let vectors = basis.ncols();
        Self::new(space, basis.nrows(), End::Inputs(basis), vectors, std)
    }

    /// Weights to outputs.
    pub(super) fn to_outputs(space: &SharedSpace, outputs: usize, std: f64) -> Self {
        Self::new(space, outputs, End::Outputs, outputs, std)
    }

    fn new(space: &SharedSpace, dimension: usize, end: End, vectors: usize, std: f64) -> Self {
        let nodes = space.borrow().nodes();
        let weights = if std == 0.0 {
            Matrix::zeros(nodes, vectors)
        } else {
            let mut space = space.borrow_mut();
            let first = space.draw(vectors);
            space.known().last(first) * std
        };
        let initial = Rc::new(weights.clone());
        Self { end, space: space.clone(), dimension, std, velocity: Matrix::zeros(nodes, vectors), weights, initial }
    }

    pub(super) fn zeros_like(&self) -> Self {
        let nothing = Matrix::zeros(self.weights.nrows(), self.weights.ncols());
        Self {
            std: 0.0,
            weights: nothing.clone(),
            velocity: nothing.clone(),
            initial: Rc::new(nothing),
            ..self.clone()
        }
    }

    pub(super) fn apply(&self, x: &NodeBlock) -> NodeBlock {
        let space = self.space.borrow();
        match &self.end {
            End::Inputs(basis) => {
                let images = product(&self.weights, &basis.tr_mul(x.values()));
                NodeBlock::new(images, space.measure().clone())
            }
            End::Outputs => NodeBlock::coordinates(space.measure().gram(&self.weights, x.values())),
        }
    }

    pub(super) fn apply_transpose(&self, g: &NodeBlock) -> NodeBlock {
        let space = self.space.borrow();
        match &self.end {
            End::Inputs(basis) => NodeBlock::coordinates(&**basis * space.measure().gram(&self.weights, g.values())),
            End::Outputs => NodeBlock::new(product(&self.weights, g.values()), space.measure().clone()),
        }
    }

    pub(super) fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, NodeBlock>]) {
        let mut gradient = Matrix::zeros(self.weights.nrows(), self.weights.ncols());
        for term in terms {
            let (nodes, coordinates) = match &self.end {
                End::Inputs(basis) => (term.left, basis.tr_mul(term.right.values())),
                End::Outputs => (term.right, term.left.values().clone()),
            };
            add_product(&mut gradient, nodes.values(), &coordinates.transpose(), term.scale);
        }
        for ((weight, velocity), term) in self.weights.iter_mut().zip(self.velocity.iter_mut()).zip(gradient.iter()) {
            (*weight, *velocity) = rule.advance((*weight, *velocity), *term);
        }
    }

    /// Per neuron.
    pub(super) fn movement(&self) -> Movement {
        let space = self.space.borrow();
        let vectors = self.weights.ncols() as f64;
        let moved = space.measure().mean_square(&(&self.weights - &*self.initial)) * vectors;
        Movement { moved, initial: self.std * self.std * self.dimension as f64 }
    }

    pub(super) fn nodes(&self) -> usize {
        self.weights.nrows()
    }
}
