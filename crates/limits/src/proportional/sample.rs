//! Draws outputs, feature kernels and mixing matrices, exactly at any widths and in the limit.
//!
//! ```text
//! F = √g R M H  (M: r × c, outputs independent given it)   or   F = √g R G Mᵀ  (M: D × c, covariance g K0 ⊗ M Mᵀ given it)
//! ```
//!
//! (docs/theory/proportional-limit.md §2.1, Eq. 2.1, §2.2, Eq. 2.2.) M is a product of independent factors, one per exact layer and one for the
//! continuum; both forms have the same law and the smaller M is drawn. Every draw has its own random stream, so that draw i is the same
//! numbers on any number of threads and in any range of draws that holds it.

use std::ops::Range;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use widenet_core::{
    Matrix,
    seed::{Purpose, stream},
};

use super::{
    bartlett::{BartlettLayers, Product},
    error::{Result, invalid},
    hyperbolic::HyperbolicSampler,
    input_kernel::InputKernel,
    layers::HiddenLayers,
    splitting::{Splitting, Triangle, default_steps},
};

/// Most bytes of one answer: 4 GiB.
pub const LARGEST_SAMPLE: u64 = 1 << 32;

/// How the factor of the continuum is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitScheme {
    /// In closed form for one and two columns, otherwise by the splitting scheme with [`default_steps`].
    #[default]
    Default,
    /// By this many steps of the splitting scheme, of weak order 2.
    Splitting {
        /// Steps, ≥ 1.
        steps: u64,
    },
    /// As this many layers of equal width, not necessarily an integer: of order 1.
    Bartlett {
        /// Layers n, such that their width n/α is above the number of columns minus 1.
        steps: u64,
    },
}

/// Draws from the exact law of a random deep linear network, or from its limit.
#[derive(Debug, Clone)]
pub struct Sampler {
    layers: HiddenLayers,
    scheme: LimitScheme,
    inputs: usize,
    rank: usize,
    outputs: usize,
    log_gain: f64,
    /// R by rows, P × r.
    root: Vec<f64>,
    /// The factor of the outputs, of the smaller size.
    mixing: Mixing,
}

impl Sampler {
    /// Samples a network with these hidden layers, inputs and number D of outputs; `gain` g is the product of all weight variances.
    ///
    /// # Errors
    /// D = 0; a gain that is not positive and finite.
    pub fn new(layers: &HiddenLayers, kernel: &InputKernel, outputs: usize, gain: f64) -> Result<Self> {
        Self::with_scheme(layers, kernel, outputs, gain, LimitScheme::Default)
    }

    /// Does the same as [`Self::new`], with the continuum drawn by this scheme.
    ///
    /// # Errors
    /// As [`Self::new`]; no steps, or too few for the widths of [`LimitScheme::Bartlett`].
    pub fn with_scheme(
        layers: &HiddenLayers,
        kernel: &InputKernel,
        outputs: usize,
        gain: f64,
        scheme: LimitScheme,
    ) -> Result<Self> {
        if outputs == 0 {
            return Err(invalid("a network with 0 outputs: at least one is needed"));
        }
        if !(gain.is_finite() && gain > 0.0) {
            return Err(invalid(format!("a gain of {gain}: it must be positive and finite")));
        }
        let (inputs, rank) = (kernel.inputs(), kernel.rank());
        Ok(Self {
            layers: layers.clone(),
            scheme,
            inputs,
            rank,
            outputs,
            log_gain: gain.ln(),
            root: kernel.root().transpose().as_slice().to_vec(),
            mixing: Mixing::new(rank.min(outputs), layers, scheme)?,
        })
    }

    /// Returns outputs F of the draws in this range, each P × D by rows.
    ///
    /// # Errors
    /// No draws; an answer larger than [`LARGEST_SAMPLE`].
    pub fn outputs(&self, seed: u64, draws: Range<u64>) -> Result<Vec<f64>> {
        let (rank, outputs) = (self.rank, self.outputs);
        let by_inputs = rank <= outputs;
        fill(draws, [self.inputs, outputs], |draw, scratch, f| {
            let rng = &mut stream(seed, Purpose::PriorDraw, draw);
            let Scratch { product, triangle, normals, features } = scratch;
            self.mixing.sample(rng, product, triangle);
            let columns = product.columns();
            let scale = (0.5 * self.log_gain + product.log_scale()).exp();
            normals.clear();
            let count = columns * if by_inputs { outputs } else { rank };
            normals.extend((0..count).map(|_| scale * Distribution::<f64>::sample(&StandardNormal, rng)));
            // Z, r × D by rows.
            features.clear();
            features.resize(rank * outputs, 0.0);
            for (k, row) in features.chunks_exact_mut(outputs).enumerate() {
                if by_inputs {
                    for (c, fresh) in normals.chunks_exact(outputs).enumerate() {
                        add_multiple(row, product.at(k, c), fresh);
                    }
                } else {
                    let fresh = &normals[k * columns..(k + 1) * columns];
                    for (d, z) in row.iter_mut().enumerate() {
                        *z = fresh.iter().enumerate().map(|(c, normal)| normal * product.at(d, c)).sum();
                    }
                }
            }
            for (i, row) in f.chunks_exact_mut(outputs).enumerate() {
                let root = &self.root[i * rank..(i + 1) * rank];
                root.iter().zip(features.chunks_exact(outputs)).for_each(|(r, z)| add_multiple(row, *r, z));
            }
        })
    }

    /// Draws feature kernels `K_L` after the last hidden layer, without the gain, of the draws in this range, each P × P by rows.
    ///
    /// # Errors
    /// As [`Self::outputs`].
    pub fn kernels(&self, seed: u64, draws: Range<u64>) -> Result<Vec<f64>> {
        let mixing = Mixing::new(self.rank, &self.layers, self.scheme)?;
        let (inputs, rank) = (self.inputs, self.rank);
        fill(draws, [inputs, inputs], |draw, scratch, kernel| {
            let Scratch { product, triangle, features, .. } = scratch;
            mixing.sample(&mut stream(seed, Purpose::PriorDraw, draw), product, triangle);
            let columns = product.columns();
            let scale = product.log_scale().exp();
            // R M, P × c by rows.
            features.clear();
            for i in 0..inputs {
                let root = &self.root[i * rank..(i + 1) * rank];
                let entry = |c| scale * root.iter().enumerate().map(|(k, r)| r * product.at(k, c)).sum::<f64>();
                features.extend((0..columns).map(entry));
            }
            let row = |i: usize| &features[i * columns..(i + 1) * columns];
            for (i, values) in kernel.chunks_exact_mut(inputs).enumerate() {
                for (j, value) in values.iter_mut().enumerate() {
                    *value = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                }
            }
        })
    }

    /// Says how many eigenvalues of the kernels are not 0: the rank, or the smallest width if that is less.
    ///
    /// # Errors
    /// As [`Self::log_eigenvalues`].
    pub fn eigenvalue_count(&self) -> Result<usize> {
        Ok(Mixing::new(self.rank, &self.layers, self.scheme)?.columns())
    }

    /// Logarithms of the eigenvalues of the kernels of [`Self::kernels`], by the singular values of their factor: so many per draw as
    /// [`Self::eigenvalue_count`] says, largest first. Those 60 or more below the largest are rounding.
    ///
    /// # Errors
    /// As [`Self::outputs`].
    pub fn log_eigenvalues(&self, seed: u64, draws: Range<u64>) -> Result<Vec<f64>> {
        let mixing = Mixing::new(self.rank, &self.layers, self.scheme)?;
        let (rank, columns) = (self.rank, mixing.columns());
        let root = Matrix::from_row_slice(self.inputs, rank, &self.root);
        fill(draws, [1, columns], |draw, Scratch { product, triangle, .. }, values| {
            mixing.sample(&mut stream(seed, Purpose::PriorDraw, draw), product, triangle);
            let factor = &root * Matrix::from_fn(rank, columns, |i, j| product.at(i, j));
            let singular = factor.singular_values();
            let logs = singular.iter().map(|value| 2.0 * (value.ln() + product.log_scale()));
            values.iter_mut().zip(logs).for_each(|(value, log)| *value = log);
        })
    }

    /// Draws the mixing matrices Q of the outputs of the draws in this range, each D × D by rows.
    ///
    /// # Errors
    /// As [`Self::outputs`].
    pub fn mixing_matrices(&self, seed: u64, draws: Range<u64>) -> Result<Vec<f64>> {
        let mixing = Mixing::new(self.outputs, &self.layers, self.scheme)?;
        let size = self.outputs;
        fill(draws, [size, size], |draw, Scratch { product, triangle, .. }, matrix| {
            mixing.sample(&mut stream(seed, Purpose::PriorDraw, draw), product, triangle);
            let scale = (2.0 * product.log_scale()).exp();
            for (i, row) in matrix.chunks_exact_mut(size).enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = scale * (0..product.columns()).map(|c| product.at(i, c) * product.at(j, c)).sum::<f64>();
                }
            }
        })
    }

    /// Returns `log q` of the draws in this range: the scale that one output, or one input, sees.
    ///
    /// # Errors
    /// As [`Self::outputs`].
    pub fn log_scales(&self, seed: u64, draws: Range<u64>) -> Result<Vec<f64>> {
        let mixing = Mixing::new(1, &self.layers, self.scheme)?;
        fill(draws, [1, 1], |draw, Scratch { product, triangle, .. }, value| {
            mixing.sample(&mut stream(seed, Purpose::PriorDraw, draw), product, triangle);
            value[0] = 2.0 * (product.at(0, 0).ln() + product.log_scale());
        })
    }
}

/// Draws of a random factor M, `size × c`.
#[derive(Debug, Clone)]
pub(super) struct Mixing {
    size: usize,
    layers: Vec<BartlettLayers>,
    continuum: Continuum,
}

/// The factor of the continuum.
#[derive(Debug, Clone)]
enum Continuum {
    None,
    Scalar { alpha: f64 },
    Pair(HyperbolicSampler),
    Splitting(Splitting),
    Bartlett(BartlettLayers),
}

impl Mixing {
    pub(super) fn new(size: usize, layers: &HiddenLayers, scheme: LimitScheme) -> Result<Self> {
        let chain = BartlettLayers::chain(size, layers.groups())?;
        let columns = chain.last().map_or(size, BartlettLayers::columns);
        let alpha = layers.continuum();
        let continuum = match scheme {
            _ if alpha == 0.0 || columns == 0 => Continuum::None,
            LimitScheme::Default if columns == 1 => Continuum::Scalar { alpha },
            LimitScheme::Default if columns == 2 => Continuum::Pair(HyperbolicSampler::new(alpha)?),
            LimitScheme::Default => Continuum::Splitting(Splitting::new(columns, alpha, default_steps(alpha))?),
            LimitScheme::Splitting { steps } => Continuum::Splitting(Splitting::new(columns, alpha, steps)?),
            LimitScheme::Bartlett { steps } => {
                let width = steps as f64 / alpha;
                if width <= columns as f64 - 1.0 || !width.is_finite() || width == 0.0 {
                    return Err(invalid(format!(
                        "{steps} layers of width {steps}/{alpha} for {columns} columns: the width must be above {}",
                        columns - 1
                    )));
                }
                Continuum::Bartlett(BartlettLayers::new(columns, width, steps)?)
            }
        };
        Ok(Self { size, layers: chain, continuum })
    }

    /// Columns c of a factor.
    fn columns(&self) -> usize {
        self.layers.last().map_or(self.size, BartlettLayers::columns)
    }

    /// A fresh factor.
    pub(super) fn sample(&self, rng: &mut impl Rng, product: &mut Product, triangle: &mut Triangle) {
        product.reset(self.size);
        self.layers.iter().for_each(|layers| layers.multiply(product, rng));
        match &self.continuum {
            Continuum::None => {}
            Continuum::Scalar { alpha } => {
                let normal: f64 = StandardNormal.sample(rng);
                product.scale(-0.5 * alpha + (0.5 * alpha).sqrt() * normal);
            }
            Continuum::Pair(sampler) => {
                let (log_scale, factor) = sampler.sample(rng);
                product.multiply_pair(factor);
                product.scale(log_scale);
            }
            Continuum::Splitting(splitting) => {
                splitting.sample(rng, triangle);
                product.multiply_unit_triangle(&triangle.entries, &triangle.logs);
            }
            Continuum::Bartlett(layers) => layers.multiply(product, rng),
        }
    }
}

/// Room of one thread.
#[derive(Default)]
struct Scratch {
    product: Product,
    triangle: Triangle,
    normals: Vec<f64>,
    features: Vec<f64>,
}

/// `y += a x`.
fn add_multiple(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

/// One matrix of this shape per draw, filled from zeros.
fn fill(draws: Range<u64>, shape: [usize; 2], draw: impl Fn(u64, &mut Scratch, &mut [f64]) + Sync) -> Result<Vec<f64>> {
    let Some(count) = draws.end.checked_sub(draws.start).filter(|count| *count > 0) else {
        return Err(invalid(format!("draws {} to {}: at least one draw is needed", draws.start, draws.end)));
    };
    let [rows, columns] = shape;
    let bytes = [count, rows as u64, columns as u64, 8].iter().try_fold(1u64, |product, n| product.checked_mul(*n));
    let Some(bytes) = bytes.filter(|bytes| *bytes <= LARGEST_SAMPLE) else {
        return Err(invalid(format!(
            "{count} draws of {rows} × {columns} numbers take more than {LARGEST_SAMPLE} bytes; draw them in smaller ranges"
        )));
    };
    let too_large =
        |_| invalid(format!("{bytes} bytes for {count} draws of {rows} × {columns} numbers exceed this machine"));
    let total = usize::try_from(bytes / 8).map_err(|_| invalid("more draws than this machine can address"))?;
    let mut values = Vec::new();
    values.try_reserve_exact(total).map_err(too_large)?;
    values.resize(total, 0.0);
    values
        .par_chunks_exact_mut(rows * columns)
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (i, matrix)| draw(draws.start + i as u64, scratch, matrix));
    Ok(values)
}
