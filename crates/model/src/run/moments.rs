//! Averages over the networks of an ensemble, adding one network after another.
//!
//! ```text
//! δ = x_n − mean,  mean += δ/n,  M_2 += δ² (n−1)/n,  M_3, M_4 likewise            C += Σ_c (x_c − mean_c)(x_c − mean'_c)ᵀ/k
//! ```
//!
//! (docs/theory/statistics.md §3, Eq. moments; B. P. Welford, Technometrics 4, 1962; P. Pébay, Sandia report SAND2008-6212.) Networks are
//! added in their order, so the result is that of any number of threads.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use widenet_core::problem::Need;
use widenet_core::{
    Matrix, Problem,
    problem::{Labels, Quantity, RecordPlan, Scope},
    trajectory::{Record, Status, Value},
};

/// What each network records so that the plan of the ensemble can be met.
pub(super) fn plan_of_one(plan: &RecordPlan) -> RecordPlan {
    let of_one = |quantity: &Quantity| quantity.scope() != Scope::Ensemble;
    let mut quantities: Vec<Quantity> = plan.quantities.iter().copied().filter(of_one).collect();
    let over_networks = || plan.quantities.iter().filter(|quantity| !of_one(quantity));
    if over_networks().any(|quantity| quantity.needs(Need::Outputs)) {
        quantities.push(Quantity::Outputs);
    }
    if over_networks().any(|quantity| quantity.needs(Need::TestOutputs)) {
        quantities.push(Quantity::TestOutputs);
    }
    quantities.sort();
    quantities.dedup();
    RecordPlan { at: plan.at.clone(), quantities }
}

/// Averages of all records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Averages {
    /// Networks added.
    pub(super) networks: u64,
    records: Vec<Average>,
    /// The earliest step at which a network diverged, with its time.
    diverged: Option<(u64, f64)>,
    /// Whether deviations and the covariance between test inputs are kept.
    moments: bool,
    covariance: bool,
}

/// Averages of one record, with moments of the outputs.
#[derive(Debug, Clone, PartialEq)]
struct Average {
    mean: Record,
    /// `M_2`, `M_3`, `M_4`.
    moments: [BTreeMap<Quantity, Value>; 3],
    /// T × T.
    covariance: Option<Matrix>,
}

impl Averages {
    pub(super) fn new(problem: &Problem) -> Self {
        Self {
            networks: 0,
            records: Vec::new(),
            diverged: None,
            moments: problem.record.needs(Need::Spread),
            covariance: problem.record.needs(Need::Covariance),
        }
    }

    /// Adds the next network.
    pub(super) fn add(&mut self, records: Vec<Record>, status: Status) {
        if let Status::Diverged { step, time } = status {
            let earlier = self.diverged.is_none_or(|(earliest, _)| step < earliest);
            self.diverged = if earlier { Some((step, time)) } else { self.diverged };
        }
        self.networks += 1;
        if self.networks == 1 {
            self.records =
                records.into_iter().map(|record| Average::first(record, self.moments, self.covariance)).collect();
            return;
        }
        // Records that a diverged network lacks are lost to the ensemble.
        self.records.truncate(records.len());
        for (average, record) in self.records.iter_mut().zip(&records) {
            average.add(record, self.networks as f64);
        }
    }

    /// The records of the problem's plan and how the ensemble ended.
    pub(super) fn finish(&self, problem: &Problem) -> (Vec<Record>, Status) {
        let labels = problem.labels();
        let records =
            self.records.iter().map(|average| average.record(problem, &labels, self.networks as f64)).collect();
        let status = self.diverged.map_or(Status::Done, |(step, time)| Status::Diverged { step, time });
        problem.cut_at_stop(records, status)
    }

    /// For a checkpoint.
    pub(super) fn to_json(&self) -> Json {
        let of = |average: &Average| {
            let Record { step, time, .. } = average.mean;
            let record = |values: &BTreeMap<Quantity, Value>| Record::new(step, time, values.clone());
            let covariance =
                average.covariance.iter().map(|c| (Quantity::TestOutputCovariance, Value::Matrix(c.clone())));
            json!({
                "mean": average.mean,
                "moments": average.moments.iter().map(record).collect::<Vec<_>>(),
                "covariance": record(&covariance.collect()),
            })
        };
        json!({
            "networks": self.networks,
            "diverged": self.diverged,
            "averages": self.records.iter().map(of).collect::<Vec<_>>(),
        })
    }

    /// Takes up what [`Averages::to_json`] wrote; `None` if it cannot be read.
    pub(super) fn restored(&self, json: &Json) -> Option<Self> {
        let record = |json: &Json| Record::from_json(json).ok();
        let of = |json: &Json| {
            let moments = json["moments"].as_array()?.iter().map(|json| Some(record(json)?.values));
            let moments: [BTreeMap<Quantity, Value>; 3] = moments.collect::<Option<Vec<_>>>()?.try_into().ok()?;
            let covariance = match record(&json["covariance"])?.values.remove(&Quantity::TestOutputCovariance) {
                Some(Value::Matrix(covariance)) => Some(covariance),
                _ => None,
            };
            Some(Average { mean: record(&json["mean"])?, moments, covariance })
        };
        let diverged = match &json["diverged"] {
            Json::Null => None,
            pair => Some((pair[0].as_u64()?, pair[1].as_f64()?)),
        };
        let records = json["averages"].as_array()?.iter().map(of).collect::<Option<Vec<_>>>()?;
        Some(Self { networks: json["networks"].as_u64()?, records, diverged, ..*self })
    }
}

impl Average {
    fn first(record: Record, moments: bool, covariance: bool) -> Self {
        let outputs = [Quantity::Outputs, Quantity::TestOutputs].into_iter().filter(|_| moments);
        let zeros: BTreeMap<Quantity, Value> =
            outputs.filter_map(|quantity| Some((quantity, zeros_like(record.values.get(&quantity)?)))).collect();
        let tests = match record.values.get(&Quantity::TestOutputs) {
            Some(Value::Matrix(outputs)) if covariance => Some(outputs.nrows()),
            _ => None,
        };
        Self {
            moments: [zeros.clone(), zeros.clone(), zeros],
            covariance: tests.map(|t| Matrix::zeros(t, t)),
            mean: record,
        }
    }

    /// Adds network number `n`.
    fn add(&mut self, record: &Record, n: f64) {
        if let (Some(covariance), Some(Value::Matrix(outputs)), Some(Value::Matrix(mean))) = (
            &mut self.covariance,
            record.values.get(&Quantity::TestOutputs),
            self.mean.values.get(&Quantity::TestOutputs),
        ) {
            let deviation = outputs - mean;
            // x − mean' = (x − mean)(n − 1)/n.
            covariance.gemm((n - 1.0) / (n * outputs.ncols() as f64), &deviation, &deviation.transpose(), 1.0);
        }
        for (quantity, mean) in &mut self.mean.values {
            let Some(value) = record.values.get(quantity) else { continue };
            let [second, third, fourth] = &mut self.moments;
            if let (Some(second), Some(third), Some(fourth)) =
                (second.get_mut(quantity), third.get_mut(quantity), fourth.get_mut(quantity))
            {
                let moments = parts_mut(second).into_iter().zip(parts_mut(third)).zip(parts_mut(fourth));
                for ((x, mean), ((second, third), fourth)) in parts(value).into_iter().zip(parts(mean)).zip(moments) {
                    for i in 0..x.len().min(mean.len()) {
                        let of_entry = [&mut second[i], &mut third[i], &mut fourth[i]];
                        add_moments(x[i] - mean[i], n, of_entry);
                    }
                }
            }
            for (mean, x) in parts_mut(mean).into_iter().zip(parts(value)) {
                mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += (x - *mean) / n);
            }
        }
    }

    fn record(&self, problem: &Problem, labels: &Result<Labels, String>, n: f64) -> Record {
        let data = &problem.data;
        let on_train = || Some((self.mean_of(Quantity::Outputs)?, &data.train.targets));
        let on_test = || Some((self.mean_of(Quantity::TestOutputs)?, &data.test.as_ref()?.targets));
        let loss = |(f, y): (&Matrix, &Matrix)| Value::Scalar(problem.loss.value(f, y));
        let accuracy = |(f, y): (&Matrix, &Matrix)| Labels::accuracy_of(labels, f, y).map(Value::Scalar);
        let deviation = |quantity| {
            let second = self.moments[0].get(&quantity)?;
            let mut deviation = second.clone();
            parts_mut(&mut deviation).into_iter().flatten().for_each(|sum| *sum = (*sum / (n - 1.0)).sqrt());
            Some(deviation)
        };
        let value = |quantity: &Quantity| {
            let value = match quantity {
                Quantity::TrainLossOfMean => loss(on_train()?),
                Quantity::TestLossOfMean => loss(on_test()?),
                Quantity::TrainAccuracyOfMean => accuracy(on_train()?)?,
                Quantity::TestAccuracyOfMean => accuracy(on_test()?)?,
                Quantity::OutputStd => deviation(Quantity::Outputs)?,
                Quantity::TestOutputStd => deviation(Quantity::TestOutputs)?,
                Quantity::TestOutputCovariance => Value::Matrix(self.covariance.as_ref()? / (n - 1.0)),
                Quantity::FunctionKurtosis => {
                    let [second, _, fourth] = &self.moments;
                    kurtosis(second.get(&Quantity::Outputs)?, fourth.get(&Quantity::Outputs)?, n)
                }
                quantity => self.mean.values.get(quantity)?.clone(),
            };
            Some((*quantity, value))
        };
        let quantities = problem.record.quantities.iter();
        Record::new(self.mean.step, self.mean.time, quantities.filter_map(value).collect())
    }

    /// The mean of a matrix over the networks.
    fn mean_of(&self, quantity: Quantity) -> Option<&Matrix> {
        match self.mean.values.get(&quantity)? {
            Value::Matrix(mean) => Some(mean),
            _ => None,
        }
    }
}

/// Adds a deviation δ of the n-th value from the mean before it to the sums of powers.
fn add_moments(delta: f64, n: f64, [second, third, fourth]: [&mut f64; 3]) {
    let share = delta / n;
    let term = delta * share * (n - 1.0);
    *fourth += term * share * share * (n * n - 3.0 * n + 3.0) + 6.0 * share * share * *second - 4.0 * share * *third;
    *third += term * share * (n - 2.0) - 3.0 * share * *second;
    *second += term;
}

/// Mean of the unbiased `G_2 = (n−1)/((n−2)(n−3)) ((n+1) g_2 + 6)`, `g_2 = n M_4/M_2² − 3`, over the entries that differ between
/// networks; an output that is 0 in all of them, such as that of a zero input without biases, has no kurtosis.
fn kurtosis(second: &Value, fourth: &Value, n: f64) -> Value {
    let entries: Vec<f64> = second
        .flatten()
        .into_iter()
        .zip(fourth.flatten())
        .filter(|(second, _)| *second != 0.0)
        .map(|(second, fourth)| {
            let plain = n * fourth / (second * second) - 3.0;
            (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * plain + 6.0)
        })
        .collect();
    Value::Scalar(entries.iter().sum::<f64>() / entries.len() as f64)
}

fn parts(value: &Value) -> Vec<&[f64]> {
    match value {
        Value::Scalar(x) => vec![std::slice::from_ref(x)],
        Value::List(list) => vec![list],
        Value::Matrix(matrix) => vec![matrix.as_slice()],
        Value::Lists(lists) => lists.iter().map(Vec::as_slice).collect(),
        Value::Matrices(matrices) => matrices.iter().map(Matrix::as_slice).collect(),
    }
}

fn parts_mut(value: &mut Value) -> Vec<&mut [f64]> {
    match value {
        Value::Scalar(x) => vec![std::slice::from_mut(x)],
        Value::List(list) => vec![list],
        Value::Matrix(matrix) => vec![matrix.as_mut_slice()],
        Value::Lists(lists) => lists.iter_mut().map(Vec::as_mut_slice).collect(),
        Value::Matrices(matrices) => matrices.iter_mut().map(Matrix::as_mut_slice).collect(),
    }
}

fn zeros_like(value: &Value) -> Value {
    let mut zeros = value.clone();
    parts_mut(&mut zeros).into_iter().for_each(|part| part.fill(0.0));
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_never_differ_have_no_kurtosis() {
        // M_2 and M_4 of 1, 2, 4, 8, and of an output that is always 0.
        let of_both = |moment| Value::Matrix(Matrix::from_row_slice(1, 2, &[moment, 0.0]));
        let (second, fourth) = (28.75, 392.828_125);
        let Value::Scalar(found) = kurtosis(&of_both(second), &of_both(fourth), 4.0) else { panic!("a number") };
        let Value::Scalar(alone) = kurtosis(&Value::Scalar(second), &Value::Scalar(fourth), 4.0) else {
            panic!("a number")
        };
        // G_2 of 1, 2, 4, 8 in exact arithmetic.
        assert!(found == alone && (found - 0.757_655_954_631_379_5).abs() < 1e-12, "{found}, {alone}");
    }

    #[test]
    fn running_moments_are_those_of_the_definition() {
        // Far from 0, where sums of powers would cancel.
        let values: Vec<f64> = (0..50).map(|i| 1e6 + (1.3 * f64::from(i)).sin() + 0.1 * f64::from(i)).collect();
        let (mut mean, mut sums) = (values[0], [0.0; 3]);
        for (i, value) in values.iter().enumerate().skip(1) {
            let n = i as f64 + 1.0;
            add_moments(value - mean, n, sums.each_mut());
            mean += (value - mean) / n;
        }
        let n = values.len() as f64;
        let exact = values.iter().map(|value| value - 1e6).sum::<f64>() / n;
        for (sum, power) in sums.iter().zip(2..) {
            let expected: f64 = values.iter().map(|value| (value - 1e6 - exact).powi(power)).sum();
            assert!((sum - expected).abs() < 1e-7 * expected.abs().max(1.0), "M_{power}: {sum} for {expected}");
        }
    }
}
