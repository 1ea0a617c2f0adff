//! Optimisers: section `[optimizer]`.
//!
//! All but RMSProp are linear in past gradients, which is what deep linear networks of any width and the kernel regime rest on.

use crate::{
    Result,
    document::{Field, Reader, Value},
};

/// The optimiser. `η` is `learning_rate`, in the loss normalisation of [`super::Loss`]; each layer
/// multiplies it by its factor from the [`crate::scaling::Scaling`].
///
/// # Section `[optimizer]`
///
/// | `kind` | keys and defaults |
/// |---|---|
/// | `"gd"` | `learning_rate`, `steps` required |
/// | `"momentum"` | `learning_rate`, `steps`, `momentum` required, `nesterov = false` |
/// | `"sgd"` | `learning_rate`, `steps`, `batch_size` required, `momentum = 0` |
/// | `"flow"` | `times` required: the horizon, or a list of moments whose last is the horizon; `tolerance = 1e-9` |
/// | `"momentum_flow"` | `learning_rate`, `steps`, `momentum` required; `tolerance = 1e-9` |
/// | `"rmsprop"` | `learning_rate`, `steps` required, `decay = 0.99`, `epsilon = 1e-8`; `batch_size`: minibatches. Finite widths only |
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

/// Update rule and horizon.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Steps of (minibatch) gradient descent with heavy-ball momentum:
    /// `u ← μ u + η (∇ + λ W)`, `W ← W − u` (Nesterov: `W ← W − η (∇ + λ W) − μ u` with the new `u`).
    Descent {
        /// `η > 0`.
        learning_rate: f64,
        /// Number of steps `T ≥ 1`.
        steps: u64,
        /// `0 ≤ μ < 1 − 10⁻⁹`; 0 is plain gradient descent.
        momentum: f64,
        /// Whether the momentum is Nesterov's.
        nesterov: bool,
        /// Samples per batch; `None` is full batch. Batches are drawn without replacement within an epoch, reshuffled
        /// by the trial's seed.
        batch_size: Option<usize>,
    },
    /// Gradient flow `dW/dt = −∇ − λ W`, by an adaptive embedded Runge–Kutta pair.
    Flow {
        /// Horizon `T ≥ 1e-300`.
        time: f64,
        /// Allowed local error per step, > 0: of the predictor plus that of the weights' decay. Where rounding is larger
        /// (`f32`), rounding bounds it instead.
        tolerance: f64,
    },
    /// Gradient flow with momentum, the limit of heavy-ball descent for small η: `W'' = −((1 − μ)/√η) W' − ∇` from rest, in the
    /// time `s = √η t` of step t (docs/theory/ntk.md §4).
    MomentumFlow {
        /// `η > 0`.
        learning_rate: f64,
        /// Horizon in steps; moments in between may be fractions of steps.
        steps: u64,
        /// `0 ≤ μ < 1 − 10⁻⁹`.
        momentum: f64,
        /// Allowed relative local error per step, where the flow has no closed form.
        tolerance: f64,
    },
    /// Steps of RMSProp (docs/theory/scaling-limits.md §5.4), entry by entry, with the gradient g in the parameter `w` of the
    /// parameterisation, from v = 0: `v ← ρ v + (1 − ρ) g²`, `w ← w − η κ g/(√v + ε)`, κ the layer's own learning rate.
    RmsProp {
        /// `η > 0`.
        learning_rate: f64,
        /// Number of steps `T ≥ 1`.
        steps: u64,
        /// `0 ≤ ρ < 1 − 10⁻⁹`.
        decay: f64,
        /// `ε ≥ 10⁻³⁰`, outside the root. Gradients must stay far above it for their size not to matter.
        epsilon: f64,
        /// Samples per batch, as of descent.
        batch_size: Option<usize>,
    },
}

/// Reads the keys of one kind; the number is that of the training samples.
type ParseKind = fn(&mut Reader, usize) -> Result<Rule>;

impl Optimizer {
    /// Reads the section for `samples` training samples. The flag says that the learning rate is in units of the largest
    /// stable one.
    pub(super) fn parse(section: &Field, samples: usize) -> Result<(Optimizer, bool)> {
        const KINDS: [(&str, ParseKind); 6] = [
            ("gd", parse_gd),
            ("momentum", parse_momentum),
            ("sgd", parse_sgd),
            ("flow", parse_flow),
            ("momentum_flow", parse_momentum_flow),
            ("rmsprop", parse_rmsprop),
        ];
        let mut table = section.table()?;
        let parse = table.required("kind", |field| field.choice(&KINDS))?;
        let relative = table.get(RELATIVE).is_some();
        let rule = parse(&mut table, samples)?;
        let weight_decay = table.or("weight_decay", 0.0, Field::non_negative)?;
        table.finish()?;
        Ok((Optimizer { rule, weight_decay }, relative))
    }

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

    /// The moments that the section itself lists (`times = [ … ]` of a flow).
    pub(super) fn listed_moments(section: &Field) -> Result<Option<Vec<f64>>> {
        section.table()?.optional("times", listed_times).map(Option::flatten)
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

/// Above 2^53 a step is no longer an exact `f64`.
const MAX_STEPS: u64 = 1 << 53;

/// Nearer to 1, `1 − μ` keeps fewer than seven digits.
const MOMENTUM_BOUND: f64 = 1.0 - 1e-9;

/// Shorter horizons have fractions, such as the first moments recorded, that underflow.
const MIN_HORIZON: f64 = 1e-300;

/// Below it ε is no normal `f32`, and entries without gradient would be 0/0.
const MIN_EPSILON: f64 = 1e-30;

/// Key of a learning rate in units of the largest stable one.
const RELATIVE: &str = "relative_learning_rate";

fn parse_steps(table: &mut Reader) -> Result<(f64, u64)> {
    let learning_rate = match table.optional(RELATIVE, Field::positive)? {
        Some(relative) => {
            table.refuse("learning_rate", "`relative_learning_rate` is given; give one of the two")?;
            relative
        }
        None => table.required("learning_rate", Field::positive)?,
    };
    let steps = table.required("steps", |field| field.whole_in(1..=MAX_STEPS))?;
    Ok((learning_rate, steps))
}

fn parse_coefficient(field: &Field) -> Result<f64> {
    field.number_in(0.0, MOMENTUM_BOUND)
}

fn parse_gd(table: &mut Reader, _: usize) -> Result<Rule> {
    let (learning_rate, steps) = parse_steps(table)?;
    Ok(Rule::Descent { learning_rate, steps, momentum: 0.0, nesterov: false, batch_size: None })
}

fn parse_momentum(table: &mut Reader, _: usize) -> Result<Rule> {
    let (learning_rate, steps) = parse_steps(table)?;
    let momentum = table.required("momentum", parse_coefficient)?;
    let nesterov = table.or("nesterov", false, Field::boolean)?;
    Ok(Rule::Descent { learning_rate, steps, momentum, nesterov, batch_size: None })
}

fn parse_sgd(table: &mut Reader, samples: usize) -> Result<Rule> {
    let (learning_rate, steps) = parse_steps(table)?;
    let momentum = table.or("momentum", 0.0, parse_coefficient)?;
    let batch_size = table.required("batch_size", |field| parse_batch_size(field, samples))?;
    Ok(Rule::Descent { learning_rate, steps, momentum, nesterov: false, batch_size: Some(batch_size) })
}

fn parse_batch_size(field: &Field, samples: usize) -> Result<usize> {
    match field.count()? {
        size if size <= samples => Ok(size),
        _ => Err(field.must_be(&format!("at most {samples}, the number of training samples"))),
    }
}

fn parse_rmsprop(table: &mut Reader, samples: usize) -> Result<Rule> {
    let of_descent = "the largest stable learning rate is that of gradient descent; give `learning_rate`";
    table.refuse(RELATIVE, of_descent)?;
    table
        .refuse("weight_decay", "a penalty would be normalised away with the gradient; leave it out, or use \"gd\"")?;
    let (learning_rate, steps) = parse_steps(table)?;
    let epsilon = |field: &Field| match field.number()? {
        epsilon if epsilon >= MIN_EPSILON => Ok(epsilon),
        _ => Err(field.must_be(&format!("a number ≥ {MIN_EPSILON:e}"))),
    };
    Ok(Rule::RmsProp {
        learning_rate,
        steps,
        decay: table.or("decay", 0.99, parse_coefficient)?,
        epsilon: table.or("epsilon", 1e-8, epsilon)?,
        batch_size: table.optional("batch_size", |field| parse_batch_size(field, samples))?,
    })
}

fn parse_momentum_flow(table: &mut Reader, _: usize) -> Result<Rule> {
    let (learning_rate, steps) = parse_steps(table)?;
    let momentum = table.required("momentum", parse_coefficient)?;
    let tolerance = table.or("tolerance", 1e-9, Field::positive)?;
    Ok(Rule::MomentumFlow { learning_rate, steps, momentum, tolerance })
}

fn parse_flow(table: &mut Reader, _: usize) -> Result<Rule> {
    table.refuse(RELATIVE, "the time of gradient flow is absolute; give `times`")?;
    table.refuse("learning_rate", "the time of gradient flow is absolute; give `times`")?;
    table.refuse("steps", "gradient flow has no steps; give `times`")?;
    let time = table.required("times", |field| {
        let horizon = match listed_times(field)? {
            Some(times) => times.into_iter().fold(0.0, f64::max),
            None => field.positive()?,
        };
        let wanted = format!("a horizon of at least {MIN_HORIZON:e}, or a list with such a time");
        if horizon >= MIN_HORIZON { Ok(horizon) } else { Err(field.must_be(&wanted)) }
    })?;
    Ok(Rule::Flow { time, tolerance: table.or("tolerance", 1e-9, Field::positive)? })
}

fn listed_times(times: &Field) -> Result<Option<Vec<f64>>> {
    match times.node().value {
        Value::Array(_) => times.list(Field::non_negative).map(Some),
        _ => Ok(None),
    }
}
