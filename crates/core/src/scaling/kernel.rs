//! In the kernel regime a scaling says what its infinite-width kernels are made of.
//!
//! ```text
//! K^1 = v_1 x·x'/d + b_1,            K^{l+1} = v_{l+1} E[φ(u)φ(v)] + b_{l+1},     (u, v) ~ N(0, K^l)
//! Θ^1 = t_1 x·x'/d + s_1,            Θ^{l+1} = t_{l+1} E[φ(u)φ(v)] + s_{l+1} + v_{l+1} E[φ'(u)φ'(v)] Θ^l
//! ```
//!
//! (docs/theory/ntk.md §2.1, Eq. K2, with `v = σ_w²`, `b = σ_b²`, `t = c_W σ_w²`, `s = c_b σ_b²`.) Each is the limit of a
//! product of the multiplier, the initial standard deviation, the learning rate and the fan-in of its layer.

use std::cmp::Ordering;

use serde::Serialize;

use super::{
    layers::{PowerOfWidth, Scaling},
    sign::{power_of_width, sign},
};
use crate::{
    error::{Error, Result},
    problem::{
        activation::Activation,
        network::{ImageNetwork, perceptron_fan_ins},
    },
    width::Width,
};

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

/// A network as its kernels see it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelNetwork {
    /// Activation after every layer but the last; of networks on images the list of layers says it.
    pub activation: Activation,
    /// Weight matrices, those of the inputs first, readout last: `hidden_layers + 1` (0 hidden layers is a linear model).
    pub layers: Vec<KernelLayer>,
    /// The layers of a network on images; `None` for fully connected ones.
    pub image: Option<ImageNetwork>,
}

impl KernelNetwork {
    /// Returns the same network of which only the readout is trained: its tangent kernel is its NNGP kernel.
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

impl Scaling {
    /// Returns the kernels that networks of this scaling have at infinite width, if it is in the kernel regime: pre-activations and
    /// outputs of order 1 at the start, and a tangent kernel of order 1.
    ///
    /// # Errors
    /// [`Error::OutsideKernelRegime`] or, where one step moves outputs too far, [`Error::NoLimit`], with the layer and its exponent.
    pub fn kernel_network(&self, activation: Activation, input_dimension: usize) -> Result<KernelNetwork> {
        let layers = self.kernel_layers(&self.perceptron_fan_ins(input_dimension))?;
        Ok(KernelNetwork { activation, layers, image: None })
    }

    /// Returns variances and tangents of weight matrices with these numbers of inputs, the readout last.
    pub(crate) fn kernel_layers(&self, fan_ins: &[PowerOfWidth]) -> Result<Vec<KernelLayer>> {
        let parts = self.variances_and_tangents(fan_ins)?;
        for (l, (_, tangent)) in parts.iter().enumerate().flat_map(|(l, parts)| parts.map(|part| (l, part))) {
            if tangent.exponent > 0.0 && tangent.constant > 0.0 {
                return Err(Error::NoLimit(format!(
                    "one step moves the outputs by {} through the {} layer; multiply that layer's learning rate by {} \
                     or less (learning_rate_exponent of the \"standard\" parameterization)",
                    power_of_width(tangent.exponent),
                    self.layer_name(l),
                    power_of_width(-tangent.exponent)
                )));
            }
        }
        Ok(kernel_layers(&parts))
    }

    /// Returns the same of which only the readout is trained: learning rates take no part in it, so that every scaling with outputs of
    /// order 1 has one.
    ///
    /// # Errors
    /// [`Error::NoLimit`] with the layer and its exponent.
    pub fn readout_network(&self, activation: Activation, input_dimension: usize) -> Result<KernelNetwork> {
        let layers = self.variances(&self.perceptron_fan_ins(input_dimension))?;
        Ok(KernelNetwork { activation, layers, image: None }.readout_only())
    }

    /// Returns the variances of weight matrices with these numbers of inputs, whatever the learning rates.
    pub(crate) fn variances(&self, fan_ins: &[PowerOfWidth]) -> Result<Vec<KernelLayer>> {
        Ok(kernel_layers(&self.variances_and_tangents(fan_ins)?))
    }

    fn perceptron_fan_ins(&self, input_dimension: usize) -> Vec<PowerOfWidth> {
        perceptron_fan_ins(self.layers.len() - 1, input_dimension)
    }

    /// Variance and tangent of the weights and of the biases of each layer; layers without biases have (0, 0).
    fn variances_and_tangents(&self, fan_ins: &[PowerOfWidth]) -> Result<Vec<[Part; 2]>> {
        let parts = |l: usize| {
            let none = (PowerOfWidth::new(0.0, 0.0), PowerOfWidth::new(0.0, 0.0));
            let bias = self.biases[l].map(|bias| bias.variance_and_tangent(PowerOfWidth::new(1.0, 0.0)));
            [self.layers[l].variance_and_tangent(fan_ins[l]), bias.unwrap_or(none)]
                .map(|(v, t)| (snapped(v), snapped(t)))
        };
        let parts: Vec<_> = (0..self.layers.len()).map(parts).collect();
        for (l, (variance, _)) in parts.iter().enumerate().flat_map(|(l, parts)| parts.map(|part| (l, part))) {
            if variance.exponent != 0.0 && variance.constant > 0.0 {
                return Err(Error::OutsideKernelRegime(format!(
                    "the {} layer's outputs have variance of order {} at the start, and kernels need m^0, as in the \"ntk\" and \
                     \"standard\" parameterizations; `widenet scaling` says which theory has the limit",
                    self.layer_name(l),
                    power_of_width(variance.exponent)
                )));
            }
        }
        Ok(parts)
    }
}

/// A variance and a tangent.
type Part = (PowerOfWidth, PowerOfWidth);

fn kernel_layers(parts: &[[Part; 2]]) -> Vec<KernelLayer> {
    let layer = |[(v, t), (b, s)]: &[Part; 2]| KernelLayer {
        weight_variance: v.constant,
        bias_variance: b.constant,
        weight_tangent: t.at(Width::Infinite),
        bias_tangent: s.at(Width::Infinite),
    };
    parts.iter().map(layer).collect()
}

fn snapped(power: PowerOfWidth) -> PowerOfWidth {
    match sign(power.exponent) {
        Ordering::Equal => PowerOfWidth::new(power.constant, 0.0),
        _ => power,
    }
}
