//! Trains single functions in the kernel regime, and averages over many of them.

use widenet_core::{
    Matrix, Problem,
    problem::{Ensemble, Quantity},
    seed::member,
    training::{Control, is_finite},
    trajectory::Record,
};

use super::record::{Snapshot, SnapshotRecorder};
use crate::{
    kernel::{
        blocks::{Sampler, TrainingKernel},
        error::Result,
        factorization::{Factorization, Named},
        filter::Procedure,
        function_space::{Dynamics, End, Gradient, Run},
        response::Response,
        start::Start,
    },
    linear_algebra::{product, product_transpose},
};

/// The trajectory of one function.
pub(super) fn solve_one(
    problem: &Problem,
    kernel: &TrainingKernel,
    start: &Start,
    seed: u64,
    recorder: &SnapshotRecorder<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<(Vec<Record>, End)> {
    let mut records = Vec::new();
    let method = Method::of(problem, kernel)?;
    let end = follow(
        (problem, kernel, &method),
        start,
        seed,
        recorder,
        &mut |position, snapshot| records.push(recorder.record(position, &snapshot)),
        watch,
    );
    Ok((records, end))
}

/// Means and spreads over as many functions as the ensemble has networks, antithetic ones in pairs ±f_0; each function, or pair, has
/// its own order of batches.
pub(super) fn solve_average(
    problem: &Problem,
    kernel: &TrainingKernel,
    (sampler, ensemble): (&Sampler, Ensemble),
    seed: u64,
    recorder: &SnapshotRecorder<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<(Vec<Record>, End)> {
    let mut averages: Vec<FunctionAverage> = problem.record.at.iter().map(|_| FunctionAverage::default()).collect();
    let (mut reached, mut end) = (averages.len(), End::Done);
    let method = Method::FunctionSpace(Dynamics::of(&problem.optimizer)?);
    for network in 0..ensemble.networks {
        let mirrored = ensemble.antithetic && network % 2 == 1;
        let own_seed = member(seed, if mirrored { network - 1 } else { network });
        let mut start = sampler.sample(own_seed, problem.data.output_dimension());
        if problem.network.centered {
            start.train.fill(0.0);
            start.test.iter_mut().for_each(|test| test.fill(0.0));
        }
        if mirrored {
            start.train.neg_mut();
            start.test.iter_mut().for_each(Matrix::neg_mut);
        }
        let mut taken = 0;
        let ended = follow(
            (problem, kernel, &method),
            &start,
            own_seed,
            recorder,
            &mut |position, snapshot| {
                averages[position].add(&snapshot, problem);
                taken = position + 1;
            },
            &mut |share| watch((network as f64 + share) / ensemble.networks as f64),
        );
        match ended {
            End::Stopped { .. } => return Ok((Vec::new(), End::Stopped { step: 0 })),
            // The mean exists up to the first divergence.
            End::Diverged { .. } if taken < reached => (reached, end) = (taken, ended),
            End::Diverged { .. } | End::Done => {}
        }
    }
    let averages = averages.into_iter().take(reached).enumerate();
    Ok((averages.map(|(position, average)| recorder.record(position, &average.finish())).collect(), end))
}

/// How training is followed.
pub(super) enum Method {
    /// In the eigenbasis of the kernel, where squared loss on full batches has a closed form: one procedure per moment.
    Modes { basis: Factorization, procedures: Vec<Procedure> },
    /// In function space.
    FunctionSpace(Dynamics),
}

impl Method {
    pub(super) fn of(problem: &Problem, kernel: &TrainingKernel) -> Result<Method> {
        match problem.record.at.iter().map(|moment| Procedure::of(problem, *moment)).collect() {
            Some(procedures) => {
                let basis = Factorization::eigen(
                    &kernel.train,
                    Named::of("the tangent kernel on the training inputs", problem),
                )?;
                Ok(Method::Modes { basis, procedures })
            }
            None => Ok(Method::FunctionSpace(Dynamics::of(&problem.optimizer)?)),
        }
    }
}

/// Follows one function to the moments of the record plan.
fn follow(
    (problem, kernel, method): (&Problem, &TrainingKernel, &Method),
    start: &Start,
    seed: u64,
    recorder: &SnapshotRecorder<'_>,
    visit: &mut dyn FnMut(usize, Snapshot),
    watch: &mut dyn FnMut(f64) -> Control,
) -> End {
    let targets = &problem.data.train.targets;
    let moments = &problem.record.at;
    let mut visit = |position: usize, z: &Matrix, train: &Matrix| {
        let test = start.test.as_ref().zip(kernel.test_train.as_ref()).map(|(f, block)| f - product(block, z));
        visit(position, recorder.snapshot(train, test, z));
    };
    let (basis, procedures) = match method {
        Method::Modes { basis, procedures } => (basis, procedures),
        Method::FunctionSpace(dynamics) => {
            let gradient = Gradient::Loss { loss: problem.loss, targets };
            let dynamics = dynamics.clone();
            let run = Run { kernel: &kernel.train, start: &start.train, gradient, dynamics, seed };
            return run.visit(moments, &mut visit, watch);
        }
    };
    let residual = &start.train - targets;
    let denominator = problem.loss_denominator();
    for (position, (moment, procedure)) in moments.iter().zip(procedures).enumerate() {
        let response = Response::at(basis, *procedure, 0.0, denominator);
        let train = &start.train - response.learned(&residual);
        if !is_finite(&train) {
            return End::Diverged { step: *moment as u64, time: problem.optimizer.time(*moment) };
        }
        visit(position, &response.inverse(&residual), &train);
        if watch((position + 1) as f64 / moments.len() as f64) == Control::Stop {
            return End::Stopped { step: *moment as u64 };
        }
    }
    End::Done
}

/// Sums over functions at one moment.
#[derive(Default)]
struct FunctionAverage {
    count: f64,
    mean: Snapshot,
    train_squares: Matrix,
    test_squares: Option<Matrix>,
    test_products: Option<Matrix>,
}

impl FunctionAverage {
    fn add(&mut self, snapshot: &Snapshot, problem: &Problem) {
        if self.count == 0.0 {
            let zero = |matrix: &Matrix| Matrix::zeros(matrix.nrows(), matrix.ncols());
            self.mean = Snapshot {
                train: zero(&snapshot.train),
                test: snapshot.test.as_ref().map(zero),
                test_loss: snapshot.test_loss.map(|_| 0.0),
                train_accuracy: snapshot.train_accuracy.map(|_| 0.0),
                test_accuracy: snapshot.test_accuracy.map(|_| 0.0),
                distance: snapshot.distance.map(|_| 0.0),
                ..Snapshot::default()
            };
            self.train_squares = zero(&snapshot.train);
            self.test_squares = snapshot.test.as_ref().map(zero);
            let covariance = problem.record.quantities.contains(&Quantity::TestOutputCovariance);
            self.test_products =
                snapshot.test.as_ref().filter(|_| covariance).map(|test| Matrix::zeros(test.nrows(), test.nrows()));
        }
        self.count += 1.0;
        // Welford's recursion: deviations from the mean before and behind.
        let share = 1.0 / self.count;
        let moved = |mean: &mut Matrix, squares: &mut Matrix, value: &Matrix| {
            let before = value - &*mean;
            *mean += &before * share;
            let behind = value - &*mean;
            *squares += before.component_mul(&behind);
            (before, behind)
        };
        moved(&mut self.mean.train, &mut self.train_squares, &snapshot.train);
        if let (Some(mean), Some(squares), Some(test)) = (&mut self.mean.test, &mut self.test_squares, &snapshot.test) {
            let (before, behind) = moved(mean, squares, test);
            if let Some(products) = &mut self.test_products {
                *products += product_transpose(&before, &behind) / test.ncols() as f64;
            }
        }
        let mean = &mut self.mean;
        mean.train_loss += share * (snapshot.train_loss - mean.train_loss);
        let pairs = [
            (&mut mean.test_loss, snapshot.test_loss),
            (&mut mean.train_accuracy, snapshot.train_accuracy),
            (&mut mean.test_accuracy, snapshot.test_accuracy),
            (&mut mean.distance, snapshot.distance),
        ];
        for (mean, value) in pairs {
            if let (Some(mean), Some(value)) = (mean, value) {
                *mean += share * (value - *mean);
            }
        }
    }

    /// Means, and variances with one degree of freedom less than there are functions.
    fn finish(self) -> Snapshot {
        let degrees = (self.count - 1.0).max(1.0);
        let std = |squares: Matrix| squares.map(|square| (square / degrees).sqrt());
        Snapshot {
            train_std: Some(std(self.train_squares)),
            test_std: self.test_squares.map(std),
            test_covariance: self.test_products.map(|products| {
                let covariance = products / degrees;
                0.5 * (&covariance + covariance.transpose())
            }),
            ..self.mean
        }
    }
}
