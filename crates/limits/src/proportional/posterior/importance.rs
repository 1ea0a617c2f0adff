//! Importance sampling draws shapes from the prior and weights them by their likelihood, with the scale integrated out.
//!
//! ```text
//! w_i = ∫ p(u) p(Y | u, Q̂_i) du,    p(Y) ≈ mean w,    ESS = (Σ w)²/Σ w²
//! ```
//!
//! (docs/theory/proportional-limit.md §8.2, Eq. 8.7.)

use rayon::prelude::*;
use widenet_core::seed::{Purpose, stream};

use super::{
    super::layers::HiddenLayers,
    conditional::{Conditional, Shape},
    error::{Result, check, invalid},
    mixture::{Component, Integral, Watch, has_digits, log_sum},
    regression::Regression,
    scale::{Accuracy, integrate as integrate_scale},
    settings::{Diagnostics, Method, Settings},
    shape::ShapeLaw,
};

/// Draws between two looks at `watch`.
const BLOCK: u64 = 2048;
/// Least effective sample, and as a share of the draws.
const LEAST: (f64, f64) = (200.0, 0.01);
/// Weight, relative to the largest, of a draw that changes no digit.
const NEGLIGIBLE: f64 = 1e-18;

pub(super) fn integrate(
    regression: &Regression,
    layers: &HiddenLayers,
    settings: &Settings,
    watch: Watch<'_>,
) -> Result<Integral> {
    let law = ShapeLaw::new(regression.mixing_size(), layers, settings.steps)?;
    let draw = |index: u64| -> Result<(f64, Component)> {
        let rng = &mut stream(settings.seed, Purpose::Particle(0), index);
        let shape = Shape::new(regression, law.draw_factor(rng));
        let posterior = integrate_scale(&law.scale, &Conditional::new(regression, &shape).modes, Accuracy::GOOD)?;
        Ok((posterior.log_evidence, Component { shape, weight: 0.0, scales: posterior.nodes }))
    };
    let mut logs = Vec::new();
    let mut components: Vec<(f64, Component)> = Vec::new();
    let mut highest = f64::NEG_INFINITY;
    for start in (0..settings.draws).step_by(BLOCK as usize) {
        let block = (start..settings.draws.min(start + BLOCK)).into_par_iter().map(draw).collect::<Result<Vec<_>>>()?;
        logs.extend(block.iter().map(|(log, _)| *log));
        highest = logs.iter().copied().fold(highest, f64::max);
        let matters = |(log, _): &(f64, Component)| *log >= highest + NEGLIGIBLE.ln();
        components.extend(block.into_iter().filter(matters));
        components.retain(matters);
        check(watch, (start + BLOCK) as f64 / (settings.draws + BLOCK) as f64)?;
    }
    let total = log_sum(logs.iter().copied());
    if total == f64::NEG_INFINITY {
        return Err(invalid("no draw of importance sampling has a likelihood above 0: use tempering"));
    }
    has_digits(total)?;
    if !total.is_finite() {
        return Err(invalid(format!(
            "the likelihoods of the draws of importance sampling add to e^({total}): use tempering"
        )));
    }
    let (draws, squares) = (settings.draws as f64, log_sum(logs.iter().map(|log| 2.0 * log)));
    let effective = (2.0 * total - squares).exp();
    let components =
        components.into_iter().map(|(log, component)| Component { weight: (log - total).exp(), ..component });
    let least = LEAST.0.max(LEAST.1 * draws);
    let diagnostics = Diagnostics {
        method: Method::Importance,
        draws: settings.draws,
        effective_sample_size: Some(effective),
        smallest_incremental: None,
        temperatures: 0,
        acceptance: Vec::new(),
        log_evidence_error: ((1.0 / effective - 1.0 / draws) * draws / (draws - 1.0)).max(0.0).sqrt(),
        unreliable: (effective < least).then(|| {
            format!("the effective sample of importance sampling is {effective:.1} of {draws} draws, below {least}: use tempering")
        }),
    };
    Ok(Integral { log_evidence: total - draws.ln(), groups: vec![(1.0, components.collect())], diagnostics })
}
