//! Integrates against a standard Gaussian by Gauss–Hermite quadrature.
//!
//! ```text
//! E g(z) ≈ Σ_i w_i g(z_i),      h_n(z_i) = 0,      w_i = 1/(n h_{n−1}(z_i)²),      h_n = He_n/√n!
//! ```
//!
//! (docs/theory/numerics.md §3, Eq. gauss-hermite; Golub & Welsch 1969 for the zeros as eigenvalues, which Newton's method then
//! polishes.)

use widenet_core::{Error, Matrix, Result};

use crate::linear_algebra::eigenvalues;

/// Most nodes per dimension: beyond some 600 the polynomials overflow.
const MOST_NODES: usize = 256;

/// Nodes and weights: `z, −z` next to each other with the same weight, and 0 last if the count is odd.
pub(crate) fn gauss_hermite(count: usize) -> Result<Vec<(f64, f64)>> {
    if !(1..=MOST_NODES).contains(&count) {
        return Err(Error::Invalid(format!("{count} nodes per dimension: 1 to {MOST_NODES} are possible")));
    }
    let entry = |i: usize, j: usize| if i.abs_diff(j) == 1 { (i.max(j) as f64).sqrt() } else { 0.0 };
    let Some(zeros) = eigenvalues(&Matrix::from_fn(count, count, entry)) else {
        return Err(Error::Invalid(format!(
            "the quadrature with {count} nodes was not found; use another number of nodes"
        )));
    };
    let n = count as f64;
    let weight = |z: f64| 1.0 / (n * last_two(count, z).0.powi(2));
    let mut nodes = Vec::with_capacity(count);
    for zero in &zeros[count.div_ceil(2)..] {
        let mut z = *zero;
        for _ in 0..3 {
            let (before, value) = last_two(count, z);
            z -= value / (n.sqrt() * before);
        }
        nodes.extend([(z, weight(z)), (-z, weight(z))]);
    }
    if count % 2 == 1 {
        nodes.push((0.0, weight(0.0)));
    }
    Ok(nodes)
}

/// `h_{n−1}(z)` and `h_n(z)`.
fn last_two(count: usize, z: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for k in 0..count {
        let k = k as f64;
        (before, value) = (value, (z * value - k.sqrt() * before) / (k + 1.0).sqrt());
    }
    (before, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_gaussian() {
        for count in [1, 2, 5, 32, 33, 128, 256] {
            let rule = gauss_hermite(count).expect("nodes");
            assert_eq!(rule.len(), count);
            let mean = |g: &dyn Fn(f64) -> f64| rule.iter().map(|(z, w)| w * g(*z)).sum::<f64>();
            // Exact up to degree 2 n − 1.
            let mut moment = 1.0;
            for degree in (0..(2 * count).min(20) as i32).step_by(2) {
                assert!((mean(&|z| z.powi(degree)) / moment - 1.0).abs() < 1e-12, "{count} nodes, degree {degree}");
                moment *= f64::from(degree + 1);
            }
            if count >= 32 {
                assert!((mean(&|z| z.cos()) - (-0.5_f64).exp()).abs() < 1e-14);
            }
        }
        assert!(gauss_hermite(0).is_err() && gauss_hermite(257).is_err());
    }
}
