//! The norm of standard deviations over seeds (ddof 1) in units of the reference's, `‖s‖/‖s_r‖`.

use widenet_statistics::Moments;

use super::definition::{Function, Label, NEEDS_REFERENCE_TRIALS, Statistic, has_reference_trials, root_of_sum};

/// The ratio of the norms of standard deviations.
pub(super) static STD_RATIO: Statistic = Statistic {
    word: "std_ratio",
    label: Label::Of("standard deviation in units of the reference: "),
    function: Function::Distributions(|own, reference| {
        let norm = |samples| root_of_sum(samples, |sample| Moments::of(sample).variance());
        Ok(norm(own) / norm(reference))
    }),
    smallest_is_worst: false,
    is_allowed: has_reference_trials,
    needs: NEEDS_REFERENCE_TRIALS,
    quantities: &[],
    needs_independent_networks: false,
};
