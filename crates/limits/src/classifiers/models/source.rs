//! There are three ways to make the particles of a limit at the start: `â ~ N(0, 1)`, `ŵ ~ N(0, σ_w² I)`, `z = ŵ·X`.
//!
//! (docs/theory/scaling-limits.md §4.2, in its order of preference.) Only z is kept: that is `z ~ N(0, σ_w² X Xᵀ)` of any rank.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rand::distr::Distribution;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use widenet_core::{
    Matrix, Result,
    seed::{Purpose, stream},
};

use super::{
    constants::Constants,
    inputs::Inputs,
    particles::{Particles, Weights},
};
use crate::{error::invalid, linear_algebra::view, quadrature::gauss_hermite};

/// Most bytes of the projections of one set of particles: 4 GiB.
pub const LARGEST_SET: u64 = 1 << 32;

/// Largest input dimension of the quadrature, whose nodes are a tensor product.
const LARGEST_DIMENSION: usize = 3;

/// Input weights that become projections in one product of matrices.
const CHUNK: usize = 128;

/// Where particles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nodes of a Gauss–Hermite quadrature over `(â, ŵ)`, for inputs of up to 3 dimensions and a smooth φ. Compare two numbers of nodes.
    Quadrature {
        /// Per dimension: `nodes^(d_x + 1)` particles.
        nodes: usize,
    },
    /// Independent draws.
    Independent {
        /// N.
        particles: u64,
        /// Sets of N particles, each of which is trained by itself.
        replicas: u32,
        /// Key of the draws.
        seed: u64,
    },
    /// Pairs `(±â, ŵ)`, for which F is exactly 0 at the start.
    Antithetic {
        /// N/2.
        pairs: u64,
        /// Sets of N particles, each of which is trained by itself.
        replicas: u32,
        /// Key of the draws.
        seed: u64,
    },
}

impl Source {
    /// Returns the number of sets of particles; more than one has a standard error.
    pub fn replicas(&self) -> u32 {
        match self {
            Source::Quadrature { .. } => 1,
            Source::Independent { replicas, .. } | Source::Antithetic { replicas, .. } => *replicas,
        }
    }

    /// Returns the particles of a replica, with weights that sum to S.
    ///
    /// # Errors
    /// Quadrature in more than 3 dimensions, or with a number of nodes that it does not have; no particles; more than
    /// [`LARGEST_SET`] bytes, with what would fit.
    pub fn particles(&self, inputs: &Inputs, constants: Constants, replica: u32) -> Result<Particles> {
        constants.check()?;
        let (scale, std) = (constants.output_scale, constants.input_std);
        match *self {
            Source::Quadrature { nodes } => {
                let dimension = inputs.dimension();
                if dimension > LARGEST_DIMENSION {
                    return Err(invalid(format!(
                        "quadrature over initial weights for inputs of dimension {dimension}; it is possible up to \
                         {LARGEST_DIMENSION}, beyond use antithetic particles"
                    )));
                }
                let rule = gauss_hermite(nodes)?;
                let draws = (nodes as u64).pow(dimension as u32);
                let node = |draw: u64, d: usize| rule[(draw / (nodes as u64).pow(d as u32)) as usize % nodes];
                let place = |draw: u64, input: &mut [f64], readouts: &mut [f64]| {
                    input.iter_mut().enumerate().for_each(|(d, weight)| *weight = std * node(draw, d).0);
                    readouts.iter_mut().zip(&rule).for_each(|(readout, node)| *readout = node.0);
                };
                let (readouts, projections) = fill(inputs, draws, nodes, place)?;
                let of_draw = |draw: u64| scale * (0..dimension).map(|d| node(draw, d).1).product::<f64>();
                let weights = (0..draws).flat_map(|draw| rule.iter().map(move |node| of_draw(draw) * node.1));
                Ok(Particles { readouts, projections, weights: Weights::Each(weights.collect()) })
            }
            Source::Independent { particles: draws, seed, .. } | Source::Antithetic { pairs: draws, seed, .. } => {
                let copies = if matches!(self, Source::Antithetic { .. }) { 2 } else { 1 };
                let place = |draw: u64, input: &mut [f64], readouts: &mut [f64]| {
                    let mut rng = stream(seed, Purpose::LimitParticle(replica), draw);
                    let readout: f64 = StandardNormal.sample(&mut rng);
                    readouts.iter_mut().zip([readout, -readout]).for_each(|(to, from)| *to = from);
                    input.fill_with(|| std * Distribution::<f64>::sample(&StandardNormal, &mut rng));
                };
                let (readouts, projections) = fill(inputs, draws, copies, place)?;
                let weights = Weights::Equal(scale / readouts.len() as f64);
                Ok(Particles { readouts, projections, weights })
            }
        }
    }
}

/// Readouts (N) and projections (M × N) of N = draws · copies particles; `place` writes the input weights (d_x) of a draw and the
/// readouts of its copies.
fn fill(
    inputs: &Inputs,
    draws: u64,
    copies: usize,
    place: impl Fn(u64, &mut [f64], &mut [f64]) + Sync,
) -> Result<(Vec<f64>, Matrix)> {
    let (count, dimension) = (inputs.count(), inputs.dimension());
    let particles = u128::from(draws) * copies as u128;
    let fitting = u128::from(LARGEST_SET / 8) / count as u128;
    if particles == 0 {
        return Err(invalid("no particles: at least one is needed"));
    }
    if particles > fitting {
        return Err(invalid(format!(
            "{particles} particles on {count} inputs take {} bytes, more than {LARGEST_SET}; at most {fitting} particles fit",
            8 * particles * count as u128
        )));
    }
    let particles = particles as usize;
    let mut readouts = vec![0.0; particles];
    let mut projections = Matrix::from_vec(count, particles, vec![0.0; count * particles]);
    readouts
        .par_chunks_mut(CHUNK * copies)
        .zip(projections.as_mut_slice().par_chunks_mut(CHUNK * copies * count))
        .enumerate()
        .for_each(|(chunk, (readouts, projections))| {
            let draws = readouts.len() / copies;
            let mut weights = vec![0.0; dimension * draws];
            let of_draws = weights.chunks_exact_mut(dimension).zip(readouts.chunks_exact_mut(copies)).enumerate();
            of_draws.for_each(|(draw, (input, readouts))| place((chunk * CHUNK + draw) as u64, input, readouts));
            let mut products = vec![0.0; count * draws];
            matmul(
                MatMut::from_column_major_slice_mut(&mut products, count, draws),
                Accum::Replace,
                view(inputs.rows()),
                MatRef::from_column_major_slice(&weights, dimension, draws),
                1.0,
                Par::Seq,
            );
            let columns = projections.chunks_exact_mut(count).zip((0..draws * copies).map(|p| p / copies));
            columns.for_each(|(column, draw)| column.copy_from_slice(&products[draw * count..(draw + 1) * count]));
        });
    Ok((readouts, projections))
}
