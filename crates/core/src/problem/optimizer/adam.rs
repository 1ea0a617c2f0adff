//! Adam is the kind `adam`; with a weight decay it is AdamW.

use widenet_document::{
    Result,
    keys::{optional, or, required},
    section,
    shape::{Located, at_least, count, located, positive},
};

use super::{
    keys::{Parsed, RuleKeys, batch_size, coefficient, steps},
    obstacles::Obstacles,
    rms_prop::{self, MIN_EPSILON},
    rule::Rule,
};

pub(super) const OBSTACLES: Obstacles = Obstacles { kind: "adam", ..rms_prop::OBSTACLES };

section! {
    /// Adam, entry by entry; with `weight_decay`, AdamW. Finite widths only.
    pub(super) struct Adam {
        /// Learning rate η; each layer multiplies it by its factor.
        learning_rate: f64 = required(positive()),
        /// Number of steps.
        steps: u64 = required(steps()),
        /// β₁: decay of the average of gradients.
        beta1: f64 = or(coefficient(), 0.9),
        /// β₂: decay of the average of squared gradients.
        beta2: f64 = or(coefficient(), 0.999),
        /// ε, outside the root.
        epsilon: f64 = or(at_least(MIN_EPSILON), 1e-8),
        /// Samples per batch, at most the training samples; all of them where it is not given.
        batch_size: Option<Located<usize>> = optional(located(count())),
    }
    refuse {
        "relative_learning_rate": "the largest stable learning rate is that of gradient descent; give `learning_rate`",
    }
}

impl RuleKeys for Adam {
    fn parsed(&self, samples: usize) -> Result<Parsed> {
        let batch_size = self.batch_size.as_ref().map(|size| batch_size(size, samples)).transpose()?;
        let Adam { learning_rate, steps, beta1, beta2, epsilon, .. } = *self;
        let rule = Rule::Adam { learning_rate, steps, beta1, beta2, epsilon, batch_size };
        Ok(Parsed { rule, is_relative: false, moments: None })
    }
}
