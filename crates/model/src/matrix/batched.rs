//! The matrices of a group of networks of one shape are stacked, so that one product on the device serves them all.
//!
//! ```text
//! W = (W_1; …; W_N), N × rows × columns,    W x = (W_1 x_1; …; W_N x_N),    ∇_i = Σ_j c_j g_ij a_ijᵀ + λ W_i
//! ```
//!
//! (docs/theory/training.md §5, Eq. update.) x_i are the P vectors of network i, which are neighbours in a block of N P
//! ([`EntryMatrix::networks`]). Small matrices in many columns gain nothing from the pending outer products of [`crate::DenseMatrix`]:
//! every update forms its gradient and changes the stored entries.

use burn::Tensor;
use widenet_core::{
    Matrix,
    training::{
        EntryMatrix, Explored, Movement, NormalizedRule, NormalizedUpdate, OuterProduct, Step, UpdateRule, WeightMatrix,
    },
};

use super::dense::{
    averages::{self, Averages},
    initial::{Initial, InitialWeights},
    learned,
};
use crate::{device::Placement, vectors::DeviceBlock};

/// Stacked weight matrices on a device (module formula).
#[derive(Debug, Clone)]
pub struct BatchedMatrix {
    /// Of each network.
    initial: Vec<Initial>,
    placement: Placement,
    /// W.
    weights: Tensor<3>,
    /// u, after the first step that has momentum.
    velocity: Option<Tensor<3>>,
    /// Of Adam and RMSProp, after their first step.
    averages: Option<Averages<3>>,
}

impl BatchedMatrix {
    /// Makes the matrices at time 0, from the law of each; all have one shape.
    pub fn new(laws: Vec<InitialWeights>, placement: Placement) -> Self {
        let [rows, columns] = [laws[0].rows, laws[0].columns];
        let weights = InitialWeights::stacked(&laws, 0..rows, &placement).reshape([laws.len(), rows, columns]);
        Self::starting_from(laws.into_iter().map(Initial::Random).collect(), weights, placement)
    }

    fn starting_from(initial: Vec<Initial>, weights: Tensor<3>, placement: Placement) -> Self {
        Self { initial, placement, weights, velocity: None, averages: None }
    }

    /// The vectors of a block, N × P × their length.
    fn by_network(&self, block: &DeviceBlock) -> Tensor<3> {
        let [columns, length] = block.panel().dims();
        let networks = self.initial.len();
        block.panel().clone().reshape([networks, columns / networks, length])
    }

    fn block(&self, vectors: Tensor<3>) -> DeviceBlock {
        let [networks, columns, length] = vectors.dims();
        DeviceBlock::from_vectors(vectors.reshape([networks * columns, length]), self.placement.clone())
    }

    /// `c Σ_j g_j a_jᵀ` of every network.
    fn gradient(&self, product: &OuterProduct<'_, DeviceBlock>) -> Tensor<3> {
        let left = self.by_network(product.left).mul_scalar(product.scale);
        left.swap_dims(1, 2).matmul(self.by_network(product.right))
    }

    /// W, to be changed in place and put back.
    fn take_weights(&mut self) -> Tensor<3> {
        std::mem::replace(&mut self.weights, Tensor::empty([0, 0, 0], &self.placement.device))
    }
}

impl WeightMatrix for BatchedMatrix {
    type Block = DeviceBlock;

    fn input_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::from_matrix(coordinates, self.placement.clone())
    }

    fn output_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::from_matrix(coordinates, self.placement.clone())
    }

    fn apply(&mut self, x: &DeviceBlock) -> DeviceBlock {
        self.block(self.by_network(x).matmul(self.weights.clone().swap_dims(1, 2)))
    }

    fn apply_transpose(&mut self, g: &DeviceBlock) -> DeviceBlock {
        self.block(self.by_network(g).matmul(self.weights.clone()))
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, DeviceBlock>]) {
        let decayed = (rule.decay != 0.0).then(|| self.weights.clone().mul_scalar(rule.decay));
        let gradient = terms.iter().map(|product| self.gradient(product)).chain(decayed).reduce(Tensor::add);
        let gradient = gradient.unwrap_or_else(|| self.weights.zeros_like());
        let step = match (rule.momentum, self.velocity.take()) {
            (0.0, _) => gradient,
            (momentum, velocity) => {
                let velocity = velocity.map_or(gradient.clone(), |u| u.mul_scalar(momentum).add(gradient.clone()));
                self.velocity = Some(velocity.clone());
                if rule.nesterov { velocity.mul_scalar(momentum).add(gradient) } else { velocity }
            }
        };
        let step = if rule.scale == 1.0 { step } else { step.mul_scalar(rule.scale) };
        self.weights = self.take_weights().sub(step);
    }

    fn output_dimension(&self) -> u64 {
        self.weights.dims()[1] as u64
    }
}

impl Explored for BatchedMatrix {}

impl EntryMatrix for BatchedMatrix {
    fn networks(&self) -> usize {
        self.initial.len()
    }

    fn epsilon(&self) -> f64 {
        self.placement.precision.epsilon()
    }

    fn zeros_like(&self) -> Self {
        let [networks, rows, columns] = self.weights.dims();
        let zero = vec![Initial::Zero { rows, columns }; networks];
        Self::starting_from(zero, self.weights.zeros_like(), self.placement.clone())
    }

    fn movement(&mut self) -> Movement {
        let mut movement = Movement { moved: 0.0, initial: 0.0 };
        for (initial, now) in self.initial.iter().zip(self.weights.clone().iter_dim(0)) {
            let initial = self.placement.read(&initial.rows(0..initial.shape()[0], &self.placement));
            let now = self.placement.read(&now.squeeze_dim(0));
            learned::add_movement(&mut movement, &now, &initial);
        }
        movement
    }
}

impl NormalizedUpdate for BatchedMatrix {
    fn update_normalized(&mut self, rule: NormalizedRule, step: Step, gradient: OuterProduct<'_, DeviceBlock>) {
        let g = self.gradient(&gradient);
        let averages = self.averages.take();
        let (weights, averages) = averages::of_entries(rule, step, g, self.take_weights(), averages);
        (self.weights, self.averages) = (weights, Some(averages));
    }
}
