//! Limits know three constants of the reference network.
//!
//! ```text
//! S = σ* d*,      α = η̂*_a σ*,      β = η̂*_w σ*
//! ```
//!
//! (docs/theory/scaling-limits.md §4, Eq. constants.)

use crate::error::invalid;
use widenet_core::Result;

/// The network of width d* that all scalings share: `f(x) = σ* Σ_r â_r φ(ŵ_r·x)`, trained with rates `η̂*` on `â` and `ŵ`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceNetwork {
    /// `d*`.
    pub width: f64,
    /// `σ*`: standard deviation of the raw output weights `σ* â`.
    pub output_std: f64,
    /// `η̂*_a`: the rate of the raw output weights is `σ*² η̂*_a`.
    pub readout_rate: f64,
    /// `η̂*_w`.
    pub input_rate: f64,
    /// `σ_w`: input weights have covariance `σ_w² I`, without the input dimension.
    pub input_std: f64,
}

/// The constants of all limits (module formula).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// `S`.
    pub output_scale: f64,
    /// `α`; 0 freezes the readout.
    pub readout_rate: f64,
    /// `β`; 0 freezes the input weights.
    pub input_rate: f64,
    /// `σ_w`.
    pub input_std: f64,
    /// `d*`: the initial function has covariance `S² Φ/d*`.
    pub reference_width: f64,
}

impl Constants {
    /// Computes the constants of a reference network.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn of(reference: &ReferenceNetwork) -> Result<Self> {
        let std = reference.output_std;
        let constants = Self {
            output_scale: std * reference.width,
            readout_rate: reference.readout_rate * std,
            input_rate: reference.input_rate * std,
            input_std: reference.input_std,
            reference_width: reference.width,
        };
        constants.check()?;
        Ok(constants)
    }

    /// Refuses constants that no network has.
    ///
    /// # Errors
    /// d* < 1; S or σ_w not positive and finite; a rate that is negative or not finite.
    pub fn check(&self) -> Result<()> {
        if !(self.reference_width.is_finite() && self.reference_width >= 1.0) {
            return Err(invalid(format!("the reference width d* is {}; it must be at least 1", self.reference_width)));
        }
        for (name, value) in [("output scale S = σ* d*", self.output_scale), ("input std σ_w", self.input_std)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(invalid(format!("the {name} is {value}; it must be positive and finite")));
            }
        }
        for (name, value) in [("readout rate α", self.readout_rate), ("input rate β", self.input_rate)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(invalid(format!("the {name} is {value}; it must be at least 0 and finite")));
            }
        }
        Ok(())
    }
}
