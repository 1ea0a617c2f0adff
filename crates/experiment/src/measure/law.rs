//! Measures how far the distribution of a quantity over seeds is from that of other trials: the reference network, or those that a metric
//! names.
//!
//! ```text
//! KL(N(m, v) ‖ N(m_r, v_r)) = ½ [v/v_r + (m_r − m)²/v_r − 1 − ln(v/v_r)],     mean over the test inputs;
//! means m and variances v over S seeds (ddof 1).     Of two samples of one law:  ½ [(S−1)/(S−3) (1 + 2/S) − 1]
//! ```
//!
//! (docs/theory/scaling-limits.md §6, Eq. divergence, Eq. floor.) The two-sample Kolmogorov–Smirnov distance is `D = sup |F − F_r|` of the
//! empirical distribution functions. A coverage is the share of 95 % intervals that contain what they estimate.

use std::ops::Range;

use widenet_core::{Problem, Trajectory, Width, problem::Quantity, trajectory::Record};
use widenet_statistics::t_975;

use super::trajectory::{Uncertain, entries, entry_errors};
use crate::{
    study::{
        Over, RecordedQuantity, ReferenceTrials,
        statistic::{NORM, OfDistributions, divergence},
    },
    trials::{Trial, TrialResult},
};

/// Whose laws are compared: trajectories of all seeds of a trial, and of its reference.
pub(crate) struct Compared<'t> {
    own: Vec<&'t Trajectory>,
    reference: Vec<&'t Trajectory>,
}

/// The width at which a problem's scaling is the reference network.
pub(crate) fn reference_network(problem: &Problem) -> Result<ReferenceTrials, String> {
    let width = problem.parameterization.reference_width();
    let width = width.ok_or("only the parameterizations \"scaling\" and \"abc\" have a reference width")?;
    Ok(ReferenceTrials { width: Some(Width::try_from(width)?), axes: Vec::new() })
}

impl<'t> Compared<'t> {
    /// Of a trial and its reference, among all finished ones.
    pub(crate) fn of(
        trial: &Trial,
        asked: &ReferenceTrials,
        all: impl Iterator<Item = (&'t Trial, &'t TrialResult)>,
    ) -> Result<Self, String> {
        let (mut own, mut reference) = (Vec::new(), Vec::new());
        for (other, result) in all {
            let TrialResult::Trajectory(trajectory) = result else { continue };
            if other.axes == trial.axes && other.width == trial.width {
                own.push(trajectory);
            }
            if asked.has(other, trial) {
                reference.push(trajectory);
            }
        }
        match (reference.is_empty(), asked.width) {
            (false, _) => Ok(Self { own, reference }),
            (true, Some(width)) => Err(format!("there is no trial of the reference width {width}")),
            (true, None) => Err("there is no trial of the reference".into()),
        }
    }

    /// A statistic at every record, or at the only one that counts.
    pub(crate) fn statistic(&self, recorded: &RecordedQuantity, function: OfDistributions) -> Result<Vec<f64>, String> {
        let at = |record: usize| {
            function(&samples(&self.own, recorded, record)?, &samples(&self.reference, recorded, record)?)
        };
        self.counting(recorded)?.map(at).collect()
    }

    /// The records that count. Networks that stopped have no law at moments which others reached.
    fn counting(&self, recorded: &RecordedQuantity) -> Result<Range<usize>, String> {
        let records = self.own.first().map_or(0, |trajectory| trajectory.records.len());
        let apart = || self.own.iter().chain(&self.reference).find(|trajectory| trajectory.records.len() != records);
        match (recorded.over, apart()) {
            (Over::Initial, _) => Ok(0..records.min(1)),
            (Over::Sup, None) => Ok(0..records),
            (Over::Final, None) => Ok(records.saturating_sub(1)..records),
            (Over::Sup | Over::Final, Some(other)) => Err(format!(
                "networks ended at different moments, which have no common law: seed {} at width {} {}",
                other.seed,
                other.width,
                other.status.ending()
            )),
        }
    }

    /// The share of the entries of all seeds whose 95 % intervals, of estimates over so many replicates, contain the mean of the references; at every
    /// record that counts. Entries that are no estimates do not count.
    pub(crate) fn coverage(&self, recorded: &RecordedQuantity, replicates: usize) -> Result<Vec<f64>, String> {
        let half_width = t_975(replicates as f64 - 1.0);
        let at = |record: usize| {
            let means = estimates(&self.reference, recorded, record)?;
            let count = means.len() as f64;
            let entries = means.first().map_or(0, Vec::len);
            let truth = |entry: usize| {
                let mean = means.iter().map(|seed| seed[entry].value).sum::<f64>() / count;
                let error = means.iter().map(|seed| seed[entry].error.powi(2)).sum::<f64>().sqrt() / count;
                Uncertain { value: mean, error }
            };
            let truth: Vec<Uncertain> = (0..entries).map(truth).collect();
            let own = estimates(&self.own, recorded, record)?;
            let all = own.iter().flat_map(|seed| seed.iter().zip(&truth)).filter(|(own, _)| own.error > 0.0);
            let covers = |(own, truth): (&Uncertain, &Uncertain)| {
                (own.value - truth.value).abs() <= half_width * own.error.hypot(truth.error)
            };
            let covering: Vec<bool> = all.map(covers).collect();
            let count = covering.len();
            let share = covering.into_iter().filter(|covers| *covers).count() as f64 / count as f64;
            Ok((count > 0).then_some(share))
        };
        let shares: Vec<Option<f64>> = self.counting(recorded)?.map(at).collect::<Result<_, String>>()?;
        let shares: Vec<f64> = shares.into_iter().flatten().collect();
        match shares.is_empty() {
            true => Err(format!("{} has no standard errors", recorded.quantity.name())),
            false => Ok(shares),
        }
    }

    /// The divergence of the test outputs at every record, with what `place` says of the record, its time or step.
    pub(crate) fn divergences(&self, place: impl Fn(&Record) -> f64) -> Result<Vec<(f64, f64)>, String> {
        let recorded =
            RecordedQuantity { quantity: Quantity::TestOutputs, over: Over::Sup, entry: None, statistic: &NORM };
        let places = self.own.first().into_iter().flat_map(|trajectory| trajectory.records.iter().map(&place));
        Ok(places.zip(self.statistic(&recorded, divergence)?).collect())
    }
}

/// What the divergence of two samples of one law is on average; none for fewer than 4 seeds.
pub(crate) fn noise_floor(seeds: usize) -> Option<f64> {
    let seeds = seeds as f64;
    (seeds > 3.0).then(|| 0.5 * ((seeds - 1.0) / (seeds - 3.0) * (1.0 + 2.0 / seeds) - 1.0))
}

/// Entries with their standard errors at a record, of every seed.
fn estimates(
    trajectories: &[&Trajectory],
    recorded: &RecordedQuantity,
    record: usize,
) -> Result<Vec<Vec<Uncertain>>, String> {
    let of_seed = |trajectory: &&Trajectory| match trajectory.records.get(record) {
        Some(record) if trajectory.status.is_success() => {
            let values = entries(recorded, record)?;
            let errors = entry_errors(recorded, record)?.unwrap_or_else(|| vec![0.0; values.len()]);
            Ok(values.into_iter().zip(errors).map(|(value, error)| Uncertain { value, error }).collect())
        }
        _ => Err(format!("seed {} has no {} there", trajectory.seed, recorded.quantity.name())),
    };
    trajectories.iter().map(of_seed).collect()
}

/// Values over seeds of every entry that counts.
fn samples(trajectories: &[&Trajectory], recorded: &RecordedQuantity, record: usize) -> Result<Vec<Vec<f64>>, String> {
    if trajectories.len() < 2 {
        return Err("a law over seeds needs at least two".into());
    }
    let values = |trajectory: &&Trajectory| match trajectory.records.get(record) {
        Some(record) if trajectory.status.is_success() => entries(recorded, record),
        _ => Err(format!("seed {} has no {} there", trajectory.seed, recorded.quantity.name())),
    };
    let all: Vec<Vec<f64>> = trajectories.iter().map(values).collect::<Result<_, _>>()?;
    Ok((0..all[0].len()).map(|entry| all.iter().map(|values| values[entry]).collect()).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::{
        Matrix,
        trajectory::{Engine, Status, Value},
    };

    use super::*;
    use crate::study::statistic;

    fn trajectory(outputs: &[f64]) -> Trajectory {
        let outputs = Value::Matrix(Matrix::from_column_slice(outputs.len(), 1, outputs));
        let values = BTreeMap::from([(Quantity::TestOutputs, outputs)]);
        let records = vec![Record::new(0, 0.0, values)];
        Trajectory { width: Width::Finite(4), engine: Engine::Law, seed: 1, status: Status::Done, records }
    }

    /// docs/theory/scaling-limits.md §6: 0.271 for 10 seeds and 0.115 for 20.
    #[test]
    fn equal_laws_have_the_noise_floor_of_the_page() {
        assert!((noise_floor(10).expect("a floor") - 0.271).abs() < 5e-4);
        assert!((noise_floor(20).expect("a floor") - 0.115).abs() < 5e-4);
        assert_eq!(noise_floor(3), None);
    }

    /// Two inputs: equal laws, and N(3, 8) from N(0, 2), ½ (4 + 9/2 − 1 − ln 4).
    #[test]
    fn the_divergence_is_the_mean_of_those_on_paper() {
        let (reference, own) =
            ([trajectory(&[1.0, -1.0]), trajectory(&[2.0, 1.0])], [trajectory(&[1.0, 1.0]), trajectory(&[2.0, 5.0])]);
        let compared = Compared { own: own.iter().collect(), reference: reference.iter().collect() };
        let found = compared.divergences(|record| record.time).expect("a divergence");
        let expected = 0.5 * 0.5 * (4.0 + 4.5 - 1.0 - 4f64.ln());
        assert!(found.len() == 1 && (found[0].1 - expected).abs() < 1e-12, "{found:?}");
        let alone = Compared { own: vec![&own[0]], reference: reference.iter().collect() };
        assert!(alone.divergences(|record| record.time).is_err_and(|reason| reason.contains("at least two")));
    }

    /// Equal laws with equal seeds are no coincidence: the halves of the seeds are independent, and only another law is told apart.
    #[test]
    fn a_law_is_told_from_another_and_not_from_itself() {
        let sample = |shift: f64| -> Vec<Trajectory> {
            (0..200).map(|i| trajectory(&[(f64::from(i) * 0.618_034).fract() + shift])).collect()
        };
        let (own, shifted) = (sample(0.0), sample(0.3));
        let statistic = statistic::of_word("ks");
        let recorded = RecordedQuantity { quantity: Quantity::TestOutputs, over: Over::Sup, entry: None, statistic };
        let crate::study::Function::Distributions(function) = statistic.function else { panic!("of distributions") };
        let p_value = |reference: &[Trajectory]| {
            let compared = Compared { own: own.iter().collect(), reference: reference.iter().collect() };
            compared.statistic(&recorded, function).expect("a p-value")[0]
        };
        assert!(p_value(&own) > 0.5, "{}", p_value(&own));
        assert!(p_value(&shifted) < 1e-3, "{}", p_value(&shifted));
    }
}
