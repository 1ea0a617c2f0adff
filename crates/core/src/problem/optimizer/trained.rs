//! An optimizer is a rule with weight decay, and what follows from them.

use super::{
    adam, descent, flow, momentum_flow,
    obstacles::Obstacles,
    rms_prop,
    rule::Rule,
    schedule::{LearningRates, Schedule},
};

/// The optimizer. `η` is `learning_rate`, in the loss normalisation of [`crate::problem::Loss`]; each layer
/// multiplies it by its factor from the [`crate::scaling::Scaling`].
///
/// Of `"adam"` the weight decay is that of AdamW; `"rmsprop"` has none. All kinds but these two may have, instead of `learning_rate`,
/// `relative_learning_rate`, which gives it in units of the largest one that is stable for the infinitely wide network at its start,
/// `2 (1 + μ)/λ_max` of its tangent kernel on the training inputs (for the logistic loss and the cross-entropy the one that is stable
/// whatever the outputs; docs/theory/ntk.md §7).
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// The update rule and its horizon.
    pub rule: Rule,
    /// `λ ≥ 0`: every weight shrinks at rate `ηλ` per step (flow: `λ` per unit time), in all layers that learn alike. This is the
    /// L2 penalty measured in each layer's own learning rate, so that it has an infinite-width limit.
    pub weight_decay: f64,
    /// Shares of the learning rate, which is their peak, step by step; the weight decay per step follows it. Constant of flows.
    pub schedule: Schedule,
}

impl Optimizer {
    /// Says what does not take its rule, and why.
    pub fn obstacles(&self) -> &'static Obstacles {
        match self.rule {
            Rule::Descent { .. } => &descent::OBSTACLES,
            Rule::Flow { .. } => &flow::OBSTACLES,
            Rule::MomentumFlow { .. } => &momentum_flow::OBSTACLES,
            Rule::RmsProp { .. } => &rms_prop::OBSTACLES,
            Rule::Adam { .. } => &adam::OBSTACLES,
        }
    }

    /// Trains for another number of steps, if it counts steps.
    ///
    /// # Errors
    /// The word of a rule that does not.
    pub fn set_steps(&mut self, count: u64) -> std::result::Result<(), &'static str> {
        match &mut self.rule {
            Rule::Descent { steps, .. } | Rule::RmsProp { steps, .. } | Rule::Adam { steps, .. } => *steps = count,
            Rule::Flow { .. } | Rule::MomentumFlow { .. } => return Err(self.obstacles().kind),
        }
        Ok(())
    }

    /// Returns the learning rate, the peak of those of a schedule; none for gradient flow.
    pub fn learning_rate(&self) -> Option<f64> {
        match self.rule {
            Rule::Descent { learning_rate, .. }
            | Rule::MomentumFlow { learning_rate, .. }
            | Rule::RmsProp { learning_rate, .. }
            | Rule::Adam { learning_rate, .. } => Some(learning_rate),
            Rule::Flow { .. } => None,
        }
    }

    /// Returns the learning rates of all steps; none of flows.
    pub fn learning_rates(&self) -> Option<LearningRates> {
        match self.rule {
            Rule::Descent { learning_rate: peak, steps, .. }
            | Rule::RmsProp { learning_rate: peak, steps, .. }
            | Rule::Adam { learning_rate: peak, steps, .. } => {
                Some(LearningRates { peak, schedule: self.schedule, steps })
            }
            Rule::Flow { .. } | Rule::MomentumFlow { .. } => None,
        }
    }

    /// Multiplies the learning rate.
    pub(in crate::problem) fn scale_learning_rate(&mut self, factor: f64) {
        if let Rule::Descent { learning_rate, .. } | Rule::MomentumFlow { learning_rate, .. } = &mut self.rule {
            *learning_rate *= factor;
        }
    }

    /// Returns `μ`, 0 without momentum.
    pub fn momentum(&self) -> f64 {
        match self.rule {
            Rule::Descent { momentum, .. } | Rule::MomentumFlow { momentum, .. } => momentum,
            Rule::Flow { .. } | Rule::RmsProp { .. } | Rule::Adam { .. } => 0.0,
        }
    }

    /// Returns samples per batch; none where every step sees all of them.
    pub fn batch_size(&self) -> Option<usize> {
        match self.rule {
            Rule::Descent { batch_size, .. } | Rule::RmsProp { batch_size, .. } | Rule::Adam { batch_size, .. } => {
                batch_size
            }
            Rule::Flow { .. } | Rule::MomentumFlow { .. } => None,
        }
    }

    /// Says whether training moves by steps, so that its moments are whole numbers.
    pub fn has_steps(&self) -> bool {
        matches!(self.rule, Rule::Descent { .. } | Rule::RmsProp { .. } | Rule::Adam { .. })
    }

    /// Returns the training time at a moment of the record plan: `Σ_{s<t} η_s` of step t, `√η t` with momentum flow, the moment itself for flow.
    pub fn time(&self, moment: f64) -> f64 {
        match (self.learning_rates(), &self.rule) {
            (Some(rates), _) => rates.time(moment),
            (None, Rule::MomentumFlow { learning_rate, .. }) => learning_rate.sqrt() * moment,
            (None, _) => moment,
        }
    }

    /// Returns what moments of the record plan count: steps or time.
    pub fn unit(&self) -> &'static str {
        match self.rule {
            Rule::Descent { .. } | Rule::MomentumFlow { .. } | Rule::RmsProp { .. } | Rule::Adam { .. } => "steps",
            Rule::Flow { .. } => "time",
        }
    }

    /// Says whether it divides every gradient by its size, so that named scalings need learning rates of their own.
    pub fn is_normalized(&self) -> bool {
        !self.obstacles().is_linear
    }

    /// Returns the last step (descent, RMSProp, Adam, momentum flow) or time (flow).
    pub fn horizon(&self) -> f64 {
        match self.rule {
            Rule::Descent { steps, .. }
            | Rule::MomentumFlow { steps, .. }
            | Rule::RmsProp { steps, .. }
            | Rule::Adam { steps, .. } => steps as f64,
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
