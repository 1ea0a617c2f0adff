//! Estimates what a run of stored matrices costs before it starts: memory, and bytes streamed per step.

use widenet_core::{Problem, problem::Untrained};

use super::{
    linear,
    need::{MemoryEstimate, refuse_too_wide},
    perceptron,
};
use crate::{
    device::{DeviceInfo, Precision},
    error::ModelError,
};

impl MemoryEstimate {
    /// Makes the need of a problem at a width.
    pub fn new(problem: &Problem, width: u64, precision: Precision) -> Self {
        if problem.is_solved_as_predictor() {
            linear::memory(problem, width, precision)
        } else {
            perceptron::memory(problem, width, precision)
        }
    }

    /// Refuses a width at which a network that is not trained cannot fit the device's available memory.
    ///
    /// # Errors
    /// As for [`MemoryEstimate::check`].
    pub(crate) fn check_untrained(
        untrained: &Untrained,
        width: u64,
        precision: Precision,
        info: &DeviceInfo,
    ) -> Result<(), ModelError> {
        let need = |width| perceptron::memory_untrained(untrained, width, precision).bytes();
        refuse_too_wide(width, info, need)
    }

    /// Refuses a width that cannot fit the device's available memory; where that is unknown, nothing is refused.
    ///
    /// # Errors
    /// [`ModelError::TooWide`], with the widest that fits.
    pub fn check(problem: &Problem, width: u64, precision: Precision, info: &DeviceInfo) -> Result<Self, ModelError> {
        refuse_too_wide(width, info, |width| Self::new(problem, width, precision).bytes())?;
        Ok(Self::new(problem, width, precision))
    }
}

/// Seconds per step on a device that streams `bytes_per_second`. Of a deep linear network every product reads its matrix once, every
/// flush reads and writes it; perceptrons are bound by arithmetic, and an ensemble takes the time of all its networks.
pub fn seconds_per_step(problem: &Problem, width: u64, precision: Precision, bytes_per_second: f64) -> f64 {
    if problem.is_solved_as_predictor() {
        linear::seconds_per_step(problem, width, precision, bytes_per_second)
    } else {
        perceptron::seconds_per_step(problem, width, precision, bytes_per_second)
    }
}
