//! Inputs of the suites, and the comparison of their outputs.

/// Numbers in [-1, 1] that f32 holds exactly, from a linear congruential generator (Numerical Recipes).
pub(crate) fn numbers(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 12) / f64::from(1 << 19) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn assert_within(tolerance: f64, actual: &[f64], expected: &[f64], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert!((actual - expected).abs() <= tolerance, "{what}[{index}]: {actual} instead of {expected}");
    }
}
