//! Summarizes a mixture of Gaussian processes by means, variances and mixing matrices.
//!
//! ```text
//! E f = E m(Q),    Var f = E v(Q) + Var m(Q)
//! ```
//!
//! (docs/theory/proportional-limit.md §8.1, §8.2, Eq. 8.3, Eq. 8.5.)

use rayon::prelude::*;
use widenet_core::Matrix;

use super::{
    super::layers::HiddenLayers,
    conditional::{Conditional, Shape},
    error::{Result, finite, invalid},
    integral::integrate,
    marginal::Marginal,
    mixture::{Component, Integral, Watch, mean_matrix},
    regression::Regression,
    settings::{Diagnostics, Settings},
};

/// Weight of a mixture component that changes no digit.
const NEGLIGIBLE: f64 = 1e-17;
/// Components per task; sums are taken in this order on any number of threads.
const CHUNK: usize = 64;

/// Posterior mean of the mixing matrix: 1 or the identity for the Gaussian process; without the gain.
#[derive(Debug, Clone, PartialEq)]
pub enum MeanMixing {
    /// One output, or inputs of rank one: `E[q | Y]` and `E[log q | Y]`.
    Scale {
        /// `E[q | Y]`.
        mean: f64,
        /// `E[log q | Y]`.
        mean_log: f64,
    },
    /// `E[Q | Y]`, D × D.
    Outputs(Matrix),
    /// `E[K_L | Y]` at the training inputs, P × P: the features' kernel, where inputs are mixed.
    Inputs(Matrix),
}

/// Posterior of the noise-free outputs at the test inputs.
#[derive(Debug, Clone)]
pub struct Posterior<'a> {
    regression: &'a Regression,
    integral: Integral,
    /// Means, T × D.
    pub mean: Matrix,
    /// Variances, T × D.
    pub variance: Matrix,
    /// Monte Carlo standard errors of the means, T × D; 0 for quadrature.
    pub mean_error: Matrix,
    /// Mean of the mixing matrix.
    pub mixing: MeanMixing,
}

impl Regression {
    /// Returns the posterior of a network with these hidden layers. `watch` is called with the share of the work done; results are the same
    /// on any number of threads.
    ///
    /// # Errors
    /// Settings out of range; a method that does not apply; τ² = 0 where the targets have no density or an infinite one;
    /// [`Error::Stopped`](super::Error::Stopped). A result that may be wrong is no error: see [`Diagnostics::unreliable`].
    pub fn posterior(&self, layers: &HiddenLayers, settings: &Settings, watch: Watch<'_>) -> Result<Posterior<'_>> {
        let integral = integrate(self, layers, settings, &mut |share| watch(0.9 * share))?;
        super::error::check(watch, 0.9)?;
        integral.check()?;
        let (tests, outputs) = (self.tests(), self.outputs());
        let groups: Vec<(f64, Sums)> =
            integral.groups.iter().map(|(weight, components)| (*weight, Sums::of(self, components))).collect();
        let count = groups.len() as f64;
        let (mut mean, mut variance, mut error) =
            (Matrix::zeros(tests, outputs), Matrix::zeros(tests, outputs), Matrix::zeros(tests, outputs));
        for t in 0..tests {
            for e in 0..outputs {
                let at = t * outputs + e;
                let centre: f64 = groups.iter().map(|(weight, sums)| weight * sums.mean[at]).sum();
                let off = |sums: &Sums| sums.mean[at] - centre;
                mean[(t, e)] = centre;
                variance[(t, e)] =
                    groups.iter().map(|(weight, sums)| weight * (sums.variance[at] + off(sums).powi(2))).sum();
                let square = match &groups[..] {
                    [(_, sums)] if integral.diagnostics.effective_sample_size.is_some() => sums.error[at],
                    [_] => 0.0,
                    _ => {
                        let scatter: f64 = groups.iter().map(|(weight, sums)| (weight * off(sums)).powi(2)).sum();
                        scatter * count / (count - 1.0)
                    }
                };
                error[(t, e)] = square.max(0.0).sqrt();
            }
        }
        let mixing = self.mean_mixing(&integral);
        finite("posterior mean", mean.iter())?;
        finite("posterior variance", variance.iter())?;
        finite("standard error of the posterior mean", error.iter())?;
        match &mixing {
            MeanMixing::Scale { mean, mean_log } => finite("posterior mean of the mixing variable", [mean, mean_log])?,
            MeanMixing::Outputs(matrix) => finite("posterior mean of the mixing matrix", matrix.iter())?,
            MeanMixing::Inputs(matrix) => finite("posterior mean of the features' kernel", matrix.iter())?,
        }
        Ok(Posterior { regression: self, integral, mean, variance, mean_error: error, mixing })
    }

    fn mean_mixing(&self, integral: &Integral) -> MeanMixing {
        let outputs = self.outputs();
        if let Some(Component { shape: Shape::Scalar, scales, .. }) = integral.groups.first().and_then(|g| g.1.first())
        {
            let expectation = |h: fn(f64) -> f64| scales.iter().map(|(u, weight)| weight * h(*u)).sum::<f64>();
            let mean = expectation(f64::exp);
            // A point mass of the NNGP stands for matrices as well.
            return if self.mixing_size() > 1 && self.joint.is_none() {
                MeanMixing::Outputs(Matrix::identity(outputs, outputs) * mean)
            } else {
                MeanMixing::Scale { mean, mean_log: expectation(|u| u) }
            };
        }
        let size = self.mixing_size();
        let add = |sum: Matrix, (weight, components): &(f64, Vec<Component>)| sum + mean_matrix(components) * *weight;
        let matrix = integral.groups.iter().fold(Matrix::zeros(size, size), add);
        match &self.joint {
            Some(root) => MeanMixing::Inputs(&root.features * matrix * root.features.transpose()),
            None => MeanMixing::Outputs(matrix),
        }
    }
}

impl Posterior<'_> {
    /// Returns `log p(Y)`; without noise the density on the range of the kernel.
    pub fn log_evidence(&self) -> f64 {
        self.integral.log_evidence
    }

    /// Says how it was computed, and whether it can be relied on.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.integral.diagnostics
    }

    /// Returns the distribution of one output at one test input.
    ///
    /// # Errors
    /// No such test input or output.
    pub fn marginal(&self, test: usize, output: usize) -> Result<Marginal> {
        let (tests, outputs) = (self.regression.tests(), self.regression.outputs());
        if test >= tests || output >= outputs {
            return Err(invalid(format!(
                "output {output} at test input {test}: there are {outputs} outputs and {tests} test inputs"
            )));
        }
        let mut laws = Vec::new();
        for (weight, components) in &self.integral.groups {
            let chunk = |chunk: &[Component]| {
                let (mut mean, mut variance) = (vec![0.0; outputs], vec![0.0; outputs]);
                let mut laws = Vec::new();
                for component in chunk {
                    let conditional = Conditional::new(self.regression, &component.shape);
                    for (u, share) in &component.scales {
                        let total = weight * component.weight * share;
                        if total > NEGLIGIBLE {
                            conditional.predict(test, *u, &mut mean, &mut variance);
                            laws.push((total, mean[output], variance[output].sqrt()));
                        }
                    }
                }
                laws
            };
            laws.par_extend(components.par_chunks(CHUNK).flat_map_iter(chunk));
        }
        Ok(Marginal::new(laws))
    }
}

/// Sums over the components of a group, output by output within a test input.
struct Sums {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// Square of the standard error of the mean by the delta method.
    error: Vec<f64>,
}

/// Sums of w, w m, w (v + m²), w², w² m, w² m², with m relative to a reference.
#[derive(Clone)]
struct Partial {
    weight: f64,
    first: Vec<f64>,
    second: Vec<f64>,
    squares: f64,
    squares_first: Vec<f64>,
    squares_second: Vec<f64>,
}

impl Sums {
    fn of(regression: &Regression, components: &[Component]) -> Self {
        let (tests, outputs) = (regression.tests(), regression.outputs());
        let size = tests * outputs;
        let heaviest = components.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
        // Means are measured from those of the heaviest node, so that a narrow posterior keeps its digits.
        let mut reference = vec![0.0; size];
        if let Some(component) = heaviest
            && let Some((u, _)) = component.scales.iter().max_by(|a, b| a.1.total_cmp(&b.1))
        {
            let conditional = Conditional::new(regression, &component.shape);
            let mut spread = vec![0.0; outputs];
            for (t, row) in reference.chunks_exact_mut(outputs).enumerate() {
                conditional.predict(t, *u, row, &mut spread);
            }
        }
        let empty = || Partial {
            weight: 0.0,
            first: vec![0.0; size],
            second: vec![0.0; size],
            squares: 0.0,
            squares_first: vec![0.0; size],
            squares_second: vec![0.0; size],
        };
        let chunk = |chunk: &[Component]| {
            let mut partial = empty();
            let (mut mean, mut variance) = (vec![0.0; outputs], vec![0.0; outputs]);
            let (mut centre, mut spread) = (vec![0.0; size], vec![0.0; size]);
            for component in chunk {
                let conditional = Conditional::new(regression, &component.shape);
                centre.fill(0.0);
                spread.fill(0.0);
                for (u, share) in component.scales.iter().filter(|scale| component.weight * scale.1 > NEGLIGIBLE) {
                    for t in 0..tests {
                        conditional.predict(t, *u, &mut mean, &mut variance);
                        for e in 0..outputs {
                            let at = t * outputs + e;
                            let off = mean[e] - reference[at];
                            centre[at] += share * off;
                            spread[at] += share * (variance[e] + off * off);
                        }
                    }
                }
                let weight = component.weight;
                partial.weight += weight;
                partial.squares += weight * weight;
                for at in 0..size {
                    partial.first[at] += weight * centre[at];
                    partial.second[at] += weight * spread[at];
                    partial.squares_first[at] += weight * weight * centre[at];
                    partial.squares_second[at] += weight * weight * centre[at] * centre[at];
                }
            }
            partial
        };
        let partials: Vec<Partial> = components.par_chunks(CHUNK).map(chunk).collect();
        let total = partials.into_iter().fold(empty(), |mut total, partial| {
            total.weight += partial.weight;
            total.squares += partial.squares;
            for (to, from) in [
                (&mut total.first, partial.first),
                (&mut total.second, partial.second),
                (&mut total.squares_first, partial.squares_first),
                (&mut total.squares_second, partial.squares_second),
            ] {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
            total
        });
        let weight = if total.weight > 0.0 { total.weight } else { 1.0 };
        let mut sums = Self { mean: reference, variance: vec![0.0; size], error: vec![0.0; size] };
        for at in 0..size {
            let off = total.first[at] / weight;
            sums.mean[at] += off;
            sums.variance[at] = (total.second[at] / weight - off * off).max(0.0);
            sums.error[at] = (total.squares_second[at] - 2.0 * off * total.squares_first[at]
                + off * off * total.squares)
                / (weight * weight);
        }
        sums
    }
}
