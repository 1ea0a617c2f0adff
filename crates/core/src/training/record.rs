//! Networks of all kinds record these quantities alike.

use super::matrix::{Exploration, Explored};
use crate::extremes::largest;
use crate::{
    matrix::Matrix,
    problem::{Labels, Problem, Quantity},
    trajectory::Value,
};

/// Outputs of a network, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outputs<'a> {
    /// On the training inputs, P × k.
    pub(super) train: Option<&'a Matrix>,
    /// On the test inputs, T × k.
    pub(super) test: Option<&'a Matrix>,
}

/// A quantity that is a function of a network's outputs; `None` for others, and where its outputs are not known.
pub(super) fn output_quantity(quantity: Quantity, problem: &Problem, outputs: Outputs<'_>) -> Option<Value> {
    let (train, test, loss) = (&problem.data.train, problem.data.test.as_ref(), problem.loss);
    Some(match quantity {
        Quantity::TrainLoss => Value::Scalar(loss.value(outputs.train?, &train.targets)),
        Quantity::TestLoss => Value::Scalar(loss.value(outputs.test?, &test?.targets)),
        Quantity::TrainAccuracy => {
            Value::Scalar(Labels::accuracy_of(&problem.labels(), outputs.train?, &train.targets)?)
        }
        Quantity::TestAccuracy => Value::Scalar(Labels::accuracy_of(&problem.labels(), outputs.test?, &test?.targets)?),
        Quantity::Outputs => Value::Matrix(outputs.train?.clone()),
        Quantity::TestOutputs => Value::Matrix(outputs.test?.clone()),
        _ => return None,
    })
}

/// Singular values of a matrix, largest first.
pub(super) fn singular_values(matrix: &Matrix) -> Vec<f64> {
    let mut values: Vec<f64> = matrix.singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// The quantities of [`crate::problem::Scope::Explored`] for some matrices; `None` for others, and where no matrix is explored.
pub(super) fn explored_quantity<'a, W: Explored + 'a>(
    quantity: Quantity,
    matrices: impl Iterator<Item = &'a W>,
) -> Option<Value> {
    let explored: Vec<(&W, Exploration)> =
        matrices.filter_map(|matrix| Some((matrix, matrix.exploration()?))).collect();
    if explored.is_empty() {
        return None;
    }
    match quantity {
        Quantity::ExploredRanks => {
            let ranks = |(_, found): &(&W, Exploration)| found.ranks.map(|rank| rank as f64).to_vec();
            Some(Value::Lists(explored.iter().map(ranks).collect()))
        }
        Quantity::OrthogonalityLoss => {
            let losses = explored.iter().filter_map(|(matrix, _)| matrix.orthogonality_loss());
            largest(losses).or(Some(0.0)).map(Value::Scalar)
        }
        Quantity::TruncationError => {
            largest(explored.iter().map(|(_, found)| found.truncation)).or(Some(0.0)).map(Value::Scalar)
        }
        _ => None,
    }
}
