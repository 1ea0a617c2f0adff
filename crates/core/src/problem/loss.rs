//! The loss: section `[loss]`.

use crate::{Result, document::Field};

/// The loss. All losses are means over the samples of the batch.
///
/// # Section `[loss]`
///
/// `kind = "squared"`, which is also the default for the section as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// `R = (1/2P) Σ_p ‖f(x_p) − y_p‖²` (mean-field page §1).
    Squared,
}

impl Loss {
    pub(super) fn parse(section: Option<&Field>) -> Result<Loss> {
        let Some(section) = section else { return Ok(Loss::Squared) };
        let mut table = section.table()?;
        let loss = table.or("kind", Loss::Squared, |field| field.choice(&[("squared", Loss::Squared)]))?;
        table.finish()?;
        Ok(loss)
    }
}
