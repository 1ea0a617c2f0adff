//! Some dual activations have a closed form in the variances `q1, q2 ≥ 0` and the covariance c.

use std::f64::consts::{FRAC_2_PI, PI};

use super::expectations::Expectations;

pub(super) fn erf(q1: f64, q2: f64, c: f64) -> Expectations {
    // As a sum of terms that are all ≥ 0; the product (1 + 2 q1)(1 + 2 q2) − 4 c² would cancel for large q.
    let root = (1.0 + 2.0 * (q1 + q2) + 4.0 * (q1 * q2 - c * c).max(0.0)).sqrt();
    Expectations { value: FRAC_2_PI * (2.0 * c).atan2(root), derivative: 4.0 / PI / root }
}

pub(in crate::kernel) fn sin(q1: f64, q2: f64, c: f64) -> Expectations {
    let mean = 0.5 * (q1 + q2);
    // Both exponents are ≤ 0: no overflow.
    let (difference, sum) = ((c - mean).exp(), (-c - mean).exp());
    // For small variances the difference of exponentials cancels, the hyperbolic sine does not.
    let value = if mean < 0.5 { (-mean).exp() * c.sinh() } else { 0.5 * (difference - sum) };
    Expectations { value, derivative: 0.5 * (difference + sum) }
}

pub(super) fn gelu(q1: f64, q2: f64, c: f64) -> Expectations {
    let product = (1.0 + q1) * (1.0 + q2);
    let square = 1.0 + q1 + q2 + (q1 * q2 - c * c).max(0.0);
    let root = square.sqrt();
    let angle = c.atan2(root);
    let value = 0.25 * c + ((c * c + q1 * q2 * square) / (product * root) + c * angle) / (2.0 * PI);
    let rest = 1.0 / square + (1.0 - q1 * q2) / product + 1.0;
    Expectations { value, derivative: 0.25 + (angle + c / root * rest) / (2.0 * PI) }
}
