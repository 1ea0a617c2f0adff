//! Adam is the kind `adam`; with a weight decay it is AdamW.

use widenet_document::{
    Result,
    keys::{flat, or},
    section,
};

use super::{
    keys::{NOT_RELATIVE, NormalizedKeys, Parsed, RuleKeys, coefficient},
    obstacles::Obstacles,
    rms_prop,
    rule::Rule,
};

pub(super) const OBSTACLES: Obstacles = Obstacles { kind: "adam", ..rms_prop::OBSTACLES };

section! {
    /// Adam, entry by entry; with `weight_decay`, AdamW. Finite widths only.
    pub(super) struct Adam {
        /// Steps.
        steps: NormalizedKeys = flat(),
        /// β₁: decay of the average of gradients.
        beta1: f64 = or(coefficient(), 0.9),
        /// β₂: decay of the average of squared gradients.
        beta2: f64 = or(coefficient(), 0.999),
    }
    refuse {
        "relative_learning_rate": NOT_RELATIVE,
    }
}

impl RuleKeys for Adam {
    fn parsed(&self, samples: usize) -> Result<Parsed> {
        let NormalizedKeys { learning_rate, steps, epsilon, .. } = self.steps;
        let (beta1, beta2, batch_size) = (self.beta1, self.beta2, self.steps.batch_size(samples)?);
        let rule = Rule::Adam { learning_rate, steps, beta1, beta2, epsilon, batch_size };
        Ok(Parsed { rule, is_relative: false, moments: None })
    }
}
