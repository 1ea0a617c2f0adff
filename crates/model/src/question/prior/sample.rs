//! Samples many deep linear networks at initialization at once: `F = X W¹ ⋯ Wᴸ⁺¹` with every weight drawn, `Wˡ_ij ~ N(0, 1 / N_{l−1})`.
//!
//! (docs/theory/proportional-limit.md §1.) The gain `g` enters as `√g` on the outputs. Networks go through a layer together, as one product
//! of rank-3 tensors `(B × P × N_{l−1}) (B × N_{l−1} × N_l)`. The weights of a layer of a network have a stream of their own, so that
//! neither B nor the number of threads changes a number.

use std::marker::PhantomData;

use burn::{
    Tensor,
    tensor::{Element, TensorData},
};
use rayon::prelude::*;
use widenet_core::{Matrix, training::Control};

use super::{
    normals::{Entry, Weights},
    plan::Plan,
    request::{PriorNetworks, invalid},
};
use crate::{
    device::{OpenDevice, Placement, Precision},
    error::ModelError,
};

/// Networks that were sampled.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorSample {
    /// How many there are; fewer than were asked for if the sampling was stopped.
    pub networks: u64,
    /// `F_ij` of network n at `(n P + i) D + j`.
    pub outputs: Vec<f64>,
    /// `K_L = Zᴸ Zᴸᵀ / N_L` (`X Xᵀ / N₀` of a linear model; the gain left out), entry (i, j) of network n at `(n P + i) P + j`.
    pub kernels: Option<Vec<f64>>,
}

impl PriorNetworks<'_> {
    /// Returns the weight matrix (`N_l` × `N_{l+1}`) of layer `l` of one network, input layer 0, as it enters a product in `f64`.
    ///
    /// # Errors
    /// [`ModelError::Problem`] for a layer that the networks lack, or a request that no device can meet.
    pub fn weights(&self, layer: usize, network: u64) -> Result<Matrix, ModelError> {
        let plan = Plan::new(self, Precision::F64)?;
        let Some(&[rows, columns]) = plan.shapes.get(layer) else {
            return Err(invalid(format!("layer {layer} of networks with layers 0 to {}", plan.shapes.len() - 1)));
        };
        let Some(size) = rows.checked_mul(columns) else {
            return Err(invalid(format!("layer {layer} has {rows} × {columns} weights, more than any memory holds")));
        };
        Ok(Matrix::from_row_slice(rows, columns, &self.law(layer, rows).draw::<f64>(network, 1, size)))
    }

    fn law(&self, layer: usize, rows: usize) -> Weights {
        Weights { seed: self.seed, layer: layer as u32, std: (rows as f64).sqrt().recip() }
    }
}

/// Samples networks. `watch` hears the share of the weights that have been drawn, after every layer of a launch; when it stops the
/// sampling, the networks of finished launches are the sample.
///
/// Weights are `f32` numbers in either precision, times an `f64` deviation for products in `f64`; both precisions sample the same
/// networks up to round-off.
///
/// # Errors
/// [`ModelError::Problem`] for no inputs, widths, outputs or networks, inputs or a gain that are not numbers, networks so deep and
/// narrow that their features leave the range of `precision`, or a sample that the host has no room for; [`ModelError::TooWide`] if one
/// network does not fit; [`ModelError::UnsupportedPrecision`].
pub fn sample_networks(
    request: &PriorNetworks<'_>,
    device: &OpenDevice,
    precision: Precision,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<PriorSample, ModelError> {
    let placement = device.placement(precision)?;
    let plan = Plan::new(request, precision)?;
    let batch = plan.batch(request, device, &placement)?;
    match precision {
        Precision::F32 => Sampler::<f32>::new(request, &plan, placement).sample(batch, watch),
        Precision::F64 => Sampler::<f64>::new(request, &plan, placement).sample(batch, watch),
    }
}

struct Sampler<'a, T> {
    request: &'a PriorNetworks<'a>,
    plan: &'a Plan,
    placement: Placement,
    /// X / scale, (1 × P × N₀).
    inputs: Tensor<3>,
    entries: PhantomData<T>,
}

impl<'a, T: Entry + Element> Sampler<'a, T> {
    fn new(request: &'a PriorNetworks<'a>, plan: &'a Plan, placement: Placement) -> Self {
        let [samples, dimension] = [request.inputs.nrows(), request.inputs.ncols()];
        let scaled = (request.inputs / plan.scale).transpose().as_slice().to_vec();
        let inputs = placement.tensor(scaled, [samples, dimension]).reshape([1, samples, dimension]);
        Self { request, plan, placement, inputs, entries: PhantomData }
    }

    fn sample(&self, batch: u64, watch: &mut dyn FnMut(f64) -> Control) -> Result<PriorSample, ModelError> {
        let (samples, networks) = (self.request.inputs.nrows(), self.request.networks);
        let mut outputs = room(networks, samples, self.request.outputs, "outputs")?;
        let mut kernels = if self.request.kernels { Some(room(networks, samples, samples, "kernels")?) } else { None };
        let mut done = 0;
        while done < networks {
            let batch = batch.min(networks - done);
            let mut share = |layers: f64| watch((done as f64 + batch as f64 * layers) / networks as f64);
            let Some(launched) = self.launch(done, batch as usize, &mut share) else { break };
            let scale = self.request.gain.sqrt() * self.plan.scale;
            outputs.extend(self.read(launched.outputs).iter().map(|output| scale * output));
            if let Some(kernels) = &mut kernels {
                // In f64 from the features: their squares would leave the range of f32 first.
                self.append_kernels(&self.read(launched.features), batch as usize, kernels);
            }
            done += batch;
            if launched.control == Control::Stop {
                break;
            }
        }
        Ok(PriorSample { networks: done, outputs, kernels })
    }

    /// Networks `first..first + batch`; nothing if they were stopped before their last layer.
    fn launch(&self, first: u64, batch: usize, watch: &mut dyn FnMut(f64) -> Control) -> Option<Launched> {
        let mut features = self.inputs.clone();
        let mut outputs = features.clone();
        let mut control = Control::Continue;
        let mut drawn = 0.0;
        for (layer, [rows, columns]) in self.plan.shapes.iter().copied().enumerate() {
            if control == Control::Stop {
                return None;
            }
            let weights = self.request.law(layer, rows).draw::<T>(first, batch, rows * columns);
            let weights = self.placement.upload(TensorData::new(weights, [batch * rows, columns]));
            features = outputs;
            outputs = features.clone().matmul(weights.reshape([batch, rows, columns]));
            drawn += (rows * columns) as f64;
            control = watch(drawn / self.plan.weights);
        }
        Some(Launched { outputs, features, control })
    }

    fn read(&self, tensor: Tensor<3>) -> Vec<f64> {
        let [batch, rows, columns] = tensor.dims();
        self.placement.read(&tensor.reshape([batch * rows, columns]))
    }

    fn append_kernels(&self, features: &[f64], batch: usize, kernels: &mut Vec<f64>) {
        let samples = self.request.inputs.nrows();
        let width = self.plan.shapes[self.plan.shapes.len() - 1][0];
        let of_network = samples * width;
        let start = kernels.len();
        kernels.resize(start + batch * samples * samples, 0.0);
        let factor = self.plan.scale.powi(2) / width as f64;
        kernels[start..].par_chunks_mut(samples * samples).enumerate().for_each(|(network, kernel)| {
            // Networks without hidden layers share their features.
            let first = if features.len() == of_network { 0 } else { network * of_network };
            let row = |i: usize| &features[first + i * width..][..width];
            for (entry, k) in kernel.iter_mut().enumerate() {
                let (left, right) = (row(entry / samples), row(entry % samples));
                *k = factor * left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
            }
        });
    }
}

/// What came of a launch.
struct Launched {
    /// F without its scale, (B × P × D).
    outputs: Tensor<3>,
    /// Zᴸ without its scale, (B × P × `N_L`); without hidden layers (1 × P × N₀).
    features: Tensor<3>,
    /// Whether to go on after it.
    control: Control,
}

/// An empty vector with room for a matrix of every network.
fn room(networks: u64, rows: usize, columns: usize, what: &str) -> Result<Vec<f64>, ModelError> {
    let numbers = (rows as u64).checked_mul(columns as u64).and_then(|size| size.checked_mul(networks));
    let mut values = Vec::new();
    let reserved =
        numbers.and_then(|numbers| usize::try_from(numbers).ok()).map(|numbers| values.try_reserve_exact(numbers));
    match reserved {
        Some(Ok(())) => Ok(values),
        _ => Err(invalid(format!(
            "the {what} ({rows} × {columns}) of {networks} networks do not fit in memory; sample fewer networks"
        ))),
    }
}
