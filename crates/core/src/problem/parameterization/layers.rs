//! A parameterization gives every layer a multiplier, an initial standard deviation and a learning rate.

use super::named::Parameterization;
use crate::{
    problem::network::perceptron_fan_ins,
    scaling::{LayerScaling, PowerOfWidth, Scaling},
};

/// A layer of a network.
#[derive(Debug, Clone, Copy)]
struct Place {
    layer: usize,
    hidden_layers: usize,
    /// Number of inputs of the weight matrix.
    fan_in: PowerOfWidth,
    rates: Rates,
}

/// What learning rates multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rates {
    /// The gradient.
    OfGradient,
    /// The gradient divided by its size, entry by entry, as Adam and RMSProp do: every weight moves by its rate.
    OfNormalized,
}

impl Place {
    /// Whether the matrix sees the inputs of the network.
    fn is_input(self) -> bool {
        self.fan_in.exponent == 0.0
    }

    fn is_readout(self) -> bool {
        self.layer == self.hidden_layers
    }

    /// `σ_w/√fan_in`.
    fn standard_init(self, sigma_w: f64) -> PowerOfWidth {
        PowerOfWidth::new(sigma_w * self.fan_in.constant.sqrt().recip(), if self.is_input() { 0.0 } else { -0.5 })
    }
}

const ONE: PowerOfWidth = PowerOfWidth::new(1.0, 0.0);

impl Parameterization {
    /// Returns data per layer for `hidden_layers` layers and inputs in R^`input_dimension`, with rates that multiply gradients.
    pub fn scaling(&self, hidden_layers: usize, input_dimension: usize) -> Scaling {
        self.scaling_with(Rates::OfGradient, hidden_layers, input_dimension)
    }

    /// The same with rates of one kind or the other. The mean-field parameterization has both; the others multiply whatever the optimizer
    /// makes of the gradient by the same.
    pub fn scaling_with(&self, rates: Rates, hidden_layers: usize, input_dimension: usize) -> Scaling {
        self.scaling_of(rates, &perceptron_fan_ins(hidden_layers, input_dimension))
    }

    /// The same for weight matrices with these numbers of inputs, the readout last (docs/theory/convolutions.md §2).
    pub fn scaling_of(&self, rates: Rates, fan_ins: &[PowerOfWidth]) -> Scaling {
        let place = |(layer, fan_in): (usize, &PowerOfWidth)| Place {
            layer,
            hidden_layers: fan_ins.len() - 1,
            fan_in: *fan_in,
            rates,
        };
        Scaling {
            layers: fan_ins.iter().enumerate().map(|layer| self.weights(place(layer))).collect(),
            biases: fan_ins.iter().enumerate().map(|layer| self.biases(place(layer))).collect(),
        }
    }

    fn weights(&self, place: Place) -> LayerScaling {
        let (l, input, readout) = (place.layer, place.is_input(), place.is_readout());
        match self {
            Parameterization::MeanField { richness, sigma_in, sigma_out, .. } => {
                let gamma_squared = richness * richness;
                // N/m, which is 1 in perceptrons.
                let fan_in = place.fan_in.constant;
                LayerScaling {
                    multiplier: if readout { PowerOfWidth::new(1.0 / richness / fan_in.sqrt(), -1.0) } else { ONE },
                    init_std: match (input, readout) {
                        (true, _) => PowerOfWidth::new(*sigma_in, 0.0),
                        (_, true) => PowerOfWidth::new(*sigma_out, 0.0),
                        _ => PowerOfWidth::new(1.0 / fan_in.sqrt(), -0.5),
                    },
                    // Normalized: pre-activations move by `A κ fan_in`, outputs by η and features by ηγ.
                    learning_rate: match place.rates {
                        Rates::OfGradient if input || readout => PowerOfWidth::new(gamma_squared, 1.0),
                        Rates::OfGradient => PowerOfWidth::new(gamma_squared / fan_in, 0.0),
                        Rates::OfNormalized => PowerOfWidth::new(*richness, if input || readout { 0.0 } else { -1.0 }),
                    },
                }
            }
            Parameterization::Ntk { sigma_w, weight_rates, .. } => LayerScaling {
                multiplier: place.standard_init(sigma_w[l]),
                init_std: ONE,
                learning_rate: PowerOfWidth::new(weight_rates[l], 0.0),
            },
            Parameterization::Standard { sigma_w, learning_rate_exponent, .. } => LayerScaling {
                multiplier: ONE,
                init_std: place.standard_init(sigma_w[l]),
                learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
            },
            Parameterization::Scaling { q_sigma, q_a, q_w, reference_width, sigma_w, .. } => {
                // Raw form of docs/theory/scaling-limits.md §1: output weights × n^(q_σ+1/2), rates × n^(q̃_w), n^(q̃_a+2q_σ); hidden
                // layers as in docs/theory/scaling-limits.md §5.4.
                let n = |q: f64| relative_power(*reference_width, q);
                let init_std = place.standard_init(*sigma_w);
                LayerScaling {
                    multiplier: ONE,
                    init_std: if input { init_std } else { init_std.times(n(q_sigma + 0.5)) },
                    learning_rate: match (input, readout) {
                        (true, _) => n(*q_w),
                        (_, true) => n(q_a + 2.0 * q_sigma),
                        (false, false) => n(q_w - 1.0),
                    },
                }
            }
            Parameterization::Abc { a, b, c, sigma, reference_width } => {
                let n = |q: f64| relative_power(*reference_width, q);
                let PowerOfWidth { constant, exponent } = n(-b[l]);
                LayerScaling {
                    multiplier: n(-a[l]),
                    init_std: PowerOfWidth::new(sigma[l] * constant, exponent),
                    learning_rate: n(-c[l]),
                }
            }
            Parameterization::Adjusted { of, adjustments } => adjustments.weights(l, of.weights(place)),
        }
    }

    fn biases(&self, place: Place) -> Option<LayerScaling> {
        let l = place.layer;
        match self {
            Parameterization::MeanField { richness, sigma_b: Some(sigma_b), .. } if !place.is_readout() => {
                Some(LayerScaling {
                    multiplier: ONE,
                    init_std: PowerOfWidth::new(*sigma_b, 0.0),
                    learning_rate: match place.rates {
                        Rates::OfGradient => PowerOfWidth::new(richness * richness, 1.0),
                        Rates::OfNormalized => PowerOfWidth::new(*richness, 0.0),
                    },
                })
            }
            Parameterization::Ntk { sigma_b, bias_rates, .. } if sigma_b[l] > 0.0 => Some(LayerScaling {
                multiplier: PowerOfWidth::new(sigma_b[l], 0.0),
                init_std: ONE,
                learning_rate: PowerOfWidth::new(bias_rates[l], 0.0),
            }),
            Parameterization::Standard { sigma_b: Some(sigma_b), learning_rate_exponent, .. } => Some(LayerScaling {
                multiplier: ONE,
                init_std: PowerOfWidth::new(sigma_b[l], 0.0),
                learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
            }),
            Parameterization::Adjusted { of, adjustments } => {
                let biases = adjustments.biases(l, of.biases(place))?;
                match (place.rates, &**of) {
                    // Those of the readout are given with the rate γ² of gradients.
                    (Rates::OfNormalized, Parameterization::MeanField { richness, .. }) if place.is_readout() => {
                        Some(LayerScaling {
                            learning_rate: biases.learning_rate.times(PowerOfWidth::new(richness.recip(), 0.0)),
                            ..biases
                        })
                    }
                    _ => Some(biases),
                }
            }
            Parameterization::MeanField { .. }
            | Parameterization::Ntk { .. }
            | Parameterization::Standard { .. }
            | Parameterization::Scaling { .. }
            | Parameterization::Abc { .. } => None,
        }
    }
}

/// `(m/d*)^q`.
pub(super) fn relative_power(reference_width: f64, q: f64) -> PowerOfWidth {
    PowerOfWidth::new(reference_width.powf(-q), q)
}
