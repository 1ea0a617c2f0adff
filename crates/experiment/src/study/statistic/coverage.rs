//! The share of 95 % intervals, over seeds and entries, that contain what they estimate ([`crate::measure::Compared::coverage`]).

use super::definition::{Function, Label, NEEDS_REFERENCE_TRIALS, Statistic, has_reference_trials};

/// The share of the 95 % intervals of all seeds and entries that contain the mean of the reference's.
pub(super) static COVERAGE: Statistic = Statistic {
    word: "coverage",
    label: Label::Of("share of 95 % intervals that cover: "),
    function: Function::Coverage,
    smallest_is_worst: true,
    is_allowed: has_reference_trials,
    needs: NEEDS_REFERENCE_TRIALS,
    quantities: &[],
    needs_independent_networks: false,
};
