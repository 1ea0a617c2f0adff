//! A few vectors of one space of a very wide network: split by rows, and recognised when they are asked about again.

use std::{ops::Range, sync::Arc};

use widenet_core::{
    Matrix,
    problem::Activation,
    training::{Block, mlp::NeuronBlock},
};
use widenet_kernels::{NormalStream, SplitVectors, normals};

use crate::{block::DeviceBlock, device::Placement};

/// How the vectors of every space are laid out on a device.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) placement: Placement,
    /// Rows of a piece.
    pub(crate) piece_rows: usize,
}

impl Layout {
    /// First rows of the pieces of vectors of some length, and how many rows each has.
    pub(crate) fn pieces(&self, length: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let piece_rows = self.piece_rows;
        (0..length.max(1)).step_by(piece_rows).map(move |first| (first, piece_rows.min(length - first)))
    }

    /// Vectors of a stream of normals.
    pub(crate) fn normals(&self, stream: NormalStream, ids: Range<usize>, length: usize) -> SplitVectors {
        let on = (&self.placement.device, self.placement.precision.dtype());
        let ids = ids.start as u32..ids.end as u32;
        let piece = |(start, rows)| normals(stream, ids.clone(), start as u64, rows, on);
        SplitVectors::new(self.pieces(length).map(piece).collect())
    }

    /// Vectors that are the columns of a host matrix (n × P).
    pub(crate) fn vectors(&self, coordinates: &Matrix) -> SplitVectors {
        let piece = |(first, rows): (usize, usize)| {
            // nalgebra stores columns contiguously, which is the order of the tensor's rows.
            let part = coordinates.rows(first, rows).into_owned();
            self.placement.tensor(part.as_slice().to_vec(), [coordinates.ncols(), rows])
        };
        SplitVectors::new(self.pieces(coordinates.nrows()).map(piece).collect())
    }
}

/// n × columns in [`Block`]'s terms.
#[derive(Debug)]
pub struct WideBlock {
    vectors: SplitVectors,
    layout: Layout,
    /// New after every change: who has seen a block need not project it again.
    identity: Arc<()>,
}

impl Clone for WideBlock {
    /// A clone is a question of its own. So nothing is remembered beyond a step, and a resumed run asks the same questions as an
    /// undisturbed one.
    fn clone(&self) -> Self {
        Self::new(self.vectors.clone(), self.layout.clone())
    }
}

impl WideBlock {
    pub(crate) fn new(vectors: SplitVectors, layout: Layout) -> Self {
        Self { vectors, layout, identity: Arc::new(()) }
    }

    pub(crate) fn from_matrix(coordinates: &Matrix, layout: &Layout) -> Self {
        Self::new(layout.vectors(coordinates), layout.clone())
    }

    pub(crate) fn vectors(&self) -> &SplitVectors {
        &self.vectors
    }

    pub(crate) fn identity(&self) -> &Arc<()> {
        &self.identity
    }

    fn pieces(&self) -> impl Iterator<Item = DeviceBlock> + '_ {
        let placement = &self.layout.placement;
        self.vectors.pieces().iter().map(|piece| DeviceBlock::from_vectors(piece.clone(), placement.clone()))
    }

    /// Every piece changed in place by `f`, which is given its index.
    fn change(&mut self, mut f: impl FnMut(usize, &mut DeviceBlock)) {
        let nothing = SplitVectors::new(vec![self.layout.placement.tensor(Vec::new(), [0, 0])]);
        let pieces = std::mem::replace(&mut self.vectors, nothing).into_pieces();
        let changed = pieces.into_iter().enumerate().map(|(index, piece)| {
            let mut block = DeviceBlock::from_vectors(piece, self.layout.placement.clone());
            f(index, &mut block);
            block.into_vectors()
        });
        self.vectors = SplitVectors::new(changed.collect());
        self.identity = Arc::new(());
    }
}

impl Block for WideBlock {
    fn gram(&self, other: &Self) -> Matrix {
        self.vectors.gram(&other.vectors)
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        Self::new(self.vectors.times(coefficients), self.layout.clone())
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        let others: Vec<DeviceBlock> = other.pieces().collect();
        self.change(|index, piece| piece.add_scaled(scale, &others[index]));
    }

    fn scale(&mut self, factor: f64) {
        self.change(|_, piece| piece.scale(factor));
    }

    fn to_matrix(&self) -> Matrix {
        let pieces: Vec<Matrix> = self.pieces().map(|piece| piece.to_matrix()).collect();
        let mut whole = Matrix::zeros(pieces.iter().map(Matrix::nrows).sum(), self.vectors.count());
        let mut first = 0;
        for piece in pieces {
            whole.rows_mut(first, piece.nrows()).copy_from(&piece);
            first += piece.nrows();
        }
        whole
    }
}

impl NeuronBlock for WideBlock {
    fn activated(&self, activation: Activation) -> Self {
        let pieces = self.pieces().map(|piece| piece.activated(activation).into_vectors());
        Self::new(SplitVectors::new(pieces.collect()), self.layout.clone())
    }

    fn times_derivative(&mut self, activation: Activation, h: &Self) {
        let inputs: Vec<DeviceBlock> = h.pieces().collect();
        self.change(|index, piece| piece.times_derivative(activation, &inputs[index]));
    }

    fn mean_square(&self) -> f64 {
        let rows = |piece: &DeviceBlock| piece.vectors().dims()[1] as f64;
        let (sum, count) = self
            .pieces()
            .fold((0.0, 0.0), |(sum, count), piece| (sum + piece.mean_square() * rows(&piece), count + rows(&piece)));
        sum / count
    }
}
