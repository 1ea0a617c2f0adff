//! A `[[check]]` says what must hold, and when it counts as confirmed.
//!
//! ```toml
//! [[check]]
//! name = "rate"
//! kind = "power_law"        # metric ~ x^exponent, in every group of the other axes
//! metric = "predictor_distance"
//! x = "width"               # default; or an axis of positive numbers
//! exponent = -0.5
//! tolerance = 0.05          # or, for a bound on the exponent, at_most = -0.4 or at_least = 0.1 instead of both
//! min_x = 100               # optional, as is max_x: only trials with min_x <= x <= max_x
//! min_r2 = 0.98             # default; of the line on log-log axes (0 for exponents near 0)
//!
//! [[check]]
//! name = "decay"
//! kind = "exponential"      # of problems: quantity ~ exp(-rate t) with rate > 0
//! quantity = "train_loss"   # a scalar
//! from = 1.0                # default 0; records before this time are left out
//! floor = 1e-20             # default 0; so are records not above it (rounding)
//! min_r2 = 0.99             # default
//! width = "inf"             # default
//!
//! [[check]]
//! name = "close"
//! kind = "below"            # metric <= value for every trial; "above": metric >= value
//! metric = "distance"
//! value = 1e-6              # > 0; any number in a study of questions
//! width = "inf"             # optional: at this width only
//!
//! [[check]]
//! name = "best"
//! kind = "argmin"           # where on an axis the mean over seeds of a metric is smallest ("argmax": largest), in every group of the others
//! metric = "test_loss"
//! x = "optimizer.learning_rate"     # any axis of numbers
//! at_least = 0.1            # one or both
//! at_most = 1.0
//!
//! [[check]]
//! name = "learning-rate"
//! kind = "transfer"         # the place on `axis` where the mean over seeds of a metric is best ~ x^exponent, in every group of the other axes
//! metric = "final_loss"
//! axis = "optimizer.learning_rate"  # an axis of positive numbers, which is also in `[axes]`
//! x = "width"               # default; or an axis of positive numbers
//! best = "smallest"         # default; or "largest"
//! exponent = 0.0            # the optimum transfers; or at_most, at_least as in power_law
//! tolerance = 0.1
//! ```
//!
//! Every check may say `only = { width = [64, 256], optimizer.momentum = [0, 0.9] }`: the trials with these widths and values of an axis
//! alone count. A check that has a `width` of its own says nothing else about widths.
//!
//! * `power_law`: *refuted* if the 95 % interval of the fitted exponent lies outside the tolerance altogether;
//!   *confirmed* if the exponent is within the tolerance of the predicted one, its interval within twice the
//!   tolerance, and R² ≥ `min_r2` (a curve is no power law); else *inconclusive*. With a bound it is confirmed if the whole
//!   interval keeps it, refuted if none of it does, and R² is not asked. Inconclusive, whatever the fit says,
//!   if a trial in the range of x diverged or has no positive value (the others are no fair sample), or with fewer
//!   than three distinct x. Trials at infinite width have no place on a logarithmic axis and are left out.
//! * `exponential`: the line through `(t, ln quantity)`; *confirmed* if in every trial it falls and R² ≥ `min_r2`,
//!   *refuted* if in some trial it does not, *inconclusive* if some trial diverged or has fewer than three usable
//!   records, or there is no trial at the width.
//! * `argmin`, `argmax`: *confirmed* if the 95 % interval (docs/theory/statistics.md Eq. argmin) is within the bounds, *refuted* if it is beyond them
//!   altogether; *inconclusive* if it ends where the axis ends, or a value is missing. Diverged trials are worse than all others.
//! * `transfer`: the exponent of the optimum (docs/theory/statistics.md Eq. optimum) is judged as that of a `power_law`, whatever R² is; *inconclusive* if at some x the
//!   optimum is at the end of the axis, or a value is missing. Diverged trials are worse than all others.
//! * `below`, `above`: *refuted* if a value is on the wrong side of the bound, *inconclusive* if one is missing, else *confirmed*.

use widenet_core::{
    Width,
    document::{
        self, Field, Kind, Written,
        keys::{by_kind, flat, optional, or, required},
        section,
        shape::{Choice, Located, between, choice, located, non_negative, number, positive, table, text},
    },
    problem::Quantity,
    shapes::width,
};
use widenet_statistics::{Exponent, argmin::Extremum};

use super::{
    keys::{Keys, Only},
    read::{ReadResult, name, scalar_quantity},
};

/// A named statement about the results.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Name.
    pub name: String,
    /// The statement.
    pub kind: CheckKind,
    /// Axes, or `width`, with the labels of the values that count; all count on other axes.
    pub only: Vec<(String, Vec<String>)>,
}

/// On which side of a bound values must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At or below it.
    Below,
    /// At or above it.
    Above,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckKind {
    /// `metric ∝ x^exponent` in every group of the other axes.
    PowerLaw {
        /// Name of the metric.
        metric: String,
        /// `width` or the key of an axis.
        x: String,
        /// The prediction.
        exponent: Exponent,
        /// Smallest and largest x that count.
        range: (f64, f64),
        /// Smallest R² of the line on log-log axes.
        min_r2: f64,
    },
    /// `quantity ∝ exp(−rate · t)` with a positive rate, in every trial of one width.
    Exponential {
        /// A scalar quantity.
        quantity: Quantity,
        /// Records before this time are left out.
        from: f64,
        /// Records not above this value are left out.
        floor: f64,
        /// Smallest R² of the line through `(t, ln quantity)`.
        min_r2: f64,
        /// The width.
        width: Width,
    },
    /// The mean over seeds of a metric is smallest or largest within bounds, in every group of the other axes.
    Argmin {
        /// Which of the two.
        extremum: Extremum,
        /// Name of the metric.
        metric: String,
        /// `width` or the key of an axis.
        x: String,
        /// Smallest and largest x where it may be.
        bounds: (f64, f64),
    },
    /// The place on an axis where the mean over seeds of a metric is smallest or largest is `∝ x^exponent`, in every group of the other axes.
    Transfer {
        /// Which of the two.
        extremum: Extremum,
        /// Name of the metric.
        metric: String,
        /// The key of the axis.
        axis: String,
        /// `width` or the key of another axis.
        x: String,
        /// The prediction.
        exponent: Exponent,
        /// Smallest and largest x that count.
        range: (f64, f64),
    },
    /// `metric ≤ value` or `metric ≥ value` for every trial.
    Bound {
        /// Name of the metric.
        metric: String,
        /// Which of the two.
        side: Side,
        /// The bound.
        value: f64,
        /// At this width only.
        width: Option<Width>,
    },
}

section! {
    /// What is said about an exponent.
    pub(super) struct ExponentKeys {
        /// The exponent.
        exponent: Option<f64> = optional(number()),
        /// How far the fitted exponent may be from it.
        tolerance: Option<f64> = optional(positive()),
        /// Instead of both, a bound that the exponent must not be above …
        at_most: Option<f64> = optional(number()),
        /// … or below.
        at_least: Option<f64> = optional(number()),
        /// Smallest x that counts.
        min_x: f64 = or(non_negative(), 0.0),
        /// Largest x that counts.
        max_x: Option<f64> = optional(positive()),
    }
    check = check_exponent;
}

fn check_exponent(keys: &ExponentKeys, table: &Written<'_>) -> document::Result<()> {
    for (word, bound) in [("at_most", keys.at_most), ("at_least", keys.at_least)] {
        if bound.is_some() {
            let others = ["exponent", "tolerance", "min_r2", "at_most", "at_least"].into_iter();
            let reason = format!("`{word}` bounds the exponent; give one or the other");
            return others.filter(|key| *key != word).try_for_each(|key| table.refuse(key, &reason));
        }
    }
    let needed = [("exponent", keys.exponent), ("tolerance", keys.tolerance)];
    match needed.into_iter().find(|(_, value)| value.is_none()) {
        Some((key, _)) => Err(table.missing(key)),
        None => Ok(()),
    }
}

impl ExponentKeys {
    fn exponent(&self) -> Exponent {
        let near = || Exponent::Near {
            exponent: self.exponent.unwrap_or(f64::NAN),
            tolerance: self.tolerance.unwrap_or(f64::NAN),
        };
        let bound = self.at_most.map(Exponent::AtMost).or(self.at_least.map(Exponent::AtLeast));
        bound.unwrap_or_else(near)
    }

    fn range(&self) -> (f64, f64) {
        (self.min_x, self.max_x.unwrap_or(f64::MAX))
    }
}

section! {
    /// metric ∝ x^exponent, in every group of the other axes.
    pub(super) struct PowerLaw {
        /// The metric.
        metric: Located<String> = required(located(text())),
        /// `width`, where there are widths and nothing is given, or an axis of positive numbers.
        x: Option<Located<String>> = optional(located(text())),
        /// What is said about the exponent.
        exponent: ExponentKeys = flat(),
        /// Smallest R² of the line on log-log axes.
        min_r2: f64 = or(between(0.0, 1.0), 0.98),
    }
}

section! {
    /// The place on an axis where the mean over seeds of a metric is best ∝ x^exponent, in every group of the other axes: 0 where it transfers.
    pub(super) struct Transfer {
        /// The metric.
        metric: Located<String> = required(located(text())),
        /// The axis of positive numbers, for example `optimizer.learning_rate`.
        axis: Located<String> = required(located(text())),
        /// `width`, where there are widths and nothing is given, or another axis of positive numbers.
        x: Option<Located<String>> = optional(located(text())),
        /// Which values of the metric are best.
        best: Extremum = or(best(), "smallest"),
        /// What is said about the exponent.
        exponent: ExponentKeys = flat(),
    }
}

/// Which end of the values is best.
pub(crate) fn best() -> Choice<Extremum> {
    choice(&[("smallest", Extremum::Min), ("largest", Extremum::Max)])
}

section! {
    /// quantity ∝ exp(−rate t) with a positive rate, in every trial of one width.
    pub(super) struct Exponential {
        /// A quantity of one number.
        quantity: Quantity = required(scalar_quantity()),
        /// Records before this time are left out.
        from: f64 = or(non_negative(), 0.0),
        /// So are records not above this value.
        floor: f64 = or(non_negative(), 0.0),
        /// Smallest R² of the line through (t, ln quantity).
        min_r2: f64 = or(between(0.0, 1.0), 0.99),
        /// The width; inf where nothing is given.
        width: Option<Located<Width>> = optional(located(width())),
    }
}

section! {
    /// Where on an axis the mean over seeds of a metric is smallest, in every group of the other axes.
    pub(super) struct Argmin {
        /// The metric.
        metric: Located<String> = required(located(text())),
        /// `width`, where there are widths and nothing is given, or an axis of numbers.
        x: Option<Located<String>> = optional(located(text())),
        /// Smallest x where it may be; one of the two bounds is needed.
        at_least: Option<f64> = optional(number()),
        /// Largest x where it may be.
        at_most: Option<f64> = optional(number()),
    }
    check = |argmin, table| match (argmin.at_least, argmin.at_most) {
        (None, None) => Err(table.missing("at_least")),
        (Some(low), Some(high)) if low > high => Err(table.error(format!("`at_least` {low} is above `at_most` {high}"))),
        _ => Ok(()),
    };
}

section! {
    /// Where on an axis the mean over seeds of a metric is largest, in every group of the other axes.
    pub(super) struct Argmax {
        /// Of what.
        argmin: Argmin = flat(),
    }
}

section! {
    /// A bound of a metric.
    pub(super) struct Bound {
        /// The metric.
        metric: Located<String> = required(located(text())),
        /// At this width only.
        width: Option<Located<Width>> = optional(located(width())),
    }
}

section! {
    /// metric ≤ value for every trial.
    pub(super) struct Below {
        /// Of what.
        bound: Bound = flat(),
        /// The bound.
        value: f64 = required(positive()),
    }
}

section! {
    /// metric ≥ value for every trial.
    pub(super) struct Above {
        /// Of what.
        bound: Bound = flat(),
        /// The bound.
        value: f64 = required(positive()),
    }
}

section! {
    /// metric ≤ value for every trial.
    pub(super) struct BelowAny {
        /// Of what.
        bound: Bound = flat(),
        /// The bound.
        value: f64 = required(number()),
    }
}

section! {
    /// metric ≥ value for every trial.
    pub(super) struct AboveAny {
        /// Of what.
        bound: Bound = flat(),
        /// The bound.
        value: f64 = required(number()),
    }
}

/// The keys of one kind of check.
pub(super) trait CheckKeys {
    /// What is stated; `table` is where errors about it stand.
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind>;
}

impl<K: CheckKeys + 'static> From<K> for Box<dyn CheckKeys> {
    fn from(keys: K) -> Self {
        Box::new(keys)
    }
}

/// The kinds of checks of problems.
const OF_PROBLEMS: &[Kind<Box<dyn CheckKeys>>] = &[
    Kind::of::<PowerLaw>("power_law"),
    Kind::of::<Transfer>("transfer"),
    Kind::of::<Argmin>("argmin"),
    Kind::of::<Argmax>("argmax"),
    Kind::of::<Exponential>("exponential"),
    Kind::of::<Below>("below"),
    Kind::of::<Above>("above"),
];

/// Those of questions. Answers have no course in time, and their values have signs; sizes of trajectories have none.
const OF_QUESTIONS: &[Kind<Box<dyn CheckKeys>>] = &[
    Kind::of::<PowerLaw>("power_law"),
    Kind::of::<Transfer>("transfer"),
    Kind::of::<Argmin>("argmin"),
    Kind::of::<Argmax>("argmax"),
    Kind::of::<BelowAny>("below"),
    Kind::of::<AboveAny>("above"),
];

section! {
    /// What must hold of trajectories.
    pub(super) struct ProblemCheck {
        /// Its name.
        pub(super) name: String = required(name()),
        /// What is stated.
        kind: Box<dyn CheckKeys> = by_kind(OF_PROBLEMS),
        /// The trials that count.
        only: Option<Located<Only>> = optional(located(table())),
    }
}

section! {
    /// What must hold of answers.
    pub(super) struct QuestionCheck {
        /// Its name.
        pub(super) name: String = required(name()),
        /// What is stated.
        kind: Box<dyn CheckKeys> = by_kind(OF_QUESTIONS),
        /// The trials that count.
        only: Option<Located<Only>> = optional(located(table())),
    }
}

impl ProblemCheck {
    /// The check.
    pub(super) fn check(table: &Located<ProblemCheck>, keys: &Keys<'_>) -> ReadResult<Check> {
        let ProblemCheck { name, kind, only } = &table.value;
        Check::new(name, kind.kind(keys, &table.field())?, only.as_ref(), keys)
    }
}

impl QuestionCheck {
    /// The check.
    pub(super) fn check(table: &Located<QuestionCheck>, keys: &Keys<'_>) -> ReadResult<Check> {
        let QuestionCheck { name, kind, only } = &table.value;
        Check::new(name, kind.kind(keys, &table.field())?, only.as_ref(), keys)
    }
}

impl Check {
    fn new(name: &str, kind: CheckKind, only: Option<&Located<Only>>, keys: &Keys<'_>) -> ReadResult<Check> {
        let has_width = match kind {
            CheckKind::PowerLaw { .. } | CheckKind::Transfer { .. } | CheckKind::Argmin { .. } => false,
            CheckKind::Exponential { .. } => true,
            CheckKind::Bound { width, .. } => width.is_some(),
        };
        if let Some(width) = only.and_then(|only| only.value.width.as_ref()).filter(|_| has_width) {
            let reason = "the check is made at one width, its key `width`";
            return Err(width.error(format!("`{}` is not used here: {reason}", width.key())));
        }
        let only = keys.selection(only)?;
        Ok(Check { name: name.to_owned(), kind, only })
    }
}

impl CheckKeys for PowerLaw {
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        Ok(CheckKind::PowerLaw {
            metric: keys.metric(&self.metric.field())?,
            x: keys.x(self.x.as_ref(), table)?,
            exponent: self.exponent.exponent(),
            range: self.exponent.range(),
            min_r2: self.min_r2,
        })
    }
}

impl CheckKeys for Transfer {
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        let (axis, x) = (keys.variable(&self.axis.field())?, keys.x(self.x.as_ref(), table)?);
        if axis == x {
            return Err(self
                .axis
                .error(format!("`{}` must be another axis than `x`, on which its optimum depends", self.axis.key())));
        }
        Ok(CheckKind::Transfer {
            extremum: self.best,
            metric: keys.metric(&self.metric.field())?,
            axis,
            x,
            exponent: self.exponent.exponent(),
            range: self.exponent.range(),
        })
    }
}

impl Argmin {
    fn of(&self, extremum: Extremum, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        Ok(CheckKind::Argmin {
            extremum,
            metric: keys.metric(&self.metric.field())?,
            x: keys.number_x(self.x.as_ref(), table)?,
            bounds: (self.at_least.unwrap_or(f64::NEG_INFINITY), self.at_most.unwrap_or(f64::INFINITY)),
        })
    }
}

impl CheckKeys for Argmin {
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        self.of(Extremum::Min, keys, table)
    }
}

impl CheckKeys for Argmax {
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        self.argmin.of(Extremum::Max, keys, table)
    }
}

impl CheckKeys for Exponential {
    fn kind(&self, keys: &Keys<'_>, table: &Field<'_>) -> ReadResult<CheckKind> {
        let width = match &self.width {
            Some(width) => keys.width(width)?,
            None if keys.widths.contains(&Width::Infinite) => Width::Infinite,
            None => return Err(table.error("`axes.width` has no \"inf\"; give the `width` to check")),
        };
        let Exponential { quantity, from, floor, min_r2, .. } = *self;
        Ok(CheckKind::Exponential { quantity, from, floor, min_r2, width })
    }
}

impl Bound {
    fn kind(&self, side: Side, value: f64, keys: &Keys<'_>) -> ReadResult<CheckKind> {
        let metric = keys.metric(&self.metric.field())?;
        let width = self.width.as_ref().map(|width| keys.width(width)).transpose()?;
        Ok(CheckKind::Bound { metric, side, value, width })
    }
}

impl CheckKeys for Below {
    fn kind(&self, keys: &Keys<'_>, _: &Field<'_>) -> ReadResult<CheckKind> {
        self.bound.kind(Side::Below, self.value, keys)
    }
}

impl CheckKeys for Above {
    fn kind(&self, keys: &Keys<'_>, _: &Field<'_>) -> ReadResult<CheckKind> {
        self.bound.kind(Side::Above, self.value, keys)
    }
}

impl CheckKeys for BelowAny {
    fn kind(&self, keys: &Keys<'_>, _: &Field<'_>) -> ReadResult<CheckKind> {
        self.bound.kind(Side::Below, self.value, keys)
    }
}

impl CheckKeys for AboveAny {
    fn kind(&self, keys: &Keys<'_>, _: &Field<'_>) -> ReadResult<CheckKind> {
        self.bound.kind(Side::Above, self.value, keys)
    }
}
