//! The kernel regime of a scaling: what its infinite-width kernels are made of.
//!
//! ```text
//! K^1 = v_1 x·x'/d + b_1,            K^{l+1} = v_{l+1} E[φ(u)φ(v)] + b_{l+1},     (u, v) ~ N(0, K^l)
//! Θ^1 = t_1 x·x'/d + s_1,            Θ^{l+1} = t_{l+1} E[φ(u)φ(v)] + s_{l+1} + v_{l+1} E[φ'(u)φ'(v)] Θ^l
//! ```
//!
//! (kernel-regime page §2.1, (K2), with `v = σ_w²`, `b = σ_b²`, `t = c_W σ_w²`, `s = c_b σ_b²`.) Each is the limit of a
//! product of the multiplier, the initial standard deviation, the learning rate and the fan-in of its layer.

use serde::Serialize;

use super::{LayerScaling, PowerOfWidth, Scaling};
use crate::{Error, Result, Width, problem::Activation};

/// One layer of weights and biases (module formula).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KernelLayer {
    /// `v = σ_w²`.
    pub weight_variance: f64,
    /// `b = σ_b²`.
    pub bias_variance: f64,
    /// `t = c_W σ_w²`: 0 for weights that are frozen, `σ_w²` in NTK parameterisation.
    pub weight_tangent: f64,
    /// `s = c_b σ_b²`.
    pub bias_tangent: f64,
}

/// A fully connected network as its kernels see it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelNetwork {
    /// Activation after every layer but the last.
    pub activation: Activation,
    /// Input layer first, readout last: `hidden_layers + 1` (0 hidden layers is a linear model).
    pub layers: Vec<KernelLayer>,
}

impl KernelNetwork {
    /// The same network of which only the readout is trained: its tangent kernel is its NNGP kernel.
    #[must_use]
    pub fn readout_only(&self) -> Self {
        let mut network = self.clone();
        let last = network.layers.len() - 1;
        for (l, layer) in network.layers.iter_mut().enumerate() {
            let trained = if l == last { 1.0 } else { 0.0 };
            layer.weight_tangent = trained * layer.weight_variance;
            layer.bias_tangent = trained * layer.bias_variance;
        }
        network
    }
}

/// Exponents closer to 0 than this count as 0 (they are given in decimal).
const EXPONENT_TOLERANCE: f64 = 1e-9;

impl Scaling {
    /// The kernels that networks of this scaling have at infinite width, if it is in the kernel regime: pre-activations and
    /// outputs of order 1 at the start, and a tangent kernel of order 1.
    ///
    /// # Errors
    /// [`Error::NoLimit`] with the layer and its exponent.
    pub fn kernel_network(&self, activation: Activation, input_dimension: usize) -> Result<KernelNetwork> {
        let layer = |(l, weights): (usize, &LayerScaling)| {
            let name = self.layer_name(l);
            let fan_in =
                if l == 0 { PowerOfWidth::new(input_dimension as f64, 0.0) } else { PowerOfWidth::new(1.0, 1.0) };
            let of_size_one = |part: LayerScaling, fan_in: PowerOfWidth| {
                let (variance, tangent) = part.variance_and_tangent(fan_in);
                let variance = snapped(variance);
                if variance.exponent != 0.0 && variance.constant > 0.0 {
                    return Err(Error::NoLimit(format!(
                        "the {name} layer's outputs have variance of order m^{:.4} at the start; the kernel regime needs m^0 \
                         (the \"ntk\" and \"standard\" parameterizations have it). The limit of other nonlinear networks has no \
                         closed form",
                        variance.exponent
                    )));
                }
                let tangent = snapped(tangent);
                if tangent.exponent > 0.0 && tangent.constant > 0.0 {
                    return Err(Error::NoLimit(format!(
                        "one step moves the outputs by m^{:.4} through the {name} layer; multiply that layer's learning rate \
                         by m^{:.4} or less (learning_rate_exponent)",
                        tangent.exponent, -tangent.exponent
                    )));
                }
                Ok((variance.constant, tangent.at(Width::Infinite)))
            };
            let (weight_variance, weight_tangent) = of_size_one(*weights, fan_in)?;
            let (bias_variance, bias_tangent) = match self.biases[l] {
                Some(bias) => of_size_one(bias, PowerOfWidth::new(1.0, 0.0))?,
                None => (0.0, 0.0),
            };
            Ok(KernelLayer { weight_variance, bias_variance, weight_tangent, bias_tangent })
        };
        let layers = self.layers.iter().enumerate().map(layer).collect::<Result<_>>()?;
        Ok(KernelNetwork { activation, layers })
    }
}

fn snapped(power: PowerOfWidth) -> PowerOfWidth {
    match power.exponent.abs() < EXPONENT_TOLERANCE {
        true => PowerOfWidth::new(power.constant, 0.0),
        false => power,
    }
}
