//! A random weight matrix of any width, finite or infinite, is known only where it has been probed.
//!
//! Suppose `W_0` (iid N(0, s²/m)) has responded to orthonormal `Q_A` and `Q_G` (its transpose). Then, for a new direction
//! `q ⟂ Q_A` (docs/theory/conditioning.md §1, §3(b), Eq. coordinates),
//!
//! ```text
//! W_0 q = Q_G (M_Gᵀ q) + (I − Q_G Q_Gᵀ) ξ,    ξ fresh: N(0, s²/m) along the n explored coordinates of the output space,
//!                                             and one new coordinate of length χ_{m−n} s/√m (none when n = m)
//! ```
//!
//! At m = ∞ the components of ξ vanish and the new coordinate has length s: the isometries ι, κ of
//! docs/theory/mean-field.md §4, Eq. isometries. The state is one small matrix, the *known part*
//! `W_0 = M_A Q_Aᵀ + Q_G M_Gᵀ (I − Q_A Q_Aᵀ)`: it already responds to `q` by `Q_G (M_Gᵀ q)`, so a new response adds just `(I − Q_G Q_Gᵀ) ξ qᵀ` to
//! it. What training adds lives in the same coordinates.

use std::{cell::Cell, rc::Rc};

use rand::distr::Distribution;
use rand_distr::{ChiSquared, StandardNormal};
use widenet_core::{
    Matrix, Width,
    seed::{Purpose, stream},
    training::{Explored, LinearLayer, Neurons, OuterProduct, UpdateRule, WeightMatrix},
};

use super::{coordinates::Coordinates, directions::Directions};

/// A space of dimension `total`, of which `explored` coordinates are in use.
#[derive(Debug)]
pub(super) struct Space {
    total: Width,
    explored: Cell<usize>,
}

impl Space {
    /// A hidden space of which nothing is known.
    pub(super) fn hidden(width: Width) -> Rc<Self> {
        Rc::new(Self { total: width, explored: Cell::new(0) })
    }

    /// R^n with its own coordinates.
    pub(super) fn coordinates(dimension: usize) -> Rc<Self> {
        Rc::new(Self { total: Width::Finite(dimension as u64), explored: Cell::new(dimension) })
    }

    fn unexplored(&self) -> Width {
        match self.total {
            Width::Finite(total) => Width::Finite(total - self.explored.get() as u64),
            Width::Infinite => Width::Infinite,
        }
    }
}

/// Where a matrix' randomness comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// Seed of the trial.
    pub(super) seed: u64,
    /// Index of the layer.
    pub(super) layer: u32,
    /// Width m of the network.
    pub(super) width: Width,
    /// `s`: entries have standard deviation `s/√m`.
    pub(super) std: f64,
}

/// A weight matrix whose fresh responses are drawn when they are needed.
#[derive(Debug)]
pub struct CoordinateMatrix {
    source: Source,
    input: Rc<Space>,
    output: Rc<Space>,
    /// Known part of `W_t`, explored output × explored input dimension.
    weights: Matrix,
    /// Known part of the velocity, if there is momentum.
    velocity: Option<Matrix>,
    /// Known part of `W_0`.
    initial: Matrix,
    /// Coefficients of `W_0` in `W_t` and in the velocity.
    initial_share: (f64, f64),
    probed: Directions,
    probed_transpose: Directions,
    probes: u64,
    transpose_probes: u64,
    tolerance: f64,
}

#[cfg(test)]
mod tests;

/// Which side of the matrix is probed.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Direct,
    Transpose,
}

impl CoordinateMatrix {
    /// A random matrix between two spaces; directions shorter than `tolerance` relative to their probe are dropped.
    pub(super) fn random(source: Source, input: Rc<Space>, output: Rc<Space>, tolerance: f64) -> Self {
        let known = Matrix::zeros(output.explored.get(), input.explored.get());
        Self {
            source,
            input,
            output,
            weights: known.clone(),
            velocity: None,
            initial: known,
            initial_share: (1.0, 0.0),
            probed: Directions::empty(),
            probed_transpose: Directions::empty(),
            probes: 0,
            transpose_probes: 0,
            tolerance,
        }
    }

    /// A matrix that is known entirely (k × d).
    pub(super) fn known(weights: Matrix) -> Self {
        let (rows, columns) = weights.shape();
        let source = Source { seed: 0, layer: 0, width: Width::Infinite, std: 0.0 };
        Self {
            initial: weights.clone(),
            weights,
            probed: Directions::complete(columns),
            probed_transpose: Directions::complete(rows),
            ..Self::random(source, Space::coordinates(columns), Space::coordinates(rows), 1.0)
        }
    }

    /// Probes with what `x` adds to what is known.
    fn probe(&mut self, side: Side, x: &Coordinates) {
        let probed = if side == Side::Direct { &self.probed } else { &self.probed_transpose };
        let Some(directions) = probed.new_directions(&x.0, self.tolerance) else { return };
        let responses = self.fresh_responses(side, directions.ncols());
        let (outer, probed) = match side {
            Side::Direct => ((&responses, &directions), &mut self.probed),
            Side::Transpose => ((&directions, &responses), &mut self.probed_transpose),
        };
        probed.extend(&directions);
        let shape = (self.output.explored.get(), self.input.explored.get());
        let (share, velocity_share) = self.initial_share;
        add_outer(&mut self.initial, shape, 1.0, outer.0, outer.1);
        add_outer(&mut self.weights, shape, share, outer.0, outer.1);
        if let Some(velocity) = &mut self.velocity {
            add_outer(velocity, shape, velocity_share, outer.0, outer.1);
        }
    }

    /// `(I − Q Qᵀ) ξ` for `count` new probes, exploring the responding space.
    fn fresh_responses(&mut self, side: Side, count: usize) -> Matrix {
        let (space, known, probes, purpose) = match side {
            Side::Direct => {
                (&self.output, &self.probed_transpose, &mut self.probes, Purpose::Responses(self.source.layer))
            }
            Side::Transpose => {
                (&self.input, &self.probed, &mut self.transpose_probes, Purpose::TransposeResponses(self.source.layer))
            }
        };
        let Source { seed, width, std, .. } = self.source;
        let unit = std * width.power(-0.5);
        let mut responses = Matrix::zeros(space.explored.get(), count);
        for column in 0..count {
            let explored = space.explored.get();
            let mut rng = stream(seed, purpose, *probes);
            *probes += 1;
            if unit > 0.0 {
                for x in responses.column_mut(column).rows_mut(0, explored).iter_mut() {
                    let normal: f64 = StandardNormal.sample(&mut rng);
                    *x = unit * normal;
                }
            }
            let length = match space.unexplored() {
                Width::Finite(0) => continue,
                Width::Infinite => std,
                // ChiSquared accepts every degree of freedom > 0.
                Width::Finite(left) => {
                    ChiSquared::new(left as f64).map_or(0.0, |chi| unit * chi.sample(&mut rng).sqrt())
                }
            };
            responses.resize_vertically_mut(explored + 1, 0.0);
            responses[(explored, column)] = length;
            space.explored.set(explored + 1);
        }
        known.project_out(&mut responses);
        responses
    }

    fn grow(&mut self) {
        let shape = (self.output.explored.get(), self.input.explored.get());
        for matrix in [&mut self.weights, &mut self.initial].into_iter().chain(self.velocity.as_mut()) {
            resize(matrix, shape);
        }
    }
}

fn resize(matrix: &mut Matrix, shape: (usize, usize)) {
    if matrix.shape() != shape {
        matrix.resize_mut(shape.0, shape.1, 0.0);
    }
}

/// `matrix += scale · left · rightᵀ` after growing it to `shape`.
fn add_outer(matrix: &mut Matrix, shape: (usize, usize), scale: f64, left: &Matrix, right: &Matrix) {
    resize(matrix, shape);
    let mut view = matrix.view_mut((0, 0), (left.nrows(), right.nrows()));
    if left.ncols() == 1 {
        view.ger(scale, &left.column(0), &right.column(0), 1.0);
    } else {
        view.gemm(scale, left, &right.transpose(), 1.0);
    }
}

impl WeightMatrix for CoordinateMatrix {
    type Block = Coordinates;

    fn input_block(&self, coordinates: &Matrix) -> Coordinates {
        Coordinates(coordinates.clone())
    }

    fn output_block(&self, coordinates: &Matrix) -> Coordinates {
        Coordinates(coordinates.clone())
    }

    fn apply(&mut self, x: &Coordinates) -> Coordinates {
        self.probe(Side::Direct, x);
        self.grow();
        Coordinates(self.weights.columns(0, x.0.nrows()) * &x.0)
    }

    fn apply_transpose(&mut self, g: &Coordinates) -> Coordinates {
        self.probe(Side::Transpose, g);
        self.grow();
        Coordinates(self.weights.rows(0, g.0.nrows()).tr_mul(&g.0))
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, Coordinates>]) {
        self.grow();
        let shape = self.weights.shape();
        self.initial_share = rule.advance(self.initial_share, 0.0);
        if rule.momentum == 0.0 {
            if rule.decay != 0.0 {
                self.weights *= rule.kept();
            }
            for term in terms {
                add_outer(&mut self.weights, shape, -rule.scale * term.scale, &term.left.0, &term.right.0);
            }
            return;
        }
        let mut gradient = &self.weights * rule.decay;
        for term in terms {
            add_outer(&mut gradient, shape, term.scale, &term.left.0, &term.right.0);
        }
        let velocity = self.velocity.get_or_insert_with(|| Matrix::zeros(shape.0, shape.1));
        *velocity *= rule.momentum;
        *velocity += &gradient;
        if rule.nesterov {
            self.weights -= gradient * rule.scale;
            self.weights -= &*velocity * (rule.scale * rule.momentum);
        } else {
            self.weights -= &*velocity * rule.scale;
        }
    }

    fn output_dimension(&self) -> u64 {
        self.output.explored.get() as u64
    }
}

impl Explored for CoordinateMatrix {}

impl LinearLayer for CoordinateMatrix {
    fn learned_singular_values(&mut self) -> Vec<f64> {
        self.grow();
        let learned = &self.weights - &self.initial * self.initial_share.0;
        if learned.is_empty() {
            return Vec::new();
        }
        let mut values: Vec<f64> = learned.svd(false, false).singular_values.iter().copied().collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let cutoff = values.first().copied().unwrap_or(0.0) * 1e-12;
        values.retain(|value| *value > cutoff);
        values
    }

    fn neurons(&self, _: &Coordinates) -> Neurons {
        if self.source.width == Width::Infinite { Neurons::Gaussian } else { Neurons::Unknown }
    }
}
