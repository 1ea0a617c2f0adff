//! All limits share the kernels of the inputs and the distribution of the initial function.
//!
//! ```text
//! Φ(x, x') = E φ(w·x) φ(w·x'),   Φ'(x, x') = E φ'(w·x) φ'(w·x'),      w ~ N(0, σ_w² I)
//! K̂ = S (α Φ + β Φ' x·x'),      F_init ~ GP(0, (S²/d*) Φ)
//! ```
//!
//! (docs/theory/scaling-limits.md §4.1, Eq. start.) Of a named activation these are the kernels of a network of one hidden layer in the
//! kernel regime; of any other they are quadratures over pairs of Gaussians.

use nalgebra::DVector;
use rand::distr::Distribution;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use widenet_core::{
    Matrix, Result,
    problem::Activation,
    scaling::{KernelLayer, KernelNetwork},
    seed::{Purpose, stream},
    training::Control,
};

use super::{constants::Constants, inputs::Inputs, tangent::Tangent, unit::Unit};
use crate::{
    error::invalid,
    kernel::{Error as KernelError, Which, kernels},
    linear_algebra::cholesky,
    quadrature::gauss_hermite,
};

/// What is added to the diagonal of the covariance of the initial function, relative to its mean (docs/theory/scaling-limits.md §4.1).
const JITTER: f64 = 1e-10;

/// Φ and K̂ of inputs.
#[derive(Debug, Clone)]
pub struct StartKernels {
    constants: Constants,
    train: usize,
    features: Matrix,
    tangent: Matrix,
}

impl StartKernels {
    /// Computes them in closed form, or by Hermite series. `watch` is called with the share of the work done.
    ///
    /// # Errors
    /// Constants that no network has; kernels that overflow; [`KernelError::Stopped`].
    pub fn new(
        activation: Activation,
        inputs: &Inputs,
        constants: Constants,
        watch: &mut dyn FnMut(f64) -> Control,
    ) -> std::result::Result<Self, KernelError> {
        constants.check()?;
        // In the kernel regime the first layer sees x·x'/d_x.
        let (scale, dimension) = (constants.output_scale, inputs.dimension() as f64);
        let without_bias = |weight_variance: f64, weight_tangent: f64| KernelLayer {
            weight_variance,
            bias_variance: 0.0,
            weight_tangent,
            bias_tangent: 0.0,
        };
        let layers = vec![
            without_bias(constants.input_std.powi(2) * dimension, scale * constants.input_rate * dimension),
            without_bias(1.0, scale * constants.readout_rate),
        ];
        let network = KernelNetwork { activation, layers, image: None };
        let kernels = kernels(&network, inputs.rows(), None, Which::Both, watch)?;
        let (features, tangent) = (kernels.nngp.unwrap_or_default(), kernels.tangent.unwrap_or_default());
        Ok(Self { constants, train: inputs.train(), features, tangent })
    }

    /// Computes them by Gauss–Hermite quadrature with this many nodes for each of the two Gaussians: for a smooth φ, and few inputs.
    ///
    /// # Errors
    /// Constants that no network has; more nodes than the quadrature has; kernels that overflow.
    pub fn by_quadrature(unit: &impl Unit, inputs: &Inputs, constants: Constants, nodes: usize) -> Result<Self> {
        constants.check()?;
        let rule = gauss_hermite(nodes)?;
        let (gram, count) = (inputs.gram(), inputs.count());
        let pair = |i: usize, j: usize| -> (f64, f64) {
            let (first, second) = (gram[(i, i)].sqrt(), gram[(j, j)].sqrt());
            let lengths = first * second;
            let cosine = if lengths > 0.0 { (gram[(i, j)] / lengths).clamp(-1.0, 1.0) } else { 0.0 };
            let sine = (1.0 - cosine * cosine).sqrt();
            let (first, second) = (constants.input_std * first, constants.input_std * second);
            let (mut feature, mut slope) = (0.0, 0.0);
            for (z, weight) in &rule {
                let (mut value, mut derivative) = (0.0, 0.0);
                for (other, weight) in &rule {
                    let v = second * (cosine * z + sine * other);
                    value += weight * unit.value(v);
                    derivative += weight * unit.derivative(v);
                }
                feature += weight * unit.value(first * z) * value;
                slope += weight * unit.derivative(first * z) * derivative;
            }
            (feature, slope)
        };
        let columns: Vec<Vec<(f64, f64)>> =
            (0..count).into_par_iter().map(|j| (0..=j).map(|i| pair(i, j)).collect()).collect();
        let at = |i: usize, j: usize| columns[i.max(j)][i.min(j)];
        let features = Matrix::from_fn(count, count, |i, j| at(i, j).0);
        let Constants { output_scale: scale, readout_rate, input_rate, .. } = constants;
        let tangent = Matrix::from_fn(count, count, |i, j| {
            scale * (readout_rate * at(i, j).0 + input_rate * at(i, j).1 * gram[(i, j)])
        });
        if let Some(value) = tangent.iter().find(|value| !value.is_finite()) {
            return Err(invalid(format!("the kernel at the start holds {value}; the inputs or weights are too large")));
        }
        Ok(Self { constants, train: inputs.train(), features, tangent })
    }

    /// Returns M, the number of inputs.
    pub fn count(&self) -> usize {
        self.features.nrows()
    }

    /// Returns m, the number of training inputs.
    pub fn train(&self) -> usize {
        self.train
    }

    /// Returns Φ, M × M.
    pub fn features(&self) -> &Matrix {
        &self.features
    }

    /// Returns K̂, M × M.
    pub fn tangent(&self) -> &Matrix {
        &self.tangent
    }

    /// Returns K̂ by the layer that learns, M × M each.
    pub fn by_layer(&self) -> Tangent<Matrix> {
        let readout = &self.features * self.readout_factor();
        let input = &self.tangent - &readout;
        Tangent { readout, input }
    }

    /// Returns their diagonals, M each.
    pub fn diagonals(&self) -> Tangent<Vec<f64>> {
        let factor = self.readout_factor();
        let readout: Vec<f64> = (0..self.count()).map(|i| factor * self.features[(i, i)]).collect();
        let input = readout.iter().enumerate().map(|(i, readout)| self.tangent[(i, i)] - readout).collect();
        Tangent { readout, input }
    }

    /// `S α`.
    fn readout_factor(&self) -> f64 {
        self.constants.output_scale * self.constants.readout_rate
    }

    /// Returns the covariance `(S²/d*) Φ` of the initial function, M × M.
    pub fn covariance(&self) -> Matrix {
        &self.features * (self.constants.output_scale.powi(2) / self.constants.reference_width)
    }

    /// Returns the law of the initial function.
    ///
    /// # Errors
    /// A covariance that is not positive definite even with jitter.
    pub fn distribution(&self) -> Result<StartDistribution> {
        let mut covariance = self.covariance();
        let count = covariance.nrows();
        let jitter = JITTER * covariance.trace() / count as f64;
        for i in 0..count {
            covariance[(i, i)] += jitter;
        }
        let Some(mut factor) = cholesky(covariance) else {
            return Err(invalid(format!(
                "the covariance of the initial function on {count} inputs is not positive definite, even with {JITTER:e} of its mean added \
                 to the diagonal"
            )));
        };
        factor.fill_upper_triangle(0.0, 1);
        Ok(StartDistribution { factor })
    }
}

/// The Gaussian law of the initial function on all inputs.
#[derive(Debug, Clone)]
pub struct StartDistribution {
    /// Lower Cholesky factor of its covariance.
    factor: Matrix,
}

impl StartDistribution {
    /// Returns `F_init` number `index` of a seed, M.
    pub fn sample(&self, seed: u64, index: u64) -> Vec<f64> {
        let mut rng = stream(seed, Purpose::ClassifierStart, index);
        let normals = DVector::from_fn(self.factor.nrows(), |_, _| StandardNormal.sample(&mut rng));
        (&self.factor * normals).as_slice().to_vec()
    }
}
