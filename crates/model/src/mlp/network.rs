//! From a problem, a width and a seed to a perceptron on a device.

use widenet_core::{
    Error, Problem, Width,
    scaling::{LayerScaling, Scaling},
    training::mlp::{Mlp, MlpLayer, Parameters},
};

use crate::{
    ModelError,
    batched::BatchedMatrix,
    dense::{DenseMatrix, Entries, InitialWeights},
    device::{OpenDevice, Placement, Precision},
    estimate::MemoryEstimate,
    network::panel_rows,
};

/// The perceptron at time 0.
///
/// # Errors
/// [`ModelError::TooWide`] before anything is allocated, [`ModelError::UnsupportedPrecision`], or a scaling outside the range
/// of floats at this width.
pub fn dense_mlp(
    problem: &Problem,
    width: u64,
    seed: u64,
    device: &OpenDevice,
    precision: Precision,
) -> Result<Mlp<DenseMatrix>, ModelError> {
    let placement = device.placement(precision)?;
    MemoryEstimate::check(problem, width, precision, &device.info)?;
    check_range(&problem.scaling(), width)?;
    Ok(mlp_with_panels(problem, width, (seed, false), &placement, device.info.panel_bytes()))
}

/// The perceptron at time 0, its matrices in row panels of at most `panel_bytes` (at least one row each); the flag negates the
/// readout's weights and biases, as of the second network of an antithetic pair.
pub fn mlp_with_panels(
    problem: &Problem,
    width: u64,
    (seed, negated): (u64, bool),
    placement: &Placement,
    panel_bytes: u64,
) -> Mlp<DenseMatrix> {
    perceptron(problem, width, |law| {
        let law = law((seed, negated));
        let panel_rows = panel_rows(panel_bytes, [law.rows, law.columns], placement);
        DenseMatrix::new(law, panel_rows, placement.clone()).flushed_at_once_if_small()
    })
}

/// A group of perceptrons at time 0, with the seed and the flag of each ([`mlp_with_panels`]).
pub fn mlp_group(problem: &Problem, width: u64, members: &[(u64, bool)], placement: &Placement) -> Mlp<BatchedMatrix> {
    perceptron(problem, width, |law| BatchedMatrix::new(members.iter().copied().map(law).collect(), placement.clone()))
}

/// A perceptron of any matrices, each made from the laws of its entries by seed and flag.
fn perceptron<W>(
    problem: &Problem,
    width: u64,
    matrix: impl Fn(&dyn Fn((u64, bool)) -> InitialWeights) -> W,
) -> Mlp<W> {
    let Scaling { layers, biases } = problem.scaling();
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let last = problem.network.hidden_layers;
    let m = usize::try_from(width).unwrap_or(usize::MAX);
    let at = Width::Finite(width);
    let parameters = |l: usize, entries: Entries, scaling: &LayerScaling| {
        let columns = match (entries, l) {
            (Entries::Biases, _) => 1,
            (Entries::Weights, 0) => d,
            (Entries::Weights, _) => m,
        };
        let rows = if l == last { k } else { m };
        let init_std = scaling.init_std.at(at);
        let law = |(seed, negated)| {
            let std = if negated && l == last { -init_std } else { init_std };
            InitialWeights { seed, entries, layer: l as u32, rows, columns, std }
        };
        Parameters {
            matrix: matrix(&law),
            multiplier: scaling.multiplier.at(at),
            init_std,
            learning_rate: scaling.learning_rate.at(at),
        }
    };
    let layers = layers.iter().zip(&biases).enumerate().map(|(l, (weights, biases))| MlpLayer {
        weights: parameters(l, Entries::Weights, weights),
        biases: biases.as_ref().map(|biases| parameters(l, Entries::Biases, biases)),
    });
    Mlp { layers: layers.collect(), activation: problem.network.activation }
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
                    "at width {width} the {name} of the {} layer's {what} is {value:e}, outside the range of f64; the exponents of \
                     the parameterization are too large for it",
                    scaling.layer_name(l)
                ))
                .into());
            }
        }
    }
    Ok(())
}
