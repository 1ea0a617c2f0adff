//! Makes the network of nodes of a problem at its start.
//!
//! ```text
//! h¹ = U x + b¹,   h^{l+1} = W^l φ(h^l) + b^{l+1},   f(x) = E[V φ(h^L)]/γ
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §1, §3.) In this scaling nothing depends on the width, so the network is the one of width 1 with sums over
//! neurons replaced by means over nodes.

use std::rc::Rc;

use widenet_core::{
    Matrix, Problem, Width,
    scaling::LayerScaling,
    training::mlp::{Mlp, MlpLayer, Parameters},
};

use super::{hidden::HiddenMatrix, matrix::NodeMatrix, space::SharedSpace, thin::ThinMatrix};

/// Singular values of inputs, relative to the largest, below which they are 0 up to rounding.
const SPAN_TOLERANCE: f64 = 1e-13;

/// The network at time 0 on the nodes of its hidden layers; its hidden matrices know nothing yet. Coordinates are handed out in order of
/// importance: readout weights, input weights, biases.
pub(super) fn network(
    problem: &Problem,
    spaces: &[SharedSpace],
    basis: &Rc<Matrix>,
    tolerance: f64,
) -> Mlp<NodeMatrix> {
    let scaling = problem.scaling();
    let last = spaces.len();
    let std = |scaling: &LayerScaling| scaling.init_std.at(Width::Finite(1));
    let with_scales = |matrix: NodeMatrix, scaling: &LayerScaling| Parameters {
        matrix,
        multiplier: scaling.multiplier.at(Width::Finite(1)),
        init_std: std(scaling),
        learning_rate: scaling.learning_rate.at(Width::Finite(1)),
    };
    let readout =
        ThinMatrix::to_outputs(&spaces[last - 1], problem.data.output_dimension(), std(&scaling.layers[last]));
    let input = ThinMatrix::from_inputs(&spaces[0], basis.clone(), std(&scaling.layers[0]));
    let one = Rc::new(Matrix::identity(1, 1));
    let biases: Vec<Option<Parameters<NodeMatrix>>> = scaling.biases[..last]
        .iter()
        .zip(spaces)
        .map(|(scaling, space)| {
            let scaling = scaling.as_ref()?;
            let bias = ThinMatrix::from_inputs(space, one.clone(), std(scaling));
            Some(with_scales(NodeMatrix::Thin(bias), scaling))
        })
        .collect();
    let hidden = spaces.windows(2).zip(&scaling.layers[1..]).map(|(pair, scaling)| {
        NodeMatrix::Hidden(HiddenMatrix::new(pair[0].clone(), pair[1].clone(), std(scaling), tolerance))
    });
    let matrices =
        std::iter::once(NodeMatrix::Thin(input)).chain(hidden).chain(std::iter::once(NodeMatrix::Thin(readout)));
    let layers = matrices.zip(&scaling.layers).zip(biases.into_iter().chain(std::iter::once(None)));
    let layers =
        layers.map(|((matrix, scaling), biases)| MlpLayer { weights: with_scales(matrix, scaling), biases }).collect();
    Mlp { layers, activation: problem.network.activation }
}

/// An orthonormal basis of the inputs (d × r): that of the training inputs, the largest singular value first, then what test inputs add.
pub(super) fn input_basis(problem: &Problem) -> Matrix {
    let data = &problem.data;
    let train = singular_basis(&data.train.inputs);
    let Some(test) = &data.test else { return train };
    let outside = &test.inputs - &test.inputs * &train * train.transpose();
    // What is left by rounding is no direction.
    if outside.norm() <= 1e-10 * test.inputs.norm() {
        return train;
    }
    let more = singular_basis(&outside);
    Matrix::from_columns(&train.column_iter().chain(more.column_iter()).collect::<Vec<_>>())
}

/// Right singular vectors of the rows, largest first; one direction at least.
fn singular_basis(rows: &Matrix) -> Matrix {
    let svd = rows.transpose().svd(true, false);
    let values = &svd.singular_values;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*j].total_cmp(&values[*i]));
    let rank = order.iter().filter(|i| values[**i] > SPAN_TOLERANCE * values.max()).count().max(1);
    match svd.u {
        Some(u) => u.select_columns(&order[..rank]),
        None => unreachable!("left factors were asked for"),
    }
}
