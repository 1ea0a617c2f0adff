//! Computes distances between distributions, and the rate at which finite networks reach the limit.
//!
//! ```text
//! sup|F_N − F_limit| ≈ (β/α) C(α),   β = Σ 1/N²,   σ = √(2α)
//! C_q = max_z φ(z) |σ/6 − z/2 + (z² − 1)/(3σ)|
//! C_f = max_x |E[Φ(x e^{−U/2}) (−αZ/(3σ) + (Z² − 1)/2 − 2α(Z³ − 3Z)/(3σ³))]|,   U = −α + σZ
//! ```
//!
//! (docs/theory/proportional-limit.md §7, Eq. 7.1.)

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::{
    error::{Result, invalid},
    layers::HiddenLayers,
    log_law::LogLaw,
    output_law::OutputLaw,
};

/// Part of either law outside the interval that is searched.
const OUTSIDE: f64 = 1e-6;
/// Points per law of the first search.
const POINTS: u32 = 256;

impl LogLaw {
    /// Returns the Kolmogorov–Smirnov distance `sup |F − G|`, from the exact distribution functions.
    ///
    /// # Errors
    /// An integral of one of them that cannot be relied on.
    pub fn kolmogorov_smirnov(&self, other: &LogLaw) -> Result<f64> {
        match (self.is_point(), other.is_point()) {
            (true, true) => return Ok(if self.mean() == other.mean() { 0.0 } else { 1.0 }),
            (true, false) => return other.kolmogorov_smirnov(self),
            (false, true) => {
                let below = self.cdf(other.mean())?;
                return Ok(below.max(1.0 - below));
            }
            (false, false) => {}
        }
        let mut points = Vec::new();
        for law in [self, other] {
            let (low, high) = (law.quantile(OUTSIDE)?, law.quantile(1.0 - OUTSIDE)?);
            points.extend((0..=POINTS).map(|i| low + (high - low) * f64::from(i) / f64::from(POINTS)));
        }
        points.sort_by(f64::total_cmp);
        maximum(&points, |u| Ok((self.cdf(u)? - other.cdf(u)?).abs()))
    }

    /// Makes the normal law with the exact mean and variance of `log q`: closer to a finite network than the limit, at no cost.
    ///
    /// # Errors
    /// Never for layers that exist; moments that are not finite.
    pub fn matched_normal(layers: &HiddenLayers) -> Result<Self> {
        let scale = Self::scale(layers);
        Self::normal(scale.mean(), scale.variance())
    }
}

impl OutputLaw {
    /// Returns the Kolmogorov–Smirnov distance `sup |F − G|` of two distributions of one output.
    ///
    /// # Errors
    /// An integral of one of them that cannot be relied on.
    pub fn kolmogorov_smirnov(&self, other: &OutputLaw) -> Result<f64> {
        Ok(match (self.log_square(), other.log_square()) {
            // Both are symmetric: F(x) = 1 − ½ P(log f² > log x²).
            (Some(a), Some(b)) => 0.5 * a.kolmogorov_smirnov(b)?,
            (None, None) => 0.0,
            _ => 0.5,
        })
    }
}

/// Returns `C_q`: `sup |F_{log q} − limit|` per `β/α`.
///
/// # Errors
/// α not positive and finite.
pub fn scale_rate_constant(alpha: f64) -> Result<f64> {
    let sigma = (2.0 * positive(alpha)?).sqrt();
    let points: Vec<f64> = (0..=400).map(|i| -8.0 + 0.04 * f64::from(i)).collect();
    maximum(&points, |z| Ok(normal(z) * (sigma / 6.0 - z / 2.0 + (z * z - 1.0) / (3.0 * sigma)).abs()))
}

/// Returns `C_f`: `sup |F_f − limit|` per `β/α`, for one output.
///
/// # Errors
/// α not positive and finite.
pub fn output_rate_constant(alpha: f64) -> Result<f64> {
    let sigma = (2.0 * positive(alpha)?).sqrt();
    // Trapezoid in Z: exact to rounding for a Gaussian weight.
    let nodes: Vec<(f64, f64)> = (-200..=200)
        .map(|i| {
            let z = 0.055 * f64::from(i);
            let z3 = z * (z * z - 3.0);
            let change = -alpha * z / (3.0 * sigma) + (z * z - 1.0) / 2.0 - 2.0 * alpha * z3 / (3.0 * sigma.powi(3));
            ((0.5 * (alpha - sigma * z)).exp(), 0.055 * normal(z) * change)
        })
        .collect();
    let change = |log: f64| {
        let x = log.exp() * FRAC_1_SQRT_2;
        // erf is 2Φ(√2 ·) − 1, and the weights add to 0.
        let sum: f64 = nodes.iter().map(|(scale, weight)| 0.5 * libm::erf(x * scale) * weight).sum();
        Ok(sum.abs())
    };
    let (centre, reach) = (-0.5 * alpha, 6.0 + 4.0 * sigma);
    let points: Vec<f64> = (0..=400).map(|i| centre + reach * (f64::from(i) / 200.0 - 1.0)).collect();
    maximum(&points, change)
}

fn positive(alpha: f64) -> Result<f64> {
    if alpha > 0.0 && alpha.is_finite() {
        return Ok(alpha);
    }
    Err(invalid(format!("alpha = {alpha} must be positive and finite for a rate of convergence")))
}

/// Standard normal density.
fn normal(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// Maximum of a function that is smooth on the scale of these ascending points: golden sections around the best local maxima.
fn maximum(points: &[f64], f: impl Fn(f64) -> Result<f64>) -> Result<f64> {
    let values = points.iter().map(|&x| f(x)).collect::<Result<Vec<f64>>>()?;
    let mut peaks: Vec<usize> = (1..points.len().saturating_sub(1))
        .filter(|&i| values[i] >= values[i - 1] && values[i] >= values[i + 1])
        .collect();
    peaks.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    let mut best = values.iter().copied().fold(0.0, f64::max);
    for &peak in peaks.iter().take(4) {
        const RATIO: f64 = 0.618_033_988_749_894_9;
        let (mut low, mut high) = (points[peak - 1], points[peak + 1]);
        let (mut a, mut b) = (high - RATIO * (high - low), low + RATIO * (high - low));
        let (mut at_a, mut at_b) = (f(a)?, f(b)?);
        // The bracket shrinks by 10⁻⁵, and the error of a maximum is of second order.
        for _ in 0..24 {
            if at_a > at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - RATIO * (high - low);
                at_a = f(a)?;
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + RATIO * (high - low);
                at_b = f(b)?;
            }
        }
        best = best.max(at_a).max(at_b);
    }
    Ok(best)
}
