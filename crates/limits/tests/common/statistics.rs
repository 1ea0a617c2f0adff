//! Two-sample tests. Each returns a z value that is N(0,1) when the two laws agree, so that one threshold serves all.

/// Mean and variance (ddof 1).
fn moments(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    (mean, sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// Welch's test of equal means.
fn mean_z(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (var_a / a.len() as f64 + var_b / b.len() as f64).sqrt()
}

/// Levene's test of equal spread (Brown–Forsythe: absolute deviations from the median).
fn spread_z(a: &[f64], b: &[f64]) -> f64 {
    let deviations = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        sample.iter().map(|x| (x - median).abs()).collect::<Vec<_>>()
    };
    mean_z(&deviations(a), &deviations(b))
}

/// Kolmogorov–Smirnov distance as the z of equal two-sided significance. The tail `2 exp(−2 n D²)` of the Kolmogorov law is
/// an upper bound and exact to leading order where it matters.
fn kolmogorov_smirnov_z(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        // Past all copies of x in both samples: a tie moves neither ahead of the other.
        i += a[i..].iter().take_while(|y| **y <= x).count();
        j += b[j..].iter().take_while(|y| **y <= x).count();
        distance = distance.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let effective = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    normal_z(2.0 * (-2.0 * effective * distance * distance).exp())
}

/// Largest |z| over observables and tests: means, spreads, whole laws.
pub(crate) fn largest_z(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter()
        .zip(b)
        .flat_map(|(a, b)| [mean_z(a, b), spread_z(a, b), kolmogorov_smirnov_z(a, b)])
        .map(f64::abs)
        .fold(0.0, f64::max)
}

/// The z with two-sided normal tail p (0 for p ≥ 1, at most 38, where the tail is below the smallest float).
fn normal_z(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 38.0);
    for _ in 0..60 {
        let middle: f64 = (low + high) / 2.0;
        if libm::erfc(middle / std::f64::consts::SQRT_2) > p { low = middle } else { high = middle }
    }
    low
}
