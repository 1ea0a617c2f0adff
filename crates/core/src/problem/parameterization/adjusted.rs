//! Layers of a parameterization may be adjusted: factors of their multipliers and learning rates, and biases of their own.
//!
//! ```text
//! h_{l+1} = α_l A_l w_l a_l + B_l b_l,      rates η r_l κ_l of w_l,   η r_b,l κ_b,l of b_l
//! ```
//!
//! (docs/theory/training.md §1, Eq. adjusted; A, B, κ are those of the parameterization.)

use crate::scaling::{LayerScaling, PowerOfWidth};

/// What is changed in the layers of a parameterization; each list has one entry per weight matrix (L + 1, input first).
#[derive(Debug, Clone, PartialEq)]
pub struct Adjustments {
    /// `α_l > 0`: factors of the weights in the forward map.
    pub multipliers: Vec<f64>,
    /// `r_l ≥ 0`: factors of the weights' learning rates; 0 freezes them.
    pub weight_rates: Vec<f64>,
    /// `r_b,l ≥ 0`: factors of the biases' learning rates; 0 freezes them.
    pub bias_rates: Vec<f64>,
    /// Biases in place of those that the parameterization has.
    pub biases: Vec<Option<LayerScaling>>,
}

impl Adjustments {
    /// Changes nothing.
    pub fn none(layers: usize) -> Self {
        let ones = vec![1.0; layers];
        Self { multipliers: ones.clone(), weight_rates: ones.clone(), bias_rates: ones, biases: vec![None; layers] }
    }

    /// Whether nothing is changed.
    pub(super) fn are_none(&self) -> bool {
        let factors = [&self.multipliers, &self.weight_rates, &self.bias_rates];
        factors.into_iter().flatten().all(|factor| *factor == 1.0) && self.biases.iter().all(Option::is_none)
    }

    /// Of the weights of a layer.
    pub(super) fn weights(&self, layer: usize, weights: LayerScaling) -> LayerScaling {
        LayerScaling {
            multiplier: times(weights.multiplier, self.multipliers[layer]),
            learning_rate: times(weights.learning_rate, self.weight_rates[layer]),
            ..weights
        }
    }

    /// Of the biases of a layer.
    pub(super) fn biases(&self, layer: usize, biases: Option<LayerScaling>) -> Option<LayerScaling> {
        let biases = self.biases[layer].or(biases)?;
        Some(LayerScaling { learning_rate: times(biases.learning_rate, self.bias_rates[layer]), ..biases })
    }
}

fn times(power: PowerOfWidth, factor: f64) -> PowerOfWidth {
    PowerOfWidth::new(power.constant * factor, power.exponent)
}
