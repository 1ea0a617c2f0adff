//! Gradient flow is the kind `flow`.

use widenet_document::{
    Result,
    keys::{or, required},
    section,
    shape::{Located, OneOrList, in_unit, located, non_negative, one_or_list, positive},
};

use super::{
    keys::{Parsed, RuleKeys},
    obstacles::Obstacles,
    rule::Rule,
};

/// Shorter horizons have fractions, such as the first moments recorded, that underflow.
const MIN_HORIZON: f64 = 1e-300;

pub(super) const OBSTACLES: Obstacles = Obstacles::none("flow");

section! {
    /// Gradient flow by an adaptive Runge–Kutta method.
    pub(super) struct Flow {
        /// The horizon, or a list of moments whose last is the horizon.
        times: Located<OneOrList<f64>> = required(located(one_or_list(in_unit(non_negative(), "training time")))),
        /// Allowed local error per step.
        tolerance: f64 = or(positive(), 1e-9),
    }
    refuse {
        "relative_learning_rate": "the time of gradient flow is absolute; give `times`",
        "learning_rate": "the time of gradient flow is absolute; give `times`",
        "steps": "gradient flow has no steps; give `times`",
        "schedule": "gradient flow has no learning rate; use \"gd\" with a small one",
    }
}

impl RuleKeys for Flow {
    fn parsed(&self, _: usize) -> Result<Parsed> {
        let (time, moments) = match &self.times.value {
            OneOrList::One(time) => (*time, None),
            OneOrList::List(times) => (times.iter().copied().fold(0.0, f64::max), Some(times.clone())),
        };
        if time < MIN_HORIZON {
            let wanted = format!("a horizon of at least {MIN_HORIZON:e}, or a list with such a time");
            return Err(self.times.must_be(&wanted));
        }
        Ok(Parsed { rule: Rule::Flow { time, tolerance: self.tolerance }, is_relative: false, moments })
    }
}
