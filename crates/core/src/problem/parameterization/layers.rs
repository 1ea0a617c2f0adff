//! A parameterization gives every layer a multiplier, an initial standard deviation and a learning rate.

use super::named::Parameterization;
use crate::scaling::{LayerScaling, PowerOfWidth, Scaling};

impl Parameterization {
    /// Returns data per layer for `hidden_layers` layers and inputs in R^`input_dimension`.
    pub fn scaling(&self, hidden_layers: usize, input_dimension: usize) -> Scaling {
        let layers = hidden_layers + 1;
        let inverse_root_dimension = (input_dimension as f64).sqrt().recip();
        let one = PowerOfWidth::new(1.0, 0.0);
        let layer = |l: usize| -> LayerScaling {
            let (input, readout) = (l == 0, l + 1 == layers);
            match self {
                Parameterization::MeanField { richness, sigma_in, sigma_out, .. } => {
                    let gamma_squared = richness * richness;
                    LayerScaling {
                        multiplier: if readout { PowerOfWidth::new(1.0 / richness, -1.0) } else { one },
                        init_std: match (input, readout) {
                            (true, _) => PowerOfWidth::new(*sigma_in, 0.0),
                            (_, true) => PowerOfWidth::new(*sigma_out, 0.0),
                            _ => PowerOfWidth::new(1.0, -0.5),
                        },
                        learning_rate: PowerOfWidth::new(gamma_squared, if input || readout { 1.0 } else { 0.0 }),
                    }
                }
                Parameterization::Ntk { sigma_w, weight_rates, .. } => LayerScaling {
                    multiplier: standard_init(sigma_w[l], input, inverse_root_dimension),
                    init_std: one,
                    learning_rate: PowerOfWidth::new(weight_rates[l], 0.0),
                },
                Parameterization::Standard { sigma_w, learning_rate_exponent, .. } => LayerScaling {
                    multiplier: one,
                    init_std: standard_init(sigma_w[l], input, inverse_root_dimension),
                    learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
                },
                Parameterization::Scaling { q_sigma, q_a, q_w, reference_width, sigma_w, .. } => {
                    // Raw form of docs/theory/scaling-limits.md §1: output weights × n^(q_σ+1/2), rates × n^(q̃_w), n^(q̃_a+2q_σ); hidden
                    // layers as in docs/theory/scaling-limits.md §5.4.
                    let n = |q: f64| relative_power(*reference_width, q);
                    let mut init_std = standard_init(*sigma_w, input, inverse_root_dimension);
                    if !input {
                        let factor = n(q_sigma + 0.5);
                        init_std.constant *= factor.constant;
                        init_std.exponent += factor.exponent;
                    }
                    LayerScaling {
                        multiplier: one,
                        init_std,
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
            }
        };
        let bias = |l: usize| -> Option<LayerScaling> {
            let readout = l + 1 == layers;
            match self {
                Parameterization::MeanField { richness, sigma_b: Some(sigma_b), .. } if !readout => {
                    Some(LayerScaling {
                        multiplier: one,
                        init_std: PowerOfWidth::new(*sigma_b, 0.0),
                        learning_rate: PowerOfWidth::new(richness * richness, 1.0),
                    })
                }
                Parameterization::Ntk { sigma_b, bias_rates, .. } if sigma_b[l] > 0.0 => Some(LayerScaling {
                    multiplier: PowerOfWidth::new(sigma_b[l], 0.0),
                    init_std: one,
                    learning_rate: PowerOfWidth::new(bias_rates[l], 0.0),
                }),
                Parameterization::Standard { sigma_b: Some(sigma_b), learning_rate_exponent, .. } => {
                    Some(LayerScaling {
                        multiplier: one,
                        init_std: PowerOfWidth::new(sigma_b[l], 0.0),
                        learning_rate: PowerOfWidth::new(1.0, *learning_rate_exponent),
                    })
                }
                _ => None,
            }
        };
        Scaling { layers: (0..layers).map(layer).collect(), biases: (0..layers).map(bias).collect() }
    }
}

/// `(m/d*)^q`.
fn relative_power(reference_width: f64, q: f64) -> PowerOfWidth {
    PowerOfWidth::new(reference_width.powf(-q), q)
}

fn standard_init(sigma_w: f64, input: bool, inverse_root_dimension: f64) -> PowerOfWidth {
    if input { PowerOfWidth::new(sigma_w * inverse_root_dimension, 0.0) } else { PowerOfWidth::new(sigma_w, -0.5) }
}
