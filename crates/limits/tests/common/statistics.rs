//! Two-sample tests. Each returns a z value that is N(0,1) when the two laws agree, so that one threshold serves all.

/// Mean and variance (ddof 1).
pub(crate) fn moments(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    (mean, sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Welch's test of equal means.
pub(crate) fn mean_z(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (var_a / a.len() as f64 + var_b / b.len() as f64).sqrt()
}

/// Levene's test of equal spread (Brown–Forsythe: absolute deviations from the median).
pub(crate) fn spread_z(a: &[f64], b: &[f64]) -> f64 {
    let deviations = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        sample.iter().map(|x| (x - median).abs()).collect::<Vec<_>>()
    };
    mean_z(&deviations(a), &deviations(b))
}

/// Kolmogorov–Smirnov distance as the z of the same two-sided significance, from the asymptotic Kolmogorov law.
pub(crate) fn kolmogorov_smirnov_z(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            i += 1;
        } else {
            j += 1;
        }
        distance = distance.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let effective = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    // Tail 2 exp(−2 n D²) against the normal tail ≈ exp(−z²/2): equal exponents give z = 2 √n D (slightly conservative).
    2.0 * effective.sqrt() * distance
}
