//! Section `[parameterization]` names a width scaling, which is data per layer.

mod adjusted;
mod keys;
mod layers;
mod named;
mod section;

pub use adjusted::Adjustments;
pub use layers::Rates;
pub use named::Parameterization;
pub(super) use section::ParameterizationSection;
