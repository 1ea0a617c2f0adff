//! The training loop needs to know this much of a weight matrix, whatever it is made of.
//!
//! A matrix responds to probes, `W x` and `Wᵀ g`, and learns by outer products ([`super::rule`]). Matrices with entries on a device,
//! finite matrices known only in law, and infinite ones implement it; the loop does not know the width. Deep linear networks are in the
//! normalized coordinates of [`crate::scaling`], where inner products of hidden vectors are the plain inner products of their blocks;
//! perceptrons ([`super::mlp`]) are in those of their parameterisation.
//!
//! What only some matrices can do has a trait of its own, so that a network that asks for it of others does not compile.

use super::{
    block::{Block, NeuronBlock},
    rule::{NormalizedRule, Step, StepRule, UpdateRule},
};
use crate::matrix::Matrix;

/// `scale · left · rightᵀ`: one term of a gradient.
#[derive(Debug, Clone, Copy)]
pub struct OuterProduct<'a, B> {
    /// Factor.
    pub scale: f64,
    /// Block of the output space.
    pub left: &'a B,
    /// Block of the input space, as many columns as `left`.
    pub right: &'a B,
}

/// One weight matrix.
pub trait WeightMatrix {
    /// Vectors of its input and output spaces.
    type Block: Block;

    /// A block of the input space from coordinates; only for the input layer (R^d).
    fn input_block(&self, coordinates: &Matrix) -> Self::Block;

    /// A block of the output space from coordinates; only for the readout (R^k).
    fn output_block(&self, coordinates: &Matrix) -> Self::Block;

    /// The response to a probe of the input space: `W x`.
    fn apply(&mut self, x: &Self::Block) -> Self::Block;

    /// The response to a probe of the output space: `Wᵀ g`.
    fn apply_transpose(&mut self, g: &Self::Block) -> Self::Block;

    /// One step of the rule with `∇ = Σ terms + λ W`.
    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, Self::Block>]);

    /// Dimension of the output space that is in use: explored so far, or all of it.
    fn output_dimension(&self) -> u64;
}

/// A layer of a deep linear network, as it is recorded.
pub trait LinearLayer: WeightMatrix + Explored {
    /// Singular values of the learned part `W − s W_0`, s being the coefficient that [`UpdateRule::advance`] leaves of the
    /// initial weights; largest first, without those that are zero to rounding.
    fn learned_singular_values(&mut self) -> Vec<f64>;

    /// What is known of the neurons behind a block of a hidden space.
    fn neurons(&self, block: &Self::Block) -> Neurons;
}

/// A matrix whose entries can be compared with those at time 0.
pub trait EntryMatrix: WeightMatrix<Block: NeuronBlock> + Explored + Clone {
    /// N: of how many networks it holds a matrix each. Its blocks have N times the columns of one network's, network by network.
    fn networks(&self) -> usize {
        1
    }

    /// The distance from 1 to the next number of the float type of its entries.
    fn epsilon(&self) -> f64 {
        f64::EPSILON
    }

    /// A matrix of the same shape whose entries are and start at 0.
    fn zeros_like(&self) -> Self;

    /// How far the entries have moved, all networks together.
    fn movement(&mut self) -> Movement;
}

/// A matrix that rules can change which divide by the size of every entry's gradient, and so are not linear in past gradients.
pub trait NormalizedUpdate: WeightMatrix {
    /// One step with the gradient `g` of one outer product; the matrix keeps its own averages.
    fn update_normalized(&mut self, rule: NormalizedRule, step: Step, gradient: OuterProduct<'_, Self::Block>);
}

/// How far a matrix is known; by default it has entries and nothing to explore.
pub trait Explored {
    /// How far it has been explored, where it is known by its responses.
    fn exploration(&self) -> Option<Exploration> {
        None
    }

    /// Largest entry of `|QᵀQ − I|` of the bases of explored directions, where it is known by its responses.
    fn orthogonality_loss(&self) -> Option<f64> {
        None
    }
}

/// A rule that matrices of a kind can follow.
pub trait Update<W: WeightMatrix>: Copy {
    /// One step with the gradient of one outer product.
    fn step(self, matrix: &mut W, step: Step, gradient: OuterProduct<'_, W::Block>);
}

impl<W: WeightMatrix> Update<W> for UpdateRule {
    fn step(self, matrix: &mut W, step: Step, gradient: OuterProduct<'_, W::Block>) {
        matrix.update(self.at(step), &[OuterProduct { scale: step.learning_rate * gradient.scale, ..gradient }]);
    }
}

impl<W: NormalizedUpdate> Update<W> for StepRule {
    fn step(self, matrix: &mut W, step: Step, gradient: OuterProduct<'_, W::Block>) {
        match self {
            StepRule::Linear(rule) => rule.step(matrix, step, gradient),
            StepRule::Normalized(rule) => matrix.update_normalized(rule, step, gradient),
        }
    }
}

/// Squared Frobenius norms of a matrix's way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Movement {
    /// `‖W_t − W_0‖²`.
    pub moved: f64,
    /// `‖W_0‖²`.
    pub initial: f64,
}

/// How far a matrix that is known by its responses has been explored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// Directions by which the matrix has been probed, and its transpose.
    pub ranks: [usize; 2],
    /// The longest part of a probe that was left out so far, relative to the probe.
    pub truncation: f64,
}

/// What is known of single neurons.
#[derive(Debug, Clone, PartialEq)]
pub enum Neurons {
    /// One row per neuron, one column per vector.
    Entries(Matrix),
    /// Infinitely many, iid Gaussian (docs/theory/mean-field.md §2.2).
    Gaussian,
    /// Only inner products are kept.
    Unknown,
}
