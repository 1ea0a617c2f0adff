//! Studies with a fake solver, studies of questions, and coordinate checks.

mod coordinates;
mod fake;
mod limits;
mod questions;
mod results;
mod run;
mod run_directory;
mod schemas;
mod shared;
mod study;
#[path = "../../../core/tests/all/validator.rs"]
mod validator;
