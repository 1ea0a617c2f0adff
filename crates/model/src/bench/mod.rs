//! Measures what a device does per second, and whether it computes what it should.
//!
//! [`rates::rates`] are the primitives that a very wide network is made of, [`checks::checks`] compare them with their plain twins. Both
//! are lists of things to be run one by one, so that a device that fails is reported with what failed.

pub(crate) mod calibration;
pub(crate) mod checks;
pub(crate) mod probe;
pub(crate) mod rates;
pub(crate) mod timing;
