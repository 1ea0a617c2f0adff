//! RMSProp is the kind `rmsprop`.

use widenet_document::{
    Result,
    keys::{flat, or},
    section,
};

use super::{
    keys::{NOT_RELATIVE, NormalizedKeys, Parsed, RuleKeys, coefficient},
    obstacles::Obstacles,
    rule::Rule,
};

pub(super) const OBSTACLES: Obstacles = Obstacles {
    is_linear: false,
    predictor: Some("is not linear in the gradient"),
    kernel: Some(
        " divides every gradient by its size, entry by entry, which neither a kernel nor another limit describes; use \"gd\", \"momentum\" or \"sgd\", or \
         a finite width",
    ),
    explored_matrices: Some(
        " changes every entry of a matrix by itself, which a matrix known by its responses does not have; use the dense engine, or \"gd\", \
         \"momentum\" or \"sgd\"",
    ),
    ..Obstacles::none("rmsprop")
};

section! {
    /// RMSProp, entry by entry. Finite widths only.
    pub(super) struct RmsProp {
        /// Steps.
        steps: NormalizedKeys = flat(),
        /// Decay ρ of the average of squared gradients.
        decay: f64 = or(coefficient(), 0.99),
    }
    refuse {
        "relative_learning_rate": NOT_RELATIVE,
        "weight_decay": "a penalty would be normalized away with the gradient; leave it out, or use \"gd\"",
    }
}

impl RuleKeys for RmsProp {
    fn parsed(&self, samples: usize) -> Result<Parsed> {
        let NormalizedKeys { learning_rate, steps, epsilon, .. } = self.steps;
        let (decay, batch_size) = (self.decay, self.steps.batch_size(samples)?);
        let rule = Rule::RmsProp { learning_rate, steps, decay, epsilon, batch_size };
        Ok(Parsed { rule, is_relative: false, moments: None })
    }
}
