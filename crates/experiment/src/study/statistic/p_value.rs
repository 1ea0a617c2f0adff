//! The p-value of an ensemble's mean outputs under the distribution of the limit ([`widenet_statistics::chi_square`]).

use widenet_core::problem::Quantity;
use widenet_engines::Reference;
use widenet_statistics::chi_square;

use super::definition::{Function, Label, Statistic};

/// The chance of a larger X than that of the mean outputs.
pub(super) static P_VALUE: Statistic = Statistic {
    word: "p_value",
    label: Label::Whole("p-value of the mean output under the limit"),
    function: Function::Ensemble(chi_square::p_value),
    smallest_is_worst: true,
    is_allowed: |asked| {
        let tested = asked.quantity == Quantity::TestOutputs && asked.reference == Some(Reference::Limit);
        tested && !asked.relative && asked.entry.is_none()
    },
    needs: "`statistic = \"p_value\"` needs quantity = \"test_outputs\" and against = \"limit\", without `relative` and `entry`",
    quantities: &[Quantity::TestOutputCovariance],
    // The mean of antithetic pairs hardly spreads, and the test could not fail.
    needs_independent_networks: true,
};
