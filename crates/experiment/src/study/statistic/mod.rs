//! Statistics: how the records of trials become a number. Each has a file of its own and a line in `ALL`.

mod coverage;
mod definition;
mod kl;
mod ks;
mod mean_ratio;
mod norm;
mod p_value;
mod rms;
mod std_ratio;

use serde_json::json;
use widenet_core::document::shape::Simple;

pub use self::{definition::Statistic, norm::NORM};
pub(crate) use self::{
    definition::{Asked, Function, Label, OfDistributions},
    kl::divergence,
};

/// All statistics, in the order of messages.
static ALL: [&Statistic; 8] = [
    &norm::NORM,
    &rms::RMS,
    &p_value::P_VALUE,
    &kl::KL,
    &ks::KS,
    &mean_ratio::MEAN_RATIO,
    &std_ratio::STD_RATIO,
    &coverage::COVERAGE,
];

/// A statistic by its word.
pub(super) fn statistic() -> Simple<&'static Statistic> {
    Simple::new(
        |field| field.choice(&ALL.map(|statistic| (statistic.word, statistic))),
        || json!({ "enum": ALL.map(|statistic| statistic.word) }),
    )
}

/// The statistic of a word that is known.
#[cfg(test)]
pub(crate) fn of_word(word: &str) -> &'static Statistic {
    ALL.into_iter().find(|statistic| statistic.word == word).expect("a statistic")
}

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
