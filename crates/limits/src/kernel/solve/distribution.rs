//! Infinitely many networks under squared loss have exact means and spreads at every moment.

use widenet_core::{
    Matrix, Problem,
    problem::{Loss, Need},
    training::{Control, is_finite},
    trajectory::Record,
};

use super::{
    functions::Method,
    record::{Snapshot, SnapshotRecorder},
};
use crate::{
    kernel::{
        blocks::TrainingKernel,
        ensemble::{self, Prior, Variances},
        error::Result,
        function_space::{End, Gradient, Run},
        response::Response,
    },
    linear_algebra::product,
};

/// Records of the distribution; with minibatches, for the order of batches of the seed.
pub(super) fn solve(
    problem: &Problem,
    kernel: &TrainingKernel,
    prior: &Prior,
    seed: u64,
    recorder: &SnapshotRecorder<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<(Vec<Record>, End)> {
    let targets = &problem.data.train.targets;
    let (samples, outputs) = targets.shape();
    let moments = &problem.record.at;
    let mut records = Vec::new();
    let threshold = recorder.labels.as_ref().ok().and_then(|labels| labels.threshold());
    let distribution = Distribution { problem, kernel, prior, threshold };
    let (basis, procedures) = match Method::of(problem, kernel)? {
        Method::Modes { basis, procedures } => (basis, procedures),
        Method::FunctionSpace(dynamics) => {
            // One column per initial residual: z and f are then the matrices M and C.
            let run = Run {
                kernel: &kernel.train,
                start: &Matrix::identity(samples, samples),
                gradient: Gradient::Residual { loss: problem.loss, outputs },
                dynamics,
                seed,
            };
            let mut failure = None;
            let visit = &mut |position, inverse: &Matrix, remaining: &Matrix| {
                let response = Response::Matrices { remaining: remaining.clone(), inverse: inverse.clone() };
                match distribution.snapshot(&response) {
                    Ok(snapshot) => records.push(recorder.record(position, &snapshot)),
                    Err(error) => failure = failure.take().or(Some(error)),
                }
            };
            let end = run.visit(moments, visit, watch);
            return failure.map_or(Ok((records, end)), Err);
        }
    };
    let denominator = problem.loss_denominator();
    for (position, (moment, procedure)) in moments.iter().zip(procedures).enumerate() {
        let response = Response::at(&basis, procedure, 0.0, denominator);
        let step = *moment as u64;
        if !is_finite(&response.remaining(targets)) {
            return Ok((records, End::Diverged { step, time: problem.optimizer.time(*moment) }));
        }
        records.push(recorder.record(position, &distribution.snapshot(&response)?));
        if watch((position + 1) as f64 / moments.len() as f64) == Control::Stop {
            return Ok((records, End::Stopped { step }));
        }
    }
    Ok((records, End::Done))
}

struct Distribution<'a> {
    problem: &'a Problem,
    kernel: &'a TrainingKernel,
    prior: &'a Prior,
    /// Of one output with two values.
    threshold: Option<f64>,
}

impl Distribution<'_> {
    fn snapshot(&self, response: &Response<'_>) -> Result<Snapshot> {
        let data = &self.problem.data;
        let targets = &data.train.targets;
        let record = &self.problem.record;
        let mut snapshot = Snapshot { train: response.learned(targets), kurtosis: Some(0.0), ..Snapshot::default() };
        if record.needs(Need::Variances) {
            let variances = ensemble::train(self.prior, response, false, false)?;
            let spread = Spread::new(&variances, &snapshot.train, targets, self.problem.loss, self.threshold);
            snapshot.train_loss = spread.loss;
            snapshot.train_accuracy = spread.accuracy;
            snapshot.train_std = Some(spread.std);
        }
        let (Some(test), Some(block)) = (&data.test, &self.kernel.test_train) else { return Ok(snapshot) };
        let mean = product(block, &response.inverse(targets));
        if record.needs(Need::TestVariances) {
            let covariance = record.needs(Need::Covariance);
            let variances = ensemble::test(self.prior, response, block, false, covariance)?;
            let spread = Spread::new(&variances, &mean, &test.targets, self.problem.loss, self.threshold);
            snapshot.test_loss = Some(spread.loss);
            snapshot.test_accuracy = spread.accuracy;
            snapshot.test_std = Some(spread.std);
            snapshot.test_covariance = variances.covariance;
        }
        snapshot.test = Some(mean);
        Ok(snapshot)
    }
}

/// What Gaussian outputs mean for the loss and the accuracy.
struct Spread {
    loss: f64,
    /// Of one output only: of several the probability that one is the largest has no closed form.
    accuracy: Option<f64>,
    std: Matrix,
}

impl Spread {
    fn new(variances: &Variances, mean: &Matrix, targets: &Matrix, loss: Loss, threshold: Option<f64>) -> Self {
        let shared = |values: &[f64]| Matrix::from_fn(mean.nrows(), mean.ncols(), |i, _| values[i]);
        let std = shared(&variances.std());
        // P(f > threshold) where the target is above it, P(f ≤ threshold) elsewhere.
        let right = |i: usize, threshold: f64| {
            let above = mean[i] - threshold;
            let margin = if targets[i] > threshold { above } else { -above };
            match std[i] {
                0.0 => f64::from(u8::from((above > 0.0) == (targets[i] > threshold))),
                std => 0.5 * libm::erfc(-margin / std * std::f64::consts::FRAC_1_SQRT_2),
            }
        };
        let accuracy = threshold
            .map(|threshold| (0..mean.nrows()).map(|i| right(i, threshold)).sum::<f64>() / mean.nrows() as f64);
        let loss = loss.mean_value(mean, &shared(&variances.diagonal), targets).unwrap_or(f64::NAN);
        Self { loss, accuracy, std }
    }
}
