//! How far the law of a network's outputs is from that of the reference network, over seeds.
//!
//! ```text
//! KL(N(m, v) ‖ N(m_r, v_r)) = ½ [v/v_r + (m_r − m)²/v_r − 1 − ln(v/v_r)],     mean over the test inputs;
//! means m and variances v over S seeds (ddof 1).     Of two samples of one law:  ½ [(S−1)/(S−3) (1 + 2/S) − 1]
//! ```
//!
//! (scaling-limits page §6.)

use widenet_core::{
    Problem, Trajectory,
    problem::Quantity,
    trajectory::{Status, Value},
};

use crate::{Trial, measure::TrialResult};

/// Whose outputs are compared: trajectories of all seeds at one width, and of the network at the reference width.
pub(crate) struct Compared<'t> {
    own: Vec<&'t Trajectory>,
    reference: Vec<&'t Trajectory>,
}

/// The width at which a problem's scaling is the reference network.
pub(crate) fn reference_width(problem: &Problem) -> Result<f64, String> {
    let width = problem.parameterization.reference_width();
    width.ok_or_else(|| "only the parameterizations \"scaling\" and \"abc\" have a reference width".into())
}

impl<'t> Compared<'t> {
    /// Of a trial's problem, among all finished ones.
    pub(crate) fn of(
        trial: &Trial,
        problem: &Problem,
        all: impl Iterator<Item = (&'t Trial, &'t TrialResult)>,
    ) -> Result<Self, String> {
        let width = reference_width(problem)?;
        let (mut own, mut reference) = (Vec::new(), Vec::new());
        for (other, result) in all.filter(|(other, _)| other.axes == trial.axes) {
            let TrialResult::Trajectory(trajectory) = result else { continue };
            if other.width == trial.width {
                own.push(trajectory);
            }
            if other.width.is_some_and(|other| other.as_f64() == width) {
                reference.push(trajectory);
            }
        }
        match reference.is_empty() {
            true => Err(format!("there is no trial of the reference width {width}")),
            false => Ok(Self { own, reference }),
        }
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

/// Mean and variance over seeds of every test output.
fn gaussians(trajectories: &[&Trajectory], record: usize) -> Result<Vec<(f64, f64)>, String> {
    let seeds = trajectories.len() as f64;
    if seeds < 2.0 {
        return Err("a variance over seeds needs at least two".into());
    }
    let outputs = |trajectory: &&Trajectory| match trajectory
        .records
        .get(record)
        .and_then(|r| r.values.get(&Quantity::TestOutputs))
    {
        Some(Value::Matrix(outputs)) if trajectory.status == Status::Done => Ok(outputs.as_slice().to_vec()),
        _ => Err(format!("seed {} has no test_outputs there", trajectory.seed)),
    };
    let all: Vec<Vec<f64>> = trajectories.iter().map(outputs).collect::<Result<_, _>>()?;
    let of_input = |input: usize| {
        let mean = all.iter().map(|outputs| outputs[input]).sum::<f64>() / seeds;
        (mean, all.iter().map(|outputs| (outputs[input] - mean).powi(2)).sum::<f64>() / (seeds - 1.0))
    };
    let gaussians: Vec<(f64, f64)> = (0..all[0].len()).map(of_input).collect();
    match gaussians.iter().any(|(_, variance)| *variance == 0.0) {
        true => Err("an output does not vary over seeds: its law has no width".into()),
        false => Ok(gaussians),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use widenet_core::{
        Matrix, Width,
        trajectory::{Engine, Record},
    };

    use super::*;

    fn trajectory(outputs: &[f64]) -> Trajectory {
        let outputs = Value::Matrix(Matrix::from_column_slice(outputs.len(), 1, outputs));
        let values = BTreeMap::from([(Quantity::TestOutputs, outputs)]);
        let records = vec![Record { step: 0, time: 0.0, values }];
        Trajectory { width: Width::Finite(4), engine: Engine::Law, seed: 1, status: Status::Done, records }
    }

    /// Scaling-limits page §6: 0.271 for 10 seeds and 0.115 for 20.
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
}
