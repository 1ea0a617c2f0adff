//! Loads problem files, whose learning rates may be relative to the largest stable one.

use std::path::Path;

use widenet_core::{Error, Problem, problem::Rule};
use widenet_limits::kernel;

/// Reads a problem file and its data. `overrides` are pairs of a dotted key and a value as text.
///
/// # Errors
/// As for [`Problem::load`].
pub fn load_problem(path: &Path, overrides: &[(String, String)]) -> Result<Problem, Error> {
    Problem::load(path, overrides, &stable_rate)
}

/// Above this many training samples their kernel is not computed only to give advice.
const ADVICE_SAMPLES: usize = 4096;

/// Returns a sentence for the user whose learning rate is above the largest that is stable in the kernel regime: what is trained then is
/// outside that theory (docs/theory/ntk.md §7).
pub fn rate_warning(problem: &Problem) -> Option<String> {
    if problem.is_solved_as_predictor() || problem.data.train.inputs.nrows() > ADVICE_SAMPLES {
        return None;
    }
    // Flows are stable at any rate.
    let Rule::Descent { learning_rate: rate, .. } = problem.optimizer.rule else { return None };
    let largest = stable_rate(problem).ok()?;
    (rate > largest).then(|| {
        format!(
            "learning_rate {rate:.4e} is above {largest:.4e}, the largest that is stable in the kernel regime; networks may still \
             train, but not as their linearisation or limit do"
        )
    })
}

/// Returns the largest learning rate that is stable for the infinitely wide network at its start, in the problem's loss
/// (docs/theory/ntk.md §7).
///
/// # Errors
/// A scaling without infinite-width limit.
pub fn stable_rate(problem: &Problem) -> Result<f64, Error> {
    kernel::largest_stable_rate(problem)
}
