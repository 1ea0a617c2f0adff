//! Section `[optimizer]` has a list of kinds.

use widenet_document::{
    Kind, Result,
    keys::{by_kind, optional, or},
    section,
    shape::{Located, located, non_negative, table},
};

use super::{
    adam, descent, flow,
    keys::{Parsed, RuleKeys},
    momentum_flow, rms_prop,
    schedule::{self, Schedule, ScheduleSection},
    trained::Optimizer,
};

/// The kinds of optimizers.
const KINDS: &[Kind<Box<dyn RuleKeys>>] = &[
    Kind::of::<descent::GradientDescent>("gd"),
    Kind::of::<descent::Momentum>("momentum"),
    Kind::of::<descent::Stochastic>("sgd"),
    Kind::of::<flow::Flow>("flow"),
    Kind::of::<momentum_flow::MomentumFlow>("momentum_flow"),
    Kind::of::<rms_prop::RmsProp>("rmsprop"),
    Kind::of::<adam::Adam>("adam"),
];

section! {
    /// The update rule: section `[optimizer]`.
    pub(in crate::problem) struct OptimizerSection {
        /// Which update rule.
        kind: Box<dyn RuleKeys> = by_kind(KINDS),
        /// λ: every weight shrinks at rate ηλ per step (flow: λ per unit time), in all layers that learn alike. Of `adam` it is that of AdamW. Not of
        /// `rmsprop`.
        weight_decay: f64 = or(non_negative(), 0.0),
        /// How the learning rate changes over the steps; constant where it is not given. Not of `flow` and `momentum_flow`.
        schedule: Option<Located<ScheduleSection>> = optional(located(table())),
    }
}

/// An optimizer as its section says it.
pub(in crate::problem) struct ParsedOptimizer {
    pub(in crate::problem) optimizer: Optimizer,
    /// Whether the learning rate is in units of the largest stable one.
    pub(in crate::problem) is_relative: bool,
    /// The moments that the section itself lists (`times = [ … ]` of a flow).
    pub(in crate::problem) moments: Option<Vec<f64>>,
}

impl OptimizerSection {
    /// The optimizer for `samples` training samples.
    pub(in crate::problem) fn parsed(&self, samples: usize) -> Result<ParsedOptimizer> {
        let Parsed { rule, is_relative, moments } = self.kind.parsed(samples)?;
        let mut optimizer = Optimizer { rule, weight_decay: self.weight_decay, schedule: Schedule::CONSTANT };
        if let Some(section) = &self.schedule {
            optimizer.schedule = schedule::of_steps(section, optimizer.horizon() as u64)?;
        }
        Ok(ParsedOptimizer { optimizer, is_relative, moments })
    }
}
