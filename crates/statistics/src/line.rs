//! A least-squares line through measurements, with weights.
//!
//! ```text
//! slope = Σ w (x − x̄)(y − ȳ)/Σ w (x − x̄)²,    x̄ = Σ w x/Σ w
//! ```
//!
//! (docs/theory/statistics.md §1.)

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Abscissa, > 0.
    pub x: f64,
    /// Seed.
    pub seed: u64,
    /// Ordinate, > 0.
    pub y: f64,
    /// Standard error of what y is measured from, in units of y; 0 where that is exact.
    pub error: f64,
}

/// A least-squares line `y = intercept + slope · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Slope.
    pub slope: f64,
    /// Value at x = 0.
    pub intercept: f64,
    /// Share of the variance of y that the line explains; 1 if y is constant.
    pub r2: f64,
    /// Standard error of the slope from the residuals; `None` for two points.
    pub slope_error: Option<f64>,
}

/// Fits a line through points by least squares; `None` for fewer than two distinct x.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    weighted_line(points, |_| 1.0)
}

/// The same with weights ≥ 0 by x, of which the largest is about 1.
pub(crate) fn weighted_line(points: &[(f64, f64)], weight: impl Fn(f64) -> f64) -> Option<Line> {
    let n = points.len() as f64;
    let total = points.iter().map(|p| weight(p.0)).sum::<f64>();
    let mean_x = points.iter().map(|p| weight(p.0) * p.0).sum::<f64>() / total;
    let mean_y = points.iter().map(|p| weight(p.0) * p.1).sum::<f64>() / total;
    let s_xx: f64 = points.iter().map(|p| weight(p.0) * (p.0 - mean_x).powi(2)).sum();
    let s_xy: f64 = points.iter().map(|p| weight(p.0) * ((p.0 - mean_x) * (p.1 - mean_y))).sum();
    let s_yy: f64 = points.iter().map(|p| weight(p.0) * (p.1 - mean_y).powi(2)).sum();
    if s_xx <= 0.0 || !s_xx.is_finite() {
        return None;
    }
    let slope = s_xy / s_xx;
    let intercept = mean_y - slope * mean_x;
    let residuals: f64 = points.iter().map(|p| weight(p.0) * (p.1 - intercept - slope * p.0).powi(2)).sum();
    let r2 = if s_yy > 0.0 { 1.0 - residuals / s_yy } else { 1.0 };
    let slope_error = (points.len() > 2).then(|| (residuals / (n - 2.0) / s_xx).sqrt());
    Some(Line { slope, intercept, r2, slope_error })
}
