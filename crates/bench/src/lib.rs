//! What a device does: whether it computes what it should, how fast, and what very wide training takes on it. One report for all.
//!
//! [`Bench::rates`] is the short calibration; [`Bench::report`] adds the checks, a run of a million neurons and its growth with the width
//! (`training.rs`). A device that fails (out of memory, lost, a kernel that does not compile) is a finding with the name of what ran, and
//! everything else goes on.

mod checks;
mod report;
mod training;

use serde::Serialize;
use widenet_model::{Amount, DeviceChoice, DeviceInfo, OpenDevice, Placement, Precision, RateSizes, rates};

use crate::{SolveError, engines::guarded};
pub use checks::Checked;
pub use report::{BenchReport, ReportFile};
pub use training::{Growth, WideTraining};

/// A device to be measured.
pub struct Bench {
    device: OpenDevice,
    placement: Placement,
    quick: bool,
}

/// A measured rate, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredRate {
    /// What ran.
    pub what: String,
    /// Bytes, numbers or nothing per second: see `unit`.
    pub value: Option<f64>,
    /// `bytes/s`, `numbers/s` or `s`.
    pub unit: &'static str,
    /// Bytes per second over those of the copy.
    pub fraction_of_copy: Option<f64>,
    /// What the device said when it failed.
    pub failure: Option<String>,
}

impl Bench {
    /// Opens a device. `quick` takes sizes that only show that everything runs.
    ///
    /// # Errors
    /// [`SolveError::Refused`], with the name of what is not there.
    pub fn open(device: DeviceChoice, precision: Precision, quick: bool) -> Result<Self, SolveError> {
        let refused = |error: widenet_model::ModelError| SolveError::Refused(error.to_string());
        let device = device.open().map_err(refused)?;
        let placement = device.placement(precision).map_err(refused)?;
        Ok(Self { device, placement, quick })
    }

    /// What was chosen and why, for the user.
    pub fn note(&self) -> &str {
        &self.device.note
    }

    /// The device.
    pub fn info(&self) -> &DeviceInfo {
        &self.device.info
    }

    /// Measures all rates; `watch` is told what runs next.
    pub fn rates(&self, watch: &dyn Fn(&str)) -> Vec<MeasuredRate> {
        let sizes = if self.quick { RateSizes::quick() } else { RateSizes::of(&self.device.info, &self.placement) };
        let mut copy = None;
        let measure = |rate: widenet_model::Rate<'_>| {
            watch(&rate.what);
            let seconds = guarded(&rate.what, || rate.seconds()).map_err(|error| error.to_string());
            let (unit, amount) = match rate.amount {
                Amount::Bytes(bytes) => ("bytes/s", Some(bytes)),
                Amount::Numbers(count) => ("numbers/s", Some(count)),
                Amount::Once => ("s", None),
            };
            let value = seconds.as_ref().ok().map(|seconds| amount.map_or(*seconds, |amount| amount / seconds));
            let fraction_of_copy = match (rate.amount, copy) {
                (Amount::Bytes(_), Some(copy)) => value.map(|value: f64| value / copy),
                _ => None,
            };
            // The copy comes first.
            copy = copy.or(value);
            MeasuredRate { what: rate.what, value, unit, fraction_of_copy, failure: seconds.err() }
        };
        rates(&self.device.info, &self.placement, sizes).into_iter().map(measure).collect()
    }

    /// Checks, rates and training, for a report. `width` is that of the one long run (a million; less on a software GPU).
    ///
    /// # Errors
    /// [`SolveError::Refused`] for a width below 10.
    pub fn report(&self, width: Option<u64>, watch: &dyn Fn(&str)) -> Result<BenchReport, SolveError> {
        let width = width.unwrap_or_else(|| training::default_width(&self.device.info, self.quick));
        if width < training::SMALLEST {
            let text = format!("width = {width} of the training run must be at least {}", training::SMALLEST);
            return Err(SolveError::Refused(text));
        }
        let checks = checks::run(&self.device, &self.placement, watch);
        // Before the rates, whose bases would count in the peak of the memory.
        let (training, growth) = training::run(&self.device, self.placement.precision, width, self.quick, watch);
        let rates = self.rates(watch);
        Ok(BenchReport {
            version: crate::VERSION,
            device: self.device.info.clone(),
            precision: self.placement.precision,
            checks,
            rates,
            training,
            growth,
        })
    }
}
