//! Measures what a device does: whether it computes what it should, how fast, and what very wide training takes on it.
//!
//! [`Bench::rates`] is the short calibration; [`Bench::report`] adds the checks, a run of a million neurons and its growth with the width
//! (`training.rs`). A device that fails (out of memory, lost, a kernel that does not compile) is a finding with the name of what ran, and
//! everything else goes on.

mod checks;
mod rates;
mod report;
mod training;

use widenet_core::Error;
use widenet_model::{DeviceChoice, DeviceInfo, ModelError, OpenDevice, Placement, Precision};

pub use checks::Checked;
pub use rates::MeasuredRate;
pub use report::BenchReport;
pub use training::{Growth, WideTraining};

/// A device to be measured.
pub struct Bench {
    device: OpenDevice,
    placement: Placement,
    quick: bool,
}

impl Bench {
    /// Opens a device. `quick` takes sizes that only show that everything runs.
    ///
    /// # Errors
    /// [`ModelError`], with the name of what is not there.
    pub fn open(device: DeviceChoice, precision: Precision, quick: bool) -> Result<Self, ModelError> {
        let device = device.open()?;
        let placement = device.placement(precision)?;
        Ok(Self { device, placement, quick })
    }

    /// Says what was chosen and why, for the user.
    pub fn note(&self) -> &str {
        &self.device.note
    }

    /// Returns the device.
    pub fn info(&self) -> &DeviceInfo {
        &self.device.info
    }

    /// Measures all rates; `watch` is told what runs next, `measured` what came of it.
    pub fn rates(&self, watch: &dyn Fn(&str), measured: &dyn Fn(&MeasuredRate)) -> Vec<MeasuredRate> {
        rates::run(&self.device, &self.placement, self.quick, watch, measured)
    }

    /// Checks, rates and training, for a report; told as by [`Bench::rates`]. `width` is that of the one long run (a million; less on a software GPU).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width below 10.
    pub fn report(
        &self,
        width: Option<u64>,
        watch: &dyn Fn(&str),
        measured: &dyn Fn(&MeasuredRate),
    ) -> Result<BenchReport, ModelError> {
        let width = width.unwrap_or_else(|| training::default_width(&self.device.info, self.quick));
        if width < training::SMALLEST {
            let text = format!("width = {width} of the training run must be at least {}", training::SMALLEST);
            return Err(Error::Invalid(text).into());
        }
        let checks = checks::run(&self.device, &self.placement, watch);
        // Before the rates, whose bases would count in the peak of the memory.
        let (training, growth) = training::run(&self.device, self.placement.precision, width, self.quick, watch);
        let rates = self.rates(watch, measured);
        Ok(BenchReport {
            version: env!("CARGO_PKG_VERSION"),
            device: self.device.info.clone(),
            precision: self.placement.precision,
            checks,
            rates,
            training,
            growth,
        })
    }
}
