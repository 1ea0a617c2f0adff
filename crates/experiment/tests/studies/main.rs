//! Studies with a fake solver, and of questions.

mod fake;
mod questions;
mod run;
mod schemas;
mod study;
#[path = "../../../core/tests/all/validator.rs"]
mod validator;
