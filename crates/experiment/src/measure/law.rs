//! Measures how far the distribution of a quantity over seeds is from that of other trials: the reference network, or those that a metric
//! names.
//!
//! ```text
//! KL(N(m, v) ‖ N(m_r, v_r)) = ½ [v/v_r + (m_r − m)²/v_r − 1 − ln(v/v_r)],     mean over the test inputs;
//! means m and variances v over S seeds (ddof 1).     Of two samples of one law:  ½ [(S−1)/(S−3) (1 + 2/S) − 1]
//! ```
//!
//! (docs/theory/scaling-limits.md §6, Eq. divergence, Eq. floor.) The two-sample Kolmogorov–Smirnov distance is `D = sup |F − F_r|` of the
//! empirical distribution functions.

use widenet_core::{Problem, Trajectory, Width, problem::Quantity, trajectory::Status};
use widenet_statistics::kolmogorov_smirnov;

use super::trajectory::entries;
use crate::{
    storage::TrialResult,
    study::{Over, RecordedQuantity, ReferenceTrials, Statistic},
    trials::Trial,
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

    /// A statistic of the laws at every record, or at the only one that counts.
    pub(crate) fn statistic(&self, recorded: &RecordedQuantity) -> Result<Vec<f64>, String> {
        if recorded.statistic == Statistic::Kl {
            return Ok(self.at_records()?.into_iter().map(|(_, divergence)| divergence).collect());
        }
        let records = self.own.first().map_or(0, |trajectory| trajectory.records.len());
        let counting = match recorded.over {
            Over::Sup => 0..records,
            Over::Initial => 0..records.min(1),
            Over::Final => records.saturating_sub(1)..records,
        };
        let at = |record: usize| {
            let own = samples(&self.own, recorded, record)?;
            let reference = samples(&self.reference, recorded, record)?;
            Ok(match recorded.statistic {
                Statistic::Ks => {
                    let half = |sample: &[f64], first: usize| sample.iter().copied().skip(first).step_by(2).collect();
                    let each = own.iter().zip(&reference);
                    let p_values = each.map(|(own, reference)| {
                        kolmogorov_smirnov::two_sample_p_value(half(own, 0), half(reference, 1))
                    });
                    (p_values.fold(1.0, f64::min) * own.len() as f64).min(1.0)
                }
                Statistic::MeanRatio => {
                    norm(&own, |sample| mean(sample).powi(2)) / norm(&reference, |sample| mean(sample).powi(2))
                }
                _ => norm(&own, variance) / norm(&reference, variance),
            })
        };
        counting.map(at).collect()
    }

    /// The divergence at every record.
    pub(crate) fn at_records(&self) -> Result<Vec<(f64, f64)>, String> {
        let records = self.own.first().map_or(0, |trajectory| trajectory.records.len());
        (0..records)
            .map(|record| {
                let (own, reference) = (gaussians(&self.own, record)?, gaussians(&self.reference, record)?);
                let each = own
                    .iter()
                    .zip(&reference)
                    .map(|((m, v), (m_r, v_r))| 0.5 * (v / v_r + (m_r - m).powi(2) / v_r - 1.0 - (v / v_r).ln()));
                Ok((self.own[0].records[record].time, each.sum::<f64>() / own.len() as f64))
            })
            .collect()
    }
}

/// What the divergence of two samples of one law is on average; none for fewer than 4 seeds.
pub(crate) fn noise_floor(seeds: usize) -> Option<f64> {
    let seeds = seeds as f64;
    (seeds > 3.0).then(|| 0.5 * ((seeds - 1.0) / (seeds - 3.0) * (1.0 + 2.0 / seeds) - 1.0))
}

/// Values over seeds of every entry that counts.
fn samples(trajectories: &[&Trajectory], recorded: &RecordedQuantity, record: usize) -> Result<Vec<Vec<f64>>, String> {
    if trajectories.len() < 2 {
        return Err("a law over seeds needs at least two".into());
    }
    let values = |trajectory: &&Trajectory| match trajectory.records.get(record) {
        Some(record) if trajectory.status == Status::Done => entries(recorded, record),
        _ => Err(format!("seed {} has no {} there", trajectory.seed, recorded.quantity.name())),
    };
    let all: Vec<Vec<f64>> = trajectories.iter().map(values).collect::<Result<_, _>>()?;
    Ok((0..all[0].len()).map(|entry| all.iter().map(|values| values[entry]).collect()).collect())
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// With ddof 1.
fn variance(sample: &[f64]) -> f64 {
    let mean = mean(sample);
    sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (sample.len() as f64 - 1.0)
}

/// The root of a sum over entries.
fn norm(samples: &[Vec<f64>], square: impl Fn(&[f64]) -> f64) -> f64 {
    samples.iter().map(|sample| square(sample)).sum::<f64>().sqrt()
}

/// Mean and variance over seeds of every test output.
fn gaussians(trajectories: &[&Trajectory], record: usize) -> Result<Vec<(f64, f64)>, String> {
    let recorded =
        RecordedQuantity { quantity: Quantity::TestOutputs, over: Over::Sup, entry: None, statistic: Statistic::Kl };
    let samples = samples(trajectories, &recorded, record)?;
    let gaussians: Vec<(f64, f64)> = samples.iter().map(|sample| (mean(sample), variance(sample))).collect();
    match gaussians.iter().any(|(_, variance)| *variance == 0.0) {
        true => Err("an output does not vary over seeds: its law has no width".into()),
        false => Ok(gaussians),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::{
        Matrix,
        trajectory::{Engine, Record, Value},
    };

    use super::*;

    fn trajectory(outputs: &[f64]) -> Trajectory {
        let outputs = Value::Matrix(Matrix::from_column_slice(outputs.len(), 1, outputs));
        let values = BTreeMap::from([(Quantity::TestOutputs, outputs)]);
        let records = vec![Record { step: 0, time: 0.0, values }];
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
        let found = compared.at_records().expect("a divergence");
        let expected = 0.5 * 0.5 * (4.0 + 4.5 - 1.0 - 4f64.ln());
        assert!(found.len() == 1 && (found[0].1 - expected).abs() < 1e-12, "{found:?}");
        let alone = Compared { own: vec![&own[0]], reference: reference.iter().collect() };
        assert!(alone.at_records().is_err_and(|reason| reason.contains("at least two")));
    }

    /// Entries 0 and 1 of the own: means 3 and 1, standard deviations √2 and 1/√2; of the reference: 3 and 4, and √8 and √2.
    #[test]
    fn ratios_are_those_on_paper() {
        let own = [trajectory(&[2.0, 0.5]), trajectory(&[4.0, 1.5])];
        let reference = [trajectory(&[1.0, 3.0]), trajectory(&[5.0, 5.0])];
        let compared = Compared { own: own.iter().collect(), reference: reference.iter().collect() };
        let ratio = |statistic, entry| {
            let recorded = RecordedQuantity { quantity: Quantity::TestOutputs, over: Over::Final, entry, statistic };
            compared.statistic(&recorded).expect("a ratio")[0]
        };
        assert!((ratio(Statistic::MeanRatio, None) - (10f64 / 25.0).sqrt()).abs() < 1e-12);
        assert!((ratio(Statistic::StdRatio, None) - (2.5f64 / 10.0).sqrt()).abs() < 1e-12);
        assert!((ratio(Statistic::StdRatio, Some(1)) - 0.5).abs() < 1e-12);
    }

    /// Equal laws with equal seeds are no coincidence: the halves of the seeds are independent, and only another law is told apart.
    #[test]
    fn a_law_is_told_from_another_and_not_from_itself() {
        let sample = |shift: f64| -> Vec<Trajectory> {
            (0..200).map(|i| trajectory(&[(f64::from(i) * 0.618_034).fract() + shift])).collect()
        };
        let (own, shifted) = (sample(0.0), sample(0.3));
        let recorded = RecordedQuantity {
            quantity: Quantity::TestOutputs,
            over: Over::Sup,
            entry: None,
            statistic: Statistic::Ks,
        };
        let p_value = |reference: &[Trajectory]| {
            let compared = Compared { own: own.iter().collect(), reference: reference.iter().collect() };
            compared.statistic(&recorded).expect("a p-value")[0]
        };
        assert!(p_value(&own) > 0.5, "{}", p_value(&own));
        assert!(p_value(&shifted) < 1e-3, "{}", p_value(&shifted));
    }
}
