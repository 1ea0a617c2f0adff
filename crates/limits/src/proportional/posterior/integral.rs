//! Chooses the way to integrate over mixing matrices, and says how well it went.
//!
//! ```text
//! p(Y) = ∫ p(Q) p(Y | Q) dQ
//! ```
//!
//! (docs/theory/proportional-limit.md §8.)

use super::{
    super::{layers::HiddenLayers, log_law::LogLaw},
    conditional::{Conditional, Shape},
    error::{Result, check, invalid},
    importance,
    mixture::{Component, Integral, Watch},
    quadrature,
    regression::Regression,
    scale::{Accuracy, ScaleLaw, integrate as integrate_scale},
    settings::{Diagnostics, Evidence, Method, Settings},
    tempered,
};

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
    check(watch, 0.0)?;
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
