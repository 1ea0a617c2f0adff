//! A weight matrix of a very wide network is thin or hidden.

use widenet_core::{
    Matrix,
    training::{
        Block, EntryMatrix, Exploration, Explored, LinearLayer, Movement, Neurons, OuterProduct, UpdateRule,
        WeightMatrix,
    },
};

use super::{hidden::ExploredMatrix, thin::ThinMatrix};
use crate::vectors::{DeviceBlock, Layout};

/// A weight matrix of a very wide network.
#[derive(Debug, Clone)]
pub enum WideMatrix {
    /// With one short side.
    Thin(ThinMatrix),
    /// Between two long sides.
    Explored(ExploredMatrix),
}

impl WideMatrix {
    fn layout(&self) -> &Layout {
        match self {
            WideMatrix::Thin(matrix) => &matrix.layout,
            WideMatrix::Explored(matrix) => &matrix.layout,
        }
    }

    /// Returns entries per row.
    pub fn columns(&self) -> usize {
        match self {
            WideMatrix::Thin(matrix) => matrix.columns,
            WideMatrix::Explored(matrix) => matrix.columns,
        }
    }
}

impl WeightMatrix for WideMatrix {
    type Block = DeviceBlock;

    fn input_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::laid_out(coordinates, self.layout())
    }

    fn output_block(&self, coordinates: &Matrix) -> DeviceBlock {
        DeviceBlock::laid_out(coordinates, self.layout())
    }

    fn apply(&mut self, x: &DeviceBlock) -> DeviceBlock {
        match self {
            WideMatrix::Thin(matrix) => matrix.apply(x),
            WideMatrix::Explored(matrix) => matrix.apply(x),
        }
    }

    fn apply_transpose(&mut self, g: &DeviceBlock) -> DeviceBlock {
        match self {
            WideMatrix::Thin(matrix) => matrix.apply_transpose(g),
            WideMatrix::Explored(matrix) => matrix.apply_transpose(g),
        }
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, DeviceBlock>]) {
        match self {
            WideMatrix::Thin(matrix) => matrix.update(rule, terms),
            WideMatrix::Explored(matrix) => matrix.update(rule, terms),
        }
    }

    fn output_dimension(&self) -> u64 {
        match self {
            WideMatrix::Thin(matrix) => matrix.rows as u64,
            WideMatrix::Explored(matrix) => matrix.rows as u64,
        }
    }
}

impl LinearLayer for WideMatrix {
    fn learned_singular_values(&mut self) -> Vec<f64> {
        match self {
            WideMatrix::Thin(matrix) => matrix.learned_singular_values(),
            WideMatrix::Explored(matrix) => matrix.learned_singular_values(),
        }
    }

    fn neurons(&self, block: &DeviceBlock) -> Neurons {
        Neurons::Entries(block.to_matrix())
    }
}

impl Explored for WideMatrix {
    fn exploration(&self) -> Option<Exploration> {
        match self {
            WideMatrix::Thin(_) => None,
            WideMatrix::Explored(matrix) => Some(matrix.exploration()),
        }
    }

    fn orthogonality_loss(&self) -> Option<f64> {
        match self {
            WideMatrix::Thin(_) => None,
            WideMatrix::Explored(matrix) => Some(matrix.orthogonality_loss()),
        }
    }
}

impl EntryMatrix for WideMatrix {
    fn epsilon(&self) -> f64 {
        self.layout().placement.precision.epsilon()
    }

    fn zeros_like(&self) -> Self {
        match self {
            WideMatrix::Thin(matrix) => WideMatrix::Thin(matrix.zeros_like()),
            WideMatrix::Explored(matrix) => WideMatrix::Explored(matrix.zeros_like()),
        }
    }

    fn movement(&mut self) -> Movement {
        match self {
            WideMatrix::Thin(matrix) => matrix.movement(),
            WideMatrix::Explored(matrix) => {
                let (moved, initial) = matrix.movement();
                Movement { moved, initial }
            }
        }
    }
}
