//! Studies with a fake solver.

mod fake;
mod run;
mod study;
