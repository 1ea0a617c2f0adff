//! The two-sample Kolmogorov–Smirnov test of values over seeds ([`widenet_statistics::kolmogorov_smirnov`]).

use widenet_statistics::kolmogorov_smirnov;

use super::definition::{Function, Label, NEEDS_REFERENCE_TRIALS, Statistic, has_reference_trials};

/// The p-value of the entry that agrees least, times the number of entries (at most 1).
pub(super) static KS: Statistic = Statistic {
    word: "ks",
    label: Label::Of("p-value of equal laws: "),
    function: Function::Distributions(|own, reference| {
        // Engines may share random streams: every second seed of either makes independent samples.
        let half = |sample: &[f64], first: usize| sample.iter().copied().skip(first).step_by(2).collect();
        let each = own.iter().zip(reference);
        let p_values =
            each.map(|(own, reference)| kolmogorov_smirnov::two_sample_p_value(half(own, 0), half(reference, 1)));
        let smallest = widenet_core::extremes::smallest(p_values).unwrap_or(1.0);
        Ok((smallest * own.len() as f64).clamp(0.0, 1.0))
    }),
    smallest_is_worst: true,
    is_allowed: has_reference_trials,
    needs: NEEDS_REFERENCE_TRIALS,
    quantities: &[],
    needs_independent_networks: false,
};
