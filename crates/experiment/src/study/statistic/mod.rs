//! Statistics: how the records of trials become a number. Each has a file of its own and a line in [`ALL`].

mod kl;
mod ks;
mod mean_ratio;
mod norm;
mod p_value;
mod rms;
mod std_ratio;

use std::fmt;

use widenet_core::{Matrix, document::Field, problem::Quantity};

use super::{metric::Asked, read::ReadResult};
pub(crate) use kl::divergence;
pub use norm::NORM;

/// All statistics, in the order of messages.
static ALL: [&Statistic; 7] =
    [&norm::NORM, &rms::RMS, &p_value::P_VALUE, &kl::KL, &ks::KS, &mean_ratio::MEAN_RATIO, &std_ratio::STD_RATIO];

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
}

/// A function of the values over seeds of every entry, the trial's own and the reference's.
pub(crate) type OfDistributions = fn(&[Vec<f64>], &[Vec<f64>]) -> Result<f64, String>;

impl Statistic {
    /// Reads a statistic's word.
    pub(super) fn parse(field: &Field<'_>) -> ReadResult<&'static Statistic> {
        field.choice(&ALL.map(|statistic| (statistic.word, statistic)))
    }

    /// Says whether it is one number of all seeds.
    pub fn is_of_all_seeds(&self) -> bool {
        matches!(self.function, Function::Distributions(_))
    }
}

/// The statistic of a word that is known.
#[cfg(test)]
pub(crate) fn of_word(word: &str) -> &'static Statistic {
    ALL.into_iter().find(|statistic| statistic.word == word).expect("a statistic")
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
fn root_of_sum(samples: &[Vec<f64>], square: impl Fn(&[f64]) -> f64) -> f64 {
    samples.iter().map(|sample| square(sample)).sum::<f64>().sqrt()
}

/// A statistic of distributions over seeds compares with the trials that a metric names.
fn has_reference_trials(asked: &Asked<'_>) -> bool {
    asked.trials.is_some() && !asked.relative
}

const NEEDS_REFERENCE_TRIALS: &str = "`statistic = \"ks\"`, \"mean_ratio\" and \"std_ratio\" need `reference`: the law of which trials? They are without `relative`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statistic_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = ALL.iter().map(|statistic| statistic.word).collect();
        assert_eq!(words.len(), ALL.len());
    }

    /// Means 3 and 1, standard deviations √2 and 1/√2; of the reference: 3 and 4, and √8 and √2.
    #[test]
    fn ratios_are_those_on_paper() {
        let own = [vec![2.0, 4.0], vec![0.5, 1.5]];
        let reference = [vec![1.0, 5.0], vec![3.0, 5.0]];
        let ratio = |statistic: &Statistic, entries: std::ops::Range<usize>| {
            let Function::Distributions(ratio) = statistic.function else { panic!("of distributions") };
            ratio(&own[entries.clone()], &reference[entries]).expect("a ratio")
        };
        assert!((ratio(&mean_ratio::MEAN_RATIO, 0..2) - (10f64 / 25.0).sqrt()).abs() < 1e-12);
        assert!((ratio(&std_ratio::STD_RATIO, 0..2) - (2.5f64 / 10.0).sqrt()).abs() < 1e-12);
        assert!((ratio(&std_ratio::STD_RATIO, 1..2) - 0.5).abs() < 1e-12);
    }
}
