//! Records quantities of a classifier as a network of its width computes them, or in the limit where they have one.
//!
//! `normalised_outputs` are `f/n^B`, which have a limit for every stable scaling; `outputs`, losses and kernels have one if `B = 0`, and
//! a limit of vanishing logits has the loss `log 2`; what has none is left out. (docs/theory/scaling-limits.md §3.3.)

use std::{cmp::Ordering, collections::BTreeMap};

use widenet_core::{
    Error, Matrix, Problem, Result, Width,
    problem::{Labels, Need, Quantity, Scope},
    scaling::power_of_width,
    trajectory::{Record, Value},
};

use super::{
    classifier::{Classifier, ClassifierLimit},
    models::{self, Solution},
};

/// Makes records of a solution.
pub(super) struct SolutionRecorder<'a> {
    problem: &'a Problem,
    /// η, by which recorded kernels are divided.
    learning_rate: f64,
    /// What normalised outputs are multiplied by to be outputs: `n^B`, in the limit 1.
    normalisation: f64,
    /// Of a limit, whether logits vanish, stay or diverge.
    logits: Option<Ordering>,
    /// What has no value here.
    left_out: Vec<Quantity>,
    /// A limit that forgets its initial function: F is 0 at the start and classifies nothing.
    starts_at_zero: bool,
}

/// Whether any quantity that a problem records needs the tangent kernel.
pub(super) fn records_kernels(problem: &Problem) -> bool {
    [Need::OutputKernel, Need::SampleKernel].into_iter().any(|need| problem.record.needs(need))
}

/// Whether a quantity is known of these networks; those in their own units have a value in some limits only.
fn is_known(quantity: Quantity) -> bool {
    matches!(quantity.scope(), Scope::Any | Scope::Classifier) || quantity == Quantity::MeanTangentKernel
}

/// Whether all quantities that a problem records are known of networks in Gram space.
pub fn records_all(problem: &Problem) -> bool {
    problem.record.quantities.iter().copied().all(is_known)
}

/// Those of the logistic loss.
const LABELS: Labels = Labels::Two { low: -1.0, high: 1.0 };

const ACCURACIES: [Quantity; 2] = [Quantity::TrainAccuracy, Quantity::TestAccuracy];

/// Quantities of a problem that vanish or diverge in its limit, and are left out there.
pub fn left_out(problem: &Problem, limit: &ClassifierLimit) -> Vec<Quantity> {
    let logits = limit.model.signs().1;
    let of_loss = |quantity: &Quantity| [Quantity::TrainLoss, Quantity::TestLoss].contains(quantity);
    let undefined = |quantity: &&Quantity| {
        quantity.needs(Need::OwnUnits) && logits != Ordering::Equal && !(of_loss(quantity) && logits == Ordering::Less)
    };
    problem.record.quantities.iter().filter(undefined).copied().collect()
}

/// Means over all sets of particles but one.
struct OtherSets {
    outputs: Vec<f64>,
    kernel: Option<Matrix>,
}

/// The standard errors of numbers from their values without each set.
fn jackknife(without: &[Vec<f64>]) -> Vec<f64> {
    let count = without.len() as f64;
    let error = |entry: usize| {
        let mean = without.iter().map(|numbers| numbers[entry]).sum::<f64>() / count;
        let squares: f64 = without.iter().map(|numbers| (numbers[entry] - mean).powi(2)).sum();
        ((count - 1.0) / count * squares).sqrt()
    };
    (0..without.first().map_or(0, Vec::len)).map(error).collect()
}

impl<'a> SolutionRecorder<'a> {
    /// For a problem at a width.
    ///
    /// # Errors
    /// A quantity that is not known of these networks; in a limit, nothing but quantities without a value there; normalised outputs of a
    /// scaling without a limit.
    pub(super) fn new(problem: &'a Problem, classifier: &Classifier, width: Width) -> Result<Self> {
        let quantities = &problem.record.quantities;
        let limit = classifier.limit();
        for quantity in quantities {
            if !is_known(*quantity) {
                return Err(Error::Invalid(format!(
                    "record.quantities: `{}` is not known of networks in Gram space and of their limits; use the dense engine (finite widths)",
                    quantity.name()
                )));
            }
        }
        let normalised = problem.record.needs(Need::LimitUnits);
        let learning_rate = problem.optimizer.learning_rate().unwrap_or(1.0);
        let of_network = |normalisation| Self {
            problem,
            learning_rate,
            normalisation,
            logits: None,
            left_out: Vec::new(),
            starts_at_zero: false,
        };
        if width != Width::Infinite {
            return match limit {
                Ok(limit) => Ok(of_network(limit.output_scale(width))),
                Err(error) if normalised => Err(error),
                Err(_) => Ok(of_network(1.0)),
            };
        }
        let limit: ClassifierLimit = limit?;
        let logits = limit.model.signs().1;
        let left_out = left_out(problem, &limit);
        if let (true, Some(quantity)) = (left_out.len() == quantities.len(), left_out.first()) {
            return Err(Error::NoLimit(format!(
                "`{}` is of order {} in this scaling (class {}); record normalised_outputs, normalised_test_outputs, accuracies or \
                 tangent_kernel_change, which have a limit",
                quantity.name(),
                power_of_width(limit.kernels),
                limit.model.name()
            )));
        }
        let starts_at_zero = problem.network.centered || !limit.model.keeps_start();
        Ok(Self { problem, learning_rate, normalisation: 1.0, logits: Some(logits), left_out, starts_at_zero })
    }

    /// Whether any quantity needs the tangent kernel.
    pub(super) fn wants_kernels(&self) -> bool {
        records_kernels(self.problem)
    }

    /// All records.
    pub(super) fn records(&self, solution: &Solution) -> Vec<Record> {
        let start = solution.records.first().filter(|record| record.step == 0);
        solution.records.iter().map(|record| self.record(record, start)).collect()
    }

    fn mean_kernel(&self, record: &models::Record) -> Option<Matrix> {
        Some(self.train_kernel(&record.kernel.as_ref()?.total()))
    }

    /// On the training inputs, per unit of η.
    fn train_kernel(&self, kernel: &Matrix) -> Matrix {
        let samples = self.problem.data.train.inputs.nrows();
        kernel.view((0, 0), (samples, samples)) / self.learning_rate
    }

    fn record(&self, found: &models::Record, start: Option<&models::Record>) -> Record {
        let kernel = self.mean_kernel(found);
        let start_kernel = start.and_then(|start| self.mean_kernel(start));
        let value = |quantity| self.value(quantity, &found.outputs, kernel.as_ref(), start_kernel.as_ref());
        let quantities = self.problem.record.quantities.iter();
        let values = quantities
            .filter(|quantity| !self.left_out.contains(quantity))
            .filter(|quantity| !(self.starts_at_zero && found.step == 0 && ACCURACIES.contains(quantity)))
            .filter_map(|quantity| Some((*quantity, value(*quantity)?)))
            .collect();
        let time = self.problem.optimizer.time(found.step as f64);
        Record { errors: self.errors(found, start), ..Record::new(found.step, time, values) }
    }

    /// Standard errors over the sets of particles, of all that follows smoothly from their means, by what the other sets say without each:
    ///
    /// ```text
    /// SE² = (R − 1)/R Σ_r (θ_(r) − mean θ_(·))²,    θ_(r): the value from the means over all sets but r
    /// ```
    ///
    /// (the jackknife, docs/theory/scaling-limits.md §4.2, Eq. jackknife; of outputs it is the standard error of their mean).
    fn errors(&self, found: &models::Record, start: Option<&models::Record>) -> BTreeMap<Quantity, Value> {
        let count = found.replicas.len();
        if count < 2 {
            return BTreeMap::new();
        }
        let sets: Vec<OtherSets> = (0..count).map(|set| self.without(found, set)).collect();
        let starts: Vec<Option<Matrix>> =
            (0..count).map(|set| start.and_then(|start| self.without(start, set).kernel)).collect();
        let recorded = |quantity: &&Quantity| {
            self.problem.record.quantities.contains(quantity)
                && !self.left_out.contains(quantity)
                && !ACCURACIES.contains(quantity)
        };
        let error = |quantity: &Quantity| {
            let each = sets.iter().zip(&starts).map(|(OtherSets { outputs, kernel }, start)| {
                self.value(*quantity, outputs, kernel.as_ref(), start.as_ref())
            });
            let each: Vec<Value> = each.collect::<Option<_>>()?;
            let numbers: Vec<Vec<f64>> = each.iter().map(Value::flatten).collect();
            Some((*quantity, each[0].with_numbers(&jackknife(&numbers))))
        };
        self.problem.record.quantities.iter().filter(recorded).filter_map(error).collect()
    }

    /// The means over all sets but one.
    fn without(&self, found: &models::Record, set: usize) -> OtherSets {
        let count = found.replicas.len() as f64;
        let models::Replica { outputs, kernel } = &found.replicas[set];
        let others = |mean: f64, own: f64| (count * mean - own) / (count - 1.0);
        let kernel = kernel.as_ref().zip(self.mean_kernel(found)).map(|(own, mean)| {
            let own = self.train_kernel(own);
            mean.zip_map(&own, others)
        });
        OtherSets {
            outputs: found.outputs.iter().zip(outputs).map(|(mean, own)| others(*mean, *own)).collect(),
            kernel,
        }
    }

    fn value(
        &self,
        quantity: Quantity,
        outputs: &[f64],
        kernel: Option<&Matrix>,
        start: Option<&Matrix>,
    ) -> Option<Value> {
        let samples = self.problem.data.train.inputs.nrows();
        let train = Matrix::from_column_slice(samples, 1, &outputs[..samples]);
        let rest = &outputs[samples..];
        let test = || self.problem.data.test.as_ref().map(|_| Matrix::from_column_slice(rest.len(), 1, rest));
        let train_targets = &self.problem.data.train.targets;
        let test_targets = || self.problem.data.test.as_ref().map(|test| &test.targets);
        let loss = |outputs: &Matrix, targets: &Matrix| match self.logits {
            Some(Ordering::Less) => std::f64::consts::LN_2,
            _ => self.problem.loss.value(outputs, targets),
        };
        Some(match quantity {
            Quantity::TrainLoss => Value::Scalar(loss(&train, train_targets)),
            Quantity::TestLoss => Value::Scalar(loss(&test()?, test_targets()?)),
            Quantity::TrainAccuracy => Value::Scalar(LABELS.accuracy(&train, train_targets)),
            Quantity::TestAccuracy => Value::Scalar(LABELS.accuracy(&test()?, test_targets()?)),
            Quantity::Outputs => Value::Matrix(train),
            Quantity::TestOutputs => Value::Matrix(test()?),
            Quantity::NormalisedOutputs => Value::Matrix(train / self.normalisation),
            Quantity::NormalisedTestOutputs => Value::Matrix(test()? / self.normalisation),
            Quantity::TangentKernel | Quantity::MeanTangentKernel => Value::Matrix(kernel?.clone()),
            Quantity::TangentKernelNorm => Value::Scalar(kernel?.norm() / samples as f64),
            Quantity::TangentKernelChange => {
                let moved = (kernel? - start?).norm();
                // A kernel that is and stays 0 has not changed.
                Value::Scalar(if moved == 0.0 { 0.0 } else { moved / start?.norm() })
            }
            _ => return None,
        })
    }
}
