//! Infinite-width limits and laws of finite networks in closed form, in `f64` on the CPU.

pub mod kernel;
pub mod mean_field;
pub mod proportional;
pub mod scaling;
