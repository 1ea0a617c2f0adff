//! Evaluates infinite-width limits and distributions of finite networks in closed form, in `f64` on the CPU.

pub mod classifiers;
mod error;
mod finite;
pub mod kernel;
pub mod linear_algebra;
pub mod mean_field;
pub mod nonlinear;
pub mod proportional;
mod quadrature;
mod regime;
pub mod scaling;

pub use regime::{Regime, records_as_classifier};
