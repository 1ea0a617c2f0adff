//! What the theory of infinite width, and of finite networks in closed form, must satisfy.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "shared with the unit tests of the library")]
mod common;

mod classifiers;
mod kernel;
mod mean_field;
mod nonlinear;
mod proportional;
mod scaling;
