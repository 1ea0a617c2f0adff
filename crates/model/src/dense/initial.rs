//! Initial weights, addressed by (seed, layer, row) so that any row can be had again at any time, on any thread count.

use std::ops::Range;

use burn::{Tensor, tensor::TensorData};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use widenet_core::seed::{Purpose, stream};

use crate::device::{Placement, Precision};

/// The law of one matrix at time 0: entries iid N(0, `std`²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InitialWeights {
    /// Seed of the run.
    pub seed: u64,
    /// Index of the matrix, input layer 0.
    pub layer: u32,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Standard deviation of the entries in normalised coordinates, `s_l/√m`.
    pub std: f64,
}

impl InitialWeights {
    /// Some rows, on a device. `f32` weights are the `f64` weights rounded.
    pub fn rows(&self, rows: Range<usize>, placement: &Placement) -> Tensor<2> {
        let shape = [rows.len(), self.columns];
        let data = match placement.precision {
            Precision::F32 => TensorData::new(self.draw(rows, |x| x as f32), shape),
            Precision::F64 => TensorData::new(self.draw(rows, |x| x), shape),
        };
        placement.upload(data)
    }

    fn draw<T: Copy + Default + Send>(&self, rows: Range<usize>, round: impl Fn(f64) -> T + Sync) -> Vec<T> {
        let mut values = vec![T::default(); rows.len() * self.columns];
        values.par_chunks_mut(self.columns).zip(rows).for_each(|(values, row)| {
            let mut rng = stream(self.seed, Purpose::Weights(self.layer), row as u64);
            for value in values {
                let normal: f64 = StandardNormal.sample(&mut rng);
                *value = round(self.std * normal);
            }
        });
        values
    }
}
