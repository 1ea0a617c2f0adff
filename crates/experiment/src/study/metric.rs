//! A `[[metric]]` is one number per trial: the size of a recorded quantity, a value of an answer, or its distance to a reference.
//!
//! ```toml
//! [[metric]]
//! name = "predictor_distance"
//! quantity = "predictor"
//! against = "limit"         # "limit", "lazy"; without it the quantity itself is measured
//! reference = { width = 1e6, engine = ["conditioned"] }   # or, instead: the trials equal in everything but these axes
//! over = "sup"              # "sup" over the records (default), "final" or "initial"
//! relative = false
//! entry = 2                 # optional: this entry of a list or matrix (rows first to last, from 0; −1 is the last), not the norm of all
//! statistic = "norm"        # or "rms", the norm divided by the root of the number of entries; or "p_value", "kl", "ks", "mean_ratio", "std_ratio"
//! ```
//!
//! ```text
//! ‖q_t − r_t‖  or  ‖q_t‖,  at the record times t;  relative: divided by sup_t ‖r_t‖
//! ```
//!
//! with `‖·‖` the Euclidean norm of all entries (the absolute value of a scalar) and `r` the reference at equal times; that of `reference`
//! is the trial of the same seed, which has no distance to itself.
//!
//! `statistic = "p_value"` tests the mean output f̄ of an ensemble of M networks against the law of the limit, by the chance of a larger
//! `M Σ_c (f̄_c − μ_c)ᵀ C⁺ (f̄_c − μ_c)` than the measured one, with the limit's mean μ and covariance C over the test inputs; it needs
//! `quantity = "test_outputs"`, `against = "limit"` and an `[ensemble]`. `over = "sup"` is then the record that agrees least, the
//! smallest p-value.
//!
//! `statistic = "kl"` with `quantity = "test_outputs"` is the Kullback–Leibler divergence of Gaussians fitted over the seeds from those of
//! the network at the reference width of `parameterization.kind = "scaling"` (equal other axes), or of `reference`, averaged over the test
//! inputs; all seeds have the same value.
//!
//! Three more statistics compare laws over seeds, of any quantity, with those of the trials of `reference`; again all seeds have the same
//! value:
//!
//! ```text
//! ks           p-value of the two-sample Kolmogorov–Smirnov test, of the entry that agrees least, times the number of entries (at most 1)
//! mean_ratio   ‖means over seeds‖ / ‖those of the reference‖          std_ratio    the same of standard deviations (ddof 1)
//! ```
//!
//! Engines may share random streams, so `ks` takes every second seed of the trial and the other seeds of the reference: independent
//! samples, and the reference has a p-value under the null hypothesis. `over = "sup"` of a p-value is the smallest.
//!
//! In a study of questions a metric is a number of the answer, or the Euclidean norm of a list:
//!
//! ```toml
//! [[metric]]
//! name = "kurtosis"
//! value = "moments.kurtosis"        # its path in the answer; entries of lists by position, moments.scale.0 or moments.scale.-1
//! against = "limit"                 # optional: the absolute difference to the trial of width "inf" with equal other axes and seed
//! against_value = "…"               # or, instead: to the value of this path in the same answer, for example a prediction
//! relative = false                  # divided by what it is compared with
//! comparison = "distance"           # or "difference" (signed) or "ratio", of single numbers
//! ```

use widenet_core::document::Word;
use widenet_core::{
    Width,
    document::{Field, Reader},
    problem::{Quantity, Shape},
};
use widenet_engines::Reference;

use super::{
    keys::{Keys, ReferenceTrials},
    read::{ReadResult, own_name},
    statistic::{self, Asked, NORM, Statistic},
    task_kind::TaskKind,
};

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
    pub of: Measured,
    /// What it is compared with; without, the quantity itself is measured.
    pub against: Option<Against>,
    /// Divided by the largest norm of the reference.
    pub relative: bool,
}

/// What a metric is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// A reference that is solved for each trial; in a study of questions, the trial of width "inf".
    Reference(Reference),
    /// Other trials of the study.
    Trials(ReferenceTrials),
    /// The value at this path of the same answer.
    Value(String),
}

/// What a metric measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// Records of a trajectory.
    Records(RecordedQuantity),
    /// A value of an answer.
    Value {
        /// Its path.
        path: String,
        /// How.
        comparison: Comparison,
    },
}

/// How a value is compared with its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The norm of the difference.
    Distance,
    /// Value minus reference.
    Difference,
    /// Value over reference.
    Ratio,
}

/// How records become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedQuantity {
    /// What is recorded.
    pub quantity: Quantity,
    /// At which records.
    pub over: Over,
    /// One entry instead of all.
    pub entry: Option<i64>,
    /// How it becomes a number.
    pub statistic: &'static Statistic,
}

/// A position from the front (0, 1, …) or from the back (−1, −2, …).
fn entry(field: &Field<'_>) -> ReadResult<i64> {
    match field.number()? {
        number if number.fract() == 0.0 && number.abs() < f64::from(u32::MAX) => Ok(number as i64),
        _ => Err(field.must_be("a whole number: 0 for the first entry, -1 for the last")),
    }
}

impl Metric {
    /// Returns the quantity whose records are measured.
    pub fn recorded(&self) -> Option<&RecordedQuantity> {
        match &self.of {
            Measured::Records(recorded) => Some(recorded),
            Measured::Value { .. } => None,
        }
    }

    /// Returns the reference that is solved for each trial, if it is compared with one.
    pub fn reference(&self) -> Option<Reference> {
        if let Some(Against::Reference(reference)) = self.against { Some(reference) } else { None }
    }

    /// Returns the trials that it is compared with, if there are any.
    pub fn trials(&self) -> Option<&ReferenceTrials> {
        if let Some(Against::Trials(trials)) = &self.against { Some(trials) } else { None }
    }

    pub(super) fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Metric> {
        let comparisons =
            [("distance", Comparison::Distance), ("difference", Comparison::Difference), ("ratio", Comparison::Ratio)];
        let metric = Metric {
            name: own_name(reader)?,
            of: match keys.kind {
                TaskKind::Problem => Measured::Records(RecordedQuantity::parse(reader)?),
                TaskKind::Question(_) => Measured::Value {
                    path: reader.required("value", |field| keys.path(field))?,
                    comparison: reader.or("comparison", Comparison::Distance, |field| field.choice(&comparisons))?,
                },
            },
            against: Against::parse(reader, keys)?,
            relative: reader.or("relative", false, |field| field.boolean())?,
        };
        if metric.relative && metric.against.is_none() {
            return Err(reader.error("`relative = true` needs `against` or `reference`: relative to what?"));
        }
        match &metric.of {
            Measured::Value { comparison, .. } => {
                if *comparison != Comparison::Distance && metric.against.is_none() {
                    return Err(
                        reader.error("`comparison` needs `against` or `against_value`: a comparison with what?")
                    );
                }
                if *comparison == Comparison::Ratio && metric.relative {
                    return Err(reader.error("a ratio is relative already: leave out `relative`"));
                }
                if metric.reference().is_some() && !keys.widths.contains(&Width::Infinite) {
                    return Err(reader.error("`against = \"limit\"` needs the width \"inf\" in `axes.width`"));
                }
            }
            Measured::Records(RecordedQuantity { quantity, entry, statistic, .. }) => {
                let (reference, trials) = (metric.reference(), metric.trials());
                let asked = Asked { quantity: *quantity, entry: *entry, relative: metric.relative, reference, trials };
                if !(statistic.is_allowed)(&asked) {
                    return Err(reader.error(statistic.needs));
                }
            }
        }
        Ok(metric)
    }
}

impl Against {
    /// Reads `against`, `reference` and `against_value`, of which a metric has one at most.
    fn parse<'a>(reader: &mut Reader<'a>, keys: &Keys<'_>) -> ReadResult<Option<Against>> {
        let is_problem = keys.kind.is_problem();
        let mut references = vec![("limit", Reference::Limit)];
        if is_problem {
            references.push(("lazy", Reference::Lazy));
        }
        let reference = reader.optional("against", |field| field.choice(&references))?.map(Against::Reference);
        let other = if is_problem {
            reader.optional("reference", |field| keys.reference(field))?.map(Against::Trials)
        } else {
            reader.optional("against_value", |field| keys.path(field))?.map(Against::Value)
        };
        if reference.is_some() && other.is_some() {
            let key = if is_problem { "reference" } else { "against_value" };
            return Err(reader.error(format!("give `against` or `{key}`, not both")));
        }
        Ok(reference.or(other))
    }
}

impl RecordedQuantity {
    fn parse(reader: &mut Reader<'_>) -> ReadResult<RecordedQuantity> {
        let over = [("sup", Over::Sup), ("final", Over::Final), ("initial", Over::Initial)];
        let recorded = RecordedQuantity {
            quantity: reader.required("quantity", |field| field.choice(Quantity::WORDS))?,
            over: reader.or("over", Over::Sup, |field| field.choice(&over))?,
            entry: reader.optional("entry", entry)?,
            statistic: reader.or("statistic", &NORM, statistic::parse)?,
        };
        if recorded.entry.is_some() && recorded.quantity.shape() == Shape::Scalar {
            return Err(reader.error(format!("`{}` is one number and has no entries", recorded.quantity.name())));
        }
        Ok(recorded)
    }
}
