//! Studies with a fake solver, studies of questions, and coordinate checks.

mod coordinates;
mod fake;
mod questions;
mod run;
mod schemas;
mod study;
#[path = "../../../core/tests/all/validator.rs"]
mod validator;
