//! Makes the network of nodes of a problem at its start.
//!
//! ```text
//! h¹ = U x + b¹,   h^{l+1} = W^l φ(h^l) + b^{l+1},   f(x) = E[V φ(h^L)]/γ
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §1, §3.) In this scaling nothing depends on the width, so the network is the one of width 1 with sums over
//! neurons replaced by means over nodes. A finite network of one hidden layer and m neurons, in any scaling, is written with means too: its readout
//! is multiplied by m, signals are m times as large, and rates of the layers below are divided by m.

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
/// importance: readout weights, input weights, biases. Only a finite network, of `neurons` > 1 neurons or with a space of outputs behind those of its
/// layers, has biases of the readout.
pub(super) fn network(
    problem: &Problem,
    spaces: &[SharedSpace],
    basis: &Rc<Matrix>,
    tolerance: f64,
    neurons: u64,
) -> Mlp<NodeMatrix> {
    let scaling = problem.scaling();
    let last = problem.network.hidden_layers;
    let (hidden_spaces, outputs) = spaces.split_at(last);
    let (width, m) = (Width::Finite(neurons), neurons as f64);
    let std = |scaling: &LayerScaling| scaling.init_std.at(width);
    let with_scales = |matrix: NodeMatrix, scaling: &LayerScaling| Parameters {
        matrix,
        multiplier: scaling.multiplier.at(width),
        init_std: std(scaling),
        learning_rate: scaling.learning_rate.at(width),
    };
    let below =
        |parameters: Parameters<NodeMatrix>| Parameters { learning_rate: parameters.learning_rate / m, ..parameters };
    // The variance of the outputs' kernel is a mean over neurons, m times.
    let of_readout = |parameters: Parameters<NodeMatrix>| Parameters {
        multiplier: parameters.multiplier * m,
        init_std: parameters.init_std / m.sqrt(),
        learning_rate: parameters.learning_rate / m,
        ..parameters
    };
    let readout =
        ThinMatrix::to_outputs(&spaces[last - 1], problem.data.output_dimension(), std(&scaling.layers[last]));
    let input = ThinMatrix::from_inputs(&spaces[0], basis.clone(), std(&scaling.layers[0]));
    let one = Rc::new(Matrix::identity(1, 1));
    let bias_of = |scaling: &LayerScaling, space: &SharedSpace| {
        let bias = ThinMatrix::from_inputs(space, one.clone(), std(scaling));
        with_scales(NodeMatrix::Thin(bias), scaling)
    };
    let biases: Vec<Option<Parameters<NodeMatrix>>> = scaling.biases[..last]
        .iter()
        .zip(hidden_spaces)
        .map(|(scaling, space)| Some(below(bias_of(scaling.as_ref()?, space))))
        .chain([scaling.biases[last].as_ref().zip(outputs.first()).map(|(scaling, space)| bias_of(scaling, space))])
        .collect();
    let hidden = hidden_spaces.windows(2).zip(&scaling.layers[1..]).map(|(pair, scaling)| {
        NodeMatrix::Hidden(HiddenMatrix::new(pair[0].clone(), pair[1].clone(), std(scaling), tolerance))
    });
    let matrices =
        std::iter::once(NodeMatrix::Thin(input)).chain(hidden).chain(std::iter::once(NodeMatrix::Thin(readout)));
    let layers = matrices.zip(&scaling.layers).zip(biases).enumerate();
    let layers = layers
        .map(|(l, ((matrix, scaling), biases))| {
            let weights = with_scales(matrix, scaling);
            MlpLayer { weights: if l == last { of_readout(weights) } else { below(weights) }, biases }
        })
        .collect();
    Mlp::perceptron(layers, problem.network.activation)
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
