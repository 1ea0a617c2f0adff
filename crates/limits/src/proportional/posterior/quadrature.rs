//! Integrates over 2 × 2 mixing matrices of the limit by quadrature over eigenvalue ratio and angle, around the posterior.
//!
//! ```text
//! Q = e^u O(φ/2) diag(e^ρ, e^{−ρ}) O(φ/2)ᵀ,    u ~ N(−3α/2, α),    φ uniform on [0, 2π),    ρ by its density
//! ```
//!
//! (docs/theory/proportional-limit.md §5.3, §8.2, Eq. 5.3.) The window of (ρ, φ) shrinks until the integrand fills it; then Gauss–Legendre
//! nodes in ρ and equal ones in φ are doubled.

use std::f64::consts::TAU;

use rayon::prelude::*;
use widenet_core::{Matrix, training::Control};

use crate::quadrature::gauss_legendre;

use super::{
    super::{hyperbolic::EigenvalueRatio, layers::HiddenLayers},
    conditional::{Conditional, Shape},
    error::{Result, check, invalid},
    mixture::{Component, Integral, Watch, log_sum, mean_matrix},
    regression::Regression,
    scale::{Accuracy, FINE, ScaleLaw, integrate as integrate_scale},
    settings::{Diagnostics, Method},
};

/// What a point may be below the highest one before it is left out, in logarithms.
const DROP: f64 = 40.0;
/// Change of log evidence and mean matrix that ends the refinement.
const TOLERANCE: f64 = 1e-10;
/// Nodes per side of the search for the window.
const SEARCH: usize = 32;
/// Nodes in (ρ, φ) at first, and how often they are doubled.
const NODES: (usize, usize) = (40, 24);
const DOUBLINGS: u32 = 4;

/// A window of (ρ, φ).
#[derive(Debug, Clone, Copy)]
struct Window {
    radius: (f64, f64),
    angle: (f64, f64),
}

/// A node: logarithm of weight, density and likelihood, and its component.
type Node = (f64, Component);

pub(super) fn integrate(regression: &Regression, layers: &HiddenLayers, watch: Watch<'_>) -> Result<Integral> {
    let alpha = layers.continuum();
    let law = EigenvalueRatio::new(alpha)?;
    let scale = ScaleLaw::Normal { mean: -1.5 * alpha, variance: alpha };
    let evaluate = |(rho, angle, weight): (f64, f64, f64), accuracy: Accuracy| -> Result<Node> {
        let (sin, cos) = (0.5 * angle).sin_cos();
        let rotation = Matrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]);
        let shape = if regression.joint.is_some() {
            let mut factor = rotation;
            factor.column_mut(0).scale_mut((0.5 * rho).exp());
            factor.column_mut(1).scale_mut((-0.5 * rho).exp());
            Shape::Inputs { factor }
        } else {
            Shape::Outputs { eigenvalues: vec![rho.exp(), (-rho).exp()], rotation }
        };
        let posterior = integrate_scale(&scale, &Conditional::new(regression, &shape).modes, accuracy)?;
        let log = posterior.log_evidence + (weight * law.density(rho) / TAU).ln();
        Ok((log, Component { shape, weight: 0.0, scales: posterior.nodes }))
    };
    let window = find_window(alpha, &|rho, angle| Ok(evaluate((rho, angle, 1.0), Accuracy::GOOD)?.0), watch)?;
    let accuracy = Accuracy { tolerance: 1e-11, drop: DROP, scan: false, coarsest: FINE };
    let mut before: Option<(f64, Matrix)> = None;
    for level in 0..=DOUBLINGS {
        check(watch, 0.25 + 0.15 * f64::from(level))?;
        let nodes = window.nodes(NODES.0 << level, NODES.1 << level);
        let mut found = nodes.into_par_iter().map(|node| evaluate(node, accuracy)).collect::<Result<Vec<_>>>()?;
        let total = log_sum(found.iter().map(|node| node.0));
        if !total.is_finite() {
            return Err(invalid("the likelihood vanishes on all nodes of the quadrature: use tempering"));
        }
        let draws = found.len() as u64;
        found.retain(|node| node.0 >= total - DROP);
        let components: Vec<Component> =
            found.into_iter().map(|(log, component)| Component { weight: (log - total).exp(), ..component }).collect();
        let matrix = mean_matrix(&components);
        let change = before.as_ref().map_or((f64::INFINITY, f64::INFINITY), |(log, earlier)| {
            ((total - log).abs(), (&matrix - earlier).amax() / matrix.amax().max(f64::MIN_POSITIVE))
        });
        let converged = change.0 < TOLERANCE + 1e-14 * total.abs() && change.1 < TOLERANCE;
        if converged || level == DOUBLINGS {
            let unreliable = (change.0.max(change.1) > 1e-6).then(|| {
                format!(
                    "the quadrature over mixing matrices still moves by {:.1e} when its nodes are doubled",
                    change.0
                )
            });
            let diagnostics = Diagnostics {
                method: Method::Quadrature,
                draws,
                effective_sample_size: None,
                smallest_incremental: None,
                temperatures: 0,
                acceptance: Vec::new(),
                log_evidence_error: change.0,
                unreliable,
            };
            return Ok(Integral { log_evidence: total, groups: vec![(1.0, components)], diagnostics });
        }
        before = Some((total, matrix));
    }
    Err(invalid("the quadrature over mixing matrices has no nodes"))
}

/// The window that holds all that matters.
fn find_window(
    alpha: f64,
    height: &(dyn Fn(f64, f64) -> Result<f64> + Sync),
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Window> {
    // The likelihood may ask for ratios that the prior has all but excluded.
    let mut window = Window { radius: (0.0, 0.5 * alpha + 9.0 * alpha.sqrt()), angle: (0.0, TAU) };
    for round in 0..40 {
        check(watch, 0.25 * f64::from(round) / 40.0)?;
        let (wide, tall) = window.cells();
        let points: Vec<(usize, usize)> = (0..SEARCH).flat_map(|i| (0..SEARCH).map(move |j| (i, j))).collect();
        let at = |(i, j): (usize, usize)| {
            let rho = window.radius.0 + wide * (i as f64 + 0.5);
            height(rho, window.angle.0 + tall * (j as f64 + 0.5))
        };
        let heights = points.par_iter().map(|point| at(*point)).collect::<Result<Vec<f64>>>()?;
        let top = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let inside =
            || points.iter().zip(&heights).filter(|(_, height)| **height > top - DROP).map(|(point, _)| *point);
        let range = |side: fn((usize, usize)) -> usize| {
            inside().map(side).fold((SEARCH, 0), |(low, high), k| (low.min(k), high.max(k)))
        };
        let (radius, angle) = (range(|p| p.0), range(|p| p.1));
        if radius.1 + 1 == SEARCH && round < 20 && window.radius.0 == 0.0 && window.angle == (0.0, TAU) {
            window.radius.1 *= 1.5;
            continue;
        }
        // A cell of margin on either side: the top may lie between points.
        let cut = |(low, high): (usize, usize), from: f64, cell: f64| {
            (from + cell * (low as f64 - 1.0), from + cell * (high as f64 + 2.0))
        };
        let mut next = window;
        let around = cut(radius, window.radius.0, wide);
        next.radius = (around.0.max(0.0), around.1.min(window.radius.1.max(around.1)));
        // Half a turn and more is left periodic, and shifted so that it does not cut what matters in two.
        let full = window.angle.1 - window.angle.0 >= TAU;
        if angle.1 - angle.0 + 3 < SEARCH {
            next.angle = cut(angle, window.angle.0, tall);
        } else if full && window.angle.0 == 0.0 {
            next.angle = (-0.5 * TAU, 0.5 * TAU);
        }
        let shrunk = (next.radius.1 - next.radius.0) < 0.8 * (window.radius.1 - window.radius.0)
            || (next.angle.1 - next.angle.0) < 0.8 * (window.angle.1 - window.angle.0)
            || (full && window.angle.0 == 0.0 && next.angle.0 != 0.0);
        if !shrunk {
            return Ok(window);
        }
        window = next;
    }
    Ok(window)
}

impl Window {
    fn cells(&self) -> (f64, f64) {
        let cells = SEARCH as f64;
        ((self.radius.1 - self.radius.0) / cells, (self.angle.1 - self.angle.0) / cells)
    }

    /// `(ρ, φ, weight)`.
    fn nodes(&self, radii: usize, angles: usize) -> Vec<(f64, f64, f64)> {
        let half = 0.5 * (self.radius.1 - self.radius.0);
        let step = (self.angle.1 - self.angle.0) / angles as f64;
        let mut nodes = Vec::with_capacity(radii * angles);
        for (x, weight) in gauss_legendre(radii) {
            let rho = self.radius.0 + half * (1.0 + x);
            nodes.extend((0..angles).map(|j| (rho, self.angle.0 + step * (j as f64 + 0.5), weight * half * step)));
        }
        nodes
    }
}
