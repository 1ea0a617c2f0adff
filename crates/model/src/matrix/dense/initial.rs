//! Initial weights are addressed by (seed, layer, row), so that any row can be had again at any time, on any thread count.

use std::ops::Range;

use burn::{
    Tensor,
    tensor::{Element, TensorData},
};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use widenet_core::seed::{Purpose, stream};

use crate::device::{Placement, Precision};

/// Draws below which a second thread is not worth its start.
const DRAWS: usize = 1 << 14;

/// What a matrix holds: the key of its random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Weights of a layer; every row has a stream of its own.
    Weights,
    /// Biases of a layer, one column from one stream.
    Biases,
}

/// The law of one matrix at time 0: entries iid N(0, `std`²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InitialWeights {
    /// Seed of the run.
    pub seed: u64,
    /// Weights or biases.
    pub entries: Entries,
    /// Index of the layer, input layer 0.
    pub layer: u32,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Standard deviation of the entries; with a minus sign, of the same numbers negated.
    pub std: f64,
}

impl InitialWeights {
    /// Returns some rows, on a device. `f32` weights are the `f64` weights rounded.
    pub fn rows(&self, rows: Range<usize>, placement: &Placement) -> Tensor<2> {
        Self::stacked(std::slice::from_ref(self), rows, placement)
    }

    /// The same rows of several matrices of one shape, one matrix below the other.
    pub(crate) fn stacked(laws: &[InitialWeights], rows: Range<usize>, placement: &Placement) -> Tensor<2> {
        fn draw<T: Element + Default + Send>(
            laws: &[InitialWeights],
            rows: &Range<usize>,
            round: impl Fn(f64) -> T + Sync,
        ) -> TensorData {
            let shape = [laws.len() * rows.len(), laws[0].columns];
            let mut values = vec![T::default(); shape[0] * shape[1]];
            let of_each = values.chunks_mut(rows.len() * shape[1]);
            laws.iter().zip(of_each).for_each(|(law, values)| law.draw(values, rows.clone(), &round));
            TensorData::new(values, shape)
        }
        placement.upload(match placement.precision {
            Precision::F32 => draw(laws, &rows, |x| x as f32),
            Precision::F64 => draw(laws, &rows, |x| x),
        })
    }

    fn draw<T: Send>(&self, values: &mut [T], rows: Range<usize>, round: &(impl Fn(f64) -> T + Sync)) {
        match self.entries {
            Entries::Weights => {
                let draw_row = |(values, row): (&mut [T], usize)| {
                    let rng = stream(self.seed, Purpose::Weights(self.layer), row as u64);
                    self.fill(values, 0, rng, round);
                };
                if values.len() <= DRAWS {
                    values.chunks_mut(self.columns).zip(rows).for_each(draw_row);
                } else {
                    values.par_chunks_mut(self.columns).zip(rows).for_each(draw_row);
                }
            }
            Entries::Biases => {
                let rng = stream(self.seed, Purpose::Biases(self.layer), 0);
                self.fill(values, rows.start * self.columns, rng, round);
            }
        }
    }

    /// Draws values after the first `skipped` of a stream.
    fn fill<T>(&self, values: &mut [T], skipped: usize, mut rng: ChaCha8Rng, round: &impl Fn(f64) -> T) {
        for _ in 0..skipped {
            let _: f64 = StandardNormal.sample(&mut rng);
        }
        for value in values {
            let normal: f64 = StandardNormal.sample(&mut rng);
            *value = round(self.std * normal);
        }
    }
}

/// The entries of a matrix at time 0.
#[derive(Debug, Clone)]
pub(crate) enum Initial {
    /// Drawn.
    Random(InitialWeights),
    /// Given, as one panel.
    Given(Box<Tensor<2>>),
    /// All 0.
    Zero {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
}

impl Initial {
    /// (rows, columns).
    pub(crate) fn shape(&self) -> [usize; 2] {
        match self {
            Initial::Random(law) => [law.rows, law.columns],
            Initial::Given(tensor) => tensor.dims(),
            Initial::Zero { rows, columns } => [*rows, *columns],
        }
    }

    /// Some rows, on a device.
    pub(crate) fn rows(&self, rows: Range<usize>, placement: &Placement) -> Tensor<2> {
        match self {
            Initial::Random(law) => law.rows(rows, placement),
            Initial::Given(tensor) => (**tensor).clone().narrow(0, rows.start, rows.len()),
            Initial::Zero { columns, .. } => {
                Tensor::zeros([rows.len(), *columns], (&placement.device, placement.precision.dtype()))
            }
        }
    }
}
