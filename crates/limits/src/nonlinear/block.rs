//! A block holds a few vectors of one space: values at the nodes of a layer, or coordinates of inputs and outputs.

use std::{rc::Rc, sync::Arc};

use widenet_core::{
    Matrix,
    activation::Neuron,
    problem::Activation,
    training::{Block, NeuronBlock, Selection, gradient_gram},
};

use super::products::{Measure, product};

/// Vectors as columns, with the inner product of their space.
#[derive(Debug)]
pub(super) struct NodeBlock {
    values: Matrix,
    measure: Measure,
    /// New after every change: who has been probed with a block need not project it again.
    identity: Rc<()>,
}

impl Clone for NodeBlock {
    /// A clone is a probe of its own.
    fn clone(&self) -> Self {
        Self::new(self.values.clone(), self.measure.clone())
    }
}

impl NodeBlock {
    pub(super) fn new(values: Matrix, measure: Measure) -> Self {
        Self { values, measure, identity: Rc::new(()) }
    }

    /// Of the space of inputs or outputs.
    pub(super) fn coordinates(values: Matrix) -> Self {
        Self::new(values, Measure::Sum)
    }

    pub(super) fn values(&self) -> &Matrix {
        &self.values
    }

    pub(super) fn identity(&self) -> &Rc<()> {
        &self.identity
    }
}

impl Block for NodeBlock {
    fn gram(&self, other: &Self) -> Matrix {
        self.measure.gram(&self.values, &other.values)
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        Self::new(product(&self.values, coefficients), self.measure.clone())
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        self.values.zip_apply(&other.values, |x, y| *x += scale * y);
        self.identity = Rc::new(());
    }

    fn scale(&mut self, factor: f64) {
        self.values *= factor;
        self.identity = Rc::new(());
    }

    fn to_matrix(&self) -> Matrix {
        self.values.clone()
    }
}

impl NeuronBlock for NodeBlock {
    fn activated(&self, activation: Activation) -> Self {
        let mut values = self.values.clone();
        f64::values(values.as_mut_slice(), activation);
        Self::new(values, self.measure.clone())
    }

    fn times_derivative(&mut self, activation: Activation, h: &Self) {
        let mut repetitions: Vec<&mut [f64]> = self.values.as_mut_slice().chunks_mut(h.values.len()).collect();
        f64::times_derivatives(&mut repetitions, h.values.as_slice(), activation);
        self.identity = Rc::new(());
    }

    fn mean_square(&self) -> f64 {
        self.measure.mean_square(&self.values)
    }

    fn neurons(&self) -> f64 {
        1.0
    }

    fn stacked(&self, selection: &Arc<Selection>) -> Self {
        Self::new(selection.stack(&self.values), self.measure.clone())
    }

    fn summed(&self, selection: &Arc<Selection>) -> Self {
        Self::new(selection.sum(&self.values), self.measure.clone())
    }

    fn joined(&self, count: usize) -> Self {
        let [rows, columns] = [self.values.nrows() * count, self.values.ncols() / count];
        Self::new(Matrix::from_column_slice(rows, columns, self.values.as_slice()), self.measure.clone())
    }

    fn cut(&self, count: usize) -> Self {
        let [rows, columns] = [self.values.nrows() / count, self.values.ncols() * count];
        Self::new(Matrix::from_column_slice(rows, columns, self.values.as_slice()), self.measure.clone())
    }

    fn gradient_gram(signals: [&Self; 2], inputs: [&Self; 2], positions: usize) -> Matrix {
        gradient_gram(&signals[0].gram(signals[1]), &inputs[0].gram(inputs[1]), [positions; 2])
    }
}
