//! Studies with a fake solver, and of questions.

mod fake;
mod questions;
mod run;
mod study;
