//! Computes differences of log-gamma functions without the cancellation that many wide layers would amplify.
//!
//! ```text
//! λ_a(s) = lnΓ(a + s) − lnΓ(a) − s ln a = m φ(z) − ½ ln(1 + z) + Σ_k c_k m^{−p} [(1 + z)^{−p} − 1] + s ln(m/a) − Σ_{j<n} ln(1 + s/(a + j))
//! m = a + n,   z = s/m,   φ(z) = (1 + z) ln(1 + z) − z,   p = 2k − 1
//! ```
//!
//! (docs/theory/proportional-limit.md §3.3, Eq. 3.5.) The cumulant function of `ln(χ²_N/N)` is `λ_{N/2}`. The branch of the complex
//! logarithm is free: multiplicities are integers and the result is an exponent.

use nalgebra::Complex;

/// Where Stirling's series starts: seven terms are exact to rounding from here, also on the imaginary direction.
const STIRLING: f64 = 16.0;

/// `B_{2k}`, k = 1..7.
const BERNOULLI: [f64; 7] = [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0];

/// `B_{2k}/(2k (2k − 1))`, the coefficients of Stirling's series.
const STIRLING_COEFFICIENTS: [f64; 7] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0];

/// `ln(1 + z)`.
fn ln_1p(z: Complex<f64>) -> Complex<f64> {
    // From |1 + z|² − 1 where that is small, and without overflow where it is not.
    let modulus =
        if z.norm_sqr() < 0.5 { 0.5 * (2.0 * z.re + z.norm_sqr()).ln_1p() } else { (1.0 + z.re).hypot(z.im).ln() };
    Complex::new(modulus, z.im.atan2(1.0 + z.re))
}

/// How far a must be shifted so that both `a` and `a + s` are at least [`STIRLING`].
fn shift(smaller: f64) -> u32 {
    (STIRLING - smaller).ceil().max(0.0) as u32
}

/// `Σ_k (−1)^k z^k/(k(k − 1))`, k from 2: φ for |z| < 0.05.
const PHI_TERMS: i32 = 15;

/// `λ_a(s)` for real s, where `sum = a + s > 0` is passed because the difference would lose it next to the pole.
pub(super) fn increment(a: f64, s: f64, sum: f64) -> f64 {
    let n = shift(a.min(sum));
    let m = a + f64::from(n);
    let z = s / m;
    let log = z.ln_1p();
    let phi = if z.abs() < 0.05 {
        (2..=PHI_TERMS).rev().fold(0.0, |tail, k| 1.0 / f64::from(k * (k - 1)) - z * tail) * z * z
    } else {
        (1.0 + z) * log - z
    };
    let mut value = m * phi - 0.5 * log + stirling_tail(m, s.into()).re;
    if n > 0 {
        value += s * (m / a).ln();
        for j in 0..n {
            value -= ratio_log(s, a + f64::from(j), sum + f64::from(j));
        }
    }
    value
}

/// `ln((a + s)/a)` from all three.
pub(super) fn ratio_log(s: f64, a: f64, sum: f64) -> f64 {
    let ratio = s / a;
    if ratio.abs() < 0.5 { ratio.ln_1p() } else { sum.ln() - a.ln() }
}

/// `Σ_k c_k [(m + s)^{−p} − m^{−p}]`, p = 2k − 1, by divided differences: it is proportional to s.
fn stirling_tail(m: f64, s: Complex<f64>) -> Complex<f64> {
    let (x, shifted) = (1.0 / m, (s + m).inv());
    let (y, shifted_square) = (x * x, shifted * shifted);
    // With y = x² the sum is x R(y); R at the shifted y, R at y, and the slope between them.
    let zero = Complex::new(0.0, 0.0);
    let (mut at_shifted, mut at, mut slope) = (zero, 0.0, zero);
    for c in STIRLING_COEFFICIENTS.iter().rev() {
        slope = slope * shifted_square + at;
        at = at * y + c;
        at_shifted = at_shifted * shifted_square + c;
    }
    -s * x * shifted * (at_shifted + slope * (shifted + x) * x)
}

/// `λ_b(w)` for complex w.
pub(super) fn complex_increment(b: f64, w: Complex<f64>) -> Complex<f64> {
    let n = shift(b + w.re.min(0.0));
    let m = b + f64::from(n);
    let z = w / m;
    let log = ln_1p(z);
    let one = Complex::new(1.0, 0.0);
    let phi = if z.norm_sqr() < 0.05 * 0.05 {
        let zero = Complex::new(0.0, 0.0);
        (2..=PHI_TERMS).rev().fold(zero, |tail, k| one / f64::from(k * (k - 1)) - z * tail) * z * z
    } else {
        (z + 1.0) * log - z
    };
    let mut value = phi * m - log * 0.5 + stirling_tail(m, w);
    if n > 0 {
        value += w * (m / b).ln() - ln_rising(b, w, n);
    }
    value
}

/// Factors whose product is taken before its logarithm: far fewer than overflow.
const FACTORS: u32 = 16;

/// `Σ_{j<n} ln(1 + w/(b + j))`, by one logarithm of up to [`FACTORS`] factors.
fn ln_rising(b: f64, w: Complex<f64>, n: u32) -> Complex<f64> {
    let factors = |from: u32, to: u32| (from..to).map(move |j| w / (b + f64::from(j)));
    if w.norm_sqr() < 0.01 * b * b {
        // All factors are close to 1: their product less one.
        let zero = Complex::new(0.0, 0.0);
        return ln_1p(factors(0, n).fold(zero, |product, factor| product + factor + product * factor));
    }
    let log = |from: u32| {
        let to = n.min(from + FACTORS);
        factors(from, to).fold(Complex::new(1.0, 0.0), |product, factor| product + product * factor).ln()
    };
    (0..n).step_by(FACTORS as usize).map(log).sum()
}

/// `ψ(b) − ln b` and `ψ'(b)` for b > 0.
pub(super) fn digamma_trigamma(b: f64) -> (f64, f64) {
    let n = shift(b);
    let m = b + f64::from(n);
    let x = 1.0 / m;
    let square = x * x;
    let (mut first, mut second) = (0.0, 0.0);
    for (k, bernoulli) in BERNOULLI.iter().enumerate().rev() {
        first = first * square + bernoulli / (2 * k + 2) as f64;
        second = second * square + bernoulli;
    }
    let (mut digamma, mut trigamma) = (-0.5 * x - first * square, x + square * (0.5 + x * second));
    if n > 0 {
        digamma += (m / b).ln();
        for j in 0..n {
            let inverse = 1.0 / (b + f64::from(j));
            digamma -= inverse;
            trigamma += inverse * inverse;
        }
    }
    (digamma, trigamma)
}

/// `λ_a'(s) = ψ(a + s) − ln a`.
pub(super) fn slope(a: f64, s: f64) -> f64 {
    digamma_trigamma(a + s).0 + ratio_log(s, a, a + s)
}

/// `λ_a''(s) = ψ'(b)`, b = a + s.
pub(super) fn trigamma(b: f64) -> f64 {
    digamma_trigamma(b).1
}

/// Order of [`Expansion`].
const ORDER: usize = 26;

/// Taylor polynomial of `Σ count λ_b(w)` about w = 0, from power sums of 1/b: what makes a thousand widths cost one.
#[derive(Debug)]
pub(super) struct Expansion {
    /// Coefficients of `(w/scale)^j`, j = 1..=ORDER.
    coefficients: [f64; ORDER],
    scale: f64,
}

impl Expansion {
    /// Of terms `(b, count)`, all with `b ≥ smallest ≥` [`Expansion::SMALLEST`].
    pub(super) fn new(terms: impl Iterator<Item = (f64, f64)>, smallest: f64) -> Self {
        let mut sums = [0.0; ORDER + 2 * BERNOULLI.len()];
        for (b, count) in terms {
            let x = smallest / b;
            let mut power = count;
            for sum in &mut sums {
                *sum += power;
                power *= x;
            }
        }
        // ψ^(j−1)(b)/j! = (−1)^j [b^{1−j}/(j(j−1)) + b^{−j}/(2j) + Σ_k B_2k/(2k)! (2k+j−2)!/j! b^{−(2k+j−1)}], with b = smallest/x.
        let x = 1.0 / smallest;
        let coefficients = std::array::from_fn(|index| {
            let j = index + 1;
            let order = j as f64;
            let leading = if j == 1 { 0.0 } else { smallest * sums[j - 1] / (order * (order - 1.0)) };
            let mut value = leading + sums[j] / (2.0 * order);
            // (2k + j − 2)!/((2k)! j!).
            let (mut factor, mut power) = (0.5, x);
            for (k, bernoulli) in (1..).zip(BERNOULLI) {
                value += bernoulli * factor * power * sums[2 * k + j - 1];
                let next = (2 * k) as f64;
                factor *= (next + order) * (next + order - 1.0) / ((next + 1.0) * (next + 2.0));
                power *= x * x;
            }
            if j % 2 == 0 { value } else { -value }
        });
        Self { coefficients, scale: smallest }
    }

    /// Smallest b of a term.
    pub(super) const SMALLEST: f64 = STIRLING;

    /// Whether the polynomial is exact to rounding at w.
    pub(super) fn covers(&self, w: Complex<f64>) -> bool {
        w.norm_sqr() <= (self.scale * self.scale) / 16.0
    }

    /// The sum at w.
    pub(super) fn at(&self, w: Complex<f64>) -> Complex<f64> {
        let z = w / self.scale;
        self.coefficients.iter().rev().fold(Complex::new(0.0, 0.0), |tail, c| (tail + *c) * z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: Complex<f64>, expected: Complex<f64>, tolerance: f64, case: &str) {
        assert!((got - expected).norm() <= tolerance * (1.0 + expected.norm()), "{case}: {got} {expected}");
    }

    #[test]
    fn real_increments_are_those_of_libm() {
        for a in [0.5, 1.0, 3.5, 20.0, 700.0] {
            for s in [-0.49, -0.2, 1e-3, 0.7, 5.0, 300.0] {
                let expected = libm::lgamma(a + s) - libm::lgamma(a) - s * a.ln();
                let tolerance = 4e-16 * libm::lgamma(a + s).abs().max(s.abs() * a.ln().abs()).max(1.0) * 4.0;
                assert!((increment(a, s, a + s) - expected).abs() < tolerance, "{a} {s}");
                close(complex_increment(a, Complex::new(s, 0.0)), increment(a, s, a + s).into(), 1e-13, "real axis");
            }
        }
    }

    #[test]
    fn complex_increments_obey_recurrence_and_reflection() {
        for (a, w) in [(0.5, Complex::new(0.0, 3.0)), (2.0, Complex::new(-4.3, 0.8)), (30.0, Complex::new(1.0, 45.0))] {
            // Γ(a + 1 + w)/Γ(a + 1) = (1 + w/a) Γ(a + w)/Γ(a).
            let left = (complex_increment(a + 1.0, w) + w * (a + 1.0).ln()).exp();
            close(left, (complex_increment(a, w) + w * a.ln()).exp() * (w / a + 1.0), 1e-13, "recurrence");
        }
        // |Γ(½ + it)|² = π/cosh πt.
        for t in [0.1, 1.0, 7.0] {
            let modulus = (2.0 * complex_increment(0.5, Complex::new(0.0, t)).re).exp();
            let expected = 1.0 / (std::f64::consts::PI * t).cosh();
            assert!((modulus / expected - 1.0).abs() < 1e-13, "{t}");
        }
    }

    /// `gamma.csv` (made by `gamma.py`, 20 digits): b around 16, |w| around 0.05, 0.1, 0.25 and 0.7 of it, on the real axis and off it.
    #[test]
    fn switches_of_log_gamma() {
        for row in include_str!("../../tests/limits/proportional/gamma.csv").lines() {
            let numbers: Vec<f64> = row.split(';').map(|number| number.parse().expect("a number")).collect();
            let [b, re, im, real, imaginary] = numbers[..] else { panic!("{row}") };
            let w = Complex::new(re, im);
            let found = complex_increment(b, w);
            let turns = ((found.im - imaginary) / std::f64::consts::TAU).round();
            let expected = Complex::new(real, imaginary + turns * std::f64::consts::TAU);
            // Relative to the value where it is small; to its largest part, w ln(m/b), where that cancels.
            let allowed =
                2e-15 * (w.norm() * (1.0 + (16.0 / b).ln().abs()).max(1.0)).min(w.norm_sqr() / b + w.norm() / b);
            assert!(
                (found - expected).norm() <= allowed + 4e-15 * expected.norm(),
                "{row}: {found} off by {}",
                found - expected
            );
            if im == 0.0 {
                assert!((increment(b, re, b + re) - real).abs() <= allowed + 4e-15 * real.abs(), "{row}");
            }
        }
    }

    #[test]
    fn derivatives_are_differences_of_increments() {
        for b in [0.3, 2.0, 15.0, 90.0, 1e6] {
            let (digamma, trigamma) = digamma_trigamma(b);
            let h: f64 = 1e-3 * b;
            let (up, down) = (increment(b, h, b + h), increment(b, -h, b - h));
            let first = (up - down) / (2.0 * h);
            let second = (up + down) / (h * h);
            // λ''' and λ'''' are of order b^{-2} (2/b³ near 0).
            assert!((first - digamma).abs() < 1e-6 * (1.0 + 2.0 / b), "{b}: {first} {digamma}");
            assert!((second / trigamma - 1.0).abs() < 1e-5, "{b}: {second} {trigamma}");
        }
    }

    #[test]
    fn expansion_is_the_sum() {
        let terms: Vec<_> = (0..50).map(|i| (16.0 + f64::from(i * i), 1.0 + f64::from(i % 3))).collect();
        let expansion = Expansion::new(terms.iter().copied(), 16.0);
        // Up to its edge, |w| = 4.
        for w in [Complex::new(0.0, 4.0), Complex::new(-2.0, 3.0), Complex::new(-2.8, 2.85), Complex::new(1e-3, -1e-2)]
        {
            assert!(expansion.covers(w));
            let sum = terms.iter().map(|&(b, count)| complex_increment(b, w) * count).sum();
            close(expansion.at(w), sum, 2e-15, "expansion");
        }
        assert!(!expansion.covers(Complex::new(0.0, 4.001)));
    }
}
