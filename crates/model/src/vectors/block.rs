//! A block holds a few vectors of one space on a device: whole, or split by rows into pieces that fit one buffer.

use std::sync::Arc;

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use widenet_core::{
    Matrix,
    problem::Activation,
    training::{Block, NeuronBlock, Selection},
};
use widenet_kernels::{
    SplitVectors, activate, panel_apply_transpose, selection_stack, selection_sum, times_derivative,
};

use super::{
    gradients::{self, Factors},
    layout::{Layout, Products},
};
use crate::device::{Placement, Precision};

/// Vectors from which on a Gram matrix is worth a product of all threads.
const PARALLEL_GRAM: usize = 32;

/// n × columns in [`Block`]'s terms, stored with every vector contiguous: pieces of shape columns × rows of the piece.
#[derive(Debug)]
pub struct DeviceBlock {
    vectors: SplitVectors,
    layout: Layout,
    /// New after every change: who has been probed with a block need not project it again.
    identity: Arc<()>,
}

impl Clone for DeviceBlock {
    /// A clone is a probe of its own. So nothing is remembered beyond a step, and a resumed run probes as an undisturbed one does.
    fn clone(&self) -> Self {
        Self::new(self.vectors.clone(), self.layout.clone())
    }
}

impl DeviceBlock {
    /// Vectors of a layout.
    pub(crate) fn new(vectors: SplitVectors, layout: Layout) -> Self {
        Self { vectors, layout, identity: Arc::new(()) }
    }

    /// Makes vectors that are the rows of one tensor (columns × n), in one piece.
    pub fn from_vectors(vectors: Tensor<2>, placement: Placement) -> Self {
        Self::new(SplitVectors::new(vec![vectors]), Layout::whole(placement))
    }

    /// Makes vectors that are the columns of a host matrix (n × columns), in one piece.
    pub fn from_matrix(coordinates: &Matrix, placement: Placement) -> Self {
        Self::laid_out(coordinates, &Layout::whole(placement))
    }

    /// The same in the pieces of a layout.
    pub(crate) fn laid_out(coordinates: &Matrix, layout: &Layout) -> Self {
        Self::new(layout.vectors(coordinates), layout.clone())
    }

    /// The vectors piece by piece.
    pub(crate) fn vectors(&self) -> &SplitVectors {
        &self.vectors
    }

    /// Returns vectors in one piece as the rows of a tensor (columns × n).
    pub fn panel(&self) -> &Tensor<2> {
        debug_assert!(self.vectors.pieces().len() == 1, "vectors in {} pieces", self.vectors.pieces().len());
        &self.vectors.pieces()[0]
    }

    pub(crate) fn identity(&self) -> &Arc<()> {
        &self.identity
    }

    /// Other vectors in one piece.
    fn in_one_piece(&self, vectors: Tensor<2>) -> Self {
        Self::new(SplitVectors::new(vec![vectors]), self.layout.clone())
    }

    fn change(&mut self, f: impl FnMut(Tensor<2>) -> Tensor<2>) {
        self.vectors.update(f);
        self.identity = Arc::new(());
    }

    fn change_with(&mut self, other: &Self, f: impl FnMut(Tensor<2>, &Tensor<2>) -> Tensor<2>) {
        self.vectors.update_with(&other.vectors, f);
        self.identity = Arc::new(());
    }

    /// Vectors in one piece, in `f64` on the CPU.
    fn on_host(&self) -> Tensor<2> {
        let placement = &self.layout.placement;
        if placement.on_host && placement.precision == Precision::F64 {
            return self.panel().clone();
        }
        Tensor::from_data(self.panel().to_data_as::<f64>(), (&Device::flex(), DType::F64))
    }
}

impl Block for DeviceBlock {
    /// Of whole vectors, summed on the host in `f64`: the same on every device, and accurate where vectors are long.
    fn gram(&self, other: &Self) -> Matrix {
        if self.layout.products == Products::Tall {
            return self.vectors.gram(&other.vectors);
        }
        let (columns, others) = (self.vectors.count(), other.vectors.count());
        if columns.min(others) < PARALLEL_GRAM {
            return self.to_matrix().tr_mul(&other.to_matrix());
        }
        // A product of all threads; nalgebra's has one.
        let product = self.on_host().matmul(other.on_host().transpose());
        Matrix::from_row_slice(columns, others, &self.layout.placement.read(&product))
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        let placement = &self.layout.placement;
        let vectors = match self.layout.products {
            Products::Tall => self.vectors.times(coefficients),
            Products::Panels => {
                let shape = [coefficients.ncols(), coefficients.nrows()];
                let weights = placement.tensor(coefficients.as_slice().to_vec(), shape);
                SplitVectors::new(vec![panel_apply_transpose(self.panel(), &weights)])
            }
        };
        Self::new(vectors, self.layout.clone())
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        self.change_with(other, |piece, other| {
            let term = if scale == 1.0 { other.clone() } else { other.clone().mul_scalar(scale) };
            piece.add(term)
        });
    }

    fn scale(&mut self, factor: f64) {
        self.change(|piece| piece.mul_scalar(factor));
    }

    fn to_matrix(&self) -> Matrix {
        let pieces = self.vectors.pieces();
        let columns = self.vectors.count();
        let of_piece =
            |piece: &Tensor<2>| Matrix::from_vec(piece.dims()[1], columns, self.layout.placement.read(piece));
        if let [piece] = pieces {
            return of_piece(piece);
        }
        let mut whole = Matrix::zeros(pieces.iter().map(|piece| piece.dims()[1]).sum(), columns);
        let mut first = 0;
        for piece in pieces.iter().map(of_piece) {
            whole.rows_mut(first, piece.nrows()).copy_from(&piece);
            first += piece.nrows();
        }
        whole
    }
}

/// Entry by entry: preactivations are kept for the way back, signals change in place.
impl NeuronBlock for DeviceBlock {
    fn activated(&self, activation: Activation) -> Self {
        let pieces = self.vectors.pieces().iter().map(|piece| activate(piece.clone(), activation));
        Self::new(SplitVectors::new(pieces.collect()), self.layout.clone())
    }

    fn times_derivative(&mut self, activation: Activation, h: &Self) {
        self.change_with(h, |piece, h| times_derivative(piece, h, activation));
    }

    fn mean_square(&self) -> f64 {
        let of_piece = |piece: &Tensor<2>| {
            let entries = self.layout.placement.read(piece);
            entries.iter().map(|entry| entry * entry).sum::<f64>() / entries.len() as f64
        };
        if self.layout.products == Products::Panels {
            return of_piece(self.panel());
        }
        let rows = |piece: &Tensor<2>| piece.dims()[1] as f64;
        let add = |(sum, count): (f64, f64), piece| (sum + of_piece(piece) * rows(piece), count + rows(piece));
        let (sum, count) = self.vectors.pieces().iter().fold((0.0, 0.0), add);
        sum / count
    }

    fn neurons(&self) -> f64 {
        self.vectors.pieces().iter().map(|piece| piece.dims()[1] as f64).sum()
    }

    fn stacked(&self, selection: &Arc<Selection>) -> Self {
        self.in_one_piece(selection_stack(self.panel(), selection))
    }

    fn summed(&self, selection: &Arc<Selection>) -> Self {
        self.in_one_piece(selection_sum(self.panel(), selection))
    }

    fn joined(&self, count: usize) -> Self {
        let [columns, n] = self.panel().dims();
        self.in_one_piece(self.panel().clone().reshape([columns / count, count * n]))
    }

    fn cut(&self, count: usize) -> Self {
        let [columns, n] = self.panel().dims();
        self.in_one_piece(self.panel().clone().reshape([columns * count, n / count]))
    }

    fn gradient_gram(signals: [&Self; 2], inputs: [&Self; 2], positions: usize) -> Matrix {
        let [left, right] = [0, 1].map(|side| [signals[side].on_host(), inputs[side].on_host()]);
        let [[g, a], [other_g, other_a]] = [&left, &right];
        gradients::products(
            Factors { signals: g, inputs: a, positions },
            Factors { signals: other_g, inputs: other_a, positions },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceChoice, Precision};

    #[test]
    fn signals_of_several_outputs_meet_the_same_neurons_however_they_are_split() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let h = Matrix::from_fn(300, 70, |i, j| (i as f64 - 3.1 * j as f64).sin());
        let g = Matrix::from_fn(300, 140, |i, j| (0.7 * i as f64 + j as f64).cos());
        let expected = Matrix::from_fn(300, 140, |i, j| g[(i, j)] * Activation::Tanh.derivative(h[(i, j % 70)]));
        for layout in [Layout::whole(placement.clone()), Layout::split(placement.clone(), 77)] {
            let mut product = DeviceBlock::laid_out(&g, &layout);
            product.times_derivative(Activation::Tanh, &DeviceBlock::laid_out(&h, &layout));
            assert!((product.to_matrix() - &expected).amax() < 4.0 * f64::EPSILON);
        }
    }

    #[test]
    fn products_do_not_depend_on_the_pieces() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let wave = |columns, frequency: f64| {
            Matrix::from_fn(300, columns, |i, j| ((i * columns + j) as f64 * frequency).sin())
        };
        let (x, y, coefficients) = (wave(5, 0.7), wave(3, 1.3), Matrix::from_fn(5, 2, |i, j| i as f64 - j as f64));
        for layout in [Layout::whole(placement.clone()), Layout::split(placement.clone(), 77)] {
            let mut block = DeviceBlock::laid_out(&x, &layout);
            let other = DeviceBlock::laid_out(&y, &layout);
            assert!((block.gram(&other) - x.tr_mul(&y)).amax() < 1e-11);
            assert!((block.times(&coefficients).to_matrix() - &x * &coefficients).amax() < 1e-12);
            assert!((block.mean_square() - x.norm_squared() / 1500.0).abs() < 1e-13);
            block.add_scaled(-0.5, &DeviceBlock::laid_out(&x, &layout));
            assert!((block.to_matrix() - &x * 0.5).amax() < 1e-15);
        }
    }
}
