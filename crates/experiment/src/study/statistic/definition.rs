//! What a statistic is.

use std::fmt;

use widenet_core::{Matrix, problem::Quantity};
use widenet_engines::Reference;

use crate::study::keys::ReferenceTrials;

/// How the records of trials become a number.
pub struct Statistic {
    /// The word in study files.
    pub word: &'static str,
    /// What stands at the axis of a figure.
    pub(crate) label: Label,
    /// What it computes at a record.
    pub(crate) function: Function,
    /// Whether the smallest value over the records is the one that agrees least, and not the largest.
    pub(crate) smallest_is_worst: bool,
    /// Which metrics may ask for it; the message says what the others lack.
    pub(crate) is_allowed: fn(&Asked<'_>) -> bool,
    pub(crate) needs: &'static str,
    /// Quantities that must be recorded beside the metric's own.
    pub(crate) quantities: &'static [Quantity],
    /// Whether the networks of an ensemble must be independent.
    pub(crate) needs_independent_networks: bool,
}

/// What stands at the axis of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Label {
    /// These words alone.
    Whole(&'static str),
    /// These words before those for the records and the quantity.
    Of(&'static str),
}

/// What a statistic computes at a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    /// Of the entries of a quantity, or of their differences from a reference.
    Entries(fn(&[f64]) -> f64),
    /// Of the difference of an ensemble's mean outputs from the limit's (T × k), the limit's covariance between test inputs (T × T), and
    /// the number of networks.
    Ensemble(fn(&Matrix, Matrix, f64) -> Result<f64, String>),
    /// Of the values over seeds of every entry, the trial's own and the reference's.
    Distributions(OfDistributions),
    /// Of the intervals over seeds of every entry, and the reference's mean.
    Coverage,
}

/// A function of the values over seeds of every entry, the trial's own and the reference's.
pub(crate) type OfDistributions = fn(&[Vec<f64>], &[Vec<f64>]) -> Result<f64, String>;

/// What a statistic may make its existence depend on.
pub(crate) struct Asked<'m> {
    pub(crate) quantity: Quantity,
    pub(crate) entry: Option<i64>,
    pub(crate) relative: bool,
    pub(crate) reference: Option<Reference>,
    pub(crate) trials: Option<&'m ReferenceTrials>,
}

impl Statistic {
    /// Says whether it is one number of all seeds.
    pub fn is_of_all_seeds(&self) -> bool {
        matches!(self.function, Function::Distributions(_) | Function::Coverage)
    }
}

impl PartialEq for Statistic {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Statistic {}

impl fmt::Debug for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}

/// The root of a sum over entries of a function of their values over seeds.
pub(super) fn root_of_sum(samples: &[Vec<f64>], square: impl Fn(&[f64]) -> f64) -> f64 {
    samples.iter().map(|sample| square(sample)).sum::<f64>().sqrt()
}

/// A statistic of distributions over seeds compares with the trials that a metric names.
pub(super) fn has_reference_trials(asked: &Asked<'_>) -> bool {
    asked.trials.is_some() && !asked.relative
}

pub(super) const NEEDS_REFERENCE_TRIALS: &str = "`statistic = \"ks\"`, \"mean_ratio\", \"std_ratio\" and \"coverage\" need `reference`: the law of which trials? They are without `relative`";
