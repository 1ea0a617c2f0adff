//! Predicts what infinitely wide networks do at chosen moments of training: their mean and spread over initializations.
//!
//! Squared loss on full batches has closed forms at every moment and at t = ∞ (docs/theory/ntk.md §4, §5); minibatches and other losses
//! run in function space (docs/theory/ntk.md §6).

mod check;
mod question;

pub use question::{GivenKernel, GivenKernels, Initial, Moment, Moments, Prediction, Question, Ridge, Spread, Trained};

use std::collections::HashMap;

use widenet_core::{Matrix, Problem, humanized, problem::Rule, training::Control};

use super::{
    blocks::{Need, Sampler, TrainingKernel, compute},
    ensemble::{self, Prior},
    error::{Error, Result, invalid},
    factorization::Factorization,
    filter::{Procedure, has_closed_form},
    function_space::{Dynamics, End, Gradient, Run},
    rates::largest_rate_for,
    response::Response,
    start::Start,
};
use crate::linear_algebra::product;

/// Predictions at every moment asked for, in the order asked. `watch` is called with the share of the work done.
///
/// # Errors
/// Names the argument that has no answer and its value; [`Error::Stopped`].
pub fn predict(
    problem: &Problem,
    question: &Question,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Vec<Prediction>> {
    check::question(problem, question)?;
    let (kernel, prior) = blocks(problem, question, need(question), &mut |share| watch(0.5 * share))?;
    let ridge = absolute_ridge(question, &kernel.train);
    if question.moments.contains(&Moment::Infinity) {
        check::converges(problem, &kernel.train, ridge)?;
    }
    let start = start(problem, question, &kernel, prior.as_ref())?;
    let answers = Answers { problem, question, kernel: &kernel, prior: prior.as_ref(), start: &start };
    let mut watch = |share: f64| watch(0.5 + 0.5 * share);
    let closed = has_closed_form(problem);
    let finite: Vec<f64> = question.moments.iter().filter_map(|moment| finite_time(*moment)).collect();
    let eigen =
        (closed && !finite.is_empty()).then(|| Factorization::eigen(&kernel.train, TRAINING_KERNEL)).transpose()?;
    let mut stepped = if closed { HashMap::new() } else { answers.run(finite, &mut watch)? };
    let count = question.moments.len() as f64;
    let mut predictions = Vec::new();
    for (position, moment) in question.moments.iter().enumerate() {
        let prediction = match *moment {
            Moment::Infinity => answers.at_infinity(eigen.as_ref(), ridge)?,
            Moment::At(time) => match (&eigen, Procedure::of(problem, time)) {
                (Some(basis), Some(procedure)) => {
                    answers.closed(*moment, &Response::at(basis, procedure, ridge, problem.loss_denominator()))?
                }
                _ => stepped.remove(&time.to_bits()).unwrap_or_else(|| answers.diverged(*moment)),
            },
        };
        predictions.push(Prediction { diverged: !prediction.has_finite_outputs(), ..prediction });
        if watch((position + 1) as f64 / count) == Control::Stop {
            return Err(Error::Stopped);
        }
    }
    Ok(predictions)
}

/// Name of the training kernel in errors.
const TRAINING_KERNEL: &str = "the training kernel";

/// Warns of what should be said beside the answer: a learning rate above the largest stable one, and duplicate inputs with conflicting
/// targets where t = ∞ is asked for.
///
/// # Errors
/// As for [`predict`].
pub fn warnings(problem: &Problem, question: &Question) -> Result<Vec<String>> {
    check::question(problem, question)?;
    let mut warnings = Vec::new();
    if let Rule::Descent { learning_rate, .. } = problem.optimizer.rule {
        let (kernel, _) = blocks(problem, question, Need::Nothing, &mut |_| Control::Continue)?;
        // A kernel that is 0 allows every rate.
        let largest = largest_rate_for(problem, &kernel.train, absolute_ridge(question, &kernel.train));
        if let Ok(largest) = largest
            && learning_rate > largest
        {
            warnings.push(format!(
                "learning rate {} is above {largest:.6e}, the largest that is stable for this kernel; the linear model diverges \
                 and networks leave the kernel regime",
                humanized::exact(learning_rate)
            ));
        }
    }
    if question.moments.contains(&Moment::Infinity) && question.ridge.is_none() {
        warnings.extend(check::conflicting_duplicates(&problem.data.train));
    }
    Ok(warnings)
}

/// r of the ridge asked for.
fn absolute_ridge(question: &Question, kernel: &Matrix) -> f64 {
    match question.ridge {
        None => 0.0,
        Some(Ridge::Absolute(ridge)) => ridge,
        Some(Ridge::Relative(share)) => share * kernel.trace() / kernel.nrows() as f64,
    }
}

fn finite_time(moment: Moment) -> Option<f64> {
    match moment {
        Moment::At(time) => Some(time),
        Moment::Infinity => None,
    }
}

fn need(question: &Question) -> Need {
    match (&question.initial, question.spread) {
        (Initial::Sample { .. }, _) | (_, Spread::Covariance) => Need::Covariance,
        (_, Spread::Std) => Need::Variances,
        (_, Spread::None) => Need::Nothing,
    }
}

/// Where outputs are predicted beside the training inputs.
fn test_inputs<'a>(problem: &'a Problem, question: &'a Question) -> Option<&'a Matrix> {
    question.test_inputs.as_ref().or(problem.data.test.as_ref().map(|test| &test.inputs))
}

/// The kernels, given or computed.
fn blocks(
    problem: &Problem,
    question: &Question,
    need: Need,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<(TrainingKernel, Option<Prior>)> {
    let inputs = (&problem.data.train.inputs, test_inputs(problem, question));
    if let Some(given) = &question.given {
        return check::given(inputs, question, given, need);
    }
    let network = match question.trained {
        Trained::All => problem.architecture().kernel_network()?,
        Trained::ReadoutOnly => problem.architecture().readout_network()?,
    };
    compute(&network, inputs, need, watch)
}

/// The outputs at the start; zero for the law, whose mean that is.
fn start(problem: &Problem, question: &Question, kernel: &TrainingKernel, prior: Option<&Prior>) -> Result<Start> {
    let (samples, outputs) = problem.data.train.targets.shape();
    match (&question.initial, prior) {
        (Initial::Ensemble | Initial::Zero, _) => Ok(Start {
            train: Matrix::zeros(samples, outputs),
            test: kernel.test_train.as_ref().map(|block| Matrix::zeros(block.nrows(), outputs)),
        }),
        (Initial::Sample { seed }, Some(prior)) => Ok(Sampler::new(prior)?.sample(*seed, outputs)),
        (Initial::Sample { .. }, None) => Err(invalid("a sampled start needs the NNGP kernel".into())),
        (Initial::Outputs { train, test }, _) => {
            let start = Start { train: train.clone(), test: test.clone() };
            start.check(samples, kernel.test_train.as_ref().map(Matrix::nrows), outputs)?;
            Ok(start)
        }
    }
}

struct Answers<'a> {
    problem: &'a Problem,
    question: &'a Question,
    kernel: &'a TrainingKernel,
    prior: Option<&'a Prior>,
    start: &'a Start,
}

impl Answers<'_> {
    /// The answer of a response to squared-loss training.
    fn closed(&self, moment: Moment, response: &Response<'_>) -> Result<Prediction> {
        let targets = &self.problem.data.train.targets;
        let residual = &self.start.train - targets;
        let train = &self.start.train - response.learned(&residual);
        let mut prediction = self.prediction(moment, train, &response.inverse(&residual));
        if let Response::Modes { dropped, .. } = response {
            prediction.dropped = *dropped;
        }
        // The spread of outputs that have diverged has no sign.
        if prediction.has_finite_outputs() {
            self.add_spread(&mut prediction, response)?;
        }
        Ok(prediction)
    }

    /// The answer at t = ∞: by a Cholesky factor, or with a cutoff in the eigenbasis.
    fn at_infinity(&self, eigen: Option<&Factorization>, ridge: f64) -> Result<Prediction> {
        let kernel = &self.kernel.train;
        if !self.question.cutoff {
            let factor = Factorization::cholesky(kernel, ridge, TRAINING_KERNEL)?;
            return self.closed(Moment::Infinity, &Response::at_infinity(&factor, ridge, None));
        }
        let own;
        let basis = match eigen {
            Some(basis) => basis,
            None => {
                own = Factorization::eigen(kernel, TRAINING_KERNEL)?;
                &own
            }
        };
        self.closed(Moment::Infinity, &Response::at_infinity(basis, ridge, Some(basis.cutoff())))
    }

    /// Means for the sums z of gradients.
    fn prediction(&self, moment: Moment, train: Matrix, z: &Matrix) -> Prediction {
        let moments = |mean: Matrix| Moments { mean, std: None, covariance: None };
        let blocks = self.start.test.as_ref().zip(self.kernel.test_train.as_ref());
        Prediction {
            moment,
            time: finite_time(moment).map_or(f64::INFINITY, |moment| self.problem.optimizer.time(moment)),
            diverged: false,
            train: moments(train),
            test: blocks.map(|(start, block)| moments(start - product(block, z))),
            dropped: None,
        }
    }

    fn add_spread(&self, prediction: &mut Prediction, response: &Response<'_>) -> Result<()> {
        let covariance = self.question.spread == Spread::Covariance;
        let Some(prior) = self.prior.filter(|_| self.question.spread != Spread::None) else { return Ok(()) };
        let readout_only = self.question.trained == Trained::ReadoutOnly;
        let variances = ensemble::train(prior, response, readout_only, covariance)?;
        (prediction.train.std, prediction.train.covariance) = (Some(variances.std()), variances.covariance);
        if let (Some(test), Some(block)) = (&mut prediction.test, &self.kernel.test_train) {
            let variances = ensemble::test(prior, response, block, readout_only, covariance)?;
            (test.std, test.covariance) = (Some(variances.std()), variances.covariance);
        }
        Ok(())
    }

    /// Answers in function space at these moments, by the bits of the moment; those behind a divergence are missing.
    fn run(&self, mut moments: Vec<f64>, watch: &mut dyn FnMut(f64) -> Control) -> Result<HashMap<u64, Prediction>> {
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        let (samples, outputs) = self.problem.data.train.targets.shape();
        let loss = self.problem.loss;
        // With a spread every initial residual counts: one column each.
        let identity = Matrix::identity(samples, samples);
        let spread = self.question.spread != Spread::None;
        let (start, gradient) = if spread {
            (&identity, Gradient::Residual { loss, outputs })
        } else {
            (&self.start.train, Gradient::Loss { loss, targets: &self.problem.data.train.targets })
        };
        let run = Run {
            kernel: &self.kernel.train,
            start,
            gradient,
            dynamics: Dynamics::of(&self.problem.optimizer)?,
            seed: self.question.seed,
        };
        let (mut answers, mut failure) = (HashMap::new(), None);
        let mut visit = |position: usize, z: &Matrix, outputs: &Matrix| {
            let moment = Moment::At(moments[position]);
            let answer = if spread {
                self.closed(moment, &Response::Matrices { remaining: outputs.clone(), inverse: z.clone() })
            } else {
                Ok(self.prediction(moment, outputs.clone(), z))
            };
            match answer {
                Ok(answer) => drop(answers.insert(moments[position].to_bits(), answer)),
                Err(error) => failure = failure.take().or(Some(error)),
            }
        };
        let end = run.visit(&moments, &mut visit, watch);
        match (failure, end) {
            (Some(error), _) => Err(error),
            (None, End::Stopped { .. }) => Err(Error::Stopped),
            (None, End::Done | End::Diverged { .. }) => Ok(answers),
        }
    }

    /// The answer of a run that has diverged before it.
    fn diverged(&self, moment: Moment) -> Prediction {
        let nowhere = |matrix: &Matrix| Matrix::from_element(matrix.nrows(), matrix.ncols(), f64::NAN);
        self.prediction(moment, nowhere(&self.start.train), &nowhere(&self.start.train))
    }
}
