//! Computes inverse Mellin transforms along contours on which the integrand only decreases.
//!
//! ```text
//! p(u) = (1/2πi) ∫ e^{Λ(s) − su} ds,    P(U > u) = (1/2πi) ∫ e^{Λ(s) − su} ds/s  (c > 0),    P(U ≤ u) = minus the same with c < 0
//! s = c + w,    E(w) = Λ(c + w) − Λ(c) − w u
//! ```
//!
//! (Mellin–Barnes integrals, docs/theory/proportional-limit.md §3.2, Eq. 3.3, Eq. hyperbola; the proofs in full: docs/switches.md,
//! "Contours of scalar laws".) By the product formula of the gamma function, at the saddle `Λ'(c) = u`
//!
//! ```text
//! E(w) = Σ_d g(w/d) + α' w²,    g(z) = z − ln(1 + z),
//! ```
//!
//! a sum over the distances d ≥ b of c from all poles; `w²` is the limit of `2d² g(w/d)` for d → ∞. So a contour that lets
//! `Re g(w/d)` decrease for every d ≥ b is valid for every law and every u:
//!
//! * the line `w = it`, where `Re g = −½ ln(1 + t²/d²)`, also where c is not the saddle;
//! * the hyperbola `w = x + it`, `x = b − √(b² + t²/2)`, where `d Re g/dt` has the sign of `x'(x + |w|²/d) − t ≤ x x' − t < −t/2`.
//!
//! Along a parabola `x x' − t` becomes positive, so that it is valid only for some laws. Next to a pole the line needs many steps, the
//! hyperbola at most 463; that alone decides between them.

use nalgebra::Complex;
use std::f64::consts::PI;

use super::{
    cumulant::{Cumulant, Point, ROUNDING, SADDLE},
    error::{Result, invalid},
    gamma::{Expansion, complex_increment, digamma_trigamma, ratio_log},
};

/// What is integrated besides `e^{Λ(s) − su}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kernel {
    Density,
    UpperTail,
    LowerTail,
}

/// An integral along a contour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Integral {
    /// Its logarithm.
    pub(super) log: f64,
    /// Density over tail, from the same points.
    pub(super) hazard: f64,
}

/// A path w(t) through 0, upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contour {
    Line,
    Hyperbola { distance: f64 },
}

/// Logarithm below which a term of the sum is lost in rounding.
const NEGLIGIBLE: f64 = -46.0;
/// Share of the curvature at the saddle that the nearest pole makes up where the hyperbola needs fewer steps.
const POLE: f64 = 0.98;
/// Steps of the trapezoid rule in 2π of the width of the integrand, and in 2π of the distance of the contour to the pole of 1/s.
const STEPS_PER_WIDTH: f64 = 48.0;
const STEPS_PER_DISTANCE: f64 = 42.0;
/// How often the step is halved if every other point gives another integral, and how much of another. The error is squared when the
/// step is halved, so that an agreement of 1e-6 is an error of 1e-12.
const HALVINGS: u32 = 4;
const AGREEMENT: f64 = 1e-6;
/// Most steps: a line needs 2000, a hyperbola 463, times 2 for each halving.
const MAX_STEPS: u32 = 100_000;
/// Rounding of the exponent up to which an integrand counts as decreasing.
const GROWTH: f64 = 1e-3;
/// Sum of the moduli of all terms over their sum, beyond which cancellation would leave less than seven digits.
const CANCELLATION: f64 = 1e8;

/// The integral along the contour through the saddle, or through another point if that is given (to keep away from the pole of 1/s).
///
/// # Errors
/// An integrand that is not finite, does not decrease, cancels or is not resolved: the message says where.
pub(super) fn integral(
    cumulant: &Cumulant,
    u: f64,
    saddle: Point,
    elsewhere: Option<Point>,
    kernel: Kernel,
) -> Result<Integral> {
    let at = elsewhere.unwrap_or(saddle);
    let sigma = cumulant.slopes(at).1.sqrt();
    let pole = cumulant.terms.first().map_or(0.0, |term| term.count) / (at.distance * sigma).powi(2);
    let contour = if at.s < 0.0 && pole > POLE && elsewhere.is_none() {
        Contour::Hyperbola { distance: at.distance }
    } else {
        Contour::Line
    };
    let exponent = Exponent::new(cumulant, u, at, sigma, elsewhere.is_none());
    let (sum, density) = exponent.integrate(contour, kernel).map_err(|why| {
        invalid(format!(
            "the {} of a log scale at u = {u} has no value: along the {} through s = {}, {} from a pole, the integrand {why}",
            kernel.name(),
            contour.name(),
            at.s,
            at.distance
        ))
    })?;
    Ok(Integral { log: cumulant.at(at) - at.s * u + (sum / (2.0 * PI)).ln(), hazard: density / sum })
}

impl Kernel {
    fn name(self) -> &'static str {
        match self {
            Self::Density => "density",
            Self::UpperTail => "upper tail",
            Self::LowerTail => "lower tail",
        }
    }

    /// The integrand at s.
    fn times(self, s: Complex<f64>, value: Complex<f64>) -> Complex<f64> {
        match self {
            Self::Density => value,
            Self::UpperTail => value / s,
            Self::LowerTail => value / -s,
        }
    }
}

impl Contour {
    fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Hyperbola { .. } => "hyperbola",
        }
    }

    /// `w(t)` and `dw/(i dt)`.
    fn at(self, t: f64) -> (Complex<f64>, Complex<f64>) {
        match self {
            Self::Line => (Complex::new(0.0, t), 1.0.into()),
            Self::Hyperbola { distance } => {
                let root = (distance * distance + 0.5 * t * t).sqrt();
                (Complex::new(-0.5 * t * t / (distance + root), t), Complex::new(1.0, 0.5 * t / root))
            }
        }
    }
}

/// `E(w)`: the cumulant function of the law tilted to the contour, where every gamma variable has shape a + c.
struct Exponent {
    /// c, and `√Λ''(c)`.
    centre: f64,
    sigma: f64,
    /// `(a + c, count)`, evaluated one by one.
    narrow: Vec<(f64, f64)>,
    /// The others, and their sum.
    wide: Vec<(f64, f64)>,
    expansion: Option<Expansion>,
    linear: f64,
    quadratic: f64,
}

impl Exponent {
    fn new(cumulant: &Cumulant, u: f64, at: Point, sigma: f64, is_saddle: bool) -> Self {
        let mut linear = cumulant.linear + 2.0 * cumulant.quadratic * at.s - u;
        let mut size = cumulant.linear.abs() + 2.0 * cumulant.quadratic * at.s.abs() + u.abs();
        let mut narrow = Vec::with_capacity(cumulant.terms.len());
        for (b, term) in cumulant.tilted(at) {
            let log = term.count * ratio_log(at.s, term.a, b);
            linear += log;
            size += log.abs();
            narrow.push((b, term.count));
        }
        // Far out the integrand is narrower than the rounding of u. At a saddle the slope of E is 0.
        if is_saddle && ROUNDING * size > SADDLE * sigma {
            linear = -narrow.iter().map(|&(b, count)| count * digamma_trigamma(b).0).sum::<f64>();
        }
        // Shapes ascend. The sum ends at about 11/σ.
        let enough = (44.0 / sigma).max(Expansion::SMALLEST);
        let wide = narrow.split_off(narrow.partition_point(|&(b, _)| b < enough));
        let expansion = (wide.len() > 2).then(|| Expansion::new(wide.iter().copied(), wide[0].0));
        Self { centre: at.s, sigma, narrow, wide, expansion, linear, quadratic: cumulant.quadratic }
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

    /// The integrals over t of the integrand with and without its kernel, or what is wrong with the integrand.
    fn integrate(&self, contour: Contour, kernel: Kernel) -> std::result::Result<(f64, f64), String> {
        let mut step = 2.0 * PI / (STEPS_PER_WIDTH * self.sigma);
        if kernel != Kernel::Density {
            step = step.min(2.0 * PI * self.centre.abs() / STEPS_PER_DISTANCE);
        }
        for _ in 0..=HALVINGS {
            let sums = self.sums(contour, kernel, step)?;
            if sums.moduli > CANCELLATION * sums.all {
                return Err(format!("cancels from {} to {} in {} steps", sums.moduli, sums.all, sums.steps));
            }
            if (sums.all - 2.0 * sums.even).abs() <= AGREEMENT * sums.all {
                return Ok((sums.all * step, sums.density * step));
            }
            step *= 0.5;
        }
        Err(format!("is not resolved by {HALVINGS} halvings of its step"))
    }

    fn sums(&self, contour: Contour, kernel: Kernel, step: f64) -> std::result::Result<Sums, String> {
        let mut sums = Sums::default();
        let mut before = 0.0;
        for k in 0..MAX_STEPS {
            let t = f64::from(k) * step;
            let (w, slope) = contour.at(t);
            let value = self.at(w);
            if !(value.re.is_finite() && value.im.is_finite()) {
                return Err(format!("is e^({value}) after {k} steps"));
            }
            if value.re > before + GROWTH {
                return Err(format!("grows from e^({before}) to e^({}) after {k} steps", value.re));
            }
            if value.re < NEGLIGIBLE {
                return Ok(Sums { steps: k, ..sums });
            }
            before = value.re;
            // Twice for the other half of the contour.
            let share = if k == 0 { 1.0 } else { 2.0 };
            let term = value.exp() * slope;
            sums.density += share * term.re;
            let term = kernel.times(w + self.centre, term);
            sums.all += share * term.re;
            if k % 2 == 0 {
                sums.even += share * term.re;
            }
            sums.moduli += share * term.l1_norm();
        }
        Err(format!("has not decayed after {MAX_STEPS} steps, but is e^({before})"))
    }
}

/// Sums over the points of a contour.
#[derive(Debug, Default)]
struct Sums {
    /// Of the integrand.
    all: f64,
    /// Of every other point.
    even: f64,
    /// Of the integrand without its kernel.
    density: f64,
    /// Of absolute values.
    moduli: f64,
    /// Number of terms.
    steps: u32,
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use widenet_core::seed::{Purpose, stream};

    use super::super::cumulant::Term;
    use super::*;

    /// Up to four kinds of gamma variables, from single to a million, and a normal part in every other law.
    fn law(number: u64) -> Cumulant {
        let rng = &mut stream(number, Purpose::PriorDraw, 0);
        let mut terms: Vec<Term> = (0..1 + number % 4)
            .map(|_| {
                let a =
                    (0.5 * rng.random_range(1.0f64..2.0) * 10f64.powf(rng.random_range(0.0..3.0)).round()).ceil() / 2.0;
                Term { a, count: 10f64.powf(rng.random_range(0.0..6.0f64).powi(2) / 6.0).round() }
            })
            .collect();
        terms.sort_by(|x, y| x.a.total_cmp(&y.a));
        terms.dedup_by_key(|term| term.a);
        let quadratic = if number.is_multiple_of(2) { 0.0 } else { 10f64.powf(rng.random_range(-3.0..2.0)) };
        Cumulant { terms, quadratic, linear: rng.random_range(-3.0..3.0) }
    }

    fn saddle(cumulant: &Cumulant, distance: f64) -> (f64, Point) {
        let at = Point { s: distance - cumulant.edge(), distance };
        (cumulant.slopes(at).0, at)
    }

    fn along(cumulant: &Cumulant, distance: f64, contour: Contour, kernel: Kernel) -> std::result::Result<f64, String> {
        let (u, saddle) = saddle(cumulant, distance);
        let sigma = cumulant.slopes(saddle).1.sqrt();
        Exponent::new(cumulant, u, saddle, sigma, true).integrate(contour, kernel).map(|(sum, _)| sum)
    }

    /// Shares of the pole from 0.2 to 1 − 1e-6, so on either side of where the program changes from one to the other.
    #[test]
    fn line_and_hyperbola_are_one_integral() {
        let (mut below, mut above) = (0, 0);
        for number in 0..60 {
            let cumulant = law(number);
            for distance in [0.45, 0.3, 0.2, 0.14, 0.12, 0.11, 0.1, 0.08, 0.05, 0.02, 0.003] {
                let at = Point { s: distance - cumulant.edge(), distance };
                let share = cumulant.terms[0].count / (distance * distance * cumulant.slopes(at).1);
                if share > POLE {
                    above += 1
                } else {
                    below += 1
                }
                for kernel in [Kernel::Density, Kernel::LowerTail] {
                    let line = along(&cumulant, distance, Contour::Line, kernel).expect("a line");
                    let bent =
                        along(&cumulant, distance, Contour::Hyperbola { distance }, kernel).expect("a hyperbola");
                    // Exponents of a million variables carry the rounding of their sum.
                    let allowed = 1e-12 + 1e-15 * cumulant.terms.iter().map(|term| term.count.sqrt()).sum::<f64>();
                    assert!((bent / line - 1.0).abs() < allowed, "{cumulant:?} at {distance}: {line} {bent}");
                }
            }
        }
        assert!(below > 100 && above > 100, "{below} and {above}");
    }

    #[test]
    fn a_hyperbola_needs_at_most_463_steps() {
        for number in 0..60 {
            let cumulant = law(number);
            for distance in [0.4, 0.11, 0.03, 1e-3, 1e-6, 1e-60, 1e-100] {
                let (u, saddle) = saddle(&cumulant, distance);
                let sigma = cumulant.slopes(saddle).1.sqrt();
                let exponent = Exponent::new(&cumulant, u, saddle, sigma, true);
                let step = 2.0 * PI / (STEPS_PER_WIDTH * sigma);
                let sums = exponent.sums(Contour::Hyperbola { distance }, Kernel::Density, step).expect("a sum");
                assert!((40..=463).contains(&sums.steps), "{cumulant:?} at {distance}: {} steps", sums.steps);
            }
        }
    }

    #[test]
    fn integrands_that_grow_or_are_not_resolved_are_refused() {
        let cumulant = Cumulant { terms: vec![Term { a: 0.5, count: 1.0 }], quadratic: 2.0, linear: -2.0 };
        let (u, saddle) = saddle(&cumulant, 0.05);
        let sigma = cumulant.slopes(saddle).1.sqrt();
        let hyperbola = Contour::Hyperbola { distance: 0.05 };
        // Not the saddle: on the hyperbola the linear part grows, on the line it only turns.
        let elsewhere = Exponent::new(&cumulant, u + 60.0 * sigma, saddle, sigma, true);
        let refused = elsewhere.integrate(hyperbola, Kernel::Density).expect_err("it grows");
        assert!(refused.contains("grows"), "{refused}");
        let refused = elsewhere.integrate(Contour::Line, Kernel::Density).expect_err("it cancels");
        assert!(refused.contains("cancels") || refused.contains("resolved"), "{refused}");
        // Twice the step is halved again; a thousand times is given up.
        let right =
            Exponent::new(&cumulant, u, saddle, sigma, true).integrate(hyperbola, Kernel::Density).expect("fine");
        let coarse = Exponent { sigma: sigma / 4.0, ..Exponent::new(&cumulant, u, saddle, sigma, true) };
        let found = coarse.integrate(hyperbola, Kernel::Density).expect("fine");
        assert!((found.0 / right.0 - 1.0).abs() < 1e-12, "{found:?} {right:?}");
        let lost = Exponent { sigma: sigma / 1000.0, ..Exponent::new(&cumulant, u, saddle, sigma, true) };
        let refused = lost.integrate(hyperbola, Kernel::Density).expect_err("unresolved");
        assert!(refused.contains("resolved"), "{refused}");
        let nothing = Exponent::new(&cumulant, f64::NAN, saddle, sigma, true);
        assert!(nothing.integrate(Contour::Line, Kernel::Density).expect_err("NaN").contains("NaN"));
    }
}
