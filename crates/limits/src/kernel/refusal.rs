//! Refuses what the kernel regime does not describe, whatever is asked of it.

use widenet_core::{Error, Problem, Result};

/// Weight decay moves the kernel itself.
pub(super) fn refuse_weight_decay(problem: &Problem) -> Result<()> {
    match problem.optimizer.weight_decay {
        0.0 => Ok(()),
        decay => Err(Error::Invalid(format!(
            "optimizer.weight_decay = {decay}: the kernel regime has no weight decay, which would shrink the tangent kernel itself; \
             give 0"
        ))),
    }
}
