//! Gradient flow with momentum is the kind `momentum_flow`.

use widenet_document::{
    Result,
    keys::{flat, or, required},
    section,
    shape::positive,
};

use super::{
    keys::{Parsed, RuleKeys, StepKeys, coefficient},
    obstacles::Obstacles,
    rule::Rule,
};

const BY_STEPS: &str = ": perceptrons of finite width are trained by steps; use \"gd\", \"momentum\" or \"sgd\" with a small learning rate, or the width inf";

pub(super) const OBSTACLES: Obstacles = Obstacles {
    predictor: Some("has a limit in function space only"),
    perceptron: Some(BY_STEPS),
    ..Obstacles::none("momentum_flow")
};

section! {
    /// The limit of heavy-ball descent for small learning rates.
    pub(super) struct MomentumFlow {
        /// Steps.
        steps: StepKeys = flat(),
        /// Momentum μ.
        momentum: f64 = required(coefficient()),
        /// Allowed relative local error per step, where the flow has no closed form.
        tolerance: f64 = or(positive(), 1e-9),
    }
    refuse {
        "schedule": "the flow with momentum is the limit of one learning rate; use \"momentum\" with a small one",
    }
}

impl RuleKeys for MomentumFlow {
    fn parsed(&self, _: usize) -> Result<Parsed> {
        let MomentumFlow { steps, momentum, tolerance } = self;
        let rule = Rule::MomentumFlow {
            learning_rate: steps.rate(),
            steps: steps.steps,
            momentum: *momentum,
            tolerance: *tolerance,
        };
        Ok(Parsed { rule, is_relative: steps.relative_learning_rate.is_some(), moments: None })
    }
}
