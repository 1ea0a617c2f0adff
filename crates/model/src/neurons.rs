//! Activations on a device, entry by entry.
//!
//! On the CPU they are computed in `f64` and rounded, so that they are those of [`Activation`] to the last digit in either
//! float type; on a GPU they are burn's operations.

use burn::{
    Tensor,
    tensor::{Element, TensorData, activation::sigmoid},
};
use rayon::prelude::*;
use widenet_core::{problem::Activation, training::mlp::NeuronBlock};

use crate::{block::DeviceBlock, device::Precision};

/// Entries per task; fewer are not worth a second thread.
const ENTRIES: usize = 1 << 14;

impl NeuronBlock for DeviceBlock {
    fn mean_square(&self) -> f64 {
        let entries = self.placement().read(self.vectors());
        entries.iter().map(|entry| entry * entry).sum::<f64>() / entries.len() as f64
    }

    fn activated(&self, activation: Activation) -> Self {
        let (h, placement) = (self.vectors().clone(), self.placement());
        let vectors = match (activation, placement.on_host) {
            (Activation::Identity, _) => h,
            (_, false) => value(activation, h),
            (_, true) => {
                let mut data = h.into_data();
                match placement.precision {
                    Precision::F32 => map(entries_mut::<f32>(&mut data), |u| activation.value(f64::from(u)) as f32),
                    Precision::F64 => map(entries_mut::<f64>(&mut data), |u| activation.value(u)),
                }
                placement.upload(data)
            }
        };
        Self::from_vectors(vectors, placement.clone())
    }

    fn times_derivative(&mut self, activation: Activation, h: &Self) {
        let placement = self.placement().clone();
        let repeats = self.vectors().dims()[0] / h.vectors().dims()[0].max(1);
        let h = h.vectors().clone();
        match (activation, placement.on_host) {
            (Activation::Identity, _) => {}
            (_, false) => {
                let derivative = derivative(activation, h);
                let derivative = if repeats == 1 { derivative } else { derivative.repeat(&[repeats, 1]) };
                self.replace(|vectors| vectors.mul(derivative));
            }
            (_, true) => {
                let h = h.to_data();
                self.replace(|vectors| {
                    let mut data = vectors.into_data();
                    match placement.precision {
                        Precision::F32 => multiply(entries_mut::<f32>(&mut data), entries::<f32>(&h), |g, u| {
                            (f64::from(g) * activation.derivative(f64::from(u))) as f32
                        }),
                        Precision::F64 => multiply(entries_mut::<f64>(&mut data), entries::<f64>(&h), |g, u| {
                            g * activation.derivative(u)
                        }),
                    }
                    placement.upload(data)
                });
            }
        }
    }
}

fn entries<T: Element>(data: &TensorData) -> &[T] {
    data.as_slice().unwrap_or_else(|error| unreachable!("the float type is that of the placement: {error}"))
}

fn entries_mut<T: Element>(data: &mut TensorData) -> &mut [T] {
    data.as_mut_slice().unwrap_or_else(|error| unreachable!("the float type is that of the placement: {error}"))
}

fn map<T: Element + Send>(entries: &mut [T], f: impl Fn(T) -> T + Sync) {
    let chunk = |chunk: &mut [T]| chunk.iter_mut().for_each(|entry| *entry = f(*entry));
    if entries.len() <= ENTRIES { chunk(entries) } else { entries.par_chunks_mut(ENTRIES).for_each(chunk) }
}

/// `g ← f(g, h)` with `h` repeated along `g`.
fn multiply<T: Element + Send + Sync>(g: &mut [T], h: &[T], f: impl Fn(T, T) -> T + Sync) {
    let pairs = |(g, h): (&mut [T], &[T])| g.iter_mut().zip(h).for_each(|(g, h)| *g = f(*g, *h));
    for g in g.chunks_mut(h.len().max(1)) {
        if g.len() <= ENTRIES {
            pairs((g, h));
        } else {
            g.par_chunks_mut(ENTRIES).zip(h.par_chunks(ENTRIES)).for_each(pairs);
        }
    }
}

/// `φ(u)` by burn's operations.
fn value(activation: Activation, u: Tensor<2>) -> Tensor<2> {
    if let Some((below, above)) = activation.slopes() {
        return u.clone().clamp_max(0.0).mul_scalar(below).add(u.clamp_min(0.0).mul_scalar(above));
    }
    match activation {
        Activation::Erf => u.erf(),
        Activation::Sin => u.sin(),
        Activation::Gelu => u.clone().mul(normal_distribution(u)),
        Activation::Tanh => u.tanh(),
        Activation::Sigmoid => sigmoid(u),
        Activation::Softplus => u.clone().clamp_min(0.0).add(u.abs().neg().exp().log1p()),
        Activation::Silu => u.clone().mul(sigmoid(u)),
        Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } | Activation::Abs => u,
    }
}

/// `φ'(u)` by burn's operations.
fn derivative(activation: Activation, u: Tensor<2>) -> Tensor<2> {
    if let Some((below, above)) = activation.slopes() {
        return u.greater_elem(0.0).float().mul_scalar(above - below).add_scalar(below);
    }
    let gaussian = |u: Tensor<2>, rate: f64, factor: f64| u.clone().mul(u).mul_scalar(-rate).exp().mul_scalar(factor);
    match activation {
        Activation::Erf => gaussian(u, 1.0, std::f64::consts::FRAC_2_SQRT_PI),
        Activation::Sin => u.cos(),
        Activation::Gelu => {
            let density = gaussian(u.clone(), 0.5, (2.0 * std::f64::consts::PI).sqrt().recip());
            normal_distribution(u.clone()).add(u.mul(density))
        }
        Activation::Tanh => u.clone().tanh().mul(u.tanh()).neg().add_scalar(1.0),
        Activation::Sigmoid => sigmoid(u.clone()).mul(sigmoid(u.neg())),
        Activation::Softplus => sigmoid(u),
        Activation::Silu => {
            let slope = u.clone().mul(sigmoid(u.clone().neg())).add_scalar(1.0);
            sigmoid(u).mul(slope)
        }
        Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } | Activation::Abs => u.ones_like(),
    }
}

/// Φ(u).
fn normal_distribution(u: Tensor<2>) -> Tensor<2> {
    u.mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5)
}

#[cfg(test)]
mod tests {
    use widenet_core::Matrix;

    use super::*;
    use crate::device::DeviceChoice;
    use widenet_core::training::Block;

    #[test]
    fn operations_of_burn_are_the_activations_in_f32() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F32).unwrap();
        // The entries as `f32` has them; 0 is a kink.
        let u = Matrix::from_fn(41, 1, |i, _| f64::from((0.37 * (i as f64 - 20.0)) as f32));
        let read = |tensor: &Tensor<2>| placement.read(tensor);
        for (word, activation) in Activation::WORDS {
            let block = DeviceBlock::from_matrix(&u, placement.clone());
            let values = read(&value(activation, block.vectors().clone()));
            let derivatives = read(&derivative(activation, block.vectors().clone()));
            for (i, u) in u.iter().enumerate() {
                let (value, derivative) = (activation.value(*u), activation.derivative(*u));
                // burn's erf is good to 1.5e-7.
                assert!((values[i] - value).abs() < 2e-6, "{word}({u}) = {value}, not {}", values[i]);
                assert!(
                    (derivatives[i] - derivative).abs() < 2e-6,
                    "{word}'({u}) = {derivative}, not {}",
                    derivatives[i]
                );
            }
        }
    }

    #[test]
    fn signals_of_several_outputs_meet_the_same_neurons() {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let h = Matrix::from_fn(300, 70, |i, j| (i as f64 - 3.1 * j as f64).sin());
        let g = Matrix::from_fn(300, 140, |i, j| (0.7 * i as f64 + j as f64).cos());
        let mut product = DeviceBlock::from_matrix(&g, placement.clone());
        product.times_derivative(Activation::Tanh, &DeviceBlock::from_matrix(&h, placement));
        let expected = Matrix::from_fn(300, 140, |i, j| g[(i, j)] * Activation::Tanh.derivative(h[(i, j % 70)]));
        assert_eq!(product.to_matrix(), expected);
    }
}
