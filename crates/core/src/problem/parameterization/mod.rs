//! Section `[parameterization]` names a width scaling, which is data per layer.

mod keys;
mod layers;
mod named;
mod section;

pub use named::Parameterization;
pub(super) use section::ParameterizationSection;
