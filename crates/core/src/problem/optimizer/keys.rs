//! Sections of optimizers share keys; this module says what the keys of one become.

use super::rule::Rule;
use widenet_document::{
    Result, Written,
    keys::{optional, or, required},
    section,
    shape::{Between, InUnit, Located, Whole, at_least, between, count, in_unit, located, positive, whole},
};

/// Above 2^53 a step is no longer an exact `f64`.
const MAX_STEPS: u64 = 1 << 53;

/// Nearer to 1, `1 − μ` keeps fewer than seven digits.
const COEFFICIENT_BOUND: f64 = 1.0 - 1e-9;

/// A number of steps.
pub(super) fn steps() -> InUnit<Whole<u64>> {
    in_unit(whole(1..=MAX_STEPS), "steps")
}

/// The share of an average that is kept each step, such as a momentum.
pub(super) fn coefficient() -> Between {
    between(0.0, COEFFICIENT_BOUND)
}

section! {
    /// Steps whose learning rate may be in units of the largest stable one.
    pub(super) struct StepKeys {
        /// Learning rate η of the loss as it is written; each layer multiplies it by its factor. Required, unless `relative_learning_rate`
        /// is given.
        pub(super) learning_rate: Option<f64> = optional(positive()),
        /// The learning rate in units of the largest one that is stable for the infinitely wide network at its start.
        pub(super) relative_learning_rate: Option<f64> =
            optional(in_unit(positive(), "2 (1 + momentum) / largest eigenvalue of the tangent kernel")),
        /// Number of steps.
        pub(super) steps: u64 = required(steps()),
    }
    check = check_rates;
}

fn check_rates(keys: &StepKeys, table: &Written<'_>) -> Result<()> {
    match (keys.learning_rate, keys.relative_learning_rate) {
        (Some(_), Some(_)) => table.refuse("learning_rate", "`relative_learning_rate` is given; give one of the two"),
        (None, None) => Err(table.missing("learning_rate")),
        _ => Ok(()),
    }
}

impl StepKeys {
    /// The learning rate in one unit or the other.
    pub(super) fn rate(&self) -> f64 {
        self.relative_learning_rate.or(self.learning_rate).unwrap_or(f64::NAN)
    }
}

/// Below it ε is no normal `f32`, and entries without gradient would be 0/0.
const MIN_EPSILON: f64 = 1e-30;

/// Why rules that divide gradients by their size have no learning rate in units of the largest stable one.
pub(super) const NOT_RELATIVE: &str =
    "the largest stable learning rate is that of gradient descent; give `learning_rate`";

section! {
    /// Steps of a rule that divides gradients by their size.
    pub(super) struct NormalizedKeys {
        /// Learning rate η; each layer multiplies it by its factor.
        pub(super) learning_rate: f64 = required(positive()),
        /// Number of steps.
        pub(super) steps: u64 = required(steps()),
        /// ε, outside the root.
        pub(super) epsilon: f64 = or(at_least(MIN_EPSILON), 1e-8),
        /// Samples per batch, at most the training samples; all of them where it is not given.
        batch_size: Option<Located<usize>> = optional(located(count())),
    }
}

impl NormalizedKeys {
    /// The size of batches, if there are as many samples.
    pub(super) fn batch_size(&self, samples: usize) -> Result<Option<usize>> {
        self.batch_size.as_ref().map(|size| batch_size(size, samples)).transpose()
    }
}

/// The size of batches, if there are as many samples.
pub(super) fn batch_size(given: &Located<usize>, samples: usize) -> Result<usize> {
    if given.value > samples {
        return Err(given.must_be(&format!("at most {samples}, the number of training samples")));
    }
    Ok(given.value)
}

/// What the keys of an optimizer say.
pub(super) struct Parsed {
    pub(super) rule: Rule,
    /// Whether the learning rate is in units of the largest stable one.
    pub(super) is_relative: bool,
    /// Moments that the section lists.
    pub(super) moments: Option<Vec<f64>>,
}

/// The keys of one kind of optimizer.
pub(super) trait RuleKeys {
    /// The rule for a number of training samples.
    ///
    /// # Errors
    /// [`widenet_document::Error::Document`] for values that do not fit the samples.
    fn parsed(&self, samples: usize) -> Result<Parsed>;
}

impl<K: RuleKeys + 'static> From<K> for Box<dyn RuleKeys> {
    fn from(keys: K) -> Self {
        Box::new(keys)
    }
}
