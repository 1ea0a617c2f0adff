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
//! * `below`, `above`: *refuted* if a value is on the wrong side of the bound, *inconclusive* if one is missing, else *confirmed*.

use widenet_core::{
    Width,
    document::{Field, Reader},
    problem::Quantity,
};
use widenet_statistics::Exponent;

use super::{
    keys::Keys,
    read::{ReadResult, own_name, scalar_quantity},
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

#[derive(Clone, Copy)]
enum Kind {
    PowerLaw,
    Exponential,
    Bound(Side),
}

impl Check {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Check> {
        let mut kinds = vec![
            ("power_law", Kind::PowerLaw),
            ("below", Kind::Bound(Side::Below)),
            ("above", Kind::Bound(Side::Above)),
        ];
        let mut number: fn(&Field<'a>) -> ReadResult<f64> = Field::number;
        if keys.kind.is_problem() {
            // Answers have no course in time, and their values have signs; sizes of trajectories have none.
            kinds.insert(1, ("exponential", Kind::Exponential));
            number = Field::positive;
        }
        let kind = match reader.required("kind", |field| field.choice(&kinds))? {
            Kind::PowerLaw => CheckKind::PowerLaw {
                metric: reader.required("metric", |field| keys.metric(field))?,
                x: keys.x(reader)?,
                exponent: exponent(reader)?,
                range: (reader.or("min_x", 0.0, Field::non_negative)?, reader.or("max_x", f64::MAX, Field::positive)?),
                min_r2: reader.or("min_r2", 0.98, |field| field.number_in(0.0, 1.0))?,
            },
            Kind::Exponential => CheckKind::Exponential {
                quantity: reader.required("quantity", scalar_quantity)?,
                from: reader.or("from", 0.0, Field::non_negative)?,
                floor: reader.or("floor", 0.0, Field::non_negative)?,
                min_r2: reader.or("min_r2", 0.99, |field| field.number_in(0.0, 1.0))?,
                width: match reader.optional("width", |field| keys.width(field))? {
                    Some(width) => width,
                    None if keys.widths.contains(&Width::Infinite) => Width::Infinite,
                    None => return Err(reader.error("`axes.width` has no \"inf\"; give the `width` to check")),
                },
            },
            Kind::Bound(side) => CheckKind::Bound {
                metric: reader.required("metric", |field| keys.metric(field))?,
                side,
                value: reader.required("value", number)?,
                width: reader.optional("width", |field| keys.width(field))?,
            },
        };
        let has_width = match kind {
            CheckKind::PowerLaw { .. } => false,
            CheckKind::Exponential { .. } => true,
            CheckKind::Bound { width, .. } => width.is_some(),
        };
        let only = reader.or("only", Vec::new(), |field| {
            if has_width {
                field.table()?.refuse("width", "the check is made at one width, its key `width`")?;
            }
            keys.selection(field)
        })?;
        Ok(Check { name: own_name(reader)?, kind, only })
    }
}

fn exponent(reader: &mut Reader<'_>) -> ReadResult<Exponent> {
    type Bounded = fn(f64) -> Exponent;
    let bounds: [(&str, Bounded); 2] = [("at_most", Exponent::AtMost), ("at_least", Exponent::AtLeast)];
    for (word, bounded) in bounds {
        if let Some(bound) = reader.optional(word, Field::number)? {
            for key in ["exponent", "tolerance", "min_r2", "at_most", "at_least"].into_iter().filter(|key| *key != word)
            {
                reader.refuse(key, &format!("`{word}` bounds the exponent; give one or the other"))?;
            }
            return Ok(bounded(bound));
        }
    }
    Ok(Exponent::Near {
        exponent: reader.required("exponent", Field::number)?,
        tolerance: reader.required("tolerance", Field::positive)?,
    })
}
