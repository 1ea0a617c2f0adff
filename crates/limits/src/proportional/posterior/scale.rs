//! Integrates over the scale of the mixing matrix by quadrature centered on its posterior.
//!
//! ```text
//! ∫ p(u) p(Y | u) du ≈ h Σ_j p(u_j) p(Y | u_j),    u_j = mode + j h
//! ```
//!
//! (docs/theory/proportional-limit.md §8.1, Eq. 8.4.) The trapezoid rule converges geometrically for an analytic integrand that decays on
//! both sides. Nodes that are fixed by the prior would miss a posterior that is √(2/P) wide.

use super::{
    super::log_law::LogLaw,
    conditional::Modes,
    error::{Result, invalid},
};

/// Nodes of the table per standard deviation, and how far the logarithm has fallen at its ends.
const DENSITY: f64 = 40.0;
const DEPTH: f64 = 60.0;
/// Standard deviations at which a table ends in any case; beyond it the law itself is asked.
const FARTHEST: f64 = 100.0;
/// Most nodes of one integral.
const LARGEST: usize = 2_000_000;

/// Prior law of the scale.
#[derive(Debug, Clone)]
pub(super) enum ScaleLaw {
    /// u = 0.
    Point,
    /// The continuum alone.
    Normal { mean: f64, variance: f64 },
    /// Any, point by point.
    Exact(LogLaw),
    /// Any, interpolated, to 1e-7 of how far it has fallen from its top: for thousands of integrals.
    Table { law: LogLaw, start: f64, step: f64, values: Vec<f64> },
}

impl ScaleLaw {
    /// # Errors
    /// A density that cannot be relied on.
    pub(super) fn tabulated(law: LogLaw) -> Result<Self> {
        let (mean, deviation) = (law.mean(), law.variance().sqrt());
        // Narrow layers have an exponential tail on the left.
        let top = law.log_density(mean)?;
        let reach = |side: f64| -> Result<f64> {
            for deviations in (1..50).map(|k| 2.0 * f64::from(k)) {
                if law.log_density(mean + side * deviations * deviation)? < top - DEPTH {
                    return Ok(deviations);
                }
            }
            Ok(FARTHEST)
        };
        let (left, right) = (reach(-1.0)?, reach(1.0)?);
        let (start, step) = (mean - left * deviation, deviation / DENSITY);
        let points = 0..((left + right) * DENSITY) as usize;
        let values = points.map(|i| law.log_density(start + i as f64 * step)).collect::<std::result::Result<_, _>>()?;
        Ok(Self::Table { law, start, step, values })
    }

    fn mean(&self) -> f64 {
        match self {
            Self::Point => 0.0,
            Self::Normal { mean, .. } => *mean,
            Self::Exact(law) | Self::Table { law, .. } => law.mean(),
        }
    }

    fn variance(&self) -> f64 {
        match self {
            Self::Point => 0.0,
            Self::Normal { variance, .. } => *variance,
            Self::Exact(law) | Self::Table { law, .. } => law.variance(),
        }
    }

    pub(super) fn log_density(&self, u: f64) -> Result<f64> {
        Ok(match self {
            Self::Point => f64::NEG_INFINITY,
            Self::Normal { mean, variance } => {
                -0.5 * ((u - mean).powi(2) / variance + (std::f64::consts::TAU * variance).ln())
            }
            Self::Exact(law) => law.log_density(u)?,
            Self::Table { law, start, step, values } => {
                let position = (u - start) / step;
                let i = position.floor();
                if !(i >= 1.0 && i + 2.0 < values.len() as f64) {
                    return Ok(law.log_density(u)?);
                }
                let (x, i) = (position - i, i as usize);
                // Cubic through four neighbours.
                let [a, b, c, d] = [values[i - 1], values[i], values[i + 1], values[i + 2]];
                let outer = d * (x + 1.0) - a * (x - 2.0);
                let inner = b * (x - 1.0) - c * x;
                x * (x - 1.0) / 6.0 * outer + (x + 1.0) * (x - 2.0) / 2.0 * inner
            }
        })
    }

    fn derivatives(&self, u: f64) -> Result<(f64, f64)> {
        Ok(match self {
            Self::Normal { mean, variance } => (-(u - mean) / variance, -1.0 / variance),
            _ => {
                let step = 0.02 * self.variance().sqrt();
                let (left, centre, right) =
                    (self.log_density(u - step)?, self.log_density(u)?, self.log_density(u + step)?);
                ((right - left) / (2.0 * step), (right - 2.0 * centre + left) / (step * step))
            }
        })
    }
}

/// Posterior of the scale for one shape.
#[derive(Debug, Clone)]
pub(super) struct ScalePosterior {
    /// `ln ∫ p(u) p(Y | u) du`.
    pub(super) log_evidence: f64,
    /// u with weights that sum to 1.
    pub(super) nodes: Vec<(f64, f64)>,
}

/// Step with which laws of outputs are right to 1e-12.
pub(super) const FINE: f64 = 0.35;

/// How an integral is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accuracy {
    /// Change of the log evidence, when the step is halved, that ends it.
    pub(super) tolerance: f64,
    /// How far the integrand falls before it is left out, in logarithms.
    pub(super) drop: f64,
    /// Whether to look for further modes over the whole prior.
    pub(super) scan: bool,
    /// Largest step in u. Laws of outputs given u are analytic up to a distance of π/2 from the real axis, so that the rule errs by
    /// e^{−π²/h} of them, however coarse a step the evidence alone would allow.
    pub(super) coarsest: f64,
}

impl Accuracy {
    /// For one integral.
    pub(super) const HIGH: Self = Self { tolerance: 1e-10, drop: 46.0, scan: true, coarsest: FINE };
    /// For one of thousands.
    pub(super) const GOOD: Self = Self { tolerance: 1e-7, drop: 34.0, scan: false, coarsest: f64::INFINITY };
}

/// The posterior of the scale.
pub(super) fn integrate(law: &ScaleLaw, modes: &Modes, accuracy: Accuracy) -> Result<ScalePosterior> {
    if let ScaleLaw::Point = law {
        return Ok(ScalePosterior { log_evidence: modes.log_likelihood(0.0), nodes: vec![(0.0, 1.0)] });
    }
    let value = |u: f64| Ok(law.log_density(u)? + modes.log_likelihood(u));
    let deviation = law.variance().sqrt();
    let mut start = law.mean();
    let mut hull = (f64::INFINITY, f64::NEG_INFINITY);
    if accuracy.scan {
        let points = (-120..=120).map(|i| law.mean() + 0.1 * f64::from(i) * deviation);
        let points = points.map(|u| Ok((u, value(u)?))).collect::<Result<Vec<(f64, f64)>>>()?;
        let best = points.iter().fold(points[0], |best, point| if point.1 > best.1 { *point } else { best });
        start = best.0;
        for (u, height) in &points {
            if *height > best.1 - accuracy.drop {
                hull = (hull.0.min(*u), hull.1.max(*u));
            }
        }
    }
    let (centre, width) = mode(law, modes, &value, start, deviation)?;
    let top = value(centre)?;
    if top == f64::NEG_INFINITY {
        return Ok(ScalePosterior { log_evidence: top, nodes: vec![(centre, 1.0)] });
    }
    if !top.is_finite() {
        return Err(invalid("the likelihood is infinite: the targets need noise, tau2 > 0"));
    }
    let mut step = 0.5 * width;
    // Logarithms by the position j; first right, then left of the mode.
    let mut heights = [Vec::new(), Vec::new()];
    let mut highest = top;
    for (direction, heights) in [1.0, -1.0].into_iter().zip(&mut heights) {
        loop {
            let u = centre + direction * step * (heights.len() + 1) as f64;
            let height = value(u)?;
            heights.push((u, height));
            highest = highest.max(height);
            let inside = if direction > 0.0 { u < hull.1 } else { u > hull.0 };
            // Written so that NaN ends it.
            if !(inside || height > highest - accuracy.drop) {
                break;
            }
            if heights.len() > LARGEST {
                return Err(invalid(
                    "the posterior of the scale of the network does not decay: without noise these targets need wider layers or tau2 > 0",
                ));
            }
        }
    }
    let [right, left] = heights;
    let mut nodes: Vec<(f64, f64)> = left.into_iter().rev().chain([(centre, top)]).chain(right).collect();
    let log_sum = |nodes: &mut dyn Iterator<Item = f64>| nodes.map(|height| (height - highest).exp()).sum::<f64>().ln();
    // The coarser rule on every other node, the mode among them or not.
    let mut before = log_sum(&mut nodes.iter().step_by(2).map(|node| node.1)) + (2.0 * step).ln();
    loop {
        let now = log_sum(&mut nodes.iter().map(|node| node.1)) + step.ln();
        let allowed = accuracy.tolerance + 1e-14 * highest.abs();
        if ((now - before).abs() < allowed && step <= accuracy.coarsest) || nodes.len() > LARGEST {
            if nodes.len() > LARGEST {
                return Err(invalid("the quadrature over the scale of the network did not converge"));
            }
            let (total, log_step) = (now, step.ln());
            nodes.iter_mut().for_each(|node| node.1 = (node.1 - highest + log_step - total).exp());
            return Ok(ScalePosterior { log_evidence: highest + total, nodes });
        }
        before = now;
        let mut finer = Vec::with_capacity(2 * nodes.len());
        for pair in nodes.windows(2) {
            let u = 0.5 * (pair[0].0 + pair[1].0);
            finer.extend([pair[0], (u, value(u)?)]);
        }
        finer.extend(nodes.last().copied());
        (nodes, step) = (finer, 0.5 * step);
    }
}

/// Steps of Newton's method after which it doubles its steps: the logarithm of a likelihood falls exponentially where the scale is much
/// too small, and Newton then moves by 1. Ordinary data need fewer than ten.
const PATIENCE: u32 = 30;

/// A maximum of the integrand and the width of its parabola there.
fn mode(
    law: &ScaleLaw,
    modes: &Modes,
    value: &dyn Fn(f64) -> Result<f64>,
    start: f64,
    deviation: f64,
) -> Result<(f64, f64)> {
    let slopes = |u: f64| -> Result<(f64, f64)> {
        let ((a, b), (c, d)) = (law.derivatives(u)?, modes.derivatives(u));
        Ok((a + c, b + d))
    };
    let widest = deviation;
    let mut u = start;
    let mut height = value(u)?;
    let mut width = widest;
    let mut stride = 1.0;
    for tried in 0..400 {
        let (first, second) = slopes(u)?;
        if !(first.is_finite() && second.is_finite()) {
            return Ok((u, width));
        }
        width = if second < 0.0 { (-1.0 / second).sqrt().min(widest) } else { widest };
        let mut step = if second < 0.0 { -first / second } else { first.signum() * widest };
        step = step.clamp(-8.0 * widest, 8.0 * widest);
        if step.abs() < 0.02 * width {
            return Ok((u, width));
        }
        if tried >= PATIENCE {
            step *= stride;
            stride *= 2.0;
        }
        // Halved until it climbs.
        let mut next = value(u + step)?;
        for _ in 0..40 {
            if next > height {
                break;
            }
            (step, stride) = (0.5 * step, 1.0);
            next = value(u + step)?;
        }
        if next.is_nan() || next <= height {
            return Ok((u, width));
        }
        (u, height) = (u + step, next);
    }
    Err(invalid(format!(
        "the most likely scale of the network was not found near log q = {u}: the targets are too far from what the network can say"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::super::layers::{HiddenLayers, LayerGroup};
    use super::*;

    /// Between nodes, at both ends of the table and beyond them.
    #[test]
    fn the_table_is_the_law() {
        let layers = |width, count, alpha| HiddenLayers::new(&[LayerGroup { width, count }], alpha).expect("layers");
        for layers in [layers(1, 1, 0.0), layers(2, 3, 0.0), layers(24, 48, 0.0), layers(500, 3, 0.2)] {
            let law = LogLaw::scale(&layers);
            let table = ScaleLaw::tabulated(law.clone()).expect("a table");
            let ScaleLaw::Table { start, step, ref values, .. } = table else { panic!("a table") };
            let last = values.len() as f64;
            let inside = (0..60).map(|k| 0.37 + 0.0166 * f64::from(k) * last);
            for position in inside.chain([-30.0, -0.5, 0.9, 1.1, last - 2.1, last - 1.9, last + 25.0]) {
                let u = start + position * step;
                let (found, expected) =
                    (table.log_density(u).expect("a density"), law.log_density(u).expect("a density"));
                let fall = law.log_density(law.mean()).expect("a density") - expected;
                assert!(
                    (found - expected).abs() < 1e-7 * (3.0 + fall.abs()),
                    "{layers:?} at {position}: {found} {expected}"
                );
            }
        }
    }
}
