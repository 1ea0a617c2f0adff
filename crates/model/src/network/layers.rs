//! Makes the layers of a network from a problem and a width, whatever its matrices are made of.

use std::sync::Arc;

use widenet_core::{
    Error, Width, humanized,
    problem::Architecture,
    scaling::{LayerScaling, Scaling},
    training::{
        LinearNetwork,
        mlp::{Graph, Mlp, MlpLayer, Parameters},
    },
};

use crate::{
    error::ModelError,
    matrix::dense::initial::{Entries, InitialWeights},
};

/// Where a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// From the inputs to the first hidden layer.
    Input,
    /// Between hidden layers.
    Hidden,
    /// From the last hidden layer to the outputs.
    Readout,
}

/// One matrix of weights or biases at time 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MatrixPlan {
    pub(crate) entries: Entries,
    /// Index of the layer, input layer 0.
    pub(crate) layer: u32,
    pub(crate) position: Position,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Standard deviation of the entries.
    pub(crate) std: f64,
}

/// A network among those of one problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Seed of its initial weights.
    pub seed: u64,
    /// Whether the readout's weights and biases are negated, as of the second network of an antithetic pair.
    pub negated: bool,
}

impl From<u64> for Member {
    /// The network of a seed.
    fn from(seed: u64) -> Self {
        Self { seed, negated: false }
    }
}

impl MatrixPlan {
    /// The law of the entries in one network.
    pub(crate) fn initial(&self, Member { seed, negated }: Member) -> InitialWeights {
        let Self { entries, layer, position, rows, columns, std } = *self;
        let std = if negated && position == Position::Readout { -std } else { std };
        InitialWeights { seed, entries, layer, rows, columns, std }
    }
}

/// One matrix of a layer, given rows and columns of the weights of all layers.
fn plan(shapes: &[[usize; 2]], entries: Entries, layer: usize, std: f64) -> MatrixPlan {
    let position = match layer {
        _ if layer + 1 == shapes.len() => Position::Readout,
        0 => Position::Input,
        _ => Position::Hidden,
    };
    let [rows, columns] = shapes[layer];
    let columns = if entries == Entries::Biases { 1 } else { columns };
    MatrixPlan { entries, layer: layer as u32, position, rows, columns, std }
}

/// A perceptron or a convolutional network of the matrices that `matrix` makes, in the coordinates of its parameterisation.
///
/// # Errors
/// A layer of less than one channel.
pub(crate) fn perceptron<W>(
    architecture: Architecture<'_>,
    width: u64,
    mut matrix: impl FnMut(&MatrixPlan) -> W,
) -> Result<Mlp<W>, ModelError> {
    let Scaling { layers, biases } = architecture.scaling_at(width);
    let shapes = architecture.shapes(width)?;
    let at = Width::Finite(width);
    let mut parameters = |layer: usize, entries: Entries, scaling: &LayerScaling| {
        let init_std = scaling.init_std.at(at);
        Parameters {
            matrix: matrix(&plan(&shapes, entries, layer, init_std)),
            multiplier: scaling.multiplier.at(at),
            init_std,
            learning_rate: scaling.learning_rate.at(at),
        }
    };
    let layers = layers.iter().zip(&biases).enumerate().map(|(l, (weights, biases))| MlpLayer {
        weights: parameters(l, Entries::Weights, weights),
        biases: biases.as_ref().map(|biases| parameters(l, Entries::Biases, biases)),
    });
    let layers = layers.collect();
    Ok(Mlp { layers, graph: Arc::new(Graph::of(architecture.network, &shapes)?) })
}

/// A deep linear network of the matrices that `matrix` makes, in normalized coordinates.
pub(crate) fn linear<W>(
    architecture: Architecture<'_>,
    width: u64,
    mut matrix: impl FnMut(&MatrixPlan) -> W,
) -> LinearNetwork<W> {
    let normalized = architecture.scaling().at(width);
    let (inputs, outputs) = (architecture.input_dimension, architecture.output_dimension);
    let shapes = architecture.network.perceptron_shapes(inputs, width, outputs);
    let stds = normalized.init_std.iter().map(|std| std / (width as f64).sqrt());
    LinearNetwork {
        layers: stds.enumerate().map(|(l, std)| matrix(&plan(&shapes, Entries::Weights, l, std))).collect(),
        output_scale: normalized.output_scale,
        rates: normalized.rates,
        input_dimension: inputs,
        output_dimension: outputs,
    }
}

/// Refuses scales that have left the range of `f64` at this width.
pub(crate) fn check_range(scaling: &Scaling, width: u64) -> Result<(), ModelError> {
    let at = Width::Finite(width);
    let of_weights = scaling.layers.iter().enumerate().map(|(l, layer)| (l, "weights", *layer));
    let of_biases = scaling.biases.iter().enumerate().filter_map(|(l, layer)| Some((l, "biases", (*layer)?)));
    for (l, what, layer) in of_weights.chain(of_biases) {
        let powers = [
            ("multiplier", layer.multiplier),
            ("initial standard deviation", layer.init_std),
            ("learning rate", layer.learning_rate),
        ];
        for (name, power) in powers {
            // A constant of 0 is meant: frozen, or biases that start at 0.
            let value = power.at(at);
            if power.constant != 0.0 && !value.is_normal() {
                return Err(Error::Invalid(format!(
                    "at width {width} the {name} of the {} layer's {what} is {}, outside the range of f64; the exponents of \
                     the parameterization are too large for it",
                    scaling.layer_name(l),
                    humanized::exact(value)
                ))
                .into());
            }
        }
    }
    Ok(())
}
