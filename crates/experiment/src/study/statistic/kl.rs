//! The divergence of Gaussians fitted to outputs over seeds, averaged over the test inputs.
//!
//! ```text
//! KL(N(m, v) ‖ N(m_r, v_r)) = ½ [v/v_r + (m_r − m)²/v_r − 1 − ln(v/v_r)]      means m and variances v over S seeds (ddof 1)
//! ```
//!
//! (docs/theory/scaling-limits.md §6, Eq. divergence.)

use widenet_core::problem::Quantity;
use widenet_statistics::Moments;

use super::definition::{Function, Label, Statistic};

/// The Kullback–Leibler divergence from the reference network, or from the trials that the metric names.
pub(super) static KL: Statistic = Statistic {
    word: "kl",
    label: Label::Whole("KL from the reference network"),
    function: Function::Distributions(divergence),
    smallest_is_worst: false,
    is_allowed: |asked| {
        let plain = asked.reference.is_none() && !asked.relative && asked.entry.is_none();
        plain && asked.quantity == Quantity::TestOutputs
    },
    needs: "`statistic = \"kl\"` needs quantity = \"test_outputs\", without `against`, `relative` and `entry`",
    quantities: &[],
    needs_independent_networks: false,
};

/// Returns the mean divergence of entries whose values over seeds are given.
///
/// # Errors
/// An entry that is the same in all seeds, in words.
pub(crate) fn divergence(own: &[Vec<f64>], reference: &[Vec<f64>]) -> Result<f64, String> {
    let gaussian = |sample: &Vec<f64>| {
        let moments = Moments::of(sample);
        let (mean, variance) = (moments.mean(), moments.variance());
        if variance == 0.0 {
            return Err("an output does not vary over seeds: its law has no width".to_owned());
        }
        Ok((mean, variance))
    };
    let own = own.iter().map(gaussian).collect::<Result<Vec<_>, _>>()?;
    let reference = reference.iter().map(gaussian).collect::<Result<Vec<_>, _>>()?;
    let each = own
        .iter()
        .zip(&reference)
        .map(|((m, v), (m_r, v_r))| 0.5 * (v / v_r + (m_r - m).powi(2) / v_r - 1.0 - (v / v_r).ln()));
    Ok(each.sum::<f64>() / own.len() as f64)
}
