//! Training starts from outputs at time 0.

use widenet_core::{Error, Matrix, Result};

/// Outputs at time 0, instead of a sampled function.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// `f_0` on the training inputs, P × k.
    pub train: Matrix,
    /// `f_0` on the test inputs, T × k; needed where the problem has test data.
    pub test: Option<Matrix>,
}

impl Start {
    /// Refuses a start that does not fit the samples (P, and T where outputs on test inputs are needed) and their k outputs.
    pub(super) fn check(&self, train: usize, test: Option<usize>, outputs: usize) -> Result<()> {
        for (name, given, samples) in [("training", Some(&self.train), Some(train)), ("test", self.test.as_ref(), test)]
        {
            let (Some(given), Some(samples)) = (given, samples) else {
                if samples.is_some() {
                    return Err(Error::Invalid(format!("the initial outputs on the {name} inputs are missing")));
                }
                continue;
            };
            if given.shape() != (samples, outputs) {
                return Err(Error::Invalid(format!(
                    "the initial outputs on the {name} inputs are {} × {}; they must be {samples} × {outputs}",
                    given.nrows(),
                    given.ncols()
                )));
            }
            if let Some(value) = given.iter().find(|value| !value.is_finite()) {
                return Err(Error::Invalid(format!(
                    "the initial outputs on the {name} inputs hold {value}; all must be finite"
                )));
            }
        }
        Ok(())
    }
}
