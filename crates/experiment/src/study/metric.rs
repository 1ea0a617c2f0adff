//! `[[metric]]`: one number per trial, the size of a recorded quantity or its distance to a reference.
//!
//! ```toml
//! [[metric]]
//! name = "predictor_distance"
//! quantity = "predictor"
//! against = "limit"         # "limit", "lazy"; without it the quantity itself is measured
//! over = "sup"              # "sup" over the records (default), "final" or "initial"
//! relative = false
//! entry = 2                 # optional: this entry of a list or matrix (rows first to last, from 0; −1 is the last), not the norm of all
//! statistic = "norm"        # or "rms", the norm divided by the root of the number of entries, or "p_value"
//! ```
//!
//! ```text
//! ‖q_t − r_t‖  or  ‖q_t‖,  at the record times t;  relative: divided by sup_t ‖r_t‖
//! ```
//!
//! with `‖·‖` the Euclidean norm of all entries (the absolute value of a scalar) and `r` the reference at equal times.
//!
//! `statistic = "p_value"` tests the mean output f̄ of an ensemble of M networks against the law of the limit, by the chance of a larger
//! `M Σ_c (f̄_c − μ_c)ᵀ C⁺ (f̄_c − μ_c)` than the measured one, with the limit's mean μ and covariance C over the test inputs; it needs
//! `quantity = "test_outputs"`, `against = "limit"` and an `[ensemble]`. `over = "sup"` is then the record that agrees least, the
//! smallest p-value.

use widenet_core::{
    document::{Field, Reader},
    problem::{Quantity, Shape},
};

use super::{ReadResult, own_name};
use crate::Reference;

/// Which records count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The largest over all records.
    Sup,
    /// The last record.
    Final,
    /// The first record.
    Initial,
}

/// How a quantity becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The Euclidean norm.
    Norm,
    /// The root mean square: the norm divided by the root of the number of entries.
    Rms,
    /// The p-value of an ensemble's mean outputs under the limit's law.
    PValue,
}

/// One number per trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Name, a column of `metrics.csv`.
    pub name: String,
    /// What is measured.
    pub quantity: Quantity,
    /// What it is compared with.
    pub against: Option<Reference>,
    /// At which records.
    pub over: Over,
    /// Divided by the largest norm of the reference.
    pub relative: bool,
    /// One entry instead of all.
    pub entry: Option<i64>,
    /// How it becomes a number.
    pub statistic: Statistic,
}

/// A position from the front (0, 1, …) or from the back (−1, −2, …).
fn entry(field: &Field<'_>) -> ReadResult<i64> {
    match field.number()? {
        number if number.fract() == 0.0 && number.abs() < f64::from(u32::MAX) => Ok(number as i64),
        _ => Err(field.must_be("a whole number: 0 for the first entry, -1 for the last")),
    }
}

impl Metric {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>) -> ReadResult<Metric> {
        let against = [("limit", Reference::Limit), ("lazy", Reference::Lazy)];
        let statistics = [("norm", Statistic::Norm), ("rms", Statistic::Rms), ("p_value", Statistic::PValue)];
        let over = [("sup", Over::Sup), ("final", Over::Final), ("initial", Over::Initial)];
        let metric = Metric {
            name: own_name(reader)?,
            quantity: reader.required("quantity", |field| field.choice(&Quantity::words()))?,
            against: reader.optional("against", |field| field.choice(&against))?,
            over: reader.or("over", Over::Sup, |field| field.choice(&over))?,
            relative: reader.or("relative", false, |field| field.boolean())?,
            entry: reader.optional("entry", entry)?,
            statistic: reader.or("statistic", Statistic::Norm, |field| field.choice(&statistics))?,
        };
        if metric.relative && metric.against.is_none() {
            return Err(reader.error("`relative = true` needs `against`: relative to what?"));
        }
        if metric.entry.is_some() && metric.quantity.shape() == Shape::Scalar {
            return Err(reader.error(format!("`{}` is one number and has no entries", metric.quantity.name())));
        }
        let tested = metric.quantity == Quantity::TestOutputs && metric.against == Some(Reference::Limit);
        let plain = !metric.relative && metric.entry.is_none();
        if metric.statistic == Statistic::PValue && !(tested && plain) {
            return Err(reader.error(
                "`statistic = \"p_value\"` needs quantity = \"test_outputs\" and against = \"limit\", without `relative` and `entry`",
            ));
        }
        Ok(metric)
    }
}
