//! An integral over mixing matrices as a mixture of shapes, each with a posterior of its scale.
//!
//! ```text
//! E[Q | Y] = Σ_j w_j Q̂_j E[e^u | Q̂_j, Y]
//! ```
//!
//! (docs/theory/proportional-limit.md §8.)

use widenet_core::{Matrix, training::Control};

use super::{
    conditional::Shape,
    error::{Result, finite, invalid},
    settings::Diagnostics,
};

/// One shape of the mixture, with the posterior of its scale.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) shape: Shape,
    /// Weights of one group sum to 1.
    pub(super) weight: f64,
    pub(super) scales: Vec<(f64, f64)>,
}

/// An integral over mixing matrices.
#[derive(Debug, Clone)]
pub(super) struct Integral {
    pub(super) log_evidence: f64,
    /// Independent runs, with weights that sum to 1.
    pub(super) groups: Vec<(f64, Vec<Component>)>,
    pub(super) diagnostics: Diagnostics,
}

impl Integral {
    /// # Errors
    /// A log evidence or a diagnostic that is not finite.
    pub(super) fn check(&self) -> Result<()> {
        let Diagnostics { effective_sample_size, smallest_incremental, acceptance, log_evidence_error, .. } =
            &self.diagnostics;
        finite("log evidence", [&self.log_evidence, log_evidence_error])?;
        has_digits(self.log_evidence)?;
        finite("effective sample size", effective_sample_size.iter().chain(smallest_incremental).chain(acceptance))
    }
}

/// Progress, and whether to go on.
pub(super) type Watch<'a> = &'a mut dyn FnMut(f64) -> Control;

/// Rounding of a log likelihood above which it says nothing about weights.
const LARGEST_ROUNDING: f64 = 1e-3;

/// # Errors
/// A finite log likelihood that is so large that differences of order 1 are lost in its rounding.
pub(super) fn has_digits(log: f64) -> Result<()> {
    if log.is_finite() && log.abs() * f64::EPSILON > LARGEST_ROUNDING {
        return Err(invalid(format!(
            "the log likelihood is about {log:.1e}, and its rounding hides which networks are more likely: the targets are too far from what \
             this network can say"
        )));
    }
    Ok(())
}

/// `ln Σ e^x`.
pub(super) fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + logs.map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// `E[Q̂ e^u | Y]` of a group.
pub(super) fn mean_matrix(components: &[Component]) -> Matrix {
    let mut sum: Option<Matrix> = None;
    for component in components.iter().filter(|component| component.weight > 0.0) {
        let scale: f64 = component.scales.iter().map(|(u, weight)| weight * u.exp()).sum();
        let term = component.shape.matrix() * (component.weight * scale);
        sum = Some(match sum {
            None => term,
            Some(sum) => sum + term,
        });
    }
    sum.unwrap_or_else(|| Matrix::zeros(0, 0))
}
