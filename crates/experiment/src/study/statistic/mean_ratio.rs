//! The norm of means over seeds in units of the reference's, `‖m‖/‖m_r‖`.

use widenet_statistics::Moments;

use super::definition::{Function, Label, NEEDS_REFERENCE_TRIALS, Statistic, has_reference_trials, root_of_sum};

/// The ratio of the norms of means.
pub(super) static MEAN_RATIO: Statistic = Statistic {
    word: "mean_ratio",
    label: Label::Of("mean in units of the reference: "),
    function: Function::Distributions(|own, reference| {
        let norm = |samples| root_of_sum(samples, |sample| Moments::of(sample).mean().powi(2));
        Ok(norm(own) / norm(reference))
    }),
    smallest_is_worst: false,
    is_allowed: has_reference_trials,
    needs: NEEDS_REFERENCE_TRIALS,
    quantities: &[],
    needs_independent_networks: false,
};
