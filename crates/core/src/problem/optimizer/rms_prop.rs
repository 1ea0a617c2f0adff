//! RMSProp is the kind `rmsprop`.

use widenet_document::{
    Result,
    keys::{optional, or, required},
    section,
    shape::{Located, at_least, count, located, positive},
};

use super::{
    keys::{Parsed, RuleKeys, batch_size, coefficient, steps},
    obstacles::Obstacles,
    rule::Rule,
};

/// Below it ε is no normal `f32`, and entries without gradient would be 0/0.
pub(super) const MIN_EPSILON: f64 = 1e-30;

pub(super) const OBSTACLES: Obstacles = Obstacles {
    is_linear: false,
    predictor: Some("is not linear in the gradient"),
    kernel: Some(
        " divides every gradient by its size, entry by entry, which neither a kernel nor another limit describes; use \"gd\", \"momentum\" or \"sgd\", or a finite width",
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
        /// Learning rate η; each layer multiplies it by its factor.
        learning_rate: f64 = required(positive()),
        /// Number of steps.
        steps: u64 = required(steps()),
        /// Decay ρ of the average of squared gradients.
        decay: f64 = or(coefficient(), 0.99),
        /// ε, outside the root.
        epsilon: f64 = or(at_least(MIN_EPSILON), 1e-8),
        /// Samples per batch, at most the training samples; all of them where it is not given.
        batch_size: Option<Located<usize>> = optional(located(count())),
    }
    refuse {
        "relative_learning_rate": "the largest stable learning rate is that of gradient descent; give `learning_rate`",
        "weight_decay": "a penalty would be normalized away with the gradient; leave it out, or use \"gd\"",
    }
}

impl RuleKeys for RmsProp {
    fn parsed(&self, samples: usize) -> Result<Parsed> {
        let batch_size = self.batch_size.as_ref().map(|size| batch_size(size, samples)).transpose()?;
        let RmsProp { learning_rate, steps, decay, epsilon, .. } = *self;
        Ok(Parsed {
            rule: Rule::RmsProp { learning_rate, steps, decay, epsilon, batch_size },
            is_relative: false,
            moments: None,
        })
    }
}
