//! The matrices of a network of nodes, as the training loop sees them.

use widenet_core::{
    Matrix,
    training::{EntryMatrix, Exploration, Explored, Movement, OuterProduct, UpdateRule, WeightMatrix},
};

use super::{block::NodeBlock, hidden::HiddenMatrix, thin::ThinMatrix};

/// A weight matrix of the infinitely wide network, on nodes.
#[derive(Debug, Clone)]
pub(super) enum NodeMatrix {
    /// From inputs, to outputs, or biases.
    Thin(ThinMatrix),
    /// Between hidden layers.
    Hidden(HiddenMatrix),
}

impl WeightMatrix for NodeMatrix {
    type Block = NodeBlock;

    fn input_block(&self, coordinates: &Matrix) -> NodeBlock {
        NodeBlock::coordinates(coordinates.clone())
    }

    fn output_block(&self, coordinates: &Matrix) -> NodeBlock {
        NodeBlock::coordinates(coordinates.clone())
    }

    fn apply(&mut self, x: &NodeBlock) -> NodeBlock {
        match self {
            NodeMatrix::Thin(matrix) => matrix.apply(x),
            NodeMatrix::Hidden(matrix) => matrix.apply(x),
        }
    }

    fn apply_transpose(&mut self, g: &NodeBlock) -> NodeBlock {
        match self {
            NodeMatrix::Thin(matrix) => matrix.apply_transpose(g),
            NodeMatrix::Hidden(matrix) => matrix.apply_transpose(g),
        }
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, NodeBlock>]) {
        match self {
            NodeMatrix::Thin(matrix) => matrix.update(rule, terms),
            NodeMatrix::Hidden(matrix) => matrix.update(rule, terms),
        }
    }

    fn output_dimension(&self) -> u64 {
        match self {
            NodeMatrix::Thin(matrix) => matrix.nodes() as u64,
            NodeMatrix::Hidden(matrix) => matrix.exploration().ranks[1] as u64,
        }
    }
}

impl EntryMatrix for NodeMatrix {
    fn zeros_like(&self) -> Self {
        match self {
            NodeMatrix::Thin(matrix) => NodeMatrix::Thin(matrix.zeros_like()),
            NodeMatrix::Hidden(matrix) => NodeMatrix::Hidden(matrix.zeros_like()),
        }
    }

    fn movement(&mut self) -> Movement {
        match self {
            NodeMatrix::Thin(matrix) => matrix.movement(),
            NodeMatrix::Hidden(matrix) => matrix.movement(),
        }
    }
}

impl Explored for NodeMatrix {
    fn exploration(&self) -> Option<Exploration> {
        match self {
            NodeMatrix::Thin(_) => None,
            NodeMatrix::Hidden(matrix) => Some(matrix.exploration()),
        }
    }

    fn orthogonality_loss(&self) -> Option<f64> {
        match self {
            NodeMatrix::Thin(_) => None,
            NodeMatrix::Hidden(matrix) => Some(matrix.orthogonality_loss()),
        }
    }
}
