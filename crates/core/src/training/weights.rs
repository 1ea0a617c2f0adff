//! What the training loop needs to know of a weight matrix, whatever it is made of.
//!
//! A matrix answers questions: `W x`, `Wᵀ g`, and learns by outer products,
//!
//! ```text
//! ∇ = Σ_j c_j g_j a_jᵀ + λ W,    u ← μ u + ∇,    W ← W − u        (Nesterov: W ← W − ∇ − μ u)
//! ```
//!
//! (docs/theory/training.md §5, Eq. update.) Dense matrices on a device, finite matrices known only in law, and infinite ones implement it;
//! the loop does not know the width. Deep linear networks are in the normalised coordinates of [`crate::scaling`], where inner products of
//! hidden vectors are the plain inner products of their blocks; perceptrons ([`super::mlp`]) are in those of their parameterisation.

use crate::{Matrix, problem::Quantity, trajectory::Value};

/// A few vectors of one space, as columns.
pub trait Block: Clone {
    /// `selfᵀ other`, columns of `self` × columns of `other`.
    fn gram(&self, other: &Self) -> Matrix;

    /// `self · coefficients`, with `coefficients` of shape columns × new columns.
    fn times(&self, coefficients: &Matrix) -> Self;

    /// `self ← self + scale · other`.
    fn add_scaled(&mut self, scale: f64, other: &Self);

    /// `self ← factor · self`.
    fn scale(&mut self, factor: f64);

    /// Coordinates, for blocks of the input or output space only (n × columns).
    fn to_matrix(&self) -> Matrix;
}

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

/// How a gradient becomes an update (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdateRule {
    /// `μ`, in [0, 1).
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
    /// `λ` per step.
    pub decay: f64,
}

impl UpdateRule {
    /// `W ← W − Σ_j c_j g_j a_jᵀ`.
    pub const PLAIN: UpdateRule = UpdateRule { momentum: 0.0, nesterov: false, decay: 0.0 };

    /// One step for one component of `(W, u)`: the coefficients of a fixed matrix in `W` and in `u`, given its
    /// coefficient in the new gradient's terms. The rule is linear, so every component follows this same recurrence.
    pub fn advance(&self, (weight, velocity): (f64, f64), term: f64) -> (f64, f64) {
        let gradient = term + self.decay * weight;
        let velocity = self.momentum * velocity + gradient;
        let step = if self.nesterov { gradient + self.momentum * velocity } else { velocity };
        (weight - step, velocity)
    }
}

/// RMSProp: an update rule entry by entry, not linear in the gradient (docs/theory/scaling-limits.md §5.4, Eq. rmsprop).
///
/// ```text
/// v ← ρ v + (1 − ρ) g²,    w ← w − η g/(√v + ε)        v = 0 at the start
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// ρ, in [0, 1).
    pub decay: f64,
    /// ε > 0.
    pub epsilon: f64,
}

/// How a step changes a matrix of entries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepRule {
    /// By the module's formula.
    Linear(UpdateRule),
    /// By RMSProp.
    RmsProp(RmsProp),
}

/// One weight matrix.
pub trait WeightMatrix {
    /// Vectors of its input and output spaces.
    type Block: Block;

    /// A block of the input space from coordinates; only for the input layer (R^d).
    fn input_block(&self, coordinates: &Matrix) -> Self::Block;

    /// A block of the output space from coordinates; only for the readout (R^k).
    fn output_block(&self, coordinates: &Matrix) -> Self::Block;

    /// `W x`.
    fn apply(&mut self, x: &Self::Block) -> Self::Block;

    /// `Wᵀ g`.
    fn apply_transpose(&mut self, g: &Self::Block) -> Self::Block;

    /// One step of the module's formula with `∇ = Σ terms + λ W`.
    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, Self::Block>]);

    /// Dimension of the output space that is in use: explored so far, or all of it.
    fn output_dimension(&self) -> u64;

    /// Singular values of the learned part `W − s W_0`, s being the coefficient that [`UpdateRule::advance`] leaves of the
    /// initial weights; largest first, without those that are zero to rounding.
    fn learned_singular_values(&mut self) -> Vec<f64>;

    /// What is known of the neurons behind a block of a hidden space.
    fn neurons(&self, block: &Self::Block) -> Neurons;

    /// How far it has been explored, where it is known by its answers.
    fn exploration(&self) -> Option<Exploration> {
        None
    }

    /// Largest entry of `|QᵀQ − I|` of the bases of explored directions, where it is known by its answers.
    fn orthogonality_loss(&self) -> Option<f64> {
        None
    }
}

/// How far a matrix that is known by its answers has been explored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// Directions asked of the matrix, and of its transpose.
    pub ranks: [usize; 2],
    /// The longest part of a question that was left out so far, relative to the question.
    pub truncation: f64,
}

/// The quantities of [`crate::problem::Scope::Explored`] for some matrices; `None` for others, and where no matrix is explored.
pub(super) fn explored_quantity<'a, W: WeightMatrix + 'a>(
    quantity: Quantity,
    matrices: impl Iterator<Item = &'a W>,
) -> Option<Value> {
    let explored: Vec<(&W, Exploration)> =
        matrices.filter_map(|matrix| Some((matrix, matrix.exploration()?))).collect();
    if explored.is_empty() {
        return None;
    }
    match quantity {
        Quantity::ExploredRanks => {
            let ranks = |(_, found): &(&W, Exploration)| found.ranks.map(|rank| rank as f64).to_vec();
            Some(Value::Lists(explored.iter().map(ranks).collect()))
        }
        Quantity::OrthogonalityLoss => {
            let losses = explored.iter().filter_map(|(matrix, _)| matrix.orthogonality_loss());
            Some(Value::Scalar(losses.fold(0.0, f64::max)))
        }
        Quantity::TruncationError => {
            Some(Value::Scalar(explored.iter().map(|(_, found)| found.truncation).fold(0.0, f64::max)))
        }
        _ => None,
    }
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
