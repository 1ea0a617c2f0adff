//! Makes a very wide network on a device from a problem, a width and a seed.

use widenet_core::{
    Matrix, Problem,
    problem::EntryLaw,
    seed::{Purpose, counter_key},
    training::{LinearNetwork, mlp::Mlp},
};
use widenet_kernels::{self as kernels, Basis, NormalStream, RegeneratedMatrix};

use super::layers::{self, MatrixPlan, Position};
use crate::{
    device::{DeviceInfo, Placement},
    error::ModelError,
    matrix::{
        dense::initial::Entries,
        explored::{
            fresh::Fresh,
            hidden::{ExploredMatrix, Known, Probed},
            kind::{Hidden, HiddenMatrix, ResponseStorage},
            responses::{FreshParts, Recomputed, Responses},
            thin::{ThinLaw, ThinMatrix},
            wide::WideMatrix,
        },
    },
    vectors::Layout,
};

/// Singular values of the inputs, relative to the largest, below which they are 0 up to rounding.
const SPAN_TOLERANCE: f64 = 1e-13;

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
        let layout = Layout::split(placement.clone(), usize::try_from(rows).unwrap_or(usize::MAX));
        Self { hidden, entry_law: problem.network.entry_law, seed, layout }
    }

    fn stream(&self, purpose: Purpose) -> NormalStream {
        let (key, tag) = counter_key(self.seed, purpose);
        NormalStream { key, tag }
    }

    fn matrix(&self, plan: &MatrixPlan, span: Option<&Matrix>) -> WideMatrix {
        let purpose = match plan.entries {
            Entries::Weights if plan.position == Position::Hidden => return self.hidden(plan),
            Entries::Weights => Purpose::Weights(plan.layer),
            Entries::Biases => Purpose::Biases(plan.layer),
        };
        let law = ThinLaw { stream: self.stream(purpose), std: plan.std };
        WideMatrix::Thin(match (plan.entries, plan.position, span) {
            (Entries::Weights, Position::Input, Some(span)) => {
                ThinMatrix::on_span(plan.rows, span.clone(), law, self.layout.clone())
            }
            _ => ThinMatrix::new([plan.rows, plan.columns], law, self.layout.clone()),
        })
    }

    /// A square matrix known by its responses.
    fn hidden(&self, plan: &MatrixPlan) -> WideMatrix {
        let MatrixPlan { layer, rows, columns, std, .. } = *plan;
        let layout = &self.layout;
        let streams =
            [Purpose::Responses(layer), Purpose::TransposeResponses(layer)].map(|purpose| self.stream(purpose));
        let stored = |length: usize| FreshParts::Stored(Basis::empty(length as u64));
        let (fresh, parts) = match self.hidden.matrix {
            HiddenMatrix::Conditioned(storage) => {
                let fresh = Fresh::Normals { streams, shape: [rows, columns], layout: layout.clone() };
                let parts = |stream, length| match storage {
                    ResponseStorage::Stored => stored(length),
                    ResponseStorage::Recomputed => {
                        FreshParts::Recomputed(Box::new(Recomputed { stream, length, layout: layout.clone() }))
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
        let [of_direct, of_transpose] = parts.map(|fresh| Responses::none(fresh, std));
        let known = Known {
            fresh,
            direct: Probed::new(Basis::empty(columns as u64), of_direct),
            transpose: Probed::new(Basis::empty(rows as u64), of_transpose),
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

/// Returns the perceptron at time 0; hidden matrices know nothing yet.
///
/// Input weights are stored where the inputs are fewer-dimensional than there are samples, and known by their products with the data
/// otherwise: what is outside the span of the data never matters.
///
/// # Errors
/// A layer of less than one channel.
pub fn wide_mlp(
    problem: &Problem,
    width: u64,
    seed: u64,
    hidden: Hidden,
    placement: &Placement,
    info: &DeviceInfo,
) -> Result<Mlp<WideMatrix>, ModelError> {
    let maker = Maker::new(problem, hidden, seed, placement, info);
    let span = span_of_inputs(problem);
    layers::perceptron(problem.architecture(), width, |plan| maker.matrix(plan, span.as_ref()))
}

/// Returns the deep linear network at time 0, in normalised coordinates.
pub fn wide_linear_network(
    problem: &Problem,
    width: u64,
    seed: u64,
    hidden: Hidden,
    placement: &Placement,
    info: &DeviceInfo,
) -> LinearNetwork<WideMatrix> {
    let maker = Maker::new(problem, hidden, seed, placement, info);
    layers::linear(problem.architecture(), width, |plan| maker.matrix(plan, None))
}
