//! Chooses the way to integrate over mixing matrices, and says how well it went.
//!
//! ```text
//! p(Y) = ∫ p(Q) p(Y | Q) dQ
//! ```
//!
//! (docs/theory/proportional-limit.md §8.)

use widenet_core::{Matrix, training::Control};

use super::{
    super::{HiddenLayers, LogLaw},
    Regression, Result,
    conditional::{Conditional, Shape},
    finite, importance, invalid, quadrature,
    scale::{Accuracy, ScaleLaw, integrate as integrate_scale},
    tempered,
};

/// A way to integrate over mixing matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Quadrature where there is one, otherwise importance sampling, and tempering where that is unreliable.
    #[default]
    Automatic,
    /// Deterministic: one output, inputs of rank one, the Gaussian process, or the limit of 2 × 2 mixing matrices.
    Quadrature,
    /// Shapes from the prior, weighted by their likelihood.
    Importance,
    /// Sequential Monte Carlo from the prior to the posterior through powers of the likelihood.
    Tempered,
}

/// How a posterior is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Way to integrate.
    pub method: Method,
    /// Shapes of importance sampling, ≥ 2.
    pub draws: u64,
    /// Particles of one run of sequential Monte Carlo, ≥ 10.
    pub particles: u64,
    /// Independent runs of it, ≥ 2: their scatter is the error.
    pub runs: u64,
    /// Moves of every particle per temperature, ≥ 1.
    pub sweeps: u64,
    /// Steps of the splitting scheme of the limit, `max(16, 16 α)` if not given.
    pub steps: Option<u64>,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { method: Method::Automatic, draws: 20_000, particles: 500, runs: 8, sweeps: 8, steps: None, seed: 0 }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        for (name, value, least) in [
            ("draws", self.draws, 2),
            ("particles", self.particles, 10),
            ("runs", self.runs, 2),
            ("sweeps", self.sweeps, 1),
            ("steps", self.steps.unwrap_or(1), 1),
        ] {
            if value < least || value > 1 << 32 {
                return Err(invalid(format!("{name} = {value}: it must be between {least} and 2^32")));
            }
        }
        Ok(())
    }
}

/// How a posterior was computed, and whether it can be relied on.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Way it was integrated: never [`Method::Automatic`].
    pub method: Method,
    /// Shapes, nodes or particles of all runs.
    pub draws: u64,
    /// `(Σ w)²/Σ w²` over draws, or over runs of sequential Monte Carlo.
    pub effective_sample_size: Option<f64>,
    /// Smallest share of the particles that a temperature left effective.
    pub smallest_incremental: Option<f64>,
    /// Temperatures of the longest run, 1 excluded.
    pub temperatures: u64,
    /// Share of accepted moves at every temperature of the first run (Metropolis moves; of slice moves, accepted per tried point).
    pub acceptance: Vec<f64>,
    /// Standard error of the log evidence; for quadrature, the change in its last refinement.
    pub log_evidence_error: f64,
    /// Why the result must not be relied on; `None` if it may.
    pub unreliable: Option<String>,
}

impl Diagnostics {
    /// Says whether the result may be relied on.
    pub fn reliable(&self) -> bool {
        self.unreliable.is_none()
    }
}

/// Log evidence of an architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// `log p(Y)`.
    pub log_evidence: f64,
    /// How it was computed.
    pub diagnostics: Diagnostics,
}

/// One shape of the mixture, with the posterior of its scale.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) shape: Shape,
    /// Weights of one group sum to 1.
    pub(super) weight: f64,
    pub(super) scales: Vec<(f64, f64)>,
}

/// An integral over mixing matrices.
#[derive(Debug, Clone)]
pub(super) struct Integral {
    pub(super) log_evidence: f64,
    /// Independent runs, with weights that sum to 1.
    pub(super) groups: Vec<(f64, Vec<Component>)>,
    pub(super) diagnostics: Diagnostics,
}

impl Integral {
    /// # Errors
    /// A log evidence or a diagnostic that is not finite.
    pub(super) fn check(&self) -> Result<()> {
        let Diagnostics { effective_sample_size, smallest_incremental, acceptance, log_evidence_error, .. } =
            &self.diagnostics;
        finite("log evidence", [&self.log_evidence, log_evidence_error])?;
        has_digits(self.log_evidence)?;
        finite("effective sample size", effective_sample_size.iter().chain(smallest_incremental).chain(acceptance))
    }
}

/// Progress, and whether to go on.
pub(super) type Watch<'a> = &'a mut dyn FnMut(f64) -> Control;

impl Regression {
    /// Returns `log p(Y)` of several architectures; the kernel is not taken apart again. `watch` is called with the share of the work done.
    ///
    /// # Errors
    /// As [`Regression::posterior`].
    pub fn evidence(
        &self,
        architectures: &[HiddenLayers],
        settings: &Settings,
        watch: Watch<'_>,
    ) -> Result<Vec<Evidence>> {
        let count = architectures.len() as f64;
        let of_one = |(i, layers): (usize, &HiddenLayers)| {
            let integral = integrate(self, layers, settings, &mut |share| watch((i as f64 + share) / count))?;
            integral.check()?;
            Ok(Evidence { log_evidence: integral.log_evidence, diagnostics: integral.diagnostics })
        };
        architectures.iter().enumerate().map(of_one).collect()
    }
}

pub(super) fn integrate(
    regression: &Regression,
    layers: &HiddenLayers,
    settings: &Settings,
    watch: Watch<'_>,
) -> Result<Integral> {
    settings.check()?;
    super::check(watch, 0.0)?;
    let mut found = by_method(regression, layers, settings, watch)?;
    if regression.inputs() == 0 {
        // Nothing has been said: the quadrature knows it only to its accuracy.
        found.log_evidence = 0.0;
    }
    Ok(found)
}

fn by_method(
    regression: &Regression,
    layers: &HiddenLayers,
    settings: &Settings,
    watch: Watch<'_>,
) -> Result<Integral> {
    let size = regression.mixing_size();
    if size <= 1 || layers.is_nngp() {
        return match settings.method {
            Method::Automatic | Method::Quadrature => scalar(regression, layers),
            method => Err(invalid(format!("{method:?} of a scalar: it is integrated by quadrature"))),
        };
    }
    let needed = regression.outputs().min(regression.rank()) as u64;
    if let Some(width) = layers.narrowest()
        && regression.noise == 0.0
        && width < needed
    {
        return Err(invalid(format!(
            "tau2 = 0 with a hidden layer of width {width}: {} outputs at inputs of rank {} have no density below width {needed}; the \
             targets need noise",
            regression.outputs(),
            regression.rank()
        )));
    }
    if regression.noise == 0.0
        && regression.rank() > 0
        && regression.targets.amax() == 0.0
        && !layers.groups().is_empty()
    {
        return Err(invalid("tau2 = 0 with targets that are all 0: the evidence of a finite network may be infinite"));
    }
    let pair = size == 2 && layers.groups().is_empty();
    match settings.method {
        Method::Quadrature if pair => quadrature::integrate(regression, layers, watch),
        Method::Quadrature => Err(invalid(format!(
            "no quadrature over {size} × {size} mixing matrices of these layers: use importance sampling or tempering"
        ))),
        Method::Importance => importance::integrate(regression, layers, settings, watch),
        Method::Tempered => tempered::integrate(regression, layers, settings, watch),
        Method::Automatic => {
            let first = if pair {
                quadrature::integrate(regression, layers, &mut |share| watch(0.5 * share))?
            } else {
                importance::integrate(regression, layers, settings, &mut |share| watch(0.5 * share))?
            };
            if first.diagnostics.reliable() {
                return Ok(first);
            }
            tempered::integrate(regression, layers, settings, &mut |share| watch(0.5 + 0.5 * share))
        }
    }
}

/// One output, one input, or the Gaussian process.
fn scalar(regression: &Regression, layers: &HiddenLayers) -> Result<Integral> {
    let law = if layers.is_nngp() {
        ScaleLaw::Point
    } else if layers.groups().is_empty() {
        ScaleLaw::Normal { mean: -layers.continuum(), variance: 2.0 * layers.continuum() }
    } else {
        ScaleLaw::Exact(LogLaw::scale(layers))
    };
    let shape = Shape::Scalar;
    let conditional = Conditional::new(regression, &shape);
    let modes = &conditional.modes;
    if modes.is_silent() && layers.narrowest().is_some_and(|width| modes.freedom() >= width as f64) {
        return Err(invalid(format!(
            "tau2 = 0 with targets that are all 0: their density is infinite for a hidden layer as narrow as {}",
            layers.narrowest().unwrap_or(0)
        )));
    }
    let posterior = integrate_scale(&law, modes, Accuracy::HIGH)?;
    let diagnostics = Diagnostics {
        method: Method::Quadrature,
        draws: posterior.nodes.len() as u64,
        effective_sample_size: None,
        smallest_incremental: None,
        temperatures: 0,
        acceptance: Vec::new(),
        log_evidence_error: Accuracy::HIGH.tolerance,
        unreliable: None,
    };
    let component = Component { shape, weight: 1.0, scales: posterior.nodes };
    Ok(Integral { log_evidence: posterior.log_evidence, groups: vec![(1.0, vec![component])], diagnostics })
}

/// Rounding of a log likelihood above which it says nothing about weights.
const LARGEST_ROUNDING: f64 = 1e-3;

/// # Errors
/// A finite log likelihood that is so large that differences of order 1 are lost in its rounding.
pub(super) fn has_digits(log: f64) -> Result<()> {
    if log.is_finite() && log.abs() * f64::EPSILON > LARGEST_ROUNDING {
        return Err(invalid(format!(
            "the log likelihood is about {log:.1e}, and its rounding hides which networks are more likely: the targets are too far from what \
             this network can say"
        )));
    }
    Ok(())
}

/// `ln Σ e^x`.
pub(super) fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + logs.map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// `E[Q̂ e^u | Y]` of a group.
pub(super) fn mean_matrix(components: &[Component]) -> Matrix {
    let mut sum: Option<Matrix> = None;
    for component in components.iter().filter(|component| component.weight > 0.0) {
        let scale: f64 = component.scales.iter().map(|(u, weight)| weight * u.exp()).sum();
        let term = component.shape.matrix() * (component.weight * scale);
        sum = Some(match sum {
            None => term,
            Some(sum) => sum + term,
        });
    }
    sum.unwrap_or_else(|| Matrix::zeros(0, 0))
}
