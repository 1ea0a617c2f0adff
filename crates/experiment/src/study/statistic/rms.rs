//! The root mean square of n entries, `‖q‖/√n`.

use super::definition::{Function, Label, Statistic};

/// The norm divided by the root of the number of entries.
pub(super) static RMS: Statistic = Statistic {
    word: "rms",
    label: Label::Of("root mean square of "),
    function: Function::Entries(|entries| (entries.iter().map(|x| x * x).sum::<f64>() / entries.len() as f64).sqrt()),
    smallest_is_worst: false,
    is_allowed: |_| true,
    needs: "",
    quantities: &[],
    needs_independent_networks: false,
};
