//! Problem files, with learning rates that may be relative to the largest stable one.

use std::path::Path;

use widenet_core::{Error, Problem};
use widenet_limits::kernel;

/// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text.
///
/// # Errors
/// As for [`Problem::load`].
pub fn load_problem(path: &Path, overrides: &[(String, String)]) -> Result<Problem, Error> {
    Problem::load(path, overrides, &stable_rate)
}

/// The largest learning rate that is stable for the infinitely wide network at its start.
pub(crate) fn stable_rate(problem: &Problem) -> Result<f64, Error> {
    kernel::largest_stable_rate(problem)
}
