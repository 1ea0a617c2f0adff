//! Networks of 10⁵ … 10⁷ neurons and more, whose hidden matrices are never formed.
//!
//! A [`WideMatrix`] is thin (input weights, readout, biases: [`thin`]) or hidden ([`explored`]): known by its answers to the directions
//! that training has asked about, which makes memory and time of a step O(m × rank) (docs/theory/conditioning.md). Hidden matrices answer
//! in law (*conditioned*), or as the matrix that their seed fixes, produced inside the product (*regenerated*). The training loops are
//! those of
//! [`widenet_core::training`].

mod block;
mod coefficients;
mod estimate;
mod explored;
mod fresh;
mod images;
mod network;
mod query;
mod solve;
mod stored;
#[cfg(test)]
mod tests;
mod thin;

pub use block::WideBlock;
pub use estimate::{WideEstimate, predicted_rank};
pub use explored::ExploredMatrix;
pub use network::{Hidden, wide_linear_network, wide_mlp};
pub(crate) use query::query_seconds;
pub use solve::{WideRun, solve_wide};
pub use thin::ThinMatrix;

use widenet_core::{
    Matrix,
    training::{
        Block, Exploration, Neurons, OuterProduct, RmsProp, UpdateRule, WeightMatrix,
        mlp::{Movement, NeuronMatrix},
    },
};

use crate::device::Precision;
use block::Layout;

/// How hidden matrices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenMatrix {
    /// Gaussian, known in law by what has been asked.
    Conditioned(ImageStorage),
    /// Fixed by the seed and produced inside the product, with entries of the problem's law.
    Regenerated,
}

/// How a conditioned matrix keeps its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStorage {
    /// As vectors: 4 m r numbers per matrix.
    Stored,
    /// By the counters of their normals: 2 m r numbers per matrix, and the normals are made again for every product.
    Regenerated,
}

impl ImageStorage {
    /// Words of the command line.
    pub const WORDS: [(&str, ImageStorage); 2] =
        [("stored", ImageStorage::Stored), ("regenerated", ImageStorage::Regenerated)];
}

/// Tolerance on what counts as a new direction, by default: above what `f32` or `f64` can tell from rounding on a thousand directions.
pub fn default_tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-12,
    }
}

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

    /// Entries per row.
    pub fn columns(&self) -> usize {
        match self {
            WideMatrix::Thin(matrix) => matrix.columns,
            WideMatrix::Explored(matrix) => matrix.columns,
        }
    }
}

impl WeightMatrix for WideMatrix {
    type Block = WideBlock;

    fn input_block(&self, coordinates: &Matrix) -> WideBlock {
        WideBlock::from_matrix(coordinates, self.layout())
    }

    fn output_block(&self, coordinates: &Matrix) -> WideBlock {
        WideBlock::from_matrix(coordinates, self.layout())
    }

    fn apply(&mut self, x: &WideBlock) -> WideBlock {
        match self {
            WideMatrix::Thin(matrix) => matrix.apply(x),
            WideMatrix::Explored(matrix) => matrix.apply(x),
        }
    }

    fn apply_transpose(&mut self, g: &WideBlock) -> WideBlock {
        match self {
            WideMatrix::Thin(matrix) => matrix.apply_transpose(g),
            WideMatrix::Explored(matrix) => matrix.apply_transpose(g),
        }
    }

    fn update(&mut self, rule: UpdateRule, terms: &[OuterProduct<'_, WideBlock>]) {
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

    fn learned_singular_values(&mut self) -> Vec<f64> {
        match self {
            WideMatrix::Thin(matrix) => matrix.learned_singular_values(),
            WideMatrix::Explored(matrix) => matrix.learned_singular_values(),
        }
    }

    fn neurons(&self, block: &WideBlock) -> Neurons {
        Neurons::Entries(block.to_matrix())
    }

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

impl NeuronMatrix for WideMatrix {
    fn zeros_like(&self) -> Self {
        match self {
            WideMatrix::Thin(matrix) => WideMatrix::Thin(matrix.zeros_like()),
            WideMatrix::Explored(matrix) => WideMatrix::Explored(matrix.zeros_like()),
        }
    }

    fn update_normalised(&mut self, _: RmsProp, _: f64, _: OuterProduct<'_, WideBlock>) {
        unreachable!("`solve_wide` refuses rules that are not linear in past gradients")
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
