//! Dual activations against independent integrals.

use std::f64::consts::PI;
use widenet_core::document::Word;

use widenet_core::problem::Activation;
use widenet_limits::kernel::dual::{Dual, Expectations};

/// `E[g(u) g(v)]` by trapezoid sums over two independent Gaussians, for smooth g.
fn integral(g: impl Fn(f64) -> f64, q1: f64, q2: f64, c: f64) -> f64 {
    let (step, range) = (0.04, 230);
    let density = |z: f64| step * (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    let slope = if q1 > 0.0 { c / q1.sqrt() } else { 0.0 };
    let rest = (q2 - slope * slope).max(0.0).sqrt();
    let node = |i: i32| f64::from(i) * step;
    (-range..=range)
        .map(|i| {
            let z = node(i);
            let inner: f64 = (-range..=range).map(|j| density(node(j)) * g(slope * z + rest * node(j))).sum();
            density(z) * g(q1.sqrt() * z) * inner
        })
        .sum()
}

/// Of a homogeneous g by polar coordinates: E of products over the angle, `∫ g(cos) g(cos) dω/(2π) · E r^{2 degree}`, midpoint rule
/// on pieces between the kinks.
fn polar(g: impl Fn(f64) -> f64, degree: i32, q1: f64, q2: f64, c: f64) -> f64 {
    let angle = (c / (q1 * q2).sqrt()).clamp(-1.0, 1.0).acos();
    let mut kinks = [0.5 * PI, 1.5 * PI, angle + 0.5 * PI, angle + 1.5 * PI].map(|kink| kink.rem_euclid(2.0 * PI));
    kinks.sort_by(f64::total_cmp);
    let count = 2000;
    let mut sum = 0.0;
    for piece in 0..4 {
        let start = kinks[piece];
        let end = if piece == 3 { kinks[0] + 2.0 * PI } else { kinks[piece + 1] };
        let step = (end - start) / f64::from(count);
        for i in 0..count {
            // Fourth-order by two Gauss points a step.
            for offset in [0.5 - 0.5 / 3.0_f64.sqrt(), 0.5 + 0.5 / 3.0_f64.sqrt()] {
                let omega = start + (f64::from(i) + offset) * step;
                sum += 0.5 * step * g(omega.cos()) * g((omega - angle).cos());
            }
        }
    }
    // E r^{2n} = 2ⁿ n! of two normals.
    let moment: f64 = (1..=degree).map(|n| 2.0 * f64::from(n)).product();
    sum * moment * (q1 * q2).sqrt().powi(degree) / (2.0 * PI)
}

/// The degrees of φ and φ' of a homogeneous activation.
fn degrees(activation: Activation) -> Option<(i32, i32)> {
    match activation {
        Activation::Step => Some((0, 0)),
        Activation::SquaredRelu => Some((2, 1)),
        _ => activation.slopes().map(|_| (1, 0)),
    }
}

const TRIPLES: [(f64, f64, f64); 6] =
    [(1.0, 1.0, 0.3), (2.0, 0.5, -0.7), (0.3, 1.7, 0.0), (1.5, 1.5, 1.5), (0.9, 2.5, -1.4), (3.0, 2.0, 2.2)];

fn close(value: Expectations, expected: Expectations, allowed: Expectations, what: &str) {
    assert!((value.value - expected.value).abs() <= allowed.value, "{what}: {value:?} {expected:?}");
    assert!((value.derivative - expected.derivative).abs() <= allowed.derivative, "{what}: {value:?} {expected:?}");
}

#[test]
fn every_dual_is_its_integral_within_the_stated_error() {
    for &(word, activation) in Activation::WORDS {
        let dual = Dual::of(activation);
        for (q1, q2, c) in TRIPLES {
            let mut allowed = dual.error(q1.max(q2));
            assert!(allowed.value < 1e-9 && allowed.derivative < 1e-8, "{word} {q1} {q2}: {allowed:?}");
            let expected = match degrees(activation) {
                Some((of_value, of_derivative)) => Expectations {
                    value: polar(|u| activation.value(u), of_value, q1, q2, c),
                    derivative: polar(|u| activation.derivative(u), of_derivative, q1, q2, c),
                },
                None => Expectations {
                    value: integral(|u| activation.value(u), q1, q2, c),
                    derivative: integral(|u| activation.derivative(u), q1, q2, c),
                },
            };
            // The quadratures themselves.
            allowed.value += 1e-11;
            allowed.derivative += 1e-11;
            close(dual.pair(q1, q2, c), expected, allowed, &format!("{word} {q1} {q2} {c}"));
        }
    }
}

#[test]
fn the_derivative_in_the_covariance_is_the_dual_of_the_derivative() {
    // The covariance of a step changes by its jump, which its derivative almost everywhere does not see.
    for &(word, activation) in Activation::WORDS.iter().filter(|(_, activation)| *activation != Activation::Step) {
        let dual = Dual::of(activation);
        for (q1, q2, c) in TRIPLES.into_iter().filter(|(q1, q2, c)| c * c < 0.9 * q1 * q2) {
            let h = 1e-5;
            let slope = (dual.pair(q1, q2, c + h).value - dual.pair(q1, q2, c - h).value) / (2.0 * h);
            let derivative = dual.pair(q1, q2, c).derivative;
            assert!((slope - derivative).abs() < 1e-8, "{word} {q1} {q2} {c}: {slope} {derivative}");
        }
    }
}

#[test]
fn diagonals_are_the_pairs_of_equal_inputs() {
    for &(word, activation) in Activation::WORDS {
        let dual = Dual::of(activation);
        for q in [0.0, 1e-12, 0.4, 3.0] {
            let allowed = dual.error(q);
            // The angle of a homogeneous activation comes from the covariance.
            let angle = if degrees(activation).is_some() { 1e-7 } else { 1e-14 };
            let allowed = Expectations { value: allowed.value + angle * q, derivative: allowed.derivative + angle };
            if q > 0.0 || activation.slopes().is_none() {
                close(dual.pair(q, q, q), dual.diagonal(q), allowed, &format!("{word} {q}"));
            }
        }
    }
}

#[test]
fn large_variances_stay_finite() {
    for &(word, activation) in Activation::WORDS {
        let dual = Dual::of(activation);
        for c in [1e6, -1e6, 1e6 - 1e-6, 0.0] {
            let Expectations { value, derivative } = dual.pair(1e6, 1e6, c);
            assert!(value.is_finite() && derivative.is_finite(), "{word} {c}: {value} {derivative}");
        }
        // What a series leaves out there is stated: tanh is nearly a step, whose series converges slowly.
        if let Dual::Series(Activation::Tanh) = dual {
            assert!(dual.error(1e6).derivative > 1e-6 && dual.error(1.0).derivative < 1e-12);
        }
    }
}
