//! One integral gives the distributions of logarithms of scales, which are sums of independent log-gamma variables and a normal one.
//!
//! ```text
//! U = log q + Σ_k log χ²_k + shift,   Λ(s) = ln E e^{sU} = Σ λ_a(s) + α' s(s − 1) + …
//! p(u) = (1/2πi) ∫ exp(Λ(s) − s u) ds,      P(U > u) = (1/2πi) ∫ exp(Λ(s) − s u) ds/s
//! ```
//!
//! (docs/theory/proportional-limit.md §3.1, §3.2, Eq. 3.1, Eq. 3.3.) The contour passes through the saddle Λ'(c) = u, so that tails keep
//! their relative accuracy. It is a line, or next to the pole of the narrowest layer the parabola `c + it − t²/(4b)` (b: distance to the
//! pole), along which the integrand decays like a Gaussian where on the line it would only decay like a power.

use nalgebra::Complex;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use super::gamma::{Expansion, complex_increment, digamma_trigamma, increment, ratio_log};
use super::{HiddenLayers, Result, invalid};

/// Law of the logarithm of a random scale.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLaw {
    /// Gamma variables of mean 1, by shape, ascending.
    terms: Vec<Term>,
    /// `α'`: half the variance of the normal part.
    quadratic: f64,
    /// Everything that is linear in s.
    linear: f64,
    mean: f64,
    variance: f64,
}

/// `count` independent gamma variables of shape a and mean 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Term {
    a: f64,
    count: f64,
}

/// A real point s with its distance to the nearest pole, which the difference would lose.
#[derive(Debug, Clone, Copy)]
struct Point {
    s: f64,
    distance: f64,
}

/// What is integrated besides `exp(Λ(s) − s u)`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    Density,
    UpperTail,
    LowerTail,
}

/// Logarithm below which a term of the sum is lost in rounding.
const NEGLIGIBLE: f64 = -46.0;
/// Below this u the law is its leading exponential to all digits.
const FAR: f64 = -1e100;
/// Steps after which a sum is given up; most laws need 100, a width of 1 up to 1800 where the contour changes.
const MAX_STEPS: u32 = 100_000;

impl LogLaw {
    /// Law of `log q`, `q = ∏ χ²_N/N` over the exact layers times a log-normal variable for the continuum.
    pub fn scale(layers: &HiddenLayers) -> Self {
        let terms =
            layers.groups().iter().map(|g| Term { a: 0.5 * g.width as f64, count: g.count as f64 }).collect::<Vec<_>>();
        Self::from_parts(terms, layers.continuum(), -layers.continuum())
    }

    /// Normal law of this mean and variance.
    ///
    /// # Errors
    /// A mean that is not finite; a variance that is negative or not finite.
    pub fn normal(mean: f64, variance: f64) -> Result<Self> {
        if !(mean.is_finite() && variance.is_finite() && variance >= 0.0) {
            return Err(invalid(format!(
                "a normal law of mean {mean} and variance {variance}: both finite, variance ≥ 0"
            )));
        }
        Ok(Self::from_parts(Vec::new(), 0.5 * variance, mean))
    }

    /// With an independent `log χ²_k` added.
    ///
    /// # Errors
    /// k = 0.
    pub fn with_chi_square(mut self, k: u64) -> Result<Self> {
        if k == 0 {
            return Err(invalid("a chi-square variable needs at least 1 degree of freedom"));
        }
        let a = 0.5 * k as f64;
        match self.terms.iter_mut().find(|term| term.a == a) {
            Some(term) => term.count += 1.0,
            None => self.terms.push(Term { a, count: 1.0 }),
        }
        self.terms.sort_by(|x, y| x.a.total_cmp(&y.a));
        // χ²_k is k times a gamma variable of mean 1.
        Ok(Self::from_parts(self.terms, self.quadratic, self.linear + (k as f64).ln()))
    }

    /// With a constant added.
    ///
    /// # Errors
    /// A constant that is not finite.
    pub fn shifted(self, by: f64) -> Result<Self> {
        if !by.is_finite() {
            return Err(invalid(format!("a logarithm shifted by {by}: must be finite")));
        }
        Ok(Self::from_parts(self.terms, self.quadratic, self.linear + by))
    }

    fn from_parts(terms: Vec<Term>, quadratic: f64, linear: f64) -> Self {
        let mut law = Self { terms, quadratic, linear, mean: 0.0, variance: 0.0 };
        (law.mean, law.variance) = law.slopes(Point { s: 0.0, distance: law.edge() });
        law
    }

    /// Distance from 0 to the nearest pole of `E e^{sU}`, on the negative side.
    fn edge(&self) -> f64 {
        self.terms.first().map_or(f64::INFINITY, |term| term.a)
    }

    /// `(a + s, term)` for every term.
    fn tilted(&self, at: Point) -> impl Iterator<Item = (f64, Term)> {
        let edge = self.edge();
        self.terms.iter().map(move |&term| ((term.a - edge) + at.distance, term))
    }

    /// `ln E e^{sU}`; +∞ outside the strip `s > −min N/2`.
    pub fn cumulant(&self, s: f64) -> f64 {
        let distance = self.edge() + s;
        if distance > 0.0 { self.cumulant_at(Point { s, distance }) } else { f64::INFINITY }
    }

    fn cumulant_at(&self, at: Point) -> f64 {
        let terms: f64 = self.tilted(at).map(|(b, term)| term.count * increment(term.a, at.s, b)).sum();
        terms + at.s * (self.linear + self.quadratic * at.s)
    }

    /// `Λ'` and `Λ''`.
    fn slopes(&self, at: Point) -> (f64, f64) {
        let (mut first, mut second) = (self.linear + 2.0 * self.quadratic * at.s, 2.0 * self.quadratic);
        for (b, term) in self.tilted(at) {
            let (digamma, trigamma) = digamma_trigamma(b);
            first += term.count * (digamma + ratio_log(at.s, term.a, b));
            second += term.count * trigamma;
        }
        (first, second)
    }

    /// Mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Variance.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Whether all mass is at the mean: the scale of the NNGP.
    pub fn is_point(&self) -> bool {
        self.variance == 0.0
    }

    /// Logarithm of the density, `None` for a point mass; −∞ where it is below e^{−10^300}.
    pub fn log_density(&self, u: f64) -> Option<f64> {
        if self.is_point() {
            return None;
        }
        if self.terms.is_empty() {
            let z = (u - self.mean) / self.variance.sqrt();
            return Some(-0.5 * (z * z + (2.0 * PI * self.variance).ln()));
        }
        Some(self.far(u, |u| self.integral(u, self.saddle(u), Kernel::Density).log))
    }

    /// Logarithm of `P(U > u)`.
    pub fn log_upper_tail(&self, u: f64) -> f64 {
        match self.log_tails(u).0 {
            Tail::Upper(log) => log,
            Tail::Lower(log) => ln_1m_exp(log),
        }
    }

    /// Logarithm of `P(U ≤ u)`.
    pub fn log_lower_tail(&self, u: f64) -> f64 {
        match self.log_tails(u).0 {
            Tail::Upper(log) => ln_1m_exp(log),
            Tail::Lower(log) => log,
        }
    }

    /// `P(U ≤ u)`.
    pub fn cdf(&self, u: f64) -> f64 {
        match self.log_tails(u).0 {
            Tail::Upper(log) => -log.exp_m1(),
            Tail::Lower(log) => log.exp(),
        }
    }

    /// The tail beyond u on the side away from the mean, and its hazard (density over tail) where it costs nothing.
    fn log_tails(&self, u: f64) -> (Tail, Option<f64>) {
        let upper = u >= self.mean;
        if self.is_point() {
            return (if upper { Tail::Upper(f64::NEG_INFINITY) } else { Tail::Lower(f64::NEG_INFINITY) }, None);
        }
        if self.terms.is_empty() {
            let log = log_normal_tail((u - self.mean).abs() / self.variance.sqrt());
            return (if upper { Tail::Upper(log) } else { Tail::Lower(log) }, None);
        }
        // The pole at s = 0 is kept at a distance.
        let clearance = 0.5 / self.variance.sqrt();
        if upper {
            let mut at = self.saddle(u);
            if at.s < clearance {
                at = Point { s: clearance, distance: self.edge() + clearance };
            }
            let found = self.integral(u, at, Kernel::UpperTail);
            return (Tail::Upper(found.log.min(0.0)), found.hazard);
        }
        let mut hazard = None;
        let log = self.far(u, |u| {
            let mut at = self.saddle(u);
            let s = -clearance.min(0.5 * self.edge());
            if at.s > s {
                at = Point { s, distance: self.edge() + s };
            }
            let found = self.integral(u, at, Kernel::LowerTail);
            hazard = found.hazard;
            found.log
        });
        (Tail::Lower(log.min(0.0)), hazard)
    }

    /// A logarithm that is linear in u for very negative u.
    fn far(&self, u: f64, mut value: impl FnMut(f64) -> f64) -> f64 {
        if u < FAR { value(FAR) + self.edge() * (u - FAR) } else { value(u) }
    }

    /// The real c with `Λ'(c) = u`, to a small part of the width of the integrand. Newton from 0 is monotone: Λ' is concave in c,
    /// and below the mean, where the pole at distance b = 0 makes it steep, convex in 1/b.
    fn saddle(&self, u: f64) -> Point {
        let mut at = Point { s: 0.0, distance: self.edge() };
        for _ in 0..200 {
            let (first, second) = self.slopes(at);
            let gap = u - first;
            if gap.is_nan() || gap.abs() <= 1e-3 * second.sqrt() {
                break;
            }
            if gap > 0.0 {
                at.s += gap / second;
                at.distance += gap / second;
            } else {
                let ratio = -gap / (second * at.distance);
                at.s -= at.distance * (ratio / (1.0 + ratio));
                at.distance /= 1.0 + ratio;
            }
        }
        at
    }

    /// Logarithm of the integral of a kernel along the contour through a point.
    fn integral(&self, u: f64, at: Point, kernel: Kernel) -> Integral {
        if !(at.s < 1e300 && u < f64::INFINITY) {
            return Integral { log: f64::NEG_INFINITY, hazard: None };
        }
        let (_, variance) = self.slopes(at);
        let sigma = variance.sqrt();
        let exponent = Exponent::new(self, u, at, sigma);
        let mut step = 2.0 * PI / (48.0 * sigma);
        if kernel != Kernel::Density {
            step = step.min(2.0 * PI * at.s.abs() / 42.0);
        }
        // The parabola where the pole makes up all but 2 % of the curvature.
        let pole = self.terms.first().map_or(0.0, |term| term.count) / (at.distance * sigma).powi(2);
        let bend = if at.s < 0.0 && pole > 0.98 { 0.25 / at.distance } else { 0.0 };
        let (mut sum, mut density) = (0.0, 0.0);
        for k in 0..MAX_STEPS {
            let t = f64::from(k) * step;
            let w = Complex::new(-bend * t * t, t);
            let value = exponent.at(w);
            if value.re.is_nan() || value.re < NEGLIGIBLE {
                break;
            }
            // ds/(i dt), and twice for the other half of the contour.
            let mut term = value.exp() * Complex::new(1.0, 2.0 * bend * t);
            let share = if k == 0 { 1.0 } else { 2.0 };
            density += share * term.re;
            match kernel {
                Kernel::Density => {}
                Kernel::UpperTail => term /= w + at.s,
                Kernel::LowerTail => term /= -(w + at.s),
            }
            sum += share * term.re;
        }
        let mut integral = sum * step / (2.0 * PI);
        let mut hazard = Some(density / sum).filter(|hazard| *hazard > 0.0 && hazard.is_finite());
        if !(integral > 0.0 && integral.is_finite()) {
            // Rounding of arguments beyond 1e15 or so: the leading order at the saddle, far below the rounding of the exponent.
            integral = 1.0 / (sigma * (2.0 * PI).sqrt());
            hazard = None;
            if kernel != Kernel::Density {
                integral /= at.s.abs();
            }
        }
        let log = self.cumulant_at(at) - at.s * u + integral.ln();
        Integral { log: if log.is_nan() { f64::NEG_INFINITY } else { log }, hazard }
    }

    /// The u with `P(U ≤ u) = p`.
    ///
    /// # Errors
    /// p not in (0, 1).
    pub fn quantile(&self, p: f64) -> Result<f64> {
        if !(p > 0.0 && p < 1.0) {
            return Err(invalid(format!("quantile level {p} must lie in (0, 1)")));
        }
        Ok(if p <= 0.5 { self.solve(p.ln(), false) } else { self.solve((-p).ln_1p(), true) })
    }

    /// The u with `ln P(U > u) = log_p`.
    ///
    /// # Errors
    /// `log_p` not finite and negative.
    pub fn quantile_of_log_upper_tail(&self, log_p: f64) -> Result<f64> {
        if !(log_p < 0.0 && log_p.is_finite()) {
            return Err(invalid(format!("logarithm {log_p} of a tail must be finite and negative")));
        }
        Ok(if log_p <= -LN_2 { self.solve(log_p, true) } else { self.solve(ln_1m_exp(log_p), false) })
    }

    /// The logarithm of a tail, and the density over it.
    fn tail_and_hazard(&self, u: f64, upper: bool) -> (f64, f64) {
        let log = match self.log_tails(u) {
            (Tail::Upper(log), Some(hazard)) if upper => return (log, hazard),
            (Tail::Lower(log), Some(hazard)) if !upper => return (log, hazard),
            (Tail::Upper(log), _) if upper => log,
            (Tail::Lower(log), _) if !upper => log,
            (Tail::Upper(log) | Tail::Lower(log), _) => ln_1m_exp(log),
        };
        // Where the difference of logarithms has no digits left, its leading order.
        let hazard = match self.log_density(u) {
            Some(density) if log > -1e6 => (density - log).exp(),
            _ => self.saddle(u).s.abs(),
        };
        (log, hazard)
    }

    /// Where the logarithm of a tail has a value: Newton on logarithms inside a bracket.
    fn solve(&self, target: f64, upper: bool) -> f64 {
        if self.is_point() {
            return self.mean;
        }
        // Distances from the mean, along the tail; what is below `inner` has more mass than wanted, what is beyond `outer` less.
        let sign = if upper { 1.0 } else { -1.0 };
        let sigma = self.variance.sqrt();
        let (mut inner, mut outer) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut x = normal_quantile(target) * sigma;
        for _ in 0..400 {
            let u = self.mean + sign * x;
            let (log, hazard) = self.tail_and_hazard(u, upper);
            if log > target {
                inner = x
            } else {
                outer = x
            }
            // On ln(−log tail): tails fall like exponentials of exponentials where layers are few.
            let newton = x - log / hazard * (target / log).ln();
            let inside = newton > inner && newton < outer;
            let next = match (inside, inner.is_finite() && outer.is_finite()) {
                // A bound that is not known yet is looked for in steps that double.
                (true, false) => newton.clamp(x - 2.0 * x.abs() - sigma, x + 2.0 * x.abs() + sigma),
                (true, true) => newton,
                (false, true) => 0.5 * (inner + outer),
                (false, false) if log > target => x + x.abs() + sigma,
                (false, false) => x - x.abs() - sigma,
            };
            let moved = (next - x).abs();
            x = next;
            // Newton squares the error: after a step of this size it is below rounding.
            let close = if inside { 1e-9 } else { 1e-15 };
            if moved <= close * sigma.min(1.0) + 1e-15 * x.abs() {
                break;
            }
        }
        self.mean + sign * x
    }
}

/// The z with `ln P(Z > z) = log_p` of a standard normal, to 5e-4 where `log_p ≤ −ln 2` (Abramowitz, Stegun, 26.2.23).
fn normal_quantile(log_p: f64) -> f64 {
    let t = (-2.0 * log_p).sqrt();
    t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}

/// An integral along a contour.
struct Integral {
    log: f64,
    /// Density over tail, from the same points.
    hazard: Option<f64>,
}

/// Logarithm of a tail.
enum Tail {
    Upper(f64),
    Lower(f64),
}

/// `Λ(c + w) − Λ(c) − w u`: the cumulant function of the law tilted to its saddle, where every gamma variable has shape a + c.
struct Exponent {
    /// `(a + c, count)`, evaluated one by one.
    narrow: Vec<(f64, f64)>,
    /// The others, and their sum.
    wide: Vec<(f64, f64)>,
    expansion: Option<Expansion>,
    linear: f64,
    quadratic: f64,
}

impl Exponent {
    fn new(law: &LogLaw, u: f64, at: Point, sigma: f64) -> Self {
        let mut linear = law.linear + 2.0 * law.quadratic * at.s - u;
        let mut narrow = Vec::with_capacity(law.terms.len());
        for (b, term) in law.tilted(at) {
            linear += term.count * ratio_log(at.s, term.a, b);
            narrow.push((b, term.count));
        }
        // Shapes ascend. The sum ends at about 11/σ.
        let enough = (44.0 / sigma).max(Expansion::SMALLEST);
        let wide = narrow.split_off(narrow.partition_point(|&(b, _)| b < enough));
        let expansion = (wide.len() > 2).then(|| Expansion::new(wide.iter().copied(), wide[0].0));
        Self { narrow, wide, expansion, linear, quadratic: law.quadratic }
    }

    fn at(&self, w: Complex<f64>) -> Complex<f64> {
        let each = |terms: &[(f64, f64)]| -> Complex<f64> {
            terms.iter().map(|&(b, count)| complex_increment(b, w) * count).sum()
        };
        let wide = match &self.expansion {
            Some(expansion) if expansion.covers(w) => expansion.at(w),
            _ => each(&self.wide),
        };
        each(&self.narrow) + wide + w * (w * self.quadratic + self.linear)
    }
}

/// `ln(1 − e^x)` for x ≤ 0.
pub(super) fn ln_1m_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// `ln(1 − Φ(z))`, z ≥ 0.
fn log_normal_tail(z: f64) -> f64 {
    if z < 30.0 {
        return (0.5 * libm::erfc(z * FRAC_1_SQRT_2)).ln();
    }
    // 1 − Φ = φ/z (1 − z⁻² + 3 z⁻⁴ − 15 z⁻⁶ + 105 z⁻⁸ − …).
    let x = 1.0 / (z * z);
    let series = x * (-1.0 + x * (3.0 + x * (-15.0 + x * (105.0 - 945.0 * x))));
    -0.5 * z * z - (z * (2.0 * PI).sqrt()).ln() + series.ln_1p()
}
