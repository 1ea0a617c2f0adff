//! Gradient descent has three kinds: `gd`, `momentum`, `sgd`.

use widenet_document::{
    Result,
    keys::{flat, or, required},
    section,
    shape::{Located, boolean, count, located},
};

use super::{
    keys::{Parsed, RuleKeys, StepKeys, batch_size, coefficient},
    obstacles::Obstacles,
    rule::Rule,
};

pub(super) const OBSTACLES: Obstacles = Obstacles::none("gd");

section! {
    /// Full-batch gradient descent.
    pub(super) struct GradientDescent {
        /// Steps.
        steps: StepKeys = flat(),
    }
}

impl RuleKeys for GradientDescent {
    fn parsed(&self, _: usize) -> Result<Parsed> {
        Ok(descent(&self.steps, 0.0, false, None))
    }
}

section! {
    /// Full-batch gradient descent with heavy-ball or Nesterov momentum.
    pub(super) struct Momentum {
        /// Steps.
        steps: StepKeys = flat(),
        /// Momentum μ.
        momentum: f64 = required(coefficient()),
        /// Whether the momentum is Nesterov's.
        nesterov: bool = or(boolean(), false),
    }
}

impl RuleKeys for Momentum {
    fn parsed(&self, _: usize) -> Result<Parsed> {
        Ok(descent(&self.steps, self.momentum, self.nesterov, None))
    }
}

section! {
    /// Minibatch gradient descent.
    pub(super) struct Stochastic {
        /// Steps.
        steps: StepKeys = flat(),
        /// Heavy-ball momentum μ.
        momentum: f64 = or(coefficient(), 0.0),
        /// Samples per batch, at most the training samples; drawn without replacement within an epoch.
        batch_size: Located<usize> = required(located(count())),
    }
}

impl RuleKeys for Stochastic {
    fn parsed(&self, samples: usize) -> Result<Parsed> {
        Ok(descent(&self.steps, self.momentum, false, Some(batch_size(&self.batch_size, samples)?)))
    }
}

fn descent(steps: &StepKeys, momentum: f64, nesterov: bool, batch_size: Option<usize>) -> Parsed {
    let rule = Rule::Descent { learning_rate: steps.rate(), steps: steps.steps, momentum, nesterov, batch_size };
    Parsed { rule, is_relative: steps.relative_learning_rate.is_some(), moments: None }
}
