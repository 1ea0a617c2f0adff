//! Width scalings as constructors of per-layer data: section `[parameterization]`.

mod keys;
mod layers;
mod named;
mod section;

pub use named::Parameterization;
pub(super) use section::ParameterizationSection;
