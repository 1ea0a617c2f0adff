//! From a problem, a width and a seed to a very wide network on a device.

use widenet_core::{
    Matrix, Problem, Width,
    problem::EntryLaw,
    scaling::{LayerScaling, Scaling},
    seed::{Purpose, counter_key},
    training::{
        LinearNetwork,
        mlp::{Mlp, MlpLayer, Parameters},
    },
};
use widenet_kernels::{self as kernels, Basis, NormalStream, RegeneratedMatrix};

use super::{
    HiddenMatrix, ImageStorage, WideMatrix,
    block::Layout,
    explored::{Asked, ExploredMatrix, Known},
    fresh::Fresh,
    images::{FreshParts, Images, Regenerated},
    thin::{ThinLaw, ThinMatrix},
};
use crate::device::{DeviceInfo, Placement};

/// Singular values of the inputs, relative to the largest, below which they are 0 up to rounding.
const SPAN_TOLERANCE: f64 = 1e-13;

/// How hidden matrices are made, with their tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hidden {
    /// Conditioned or regenerated.
    pub matrix: HiddenMatrix,
    /// On what counts as a new direction, relative to its length, in (0, 1).
    pub tolerance: f64,
}

/// Makes the matrices of one network.
struct Maker {
    hidden: Hidden,
    entry_law: EntryLaw,
    seed: u64,
    layout: Layout,
}

impl Maker {
    fn new(problem: &Problem, hidden: Hidden, seed: u64, placement: &Placement, info: &DeviceInfo) -> Self {
        let data = &problem.data;
        let samples = data.train.inputs.nrows() + data.test.as_ref().map_or(0, |test| test.inputs.nrows());
        let stored = if problem.is_solved_as_predictor() { data.input_dimension() } else { samples };
        let vectors = Basis::BLOCK.max(samples).max(stored) as u64;
        let rows = info.panel_bytes() / (vectors * placement.precision.bytes());
        let piece_rows = usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let layout = Layout { placement: placement.clone(), piece_rows };
        Self { hidden, entry_law: problem.network.entry_law, seed, layout }
    }

    fn stream(&self, purpose: Purpose) -> NormalStream {
        let (key, tag) = counter_key(self.seed, purpose);
        NormalStream { key, tag }
    }

    fn thin(&self, purpose: Purpose, shape: [usize; 2], std: f64) -> WideMatrix {
        let law = ThinLaw { stream: self.stream(purpose), std };
        WideMatrix::Thin(ThinMatrix::new(shape, law, self.layout.clone()))
    }

    /// A square matrix known by its answers.
    fn hidden(&self, layer: u32, width: usize, std: f64) -> WideMatrix {
        let (rows, columns) = (width, width);
        let layout = &self.layout;
        let streams = [Purpose::Answers(layer), Purpose::TransposeAnswers(layer)].map(|purpose| self.stream(purpose));
        let stored = |length: usize| FreshParts::Stored(Basis::empty(length as u64));
        let (fresh, parts) = match self.hidden.matrix {
            HiddenMatrix::Conditioned(storage) => {
                let fresh = Fresh::Normals { streams, shape: [rows, columns], layout: layout.clone() };
                let parts = |stream, length| match storage {
                    ImageStorage::Stored => stored(length),
                    ImageStorage::Regenerated => {
                        FreshParts::Regenerated(Box::new(Regenerated { stream, length, layout: layout.clone() }))
                    }
                };
                (fresh, [parts(streams[0], rows), parts(streams[1], columns)])
            }
            HiddenMatrix::Regenerated => {
                let (key, tag) = counter_key(self.seed, Purpose::Weights(layer));
                let law = match self.entry_law {
                    EntryLaw::Gaussian => kernels::EntryLaw::Gaussian,
                    EntryLaw::Rademacher => kernels::EntryLaw::Rademacher,
                    EntryLaw::C8 => kernels::EntryLaw::C8,
                };
                let matrix = RegeneratedMatrix { key, tag, law, rows, columns };
                (Fresh::Fixed { matrix, layout: layout.clone() }, [stored(rows), stored(columns)])
            }
        };
        let [of_direct, of_transpose] = parts.map(|fresh| Images::none(fresh, std));
        let known = Known {
            fresh,
            direct: Asked::new(Basis::empty(columns as u64), of_direct),
            transpose: Asked::new(Basis::empty(rows as u64), of_transpose),
            tolerance: self.hidden.tolerance,
            truncation: 0.0,
            #[cfg(test)]
            forgetful: false,
        };
        WideMatrix::Explored(ExploredMatrix::new([rows, columns], known, layout.clone()))
    }
}

/// An orthonormal basis of the inputs of a problem (d × r) where they are fewer than their dimension.
fn span_of_inputs(problem: &Problem) -> Option<Matrix> {
    let (train, test) = (&problem.data.train.inputs, problem.data.test.as_ref().map(|test| &test.inputs));
    let samples = train.nrows() + test.map_or(0, Matrix::nrows);
    if samples >= train.ncols() {
        return None;
    }
    let rows = train.row_iter().chain(test.into_iter().flat_map(Matrix::row_iter));
    let inputs = Matrix::from_rows(&rows.map(|row| row.into_owned()).collect::<Vec<_>>());
    // Largest first.
    let decomposition = inputs.transpose().svd(true, false);
    let values = &decomposition.singular_values;
    let rank = values.iter().filter(|value| **value > SPAN_TOLERANCE * values.max()).count().max(1);
    decomposition.u.map(|u| u.columns(0, rank).into_owned())
}

/// The perceptron at time 0; hidden matrices know nothing yet.
///
/// Input weights are stored where the inputs are fewer-dimensional than there are samples, and known by their products with the data
/// otherwise: what is outside the span of the data never matters.
pub fn wide_mlp(
    problem: &Problem,
    width: u64,
    seed: u64,
    hidden: Hidden,
    placement: &Placement,
    info: &DeviceInfo,
) -> Mlp<WideMatrix> {
    let maker = Maker::new(problem, hidden, seed, placement, info);
    let Scaling { layers, biases } = problem.scaling();
    let data = &problem.data;
    let (d, k) = (data.input_dimension(), data.output_dimension());
    let last = problem.network.hidden_layers;
    let m = usize::try_from(width).unwrap_or(usize::MAX);
    let at = Width::Finite(width);
    let parameters = |matrix: WideMatrix, scaling: &LayerScaling| Parameters {
        matrix,
        multiplier: scaling.multiplier.at(at),
        init_std: scaling.init_std.at(at),
        learning_rate: scaling.learning_rate.at(at),
    };
    let weights = |l: usize, std: f64| {
        let layer = l as u32;
        match l {
            0 => match span_of_inputs(problem) {
                Some(span) => {
                    let law = ThinLaw { stream: maker.stream(Purpose::Weights(layer)), std };
                    WideMatrix::Thin(ThinMatrix::on_span(m, span, law, maker.layout.clone()))
                }
                None => maker.thin(Purpose::Weights(layer), [m, d], std),
            },
            _ if l == last => maker.thin(Purpose::Weights(layer), [k, m], std),
            _ => maker.hidden(layer, m, std),
        }
    };
    let layers = layers.iter().zip(&biases).enumerate().map(|(l, (scaling, biases))| MlpLayer {
        weights: parameters(weights(l, scaling.init_std.at(at)), scaling),
        biases: biases.as_ref().map(|scaling| {
            let rows = if l == last { k } else { m };
            let std = scaling.init_std.at(at);
            parameters(maker.thin(Purpose::Biases(l as u32), [rows, 1], std), scaling)
        }),
    });
    Mlp { layers: layers.collect(), activation: problem.network.activation }
}

/// The deep linear network at time 0, in normalised coordinates.
pub fn wide_linear_network(
    problem: &Problem,
    width: u64,
    seed: u64,
    hidden: Hidden,
    placement: &Placement,
    info: &DeviceInfo,
) -> LinearNetwork<WideMatrix> {
    let maker = Maker::new(problem, hidden, seed, placement, info);
    let normalized = problem.scaling().at(width);
    let (d, k) = (problem.data.input_dimension(), problem.data.output_dimension());
    let last = problem.network.hidden_layers;
    let m = usize::try_from(width).unwrap_or(usize::MAX);
    let matrix = |(l, std): (usize, &f64)| {
        let (layer, std) = (l as u32, std / (width as f64).sqrt());
        match l {
            0 => maker.thin(Purpose::Weights(layer), [m, d], std),
            _ if l == last => maker.thin(Purpose::Weights(layer), [k, m], std),
            _ => maker.hidden(layer, m, std),
        }
    };
    LinearNetwork {
        layers: normalized.init_std.iter().enumerate().map(matrix).collect(),
        output_scale: normalized.output_scale,
        rates: normalized.rates,
        input_dimension: d,
        output_dimension: k,
    }
}
