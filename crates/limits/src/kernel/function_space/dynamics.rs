//! Only rules that are linear in past gradients have dynamics in function space.

use widenet_core::{
    Error, Result,
    problem::{LearningRates, Optimizer, Rule},
};

/// Largest relative local error per step of a flow.
const TOLERANCE: f64 = 1e-8;

/// How z moves.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::kernel) enum Dynamics {
    Descent(Descent),
    Flow(Flow),
}

/// Steps of descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::kernel) struct Descent {
    pub(super) rates: LearningRates,
    pub(super) momentum: f64,
    pub(super) nesterov: bool,
    pub(super) batch_size: Option<usize>,
}

/// A flow in continuous time.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::kernel) struct Flow {
    /// `γ = (1 − μ)/(2√η)` of a flow with momentum.
    pub(super) friction: Option<f64>,
    /// Allowed relative local error per step.
    pub(super) tolerance: f64,
    /// Says what time a moment of the record plan is.
    pub(super) optimizer: Optimizer,
}

impl Dynamics {
    /// Returns the dynamics of an optimizer.
    ///
    /// # Errors
    /// A rule that is not linear in past gradients, with the reason.
    pub(in crate::kernel) fn of(optimizer: &Optimizer) -> Result<Self> {
        let flow = |friction, tolerance: f64| {
            Dynamics::Flow(Flow { friction, tolerance: tolerance.min(TOLERANCE), optimizer: optimizer.clone() })
        };
        Ok(match (&optimizer.rule, optimizer.learning_rates()) {
            (&Rule::Descent { momentum, nesterov, batch_size, .. }, Some(rates)) => {
                Dynamics::Descent(Descent { rates, momentum, nesterov, batch_size })
            }
            (&Rule::Flow { tolerance, .. }, _) => flow(None, tolerance),
            (&Rule::MomentumFlow { learning_rate, momentum, tolerance, .. }, _) => {
                flow(Some((1.0 - momentum) / (2.0 * learning_rate.sqrt())), tolerance)
            }
            _ => {
                let kind = optimizer.obstacles().kind;
                return Err(Error::Invalid(format!("optimizer.kind = \"{kind}\" has no dynamics in function space")));
            }
        })
    }
}
