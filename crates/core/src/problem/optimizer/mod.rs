//! Optimizers: section `[optimizer]`. One file per kind of optimizer with its keys; [`rule`] says what each does.

mod descent;
mod flow;
mod keys;
mod momentum_flow;
mod rms_prop;
mod rule;

pub use rule::Rule;

use rule::{Parsed, RuleKeys};
use widenet_document::{
    Kind, Result,
    keys::{by_kind, or},
    section,
    shape::non_negative,
};

/// The optimizer. `η` is `learning_rate`, in the loss normalisation of [`super::Loss`]; each layer
/// multiplies it by its factor from the [`crate::scaling::Scaling`].
///
/// All kinds but `"rmsprop"`: `weight_decay = 0`, and instead of `learning_rate`, `relative_learning_rate` gives it in units of the largest one that is
/// stable for the infinitely wide network at its start, `2 (1 + μ)/λ_max` of its tangent kernel on the training inputs (for
/// the logistic loss and the cross-entropy the one that is stable whatever the outputs; docs/theory/ntk.md §7).
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// The update rule and its horizon.
    pub rule: Rule,
    /// `λ ≥ 0`: every weight shrinks at rate `ηλ` per step (flow: `λ` per unit time), in all layers that learn alike. This is the
    /// L2 penalty measured in each layer's own learning rate, so that it has an infinite-width limit.
    pub weight_decay: f64,
}

/// The kinds of optimizers.
const KINDS: &[Kind<Box<dyn RuleKeys>>] = &[
    Kind::of::<descent::GradientDescent>("gd"),
    Kind::of::<descent::Momentum>("momentum"),
    Kind::of::<descent::Stochastic>("sgd"),
    Kind::of::<flow::Flow>("flow"),
    Kind::of::<momentum_flow::MomentumFlow>("momentum_flow"),
    Kind::of::<rms_prop::RmsProp>("rmsprop"),
];

section! {
    /// The update rule: section `[optimizer]`.
    pub(super) struct OptimizerSection {
        /// Which update rule.
        kind: Box<dyn RuleKeys> = by_kind(KINDS),
        /// λ: every weight shrinks at rate ηλ per step (flow: λ per unit time), in all layers that learn alike. Not of `rmsprop`.
        weight_decay: f64 = or(non_negative(), 0.0),
    }
}

/// An optimizer as its section says it.
pub(super) struct ParsedOptimizer {
    pub(super) optimizer: Optimizer,
    /// Whether the learning rate is in units of the largest stable one.
    pub(super) is_relative: bool,
    /// The moments that the section itself lists (`times = [ … ]` of a flow).
    pub(super) moments: Option<Vec<f64>>,
}

impl OptimizerSection {
    /// The optimizer for `samples` training samples.
    pub(super) fn parsed(&self, samples: usize) -> Result<ParsedOptimizer> {
        let Parsed { rule, is_relative, moments } = self.kind.parsed(samples)?;
        let optimizer = Optimizer { rule, weight_decay: self.weight_decay };
        Ok(ParsedOptimizer { optimizer, is_relative, moments })
    }
}

impl Optimizer {
    /// The learning rate; none for gradient flow.
    pub fn learning_rate(&self) -> Option<f64> {
        match self.rule {
            Rule::Descent { learning_rate, .. }
            | Rule::MomentumFlow { learning_rate, .. }
            | Rule::RmsProp { learning_rate, .. } => Some(learning_rate),
            Rule::Flow { .. } => None,
        }
    }

    /// Multiplies the learning rate.
    pub(super) fn scale_learning_rate(&mut self, factor: f64) {
        if let Rule::Descent { learning_rate, .. } | Rule::MomentumFlow { learning_rate, .. } = &mut self.rule {
            *learning_rate *= factor;
        }
    }

    /// `μ`, 0 without momentum.
    pub fn momentum(&self) -> f64 {
        match self.rule {
            Rule::Descent { momentum, .. } | Rule::MomentumFlow { momentum, .. } => momentum,
            Rule::Flow { .. } | Rule::RmsProp { .. } => 0.0,
        }
    }

    /// Samples per batch; none where every step sees all of them.
    pub fn batch_size(&self) -> Option<usize> {
        match self.rule {
            Rule::Descent { batch_size, .. } | Rule::RmsProp { batch_size, .. } => batch_size,
            Rule::Flow { .. } | Rule::MomentumFlow { .. } => None,
        }
    }

    /// Whether training moves by steps, so that its moments are whole numbers.
    pub fn has_steps(&self) -> bool {
        matches!(self.rule, Rule::Descent { .. } | Rule::RmsProp { .. })
    }

    /// Training time at a moment of the record plan: `η t` of step t, `√η t` with momentum flow, the moment itself for flow.
    pub fn time(&self, moment: f64) -> f64 {
        match self.rule {
            Rule::Descent { learning_rate, .. } | Rule::RmsProp { learning_rate, .. } => learning_rate * moment,
            Rule::Flow { .. } => moment,
            Rule::MomentumFlow { learning_rate, .. } => learning_rate.sqrt() * moment,
        }
    }

    /// The last step (descent, RMSProp, momentum flow) or time (flow).
    pub fn horizon(&self) -> f64 {
        match self.rule {
            Rule::Descent { steps, .. } | Rule::MomentumFlow { steps, .. } | Rule::RmsProp { steps, .. } => {
                steps as f64
            }
            Rule::Flow { time, .. } => time,
        }
    }

    /// Steps, for estimates: of a flow a typical number of accepted ones.
    pub fn typical_steps(&self) -> f64 {
        match self.rule {
            Rule::Flow { time, .. } => 100.0 + 10.0 * time,
            _ => self.horizon(),
        }
    }
}
