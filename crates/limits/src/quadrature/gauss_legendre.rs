//! Integrates over [−1, 1] by Gauss–Legendre quadrature.
//!
//! ```text
//! ∫_{−1}^1 g(x) dx ≈ Σ_i w_i g(x_i),      P_n(x_i) = 0,      w_i = 2/((1 − x_i²) P_n'(x_i)²)
//! ```

use std::f64::consts::PI;

/// Nodes and weights of the Gauss–Legendre rule on [−1, 1], by Newton's method on the Legendre polynomial.
pub(crate) fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let node = |i: usize| {
        let mut x = (PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut previous, mut value) = (0.0, 1.0);
            for k in 0..count {
                let k = k as f64;
                (previous, value) = (value, ((2.0 * k + 1.0) * x * value - k * previous) / (k + 1.0));
            }
            slope = n * (x * value - previous) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).rev().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_legendre_integrates_polynomials() {
        for count in [1, 2, 5, 80, 129] {
            let rule = gauss_legendre(count);
            for power in (0..2 * count as i32).step_by(2) {
                let sum: f64 = rule.iter().map(|(x, w)| w * x.powi(power)).sum();
                let exact = 2.0 / f64::from(power + 1);
                assert!((sum - exact).abs() < 1e-13, "{count} nodes, power {power}: {sum} against {exact}");
            }
        }
    }
}
