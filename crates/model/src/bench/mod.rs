//! What a device does per second, and whether it computes what it should.
//!
//! [`rates`] are the primitives that a very wide network is made of, [`checks`] compare them with their plain twins. Both are lists of
//! things to be run one by one, so that a device that fails is reported with what failed.

mod checks;
mod rates;
pub(crate) mod timing;

pub use checks::{Check, checks};
pub use rates::{Amount, Rate, RateSizes, rates};
