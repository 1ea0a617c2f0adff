//! Kolmogorov–Smirnov tests compare samples with continuous distributions.
//!
//! ```text
//! P(D > d) = 2 Σ_{k≥1} (−1)^{k−1} exp(−2 k² t²),   t = (√n + 0.12 + 0.11/√n) d
//! ```
//!
//! (docs/theory/statistics.md §2, Eq. kolmogorov-smirnov; M. A. Stephens, "EDF statistics for goodness of fit and some comparisons"
//! (1974).) Of two samples n is n₁ n₂ / (n₁ + n₂).

/// Returns the chance of a larger distance under the distribution.
pub fn p_value(distance: f64, n: f64) -> f64 {
    let root = n.sqrt();
    let t = (root + 0.12 + 0.11 / root) * distance;
    if t < 0.2 {
        // The series needs ever more terms, and its value differs from 1 by less than 1e-12.
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        2.0 * (-2.0 * k * k * t * t).exp()
    };
    (1..=100).map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum::<f64>().clamp(0.0, 1.0)
}

/// Returns the chance that two samples of one distribution differ more than these do; NaN if a draw is no number.
pub fn two_sample_p_value(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    if a.iter().chain(&b).any(|draw| draw.is_nan()) {
        return f64::NAN;
    }
    [&mut a, &mut b].into_iter().for_each(|sample| sample.sort_by(f64::total_cmp));
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let share = |sorted: &[f64], x: f64| sorted.partition_point(|value| *value <= x) as f64 / sorted.len() as f64;
    let distance = a.iter().chain(&b).map(|x| (share(&a, *x) - share(&b, *x)).abs()).fold(0.0, f64::max);
    p_value(distance, n_a * n_b / (n_a + n_b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Critical values 1.358 and 1.628 of √n D at 5 % and 1 % (Stephens 1974, table 1A).
    #[test]
    fn p_values_have_the_tabulated_critical_values() {
        let n = 1e6;
        for (t, p) in [(1.358, 0.05), (1.628, 0.01), (0.828, 0.5)] {
            assert!((p_value(t / 1000.0, n) - p).abs() < 2e-3 * p.max(0.1), "{t}: {}", p_value(t / 1000.0, n));
        }
        assert_eq!(p_value(0.0, n), 1.0);
    }

    /// D = 1/2 with n = 2: t = (√2 + 0.12 + 0.11/√2)/2 = 0.80600.
    #[test]
    fn two_samples_are_as_far_apart_as_their_distribution_functions() {
        let found = two_sample_p_value(vec![4.0, 1.0, 2.0, 3.0], vec![3.5, 2.5, 5.0, 6.0]);
        assert!((found - p_value(0.5, 2.0)).abs() < 1e-15, "{found}");
        assert_eq!(two_sample_p_value(vec![1.0, 2.0], vec![2.0, 1.0]), 1.0);
    }

    /// A draw that is no number stood above all others, in both samples alike.
    #[test]
    fn draws_that_are_no_numbers_have_no_p_value() {
        assert!(two_sample_p_value(vec![1.0, f64::NAN], vec![f64::NAN, 1.0]).is_nan());
    }
}
