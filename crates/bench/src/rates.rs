//! Measures the rates of a device one by one.

use serde::Serialize;
use widenet_model::{Amount, OpenDevice, Placement, Rate, RateSizes, guarded, rates};

/// A measured rate, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredRate {
    /// What ran.
    pub what: String,
    /// Bytes, numbers or nothing per second: see `unit`.
    pub value: Option<f64>,
    /// `bytes/s`, `numbers/s` or `s`.
    pub unit: &'static str,
    /// Bytes per second, divided by the bytes per second of the copy.
    pub fraction_of_copy: Option<f64>,
    /// What the device said when it failed.
    pub failure: Option<String>,
}

impl MeasuredRate {
    /// Returns the rate for people.
    pub fn text(&self) -> String {
        match (self.value, self.unit) {
            (None, _) => "failed".into(),
            (Some(value), "bytes/s") => format!("{:.2} GB/s", value / 1e9),
            (Some(value), "numbers/s") => format!("{:.4} G/s", value / 1e9),
            (Some(value), _) => format!("{:.3} ms", value * 1e3),
        }
    }
}

/// Measures all rates; `quick` takes sizes that only show that everything runs. `watch` is told what runs next, `measured` what came of it.
pub(crate) fn run(
    device: &OpenDevice,
    placement: &Placement,
    quick: bool,
    watch: &dyn Fn(&str),
    measured: &dyn Fn(&MeasuredRate),
) -> Vec<MeasuredRate> {
    let sizes = if quick { RateSizes::quick() } else { RateSizes::of(&device.info, placement) };
    let mut copy = None;
    let measure = |rate: Rate<'_>| {
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
        let rate = MeasuredRate { what: rate.what, value, unit, fraction_of_copy, failure: seconds.err() };
        measured(&rate);
        rate
    };
    rates(&device.info, placement, sizes).into_iter().map(measure).collect()
}
