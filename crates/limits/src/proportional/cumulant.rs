//! Logarithms of scales have cumulant functions with saddle points.
//!
//! ```text
//! Λ(s) = ln E e^{sU} = Σ_k n_k [lnΓ(a_k + s) − lnΓ(a_k) − s ln a_k] + α' s² + ℓ s,    s > −a_1
//! ```
//!
//! (docs/theory/proportional-limit.md §3.1.) `a_1` is the smallest shape; Λ' increases from −∞ to ∞.

use super::{
    error::{Result, invalid},
    gamma::{digamma_trigamma, increment, ratio_log},
};

/// A cumulant function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cumulant {
    /// Gamma variables of mean 1, by shape, ascending.
    pub(super) terms: Vec<Term>,
    /// `α'`: half the variance of the normal part.
    pub(super) quadratic: f64,
    /// Everything that is linear in s.
    pub(super) linear: f64,
}

/// `count` independent gamma variables of shape a and mean 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    pub(super) a: f64,
    pub(super) count: f64,
}

/// A real point s with its distance to the nearest pole, which the difference would lose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) s: f64,
    pub(super) distance: f64,
}

/// Largest real part s of a contour, and largest s u: logarithms of densities and tails are of the order of −s or −s u there.
const LARGEST: f64 = 1e300;
/// `|u − Λ'(c)|` over `√Λ''(c)` that ends Newton's method: the width of the integrand changes by its square.
pub(super) const SADDLE: f64 = 1e-3;
/// Rounding of a sum of terms of Λ', relative to the sum of their absolute values.
pub(super) const ROUNDING: f64 = 64.0 * f64::EPSILON;

impl Cumulant {
    /// Distance from 0 to the nearest pole of `E e^{sU}`, on the negative side.
    pub(super) fn edge(&self) -> f64 {
        self.terms.first().map_or(f64::INFINITY, |term| term.a)
    }

    /// The point s.
    pub(super) fn point(&self, s: f64) -> Point {
        Point { s, distance: self.edge() + s }
    }

    /// `(a + s, term)` for every term.
    pub(super) fn tilted(&self, at: Point) -> impl Iterator<Item = (f64, Term)> {
        let edge = self.edge();
        self.terms.iter().map(move |&term| ((term.a - edge) + at.distance, term))
    }

    /// `Λ(s)`.
    pub(super) fn at(&self, at: Point) -> f64 {
        let terms: f64 = self.tilted(at).map(|(b, term)| term.count * increment(term.a, at.s, b)).sum();
        terms + at.s * (self.linear + self.quadratic * at.s)
    }

    /// `Λ'` and `Λ''`.
    pub(super) fn slopes(&self, at: Point) -> (f64, f64) {
        let (mut first, mut second) = (self.linear + 2.0 * self.quadratic * at.s, 2.0 * self.quadratic);
        for (b, term) in self.tilted(at) {
            let (digamma, trigamma) = digamma_trigamma(b);
            first += term.count * (digamma + ratio_log(at.s, term.a, b));
            second += term.count * trigamma;
        }
        (first, second)
    }

    /// Sum of the absolute values of what `u − Λ'(s)` is the sum of.
    fn size_of_slope(&self, at: Point, u: f64) -> f64 {
        let terms: f64 = self
            .tilted(at)
            .map(|(b, term)| term.count * (digamma_trigamma(b).0.abs() + ratio_log(at.s, term.a, b).abs()))
            .sum();
        u.abs() + self.linear.abs() + 2.0 * self.quadratic * at.s.abs() + terms
    }

    /// The saddle point of u; `None` where s or s u lies beyond 1e300. Newton from 0 is monotone: Λ' is concave in c, and below the mean,
    /// where the pole at distance b = 0 makes it steep, convex in 1/b.
    ///
    /// # Errors
    /// No convergence.
    pub(super) fn saddle(&self, u: f64) -> Result<Option<Point>> {
        let mut at = self.point(0.0);
        let mut gap = f64::NAN;
        for _ in 0..200 {
            let (first, second) = self.slopes(at);
            gap = u - first;
            if gap.abs() <= SADDLE * second.sqrt() {
                return Ok((at.s * u < LARGEST).then_some(at));
            }
            if gap > 0.0 {
                at.s += gap / second;
                at.distance += gap / second;
            } else {
                let ratio = -gap / (second * at.distance);
                at.s -= at.distance * (ratio / (1.0 + ratio));
                at.distance /= 1.0 + ratio;
            }
            // NaN says that it has passed the largest double.
            if at.s.is_nan() || at.s >= LARGEST {
                return Ok(None);
            }
        }
        // Far out the integrand is narrower than the rounding of u.
        if gap.abs() <= ROUNDING * self.size_of_slope(at, u) {
            return Ok((at.s * u < LARGEST).then_some(at));
        }
        Err(invalid(format!(
            "the saddle point of a log scale at u = {u} was not found: at s = {}, {} from a pole, the slope is off by {gap}",
            at.s, at.distance
        )))
    }
}
