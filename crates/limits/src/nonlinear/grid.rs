//! Where the Gaussian coordinates of every layer can be counted beforehand and are few, nodes are a tensor grid.
//!
//! ```text
//! one hidden layer: k + rank(X) (+ 1 with biases);   two: rank(X) + B t backwards in the first,  k + P (t + 1) + T forwards in the second
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.) With an equally spaced rule the error of smooth activations falls exponentially in the points per axis.

use widenet_core::{
    Problem,
    problem::{Need, Quantity},
};

use super::network::input_basis;

/// Most axes of a layer.
const MOST_AXES: usize = 4;
/// Points per axis that are tried, each against 8 fewer, while a layer has at most [`MOST_NODES`].
const POINTS: [usize; 8] = [16, 24, 32, 40, 56, 80, 112, 160];
/// With more, drawn nodes are cheaper.
const MOST_NODES: usize = 1 << 19;

/// Tensor grids of a problem's layers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    /// Axes of each layer.
    pub(super) axes: Vec<usize>,
    /// Points per axis to be tried, in order.
    pub(super) points: Vec<usize>,
}

/// The grids of a problem that has them: its activation is smooth, and no layer has more than four coordinates.
pub(super) fn grid_of(problem: &Problem) -> Option<Grid> {
    let is_smooth = problem.network.activation.slopes().is_none_or(|(below, above)| below == above);
    let axes = axes(problem).filter(|axes| is_smooth && axes.iter().all(|axes| *axes <= MOST_AXES))?;
    let most = axes.iter().copied().max().unwrap_or(0) as u32;
    let points: Vec<usize> = POINTS.into_iter().filter(|points| points.pow(most) <= MOST_NODES).collect();
    (!points.is_empty()).then_some(Grid { axes, points })
}

/// Coordinates of each layer at most; `None` where they cannot be counted, or are many.
fn axes(problem: &Problem) -> Option<Vec<usize>> {
    let layers = problem.network.hidden_layers;
    let data = &problem.data;
    let samples = data.train.inputs.nrows();
    if layers > 2 || data.input_dimension().min(samples) > 4 * MOST_AXES {
        return None;
    }
    let is_counted = |quantity: &Quantity| {
        let needs = [Need::OutputKernel, Need::SampleKernel, Need::Linearization];
        !needs.iter().any(|need| quantity.needs(*need))
    };
    let rank = input_basis(problem).ncols();
    let biases: Vec<usize> = problem.scaling().biases.iter().map(|bias| usize::from(bias.is_some())).collect();
    if layers == 1 {
        return Some(vec![data.output_dimension() + rank + biases[0]]);
    }
    // The stages of a flow ask questions that are not counted beforehand.
    if !problem.optimizer.has_steps() {
        return None;
    }
    let steps = problem.optimizer.horizon() as usize;
    let test = data.test.as_ref().map_or(0, |test| test.inputs.nrows());
    if !problem.record.quantities.iter().all(is_counted) || steps > MOST_AXES {
        return None;
    }
    Some(vec![
        rank + biases[0] + samples * steps,
        data.output_dimension() + biases[1] + samples * (steps + 1) + test * problem.record.at.len(),
    ])
}
