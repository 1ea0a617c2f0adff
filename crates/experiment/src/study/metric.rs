//! `[[metric]]`: one number per trial, the size of a recorded quantity or its distance to a reference.
//!
//! ```toml
//! [[metric]]
//! name = "predictor_distance"
//! quantity = "predictor"
//! against = "limit"         # "limit", "lazy"; without it the quantity itself is measured
//! over = "sup"              # "sup" over the records (default), "final" or "initial"
//! relative = false
//! ```
//!
//! ```text
//! ‖q_t − r_t‖  or  ‖q_t‖,  at the record times t;  relative: divided by sup_t ‖r_t‖
//! ```
//!
//! with `‖·‖` the Euclidean norm of all entries (the absolute value of a scalar) and `r` the reference at equal times.

use widenet_core::{document::Reader, problem::Quantity};

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
}

impl Metric {
    pub(super) fn parse<'a>(reader: &mut Reader<'a>) -> ReadResult<Metric> {
        let against = [("limit", Reference::Limit), ("lazy", Reference::Lazy)];
        let over = [("sup", Over::Sup), ("final", Over::Final), ("initial", Over::Initial)];
        let metric = Metric {
            name: own_name(reader)?,
            quantity: reader.required("quantity", |field| field.choice(&Quantity::words()))?,
            against: reader.optional("against", |field| field.choice(&against))?,
            over: reader.or("over", Over::Sup, |field| field.choice(&over))?,
            relative: reader.or("relative", false, |field| field.boolean())?,
        };
        match metric.relative && metric.against.is_none() {
            true => Err(reader.error("`relative = true` needs `against`: relative to what?")),
            false => Ok(metric),
        }
    }
}
