//! A deep linear network of any width has a backward chain, a forward chain and an update.
//!
//! ```text
//! G_{L+1} = 1,  G_l = W_lᵀ G_{l+1},  β = C G_0ᵀ        A_0 = Dᵀ,  A_{l+1} = W_l A_l
//! ∂R/∂W_l = C G_{l+1} A_lᵀ                             W_l ← W_l − η ρ_l G_{l+1} A_lᵀ
//! ```
//!
//! (docs/theory/training.md §2, Eq. chains, with U, W^1 …, Vᵀ all treated as weight matrices `W_0 … W_L`, in normalised coordinates, where
//! `1/m` disappears; C and ρ_l from [`crate::scaling::Normalized`].) The cost of a step depends on d and k, not on the
//! number of samples, and every gradient has rank ≤ min(k, d).

use crate::{
    matrix::Matrix,
    training::{
        block::Block,
        matrix::{OuterProduct, WeightMatrix},
        rule::UpdateRule,
        runge_kutta::Point,
    },
};

/// Weight matrices with their scales.
#[derive(Debug, Clone)]
pub struct LinearNetwork<W> {
    /// `W_0 … W_L`, input layer first.
    pub layers: Vec<W>,
    /// `C`.
    pub output_scale: f64,
    /// `ρ_l`, per unit learning rate.
    pub rates: Vec<f64>,
    /// Returns d.
    pub input_dimension: usize,
    /// Returns k.
    pub output_dimension: usize,
}

/// Factors `(G_{l+1}, A_l)` of the gradient of every layer at one point.
#[derive(Debug, Clone)]
pub struct Factors<B> {
    /// `G_1 … G_{L+1}`.
    pub backward: Vec<B>,
    /// `A_0 … A_L`.
    pub forward: Vec<B>,
}

impl<W: WeightMatrix> LinearNetwork<W> {
    /// Runs the backward chain at a point: `G_0 … G_{L+1}`.
    pub fn backward(&mut self, point: &Point, factors: &[Factors<W::Block>]) -> Vec<W::Block> {
        let identity = Matrix::identity(self.output_dimension, self.output_dimension);
        let last = self.layers.len() - 1;
        let mut chain = vec![self.layers[last].output_block(&identity)];
        for l in (0..self.layers.len()).rev() {
            let g = &chain[chain.len() - 1];
            let mut image = self.layers[l].apply_transpose(g);
            let products = factors.iter().map(|factor| (&factor.forward[l], &factor.backward[l]));
            displace(&mut image, g, point, self.rates[l], products);
            chain.push(image);
        }
        chain.reverse();
        chain
    }

    /// Runs the forward chain at a point from a block of the input space: `A_0 … A_{L+1}`.
    pub fn forward(&mut self, start: &Matrix, point: &Point, factors: &[Factors<W::Block>]) -> Vec<W::Block> {
        let mut chain = vec![self.layers[0].input_block(start)];
        for l in 0..self.layers.len() {
            let a = &chain[l];
            let mut image = self.layers[l].apply(a);
            let products = factors.iter().map(|factor| (&factor.backward[l], &factor.forward[l]));
            displace(&mut image, a, point, self.rates[l], products);
            chain.push(image);
        }
        chain
    }

    /// Returns `A_0 … A_L` for the residual covariance `D` (k × d): the readout's own image is not needed.
    pub fn forward_factors(
        &mut self,
        residual: &Matrix,
        point: &Point,
        factors: &[Factors<W::Block>],
    ) -> Vec<W::Block> {
        let readout = self.layers.pop();
        let chain = if self.layers.is_empty() {
            readout.iter().map(|layer| layer.input_block(&residual.transpose())).collect()
        } else {
            self.forward(&residual.transpose(), point, factors)
        };
        self.layers.extend(readout);
        chain
    }

    /// Returns the predictor β (k × d) of a backward chain.
    pub fn predictor(&self, backward: &[W::Block]) -> Matrix {
        backward[0].to_matrix().transpose() * self.output_scale
    }

    /// Does `W_l ← W_l − ρ_l Σ_j c_j G_{l+1}^j (A_l^j)ᵀ …` by the update rule in all layers.
    pub fn update(&mut self, rule: UpdateRule, terms: &[(f64, &Factors<W::Block>)]) {
        for (l, layer) in self.layers.iter_mut().enumerate() {
            let products: Vec<_> = terms
                .iter()
                .map(|(coefficient, factor)| OuterProduct {
                    scale: coefficient * self.rates[l],
                    left: &factor.backward[l],
                    right: &factor.forward[l],
                })
                .collect();
            layer.update(rule, &products);
        }
    }
}

/// From the image of `x` under a layer to its image at a point: `weights · image + Σ_j products[j] ρ left_j (right_jᵀ x)`.
fn displace<'a, B: Block + 'a>(
    image: &mut B,
    x: &B,
    point: &Point,
    rate: f64,
    products: impl Iterator<Item = (&'a B, &'a B)>,
) {
    if point.weights != 1.0 {
        image.scale(point.weights);
    }
    for (coefficient, (left, right)) in point.products.iter().zip(products) {
        if *coefficient != 0.0 {
            image.add_scaled(coefficient * rate, &left.times(&right.gram(x)));
        }
    }
}
