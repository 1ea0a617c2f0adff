//! The 2 × 2 mixing matrix of the limit has a closed form: a Brownian motion on the hyperbolic plane and a log-normal determinant.
//!
//! ```text
//! Q = e^{σ/2} [cosh ρ I + sinh ρ (cos φ diag(1, −1) + sin φ offdiag(1, 1))],   σ ~ N(−3α, 4α),   φ uniform,
//! p(ρ) = 2π sinh ρ √2 e^{−α/8} (2πα)^{−3/2} ∫_ρ^∞ x e^{−x²/(2α)} (cosh x − cosh ρ)^{−1/2} dx
//! ```
//!
//! (docs/theory/proportional-limit.md §5.3, Eq. 5.3.) σ, ρ ≥ 0 and φ are independent; ρ is half the log-ratio of the eigenvalues.

use std::f64::consts::{LN_2, TAU};

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::error::{Result, invalid};
use crate::quadrature::gauss_legendre;

/// Largest α of the tabulated law: its table grows as √α.
const LARGEST_ALPHA: f64 = 1e5;
/// Nodes of the integral over x.
const INNER_NODES: usize = 128;
/// Nodes per panel of integrals over ρ.
const PANEL_NODES: usize = 16;
/// Standard deviations √α of ρ beyond which its law is neglected: its mass there is below 1e-18.
const REACH: f64 = 9.0;
/// Cells of the sampler's table per √α.
const CELLS: f64 = 200.0;

/// `log sinh x` for x > 0.
fn log_sinh(x: f64) -> f64 {
    x + (-(-2.0 * x).exp_m1()).ln() - LN_2
}

/// `sinh(x)/x · e^{−x}`.
fn scaled_sinhc(x: f64) -> f64 {
    if x < 1e-8 { 1.0 - x } else { -(-2.0 * x).exp_m1() / (2.0 * x) }
}

/// Law of ρ, half the log-ratio of the eigenvalues of a 2 × 2 mixing matrix in the proportional limit.
#[derive(Debug, Clone)]
pub struct EigenvalueRatio {
    alpha: f64,
    inner: Vec<(f64, f64)>,
}

impl EigenvalueRatio {
    /// Makes the law at a depth-to-width ratio α.
    ///
    /// # Errors
    /// α not in [0, 1e5].
    pub fn new(alpha: f64) -> Result<Self> {
        if !(0.0..=LARGEST_ALPHA).contains(&alpha) {
            return Err(invalid(format!(
                "alpha = {alpha} must be between 0 and {LARGEST_ALPHA} for the law of two eigenvalues"
            )));
        }
        Ok(Self { alpha, inner: gauss_legendre(INNER_NODES) })
    }

    /// Returns the density at ρ; at α = 0 the distribution is a point mass at 0.
    pub fn density(&self, rho: f64) -> f64 {
        let t = self.alpha;
        if t == 0.0 {
            return if rho == 0.0 { f64::INFINITY } else { 0.0 };
        }
        if rho.is_nan() || rho <= 0.0 || rho == f64::INFINITY {
            return 0.0;
        }
        // x = ρ + w² takes the singularity away: with cosh x − cosh ρ = 2 sinh(ρ + w²/2) sinh(w²/2), dx (cosh x − cosh ρ)^{−1/2}
        // = 2 [sinh(ρ + w²/2) sinhc(w²/2)]^{−1/2} dw. The integrand has fallen by e^{−45} where
        // y²/2t + y (ρ/t + 1/2) = 45, y = w². Its value at w = 0 is factored out so that nothing overflows.
        let slope = rho / t + 0.5;
        let reach = (90.0 / (slope + (slope * slope + 90.0 / t).sqrt())).sqrt();
        let integrand = |w: f64| {
            let y = w * w;
            let x = rho + y;
            let middle = rho + 0.5 * y;
            // e^{−middle} sinh(middle) · e^{−y/2} sinhc(y/2); the exponentials left out are e^{−(ρ + y)/2}.
            let root = (0.5 * -(-2.0 * middle).exp_m1() * scaled_sinhc(0.5 * y)).sqrt();
            2.0 * x * (-y * (rho + x) / (2.0 * t) - 0.5 * y).exp() / root
        };
        let half = 0.5 * reach;
        let integral: f64 =
            self.inner.iter().map(|(node, weight)| weight * half * integrand(half * (1.0 + node))).sum();
        let log_factor = log_sinh(rho) - 0.5 * rho - rho * rho / (2.0 * t) - t / 8.0;
        TAU * 2f64.sqrt() * (TAU * t).powf(-1.5) * log_factor.exp() * integral
    }

    /// Returns `E h(ρ)` for a smooth h that grows at most like `e^{2ρ}`.
    pub fn expectation(&self, h: impl Fn(f64) -> f64) -> f64 {
        if self.alpha == 0.0 {
            return h(0.0);
        }
        // The factor e^{2ρ} moves the law from its mean, at most α/2 + O(√α), by 2α.
        let (root, end) = (self.alpha.sqrt(), 2.5 * self.alpha + (REACH + 0.5) * self.alpha.sqrt());
        let panels = (end / root).ceil().max(1.0);
        let rule = gauss_legendre(PANEL_NODES);
        let half = 0.5 * end / panels;
        let mut sum = 0.0;
        for panel in 0..panels as usize {
            let centre = (2 * panel + 1) as f64 * half;
            for (node, weight) in &rule {
                let rho = centre + half * node;
                let density = self.density(rho);
                // h may overflow where the law has no mass.
                if density > 0.0 {
                    sum += weight * half * density * h(rho);
                }
            }
        }
        sum
    }

    /// Returns `E[corr²] = 1 − E[1/cosh ρ]`, the mean squared correlation of the features of two orthogonal inputs of equal norm.
    pub fn mean_squared_correlation(&self) -> f64 {
        // 1 − 1/cosh ρ = 2 sinh²(ρ/2)/cosh ρ does not cancel at small ρ.
        self.expectation(|rho| {
            let decay = (-rho).exp();
            (1.0 - decay).powi(2) / (1.0 + decay * decay)
        })
    }

    /// Returns `E tr Q² = 2 e^{−α} (4 e^{3α} − 1)/3`.
    pub fn mean_trace_of_square(&self) -> f64 {
        2.0 / 3.0 * (4.0 * (2.0 * self.alpha).exp() - (-self.alpha).exp())
    }

    /// Interval that holds all but 1e-18 of the mass.
    fn support(&self) -> (f64, f64) {
        let (mean, reach) = (0.5 * self.alpha, REACH * self.alpha.sqrt());
        ((mean - reach).max(0.0), mean + reach)
    }
}

/// `Q` at `(σ, ρ, φ)`, as rows.
pub(super) fn mixing_matrix(log_det: f64, rho: f64, angle: f64) -> [[f64; 2]; 2] {
    // Both eigenvalues by their exponents: cosh ρ − sinh ρ would cancel.
    let (large, small) = ((0.5 * log_det + rho).exp(), (0.5 * log_det - rho).exp());
    let (sin, cos) = (0.5 * angle).sin_cos();
    let off = (large - small) * sin * cos;
    [[large * cos * cos + small * sin * sin, off], [off, large * sin * sin + small * cos * cos]]
}

/// Draws `X` with `X Xᵀ = Q` by the inverse distribution function of ρ.
#[derive(Debug, Clone)]
pub(super) struct HyperbolicSampler {
    alpha: f64,
    start: f64,
    cell: f64,
    densities: Vec<f64>,
    /// Distribution function at the edges of the cells, normalised.
    cumulative: Vec<f64>,
}

impl HyperbolicSampler {
    pub(super) fn new(alpha: f64) -> Result<Self> {
        let law = EigenvalueRatio::new(alpha)?;
        if alpha == 0.0 {
            return Ok(Self { alpha, start: 0.0, cell: 0.0, densities: vec![1.0; 2], cumulative: vec![0.0, 1.0] });
        }
        let (start, end) = law.support();
        let cells = ((end - start) / alpha.sqrt() * CELLS).ceil();
        let cell = (end - start) / cells;
        let at = |position: f64| law.density(start + cell * position);
        let mut densities = vec![at(0.0)];
        let mut cumulative = vec![0.0];
        let mut sum = 0.0;
        for i in 0..cells as usize {
            let (left, right) = (densities[i], at(i as f64 + 1.0));
            sum += cell / 6.0 * (left + 4.0 * at(i as f64 + 0.5) + right);
            densities.push(right);
            cumulative.push(sum);
        }
        cumulative.iter_mut().for_each(|value| *value /= sum);
        Ok(Self { alpha, start, cell, densities, cumulative })
    }

    /// The ρ below which a share `u` of the law lies.
    fn quantile(&self, u: f64) -> f64 {
        let last = self.densities.len() - 2;
        let i = self.cumulative.partition_point(|value| *value <= u).saturating_sub(1).min(last);
        // Linear density within the cell, scaled to its mass.
        let (left, right) = (self.densities[i], self.densities[i + 1]);
        let mass = self.cumulative[i + 1] - self.cumulative[i];
        let share = if mass > 0.0 { (u - self.cumulative[i]) / mass } else { 0.0 };
        let root = (left * left + share * (right * right - left * left)).max(0.0).sqrt();
        let position = if left + root > 0.0 { share * (left + right) / (left + root) } else { share };
        self.start + self.cell * (i as f64 + position)
    }

    /// `(σ, ρ, φ)` of a draw.
    fn draw(&self, rng: &mut impl Rng) -> (f64, f64, f64) {
        let normal: f64 = StandardNormal.sample(rng);
        let rho = self.quantile(rng.random());
        let angle = TAU * rng.random::<f64>();
        (-3.0 * self.alpha + 2.0 * self.alpha.sqrt() * normal, rho, angle)
    }

    /// `(l, X)` with `e^{2l} X Xᵀ = Q`: a symmetric root whose larger eigenvalue is 1, by rows.
    pub(super) fn sample(&self, rng: &mut impl Rng) -> (f64, [[f64; 2]; 2]) {
        let (log_det, rho, angle) = self.draw(rng);
        // The root has half the exponents σ/2 ± ρ.
        (0.25 * log_det + 0.5 * rho, mixing_matrix(-rho, 0.5 * rho, angle))
    }

    /// A factor X of determinant 1 with `e^{σ/2} X Xᵀ = Q`, by rows. Its columns are orthogonal, so that the shorter one keeps its digits
    /// however large ρ is; those of the symmetric root are parallel up to rounding from ρ = 36 on.
    pub(super) fn sample_unimodular(&self, rng: &mut impl Rng) -> [[f64; 2]; 2] {
        let (_, rho, angle) = self.draw(rng);
        let (sin, cos) = (0.5 * angle).sin_cos();
        let (long, short) = ((0.5 * rho).exp(), (-0.5 * rho).exp());
        [[long * cos, -short * sin], [long * sin, short * cos]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mass 1, `E cosh ρ = e^α`, `E (3 cosh² ρ − 1)/2 = e^{3α}`, from a spike at 0 to the largest α.
    #[test]
    fn densities_of_eigenvalue_ratios_are_normalised() {
        for alpha in [1e-6, 1e-4, 0.01, 0.3, 1.0, 4.0, 30.0, 700.0, 1e5] {
            let law = EigenvalueRatio::new(alpha).expect("valid");
            let mass = law.expectation(|_| 1.0);
            assert!((mass - 1.0).abs() < 1e-11, "{alpha}: mass {mass}");
            // The density is no double where cosh ρ of a larger α has its mass.
            if alpha < 1000.0 {
                let cosh = law.expectation(|rho| 0.5 * ((rho - alpha).exp() + (-rho - alpha).exp()));
                assert!((cosh - 1.0).abs() < 1e-9, "{alpha}: E cosh {cosh}");
            }
            if alpha < 100.0 {
                let legendre = law.expectation(|rho| 1.5 * rho.cosh().powi(2) - 0.5) * (-3.0 * alpha).exp();
                assert!((legendre - 1.0).abs() < 1e-8, "{alpha}: {legendre}");
            }
        }
        for x in [0.5e-8, 0.999e-8, 1.001e-8, 1e-7, 1e-3, 1.0] {
            // sinh(x) e^{−x}/x = ∫ e^{−2xt} dt over [0, 1].
            let series = (0..30).rev().fold(0.0, |tail, k| 1.0 - 2.0 * x * tail / f64::from(k + 2));
            assert!((scaled_sinhc(x) - series).abs() < 2e-15, "{x}");
        }
    }

    /// `X Xᵀ` has determinant 1 and the larger eigenvalue e^ρ, also where the symmetric root has lost the smaller one.
    #[test]
    fn unimodular_factors_keep_their_determinant() {
        use widenet_core::seed::{Purpose, stream};
        for alpha in [0.5, 50.0, 260.0] {
            let sampler = HyperbolicSampler::new(alpha).expect("valid");
            for index in 0..20 {
                let [[a, b], [c, d]] = sampler.sample_unimodular(&mut stream(3, Purpose::PriorDraw, index));
                let (long, short) = (a.hypot(c), b.hypot(d));
                assert!(
                    (long * short - 1.0).abs() < 1e-14 && (a * b + c * d).abs() < 1e-15 * long * short * 4.0,
                    "{alpha}"
                );
            }
        }
    }

    #[test]
    fn quantiles_invert_the_distribution_function() {
        let law = EigenvalueRatio::new(0.8).expect("valid");
        let sampler = HyperbolicSampler::new(0.8).expect("valid");
        for u in [1e-6, 0.01, 0.3, 0.77, 0.999_999] {
            let rho = sampler.quantile(u);
            let rule = gauss_legendre(60);
            let below: f64 = rule.iter().map(|(x, w)| 0.5 * rho * w * law.density(0.5 * rho * (1.0 + x))).sum();
            assert!((below - u).abs() < 1e-7, "{u}: {below}");
        }
    }
}
