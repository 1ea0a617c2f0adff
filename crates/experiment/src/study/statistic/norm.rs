//! The Euclidean norm of all entries, `‖q‖`.

use super::definition::{Function, Label, Statistic};

/// The Euclidean norm; of a number its absolute value.
pub static NORM: Statistic = Statistic {
    word: "norm",
    label: Label::Of(""),
    function: Function::Entries(|entries| entries.iter().map(|x| x * x).sum::<f64>().sqrt()),
    smallest_is_worst: false,
    is_allowed: |_| true,
    needs: "",
    quantities: &[],
    needs_independent_networks: false,
};
