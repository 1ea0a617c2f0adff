//! Activations on a device, entry by entry: preactivations are kept for the way back, signals change in place.

use widenet_core::{problem::Activation, training::mlp::NeuronBlock};
use widenet_kernels::{activate, times_derivative};

use crate::block::DeviceBlock;

impl NeuronBlock for DeviceBlock {
    fn mean_square(&self) -> f64 {
        let entries = self.placement().read(self.vectors());
        entries.iter().map(|entry| entry * entry).sum::<f64>() / entries.len() as f64
    }

    fn activated(&self, activation: Activation) -> Self {
        Self::from_vectors(activate(self.vectors().clone(), activation), self.placement().clone())
    }

    fn times_derivative(&mut self, activation: Activation, h: &Self) {
        self.replace(|vectors| times_derivative(vectors, h.vectors(), activation));
    }
}

#[cfg(test)]
mod tests {
    use widenet_core::{Matrix, training::Block};

    use super::*;
    use crate::device::{DeviceChoice, Precision};

    #[test]
    fn signals_of_several_outputs_meet_the_same_neurons() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let h = Matrix::from_fn(300, 70, |i, j| (i as f64 - 3.1 * j as f64).sin());
        let g = Matrix::from_fn(300, 140, |i, j| (0.7 * i as f64 + j as f64).cos());
        let mut product = DeviceBlock::from_matrix(&g, placement.clone());
        product.times_derivative(Activation::Tanh, &DeviceBlock::from_matrix(&h, placement));
        let expected = Matrix::from_fn(300, 140, |i, j| g[(i, j)] * Activation::Tanh.derivative(h[(i, j % 70)]));
        assert!((product.to_matrix() - expected).amax() < 4.0 * f64::EPSILON);
    }
}
