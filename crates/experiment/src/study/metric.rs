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
//! statistic = "norm"        # or "rms", the norm divided by the root of the number of entries; or "p_value", "kl", "ks", "mean_ratio", "std_ratio",
//!                           # "coverage"
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
//! Four more statistics compare laws over seeds, of any quantity, with those of the trials of `reference`; again all seeds have the same
//! value:
//!
//! ```text
//! ks           p-value of the two-sample Kolmogorov–Smirnov test, of the entry that agrees least, times the number of entries (at most 1)
//! mean_ratio   ‖means over seeds‖ / ‖those of the reference‖          std_ratio    the same of standard deviations (ddof 1)
//! coverage     of estimates: share of the 95 % intervals of all seeds and entries that contain the reference's mean over seeds
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

use serde_json::json;
use widenet_core::{
    Width,
    document::{
        self, Field, Written,
        keys::{optional, or, required},
        section,
        shape::{Located, Simple, boolean, choice, located, table, text, word},
    },
    problem::{Quantity, Shape},
};
use widenet_engines::Reference;

use super::{
    keys::{Keys, OtherTrials, ReferenceTrials},
    read::{ReadResult, name},
    statistic::{self, Asked, Statistic},
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
fn entry() -> Simple<i64> {
    fn read(field: &Field<'_>) -> ReadResult<i64> {
        match field.number()? {
            number if number.fract() == 0.0 && number.abs() < f64::from(u32::MAX) => Ok(number as i64),
            _ => Err(field.must_be("a whole number: 0 for the first entry, -1 for the last")),
        }
    }
    Simple::new(read, || json!({ "type": "number", "multipleOf": 1 }))
}

const OVER: &[(&str, Over)] = &[("sup", Over::Sup), ("final", Over::Final), ("initial", Over::Initial)];

const REFERENCES: &[(&str, Reference)] = &[("limit", Reference::Limit), ("lazy", Reference::Lazy)];

const COMPARISONS: &[(&str, Comparison)] =
    &[("distance", Comparison::Distance), ("difference", Comparison::Difference), ("ratio", Comparison::Ratio)];

section! {
    /// A number of a trajectory: the size of a recorded quantity, or its distance to a reference.
    pub(super) struct ProblemMetric {
        /// Its name.
        pub(super) name: String = required(name()),
        /// What is recorded.
        quantity: Quantity = required(word()),
        /// Which records count.
        over: Over = or(choice(OVER), "sup"),
        /// One entry of a list or matrix (rows first to last, from 0; −1 is the last) instead of all.
        entry: Option<i64> = optional(entry()),
        /// How entries become a number.
        statistic: &'static Statistic = or(statistic::statistic(), "norm"),
        /// The reference.
        against: Option<Reference> = optional(choice(REFERENCES)),
        /// Or instead, the trials equal in everything but these axes.
        reference: Option<Located<OtherTrials>> = optional(located(table())),
        /// Divided by the largest norm of the reference.
        relative: bool = or(boolean(), false),
    }
    check = check_problem_metric;
}

fn check_problem_metric(metric: &ProblemMetric, table: &Written<'_>) -> document::Result<()> {
    if metric.entry.is_some() && metric.quantity.shape() == Shape::Scalar {
        return Err(table.error(format!("`{}` is one number and has no entries", metric.quantity.name())));
    }
    if metric.against.is_some() && metric.reference.is_some() {
        return Err(table.error("give `against` or `reference`, not both"));
    }
    if metric.relative && metric.against.is_none() && metric.reference.is_none() {
        return Err(table.error("`relative = true` needs `against` or `reference`: relative to what?"));
    }
    Ok(())
}

section! {
    /// A number of an answer, or the norm of a list of it, or its distance to a reference.
    pub(super) struct QuestionMetric {
        /// Its name.
        pub(super) name: String = required(name()),
        /// Its path in the answer.
        value: Located<String> = required(located(text())),
        /// How it is compared.
        comparison: Comparison = or(choice(COMPARISONS), "distance"),
        /// The trial of width inf with equal other axes and seed.
        against: Option<Reference> = optional(choice(&[("limit", Reference::Limit)])),
        /// Or instead, the value of this path in the same answer.
        against_value: Option<Located<String>> = optional(located(text())),
        /// Divided by what it is compared with.
        relative: bool = or(boolean(), false),
    }
    check = check_question_metric;
}

fn check_question_metric(metric: &QuestionMetric, table: &Written<'_>) -> document::Result<()> {
    if metric.against.is_some() && metric.against_value.is_some() {
        return Err(table.error("give `against` or `against_value`, not both"));
    }
    let is_compared = metric.against.is_some() || metric.against_value.is_some();
    if metric.relative && !is_compared {
        return Err(table.error("`relative = true` needs `against` or `reference`: relative to what?"));
    }
    if metric.comparison != Comparison::Distance && !is_compared {
        return Err(table.error("`comparison` needs `against` or `against_value`: a comparison with what?"));
    }
    if metric.comparison == Comparison::Ratio && metric.relative {
        return Err(table.error("a ratio is relative already: leave out `relative`"));
    }
    Ok(())
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

    /// Why it has no value in an answer, if its path or that of what it is compared with leads nowhere; `numbers` looks up a path.
    pub(crate) fn missing_path(&self, numbers: impl Fn(&str) -> Result<Vec<f64>, String>) -> Option<String> {
        let own = match &self.of {
            Measured::Value { path, .. } => Some(path),
            Measured::Records(_) => None,
        };
        let other = if let Some(Against::Value(path)) = &self.against { Some(path) } else { None };
        own.into_iter().chain(other).find_map(|path| numbers(path).err())
    }

    /// The metric of a problem's trajectory.
    pub(super) fn of_problem(table: &Located<ProblemMetric>, keys: &Keys<'_>) -> ReadResult<Metric> {
        let given = &table.value;
        let ProblemMetric { quantity, over, entry, statistic, relative, .. } = *given;
        let trials = given.reference.as_ref().map(|reference| keys.reference(reference)).transpose()?;
        let asked = Asked { quantity, entry, relative, reference: given.against, trials: trials.as_ref() };
        if !(statistic.is_allowed)(&asked) {
            return Err(table.error(statistic.needs));
        }
        Ok(Metric {
            name: given.name.clone(),
            of: Measured::Records(RecordedQuantity { quantity, over, entry, statistic }),
            against: given.against.map(Against::Reference).or(trials.map(Against::Trials)),
            relative,
        })
    }

    /// The metric of a question's answer.
    pub(super) fn of_question(table: &Located<QuestionMetric>, keys: &Keys<'_>) -> ReadResult<Metric> {
        let given = &table.value;
        let path = |path: &Located<String>| keys.path(&path.field());
        let against_value = given.against_value.as_ref().map(path).transpose()?;
        if given.against.is_some() && !keys.widths.contains(&Width::Infinite) {
            return Err(table.error("`against = \"limit\"` needs the width \"inf\" in `axes.width`"));
        }
        Ok(Metric {
            name: given.name.clone(),
            of: Measured::Value { path: path(&given.value)?, comparison: given.comparison },
            against: given.against.map(Against::Reference).or(against_value.map(Against::Value)),
            relative: given.relative,
        })
    }
}
