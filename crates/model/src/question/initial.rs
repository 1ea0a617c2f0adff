//! The weights of a network at its start, for other programs.

use widenet_core::problem::Untrained;

use super::given::{GivenLayer, weights};
use crate::{
    device::{OpenDevice, Precision},
    error::ModelError,
    network::dense::untrained_mlp,
};

/// Returns the layers of a perceptron at its start, input layer first, with its multipliers in units of a [`GivenLayer`]: `A W = σ_w/√fan_in W`
/// and `B b = σ_b b`. A run of a problem with this architecture, width and seed starts from them, on the same device and in the same
/// precision.
///
/// # Errors
/// [`ModelError`]: a convolutional network, a width that does not fit, a float type that the device lacks.
pub fn initial_layers(
    untrained: &Untrained,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
) -> Result<Vec<GivenLayer>, ModelError> {
    untrained.network.check_fully_connected("a list of dense layers")?;
    let mut network = untrained_mlp(untrained, width, seed, device, precision)?;
    let layers = network.layers.iter_mut().map(|layer| {
        let entries = weights(&mut layer.weights.matrix);
        let sigma_w = layer.weights.multiplier * (entries.nrows() as f64).sqrt();
        let biases =
            layer.biases.as_mut().map(|biases| (biases.multiplier, weights(&mut biases.matrix).as_slice().to_vec()));
        let (sigma_b, biases) = biases.unwrap_or_default();
        GivenLayer { weights: entries, biases, sigma_w, sigma_b }
    });
    Ok(layers.collect())
}
