//! The limit is the mean over replicates, with a standard error.
//!
//! ```text
//! value = (1/R) Σ_r f_r,    SE² = Σ_r (f_r − value)²/(R (R − 1)),    95 %: value ± t_{R−1} SE
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3.)

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};
use widenet_core::{
    Problem,
    extremes::largest,
    problem::{Quantity, Scope},
    trajectory::{Record, Status, Value},
};

/// Records of the limit with their standard errors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) records: Vec<Record>,
    pub(super) status: Status,
}

/// The factor t_{R−1} of a two-sided interval of 95 %.
pub(super) fn interval_factor(replicates: usize) -> f64 {
    let freedom = (replicates - 1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |law| law.inverse_cdf(0.975))
}

impl Estimate {
    /// From the records of replicates; they end where one diverged.
    pub(super) fn of(replicates: &[(&[Record], Status)]) -> Self {
        let taken = replicates.iter().map(|(records, _)| records.len()).min().unwrap_or(0);
        let diverged = |status: &Status| match status {
            Status::Diverged { step, .. } => *step,
            Status::Done | Status::Stopped(_) | Status::Interrupted { .. } => u64::MAX,
        };
        let status = replicates.iter().map(|(_, status)| *status).min_by_key(diverged).unwrap_or(Status::Done);
        let at = |moment: usize| {
            let records: Vec<&Record> = replicates.iter().map(|(records, _)| &records[moment]).collect();
            let Record { step, time, values, .. } = records[0];
            let (mut means, mut errors) = (BTreeMap::new(), BTreeMap::new());
            for (quantity, like) in values {
                let all: Vec<Vec<f64>> =
                    records.iter().filter_map(|record| Some(record.values.get(quantity)?.flatten())).collect();
                let (mean, error) = mean_and_error(&all);
                means.insert(*quantity, like.with_numbers(&mean));
                errors.insert(*quantity, like.with_numbers(&error));
            }
            Record { step: *step, time: *time, values: means, errors }
        };
        Self { records: (0..taken).map(at).collect(), status }
    }

    /// The records up to the one that reaches a goal of `[stop]`.
    pub(super) fn cut_at_stop(self, problem: &Problem) -> Self {
        let (records, status) = problem.cut_at_stop(self.records, self.status);
        Self { records, status }
    }

    /// The values of one grid, and how far they are from those of a coarser one, instead of standard errors.
    pub(super) fn of_grids(fine: &[Record], coarse: &[Record], status: Status) -> Self {
        let record = |(fine, coarse): (&Record, &Record)| {
            let apart = |(quantity, value): (&Quantity, &Value)| {
                let numbers = value.flatten().into_iter().zip(coarse.values[quantity].flatten());
                (
                    *quantity,
                    value.with_numbers(&numbers.map(|(fine, coarse)| (fine - coarse).abs()).collect::<Vec<_>>()),
                )
            };
            Record { errors: fine.values.iter().map(apart).collect(), ..fine.clone() }
        };
        Self { records: fine.iter().zip(coarse).map(record).collect(), status }
    }

    /// Errors times a factor, relative to the size of each quantity: the largest, with its quantity and step.
    pub(super) fn largest_error(&self, problem: &Problem, factor: f64) -> Option<(f64, Quantity, u64)> {
        let sizes = counted(problem).map(|quantity| (quantity, self.size(quantity, problem)));
        let relative = |(quantity, size): (Quantity, f64)| {
            self.records.iter().map(move |record| {
                let error = record.errors.get(&quantity).map_or(0.0, largest_number);
                (if error == 0.0 { 0.0 } else { factor * error / size }, quantity, record.step)
            })
        };
        sizes.flat_map(relative).max_by(|(one, ..), (other, ..)| one.total_cmp(other))
    }

    /// The largest number of a quantity over the run; of outputs at least that of the targets.
    fn size(&self, quantity: Quantity, problem: &Problem) -> f64 {
        let values = self.records.iter().filter_map(|record| record.values.get(&quantity)).map(largest_number);
        let targets = if quantity.is_of_outputs() && matches!(self.shape(quantity), Some(Value::Matrix(_))) {
            problem.data.train.targets.amax()
        } else {
            0.0
        };
        values.fold(targets, f64::max)
    }

    fn shape(&self, quantity: Quantity) -> Option<&Value> {
        self.records.first()?.values.get(&quantity)
    }

    /// Root mean square of the differences from another estimate of the limit, in their combined standard errors: the largest over quantities
    /// and moments, with quantity and step.
    pub(super) fn deviation(&self, other: &Estimate, problem: &Problem) -> Option<(f64, Quantity, u64)> {
        let of = |record: &Record, quantity: Quantity| {
            Some((record.values.get(&quantity)?.flatten(), record.errors.get(&quantity)?.flatten()))
        };
        let pairs = self.records.iter().zip(&other.records);
        let all = pairs.flat_map(|(one, two)| {
            counted(problem).filter_map(move |quantity| {
                let ((x, dx), (y, dy)) = (of(one, quantity)?, of(two, quantity)?);
                let squares = (0..x.len()).filter_map(|i| {
                    let variance = dx[i] * dx[i] + dy[i] * dy[i];
                    (variance > 0.0).then(|| (x[i] - y[i]).powi(2) / variance)
                });
                let squares: Vec<f64> = squares.collect();
                let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
                Some((mean.sqrt(), quantity, one.step))
            })
        });
        all.max_by(|(one, ..), (other, ..)| one.total_cmp(other))
    }
}

/// Recorded quantities whose errors count: not accuracies, which jump, nor what is no property of the limit.
fn counted(problem: &Problem) -> impl Iterator<Item = Quantity> {
    let counts = |quantity: &Quantity| {
        !matches!(quantity, Quantity::TrainAccuracy | Quantity::TestAccuracy) && quantity.scope() != Scope::Explored
    };
    problem.record.quantities.iter().copied().filter(counts)
}

fn largest_number(value: &Value) -> f64 {
    largest(value.flatten().into_iter().map(f64::abs)).unwrap_or(0.0)
}

/// Entry by entry over replicates.
fn mean_and_error(all: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let count = all.len() as f64;
    let entry = |i: usize| {
        let mean = all.iter().map(|numbers| numbers[i]).sum::<f64>() / count;
        let squares: f64 = all.iter().map(|numbers| (numbers[i] - mean).powi(2)).sum();
        (mean, (squares / (count * (count - 1.0))).sqrt())
    };
    (0..all[0].len()).map(entry).unzip()
}
