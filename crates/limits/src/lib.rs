//! Infinite-width limits and laws of finite networks in closed form, in `f64` on the CPU.

pub mod kernel;
pub mod mean_field;
pub mod proportional;
mod regime;
pub mod scaling;

pub use regime::{Regime, records_as_classifier};
