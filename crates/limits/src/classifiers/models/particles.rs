//! Weighted particles in Gram space are the state of a limit that evolves, and of a finite network.
//!
//! ```text
//! F(x_j) = Σ_r c_r â_r φ(z_rj),      z_rj = ŵ_r·x_j
//! â_r ← â_r − α Σ_i g_i φ(z_ri),     z_rj ← z_rj − β Σ_i g_i â_r φ'(z_ri) (x_i·x_j)       (both from the state before)
//! K_a = α Σ_r c_r φ φ',              K_w = β Σ_r c_r â_r² φ' φ' (x·x')
//! ```
//!
//! (docs/theory/scaling-limits.md §4.2, Eq. particles, Eq. tangent.) A limit has `c_r = S p_r` with the probabilities p of its particles; a
//! network of width d has d particles, `c_r = σ` and the rates `η̂_a σ`, `η̂_w σ`. g_i is the loss gradient divided by the size of the
//! batch.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;
use widenet_core::{Matrix, Result};

use super::{
    inputs::Inputs,
    tangent::Tangent,
    training::{Dynamics, Push},
    unit::Unit,
};
use crate::{
    error::invalid,
    linear_algebra::{product_transpose, view},
};

/// Particles that are treated together. Sums run over particles of a chunk and then over chunks in order, so that numbers do not depend
/// on the threads. Even, so that a pair of opposite readouts is in one chunk and cancels exactly.
const CHUNK: usize = 128;

/// Particles whose part of the whole kernel is one product of matrices.
const BLOCK: usize = 1024;

/// What a particle counts in a sum over particles.
#[derive(Debug, Clone, PartialEq)]
pub enum Weights {
    /// All the same.
    Equal(f64),
    /// One each, N.
    Each(Vec<f64>),
}

impl Weights {
    fn at(&self, particle: usize) -> f64 {
        match self {
            Weights::Equal(weight) => *weight,
            Weights::Each(weights) => weights[particle],
        }
    }
}

/// N weighted particles.
#[derive(Debug, Clone, PartialEq)]
pub struct Particles {
    /// `â_r`, N.
    pub readouts: Vec<f64>,
    /// `z_rj`, M × N: one column per particle.
    pub projections: Matrix,
    /// `c_r`.
    pub weights: Weights,
}

impl Particles {
    /// Makes particles of readout weights (N) and input weights (N × d_x, one row per particle).
    ///
    /// # Errors
    /// Input weights of another shape.
    pub fn from_weights(readouts: Vec<f64>, input_weights: &Matrix, weights: Weights, inputs: &Inputs) -> Result<Self> {
        if input_weights.shape() != (readouts.len(), inputs.dimension()) {
            return Err(invalid(format!(
                "the input weights are {} × {}; for {} readout weights and inputs of dimension {} they must be {2} × {3}",
                input_weights.nrows(),
                input_weights.ncols(),
                readouts.len(),
                inputs.dimension()
            )));
        }
        Ok(Self { readouts, projections: product_transpose(inputs.rows(), input_weights), weights })
    }
}

/// Learning rates of particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// `α`, or `η̂_a σ` of a network.
    pub readout: f64,
    /// `β`, or `η̂_w σ` of a network.
    pub input: f64,
}

/// Particles that learn, with their outputs.
#[derive(Debug, Clone)]
pub struct ParticleSystem<'a, U> {
    unit: &'a U,
    inputs: &'a Inputs,
    rates: Rates,
    particles: Particles,
    outputs: Vec<f64>,
}

/// Room of one thread.
#[derive(Default)]
struct Scratch {
    seen: Vec<f64>,
    values: Vec<f64>,
    forces: Vec<f64>,
}

impl<'a, U: Unit> ParticleSystem<'a, U> {
    /// Makes a system of particles on these inputs.
    ///
    /// # Errors
    /// No particles; projections or weights of another shape; rates that are not finite.
    pub fn new(unit: &'a U, inputs: &'a Inputs, rates: Rates, particles: Particles) -> Result<Self> {
        let (count, wanted) = (particles.readouts.len(), (inputs.count(), particles.readouts.len()));
        if count == 0 {
            return Err(invalid("no particles: at least one is needed"));
        }
        let found = particles.projections.shape();
        if found != wanted {
            return Err(invalid(format!(
                "the projections are {} × {}; for {} inputs and {count} particles they must be {} × {count}",
                found.0, found.1, wanted.0, wanted.0
            )));
        }
        if let Weights::Each(weights) = &particles.weights
            && weights.len() != count
        {
            return Err(invalid(format!("{} weights for {count} particles", weights.len())));
        }
        if !(rates.readout.is_finite() && rates.input.is_finite()) {
            return Err(invalid(format!("the rates are {} and {}; they must be finite", rates.readout, rates.input)));
        }
        let mut system = Self { unit, inputs, rates, particles, outputs: Vec::new() };
        system.advance(&[]);
        Ok(system)
    }

    /// Returns the inputs that the particles see.
    pub fn inputs(&self) -> &'a Inputs {
        self.inputs
    }

    /// Returns the particles as they are.
    pub fn particles(&self) -> &Particles {
        &self.particles
    }

    /// Returns F on all inputs, M.
    pub fn outputs(&self) -> &[f64] {
        &self.outputs
    }

    /// Returns one step of descent.
    ///
    /// # Errors
    /// A push at a sample that is no training input.
    pub fn step(&mut self, pushes: &[Push]) -> Result<()> {
        if let Some(push) = pushes.iter().find(|push| push.sample >= self.inputs.train()) {
            return Err(invalid(format!("sample {} of {} training inputs", push.sample, self.inputs.train())));
        }
        self.advance(pushes);
        Ok(())
    }

    /// Moves the particles, and finds their outputs in the same pass.
    fn advance(&mut self, pushes: &[Push]) {
        let (unit, rates, count) = (self.unit, self.rates, self.inputs.count());
        let gram = self.inputs.gram().select_columns(pushes.iter().map(|push| &push.sample));
        let Particles { readouts, projections, weights } = &mut self.particles;
        let chunks = readouts.par_chunks_mut(CHUNK).zip(projections.as_mut_slice().par_chunks_mut(CHUNK * count));
        let partial = |scratch: &mut Scratch, (chunk, (readouts, projections)): (usize, (&mut [f64], &mut [f64]))| {
            if !pushes.is_empty() {
                descend(unit, rates, pushes, &gram, (&mut *readouts, &mut *projections), scratch);
            }
            let mut outputs = vec![0.0; count];
            scratch.values.resize(count, 0.0);
            for (p, (readout, z)) in readouts.iter().zip(projections.chunks_exact(count)).enumerate() {
                unit.values(z, &mut scratch.values);
                let factor = weights.at(chunk * CHUNK + p) * readout;
                outputs.iter_mut().zip(&scratch.values).for_each(|(output, value)| *output += factor * value);
            }
            outputs
        };
        self.outputs = sum(chunks.enumerate().map_init(Scratch::default, partial).collect(), count);
    }

    /// Returns `K_a(x, x)` and `K_w(x, x)` on all inputs, M each.
    pub fn diagonals(&self) -> Tangent<Vec<f64>> {
        let count = self.inputs.count();
        let Particles { readouts, projections, weights } = &self.particles;
        let chunks = readouts.par_chunks(CHUNK).zip(projections.as_slice().par_chunks(CHUNK * count));
        let partial = |values: &mut Vec<f64>, (chunk, (readouts, projections)): (usize, (&[f64], &[f64]))| {
            let mut squares = vec![0.0; 2 * count];
            let (of_readout, of_input) = squares.split_at_mut(count);
            values.resize(count, 0.0);
            for (p, (readout, z)) in readouts.iter().zip(projections.chunks_exact(count)).enumerate() {
                let weight = weights.at(chunk * CHUNK + p);
                self.unit.values(z, values);
                of_readout.iter_mut().zip(&*values).for_each(|(sum, value)| *sum += weight * value * value);
                self.unit.derivatives(z, values);
                let weight = weight * readout * readout;
                of_input.iter_mut().zip(&*values).for_each(|(sum, slope)| *sum += weight * slope * slope);
            }
            squares
        };
        let mut readout = sum(chunks.enumerate().map_init(Vec::new, partial).collect(), 2 * count);
        let mut input = readout.split_off(count);
        readout.iter_mut().for_each(|sum| *sum *= self.rates.readout);
        let gram = self.inputs.gram().diagonal();
        input.iter_mut().zip(gram.iter()).for_each(|(sum, square)| *sum *= self.rates.input * square);
        Tangent { readout, input }
    }

    /// Returns `K_a` and `K_w` on all inputs, M × M each.
    pub fn kernel(&self) -> Tangent<Matrix> {
        let readout = self.second_moment(|unit, z, values| unit.values(z, values), |_| 1.0) * self.rates.readout;
        let squares = self.second_moment(|unit, z, values| unit.derivatives(z, values), |readout| readout * readout);
        let input = squares.component_mul(self.inputs.gram()) * self.rates.input;
        Tangent { readout, input }
    }

    /// `Σ_r c_r factor(â_r) g(z_ri) g(z_rj)`, M × M.
    fn second_moment(&self, g: impl Fn(&U, &[f64], &mut [f64]) + Sync, factor: impl Fn(f64) -> f64 + Sync) -> Matrix {
        let count = self.inputs.count();
        let Particles { readouts, projections, weights } = &self.particles;
        let mut moment = Matrix::zeros(count, count);
        for (block, (readouts, projections)) in
            readouts.chunks(BLOCK).zip(projections.as_slice().chunks(BLOCK * count)).enumerate()
        {
            let mut plain = Matrix::zeros(count, readouts.len());
            plain
                .as_mut_slice()
                .par_chunks_exact_mut(count)
                .zip(projections.par_chunks_exact(count))
                .for_each(|(values, z)| g(self.unit, z, values));
            let mut weighted = plain.clone();
            for (p, (mut column, readout)) in weighted.column_iter_mut().zip(readouts).enumerate() {
                column *= weights.at(block * BLOCK + p) * factor(*readout);
            }
            moment += product_transpose(&weighted, &plain);
        }
        moment
    }
}

/// One step of the particles of a chunk; `gram` has one column per push.
fn descend<U: Unit>(
    unit: &U,
    rates: Rates,
    pushes: &[Push],
    gram: &Matrix,
    (readouts, projections): (&mut [f64], &mut [f64]),
    scratch: &mut Scratch,
) {
    let (count, pushed) = (gram.nrows(), pushes.len());
    let Scratch { seen, values, forces } = scratch;
    seen.resize(pushed, 0.0);
    values.resize(pushed, 0.0);
    forces.resize(pushed * readouts.len(), 0.0);
    for ((readout, z), force) in
        readouts.iter_mut().zip(projections.chunks_exact(count)).zip(forces.chunks_exact_mut(pushed))
    {
        seen.iter_mut().zip(pushes).for_each(|(seen, push)| *seen = z[push.sample]);
        unit.values(seen, values);
        unit.derivatives(seen, force);
        let mut moved = 0.0;
        for ((force, value), push) in force.iter_mut().zip(&*values).zip(pushes) {
            moved += push.gradient * value;
            *force *= push.gradient * *readout;
        }
        *readout -= rates.readout * moved;
    }
    let particles = readouts.len();
    let forces = MatRef::from_column_major_slice(forces, pushed, particles);
    let projections = MatMut::from_column_major_slice_mut(projections, count, particles);
    matmul(projections, Accum::Add, view(gram), forces, -rates.input, Par::Seq);
}

/// The sum of vectors of this length, in order.
fn sum(parts: Vec<Vec<f64>>, length: usize) -> Vec<f64> {
    let mut total = vec![0.0; length];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

impl<U: Unit> Dynamics for ParticleSystem<'_, U> {
    fn outputs(&self) -> &[f64] {
        &self.outputs
    }

    fn step(&mut self, pushes: &[Push]) {
        self.advance(pushes);
    }

    fn diagonals(&self) -> Tangent<Vec<f64>> {
        ParticleSystem::diagonals(self)
    }

    fn kernel(&self) -> Tangent<Matrix> {
        ParticleSystem::kernel(self)
    }
}
