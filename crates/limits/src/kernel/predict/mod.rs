//! Predicts what infinitely wide networks do at chosen moments of training: their mean and spread over initializations.
//!
//! Squared loss on full batches has closed forms at every moment and at t = ∞ (docs/theory/ntk.md §4, §5); minibatches and other losses
//! run in function space (docs/theory/ntk.md §6).

mod check;
mod layout;
mod likelihood;
mod question;

pub use question::{
    GivenKernel, GivenKernels, Initial, Likelihood, Moment, Moments, Prediction, Question, Ridge, Spread, Trained,
};

use std::{borrow::Cow, collections::HashMap};

use widenet_core::{Matrix, Problem, humanized, problem::Rule, training::Control};

use self::{layout::Layout, likelihood::TestTargets};
use super::{
    blocks::{Need, Sampler, TrainingKernel, compute},
    ensemble::{self, Prior},
    error::{Error, Result, invalid},
    factorization::{Factorization, Named},
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
    let (samples, outputs) = problem.data.train.targets.shape();
    let layout = Layout::of(kernel.train.nrows(), samples, outputs);
    let starts = starts(problem, question, (&kernel, layout), prior.as_ref())?;
    let targets = layout.laid_out(&problem.data.train.targets);
    let answers =
        Answers { problem, question, kernel: &kernel, prior: prior.as_ref(), layout, targets: &targets, ridge };
    let mut watch = |share: f64| watch(0.5 + 0.5 * share);
    let closed = has_closed_form(problem);
    let finite: Vec<f64> = question.moments.iter().filter_map(|moment| finite_time(*moment)).collect();
    let eigen = (closed && !finite.is_empty())
        .then(|| Factorization::eigen(&kernel.train, Named::of(TRAINING_KERNEL, problem)))
        .transpose()?;
    let end = if question.moments.contains(&Moment::Infinity) { Some(answers.end(eigen.as_ref())?) } else { None };
    let count = starts.len() as f64;
    let run = |(position, start): (usize, &SeededStart)| match closed {
        true => Ok(HashMap::new()),
        false => answers.run(&start.outputs, finite.clone(), &mut |share| watch((position as f64 + share) / count)),
    };
    let stepped = starts.iter().enumerate().map(run).collect::<Result<Vec<_>>>()?;
    let count = question.moments.len() as f64;
    let mut predictions = Vec::new();
    for (position, moment) in question.moments.iter().enumerate() {
        let response = answers.response(*moment, eigen.as_ref(), end.as_deref());
        for (start, stepped) in starts.iter().zip(&stepped) {
            let known = || stepped.get(&finite_time(*moment)?.to_bits()).cloned();
            let prediction = match &response {
                Some(response) => answers.closed(&start.outputs, *moment, response)?,
                None => known().unwrap_or_else(|| answers.diverged(&start.outputs, *moment)),
            };
            let diverged = !prediction.has_finite_outputs();
            let likelihood = end.as_deref().filter(|_| *moment == Moment::Infinity && !diverged);
            let likelihood = likelihood.and_then(|end| answers.likelihood(&prediction, end));
            predictions.push(Prediction { diverged, seed: start.seed, likelihood, ..prediction });
        }
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
        (Initial::Samples { .. }, _) | (_, Spread::Covariance) => Need::Covariance,
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
        return check::given(problem, inputs, question, given, need);
    }
    let network = match question.trained {
        Trained::All => problem.architecture().kernel_network()?,
        Trained::ReadoutOnly => problem.architecture().readout_network()?,
    };
    compute(&network, inputs, need, watch)
}

/// Outputs at the start, as the training kernel acts on them, and the key of their draw.
struct SeededStart {
    seed: Option<u64>,
    outputs: Start,
}

/// The outputs at the start; zero for the law, whose mean that is.
fn starts(
    problem: &Problem,
    question: &Question,
    (kernel, layout): (&TrainingKernel, Layout),
    prior: Option<&Prior>,
) -> Result<Vec<SeededStart>> {
    let (samples, outputs) = problem.data.train.targets.shape();
    let tests = kernel.test_train.as_ref().map(|block| layout.samples(block.nrows()));
    let one = |start: Start| Ok(vec![SeededStart { seed: None, outputs: layout.start(start) }]);
    match (&question.initial, prior) {
        (Initial::Ensemble | Initial::Zero, _) => one(Start {
            train: Matrix::zeros(samples, outputs),
            test: tests.map(|tests| Matrix::zeros(tests, outputs)),
        }),
        (Initial::Samples { seeds }, Some(prior)) => {
            let sampler = Sampler::new(prior, problem)?;
            let start = |seed: &u64| SeededStart { seed: Some(*seed), outputs: sampler.sample(*seed, outputs) };
            Ok(seeds.iter().map(start).collect())
        }
        (Initial::Samples { .. }, None) => Err(invalid("a sampled start needs the NNGP kernel".into())),
        (Initial::Outputs { train, test }, _) => {
            let start = Start { train: train.clone(), test: test.clone() };
            start.check(samples, tests, outputs)?;
            one(start)
        }
    }
}

struct Answers<'a> {
    problem: &'a Problem,
    question: &'a Question,
    kernel: &'a TrainingKernel,
    prior: Option<&'a Prior>,
    layout: Layout,
    /// As the kernel acts on them.
    targets: &'a Matrix,
    ridge: f64,
}

impl Answers<'_> {
    /// The answer of a response to squared-loss training.
    fn closed(&self, start: &Start, moment: Moment, response: &Response<'_>) -> Result<Prediction> {
        let residual = &start.train - self.targets;
        let train = &start.train - response.learned(&residual);
        let mut prediction = self.prediction(start, moment, train, &response.inverse(&residual));
        if let Response::Modes { dropped, .. } = response {
            prediction.dropped = *dropped;
        }
        // The spread of outputs that have diverged has no sign.
        if prediction.has_finite_outputs() {
            self.add_spread(&mut prediction, response)?;
        }
        Ok(prediction)
    }

    /// The training kernel for t = ∞: a Cholesky factor, or with a cutoff the eigenbasis.
    fn end<'e>(&self, eigen: Option<&'e Factorization>) -> Result<Cow<'e, Factorization>> {
        let (kernel, named) = (&self.kernel.train, Named::of(TRAINING_KERNEL, self.problem));
        match eigen {
            _ if !self.question.cutoff => Ok(Cow::Owned(Factorization::cholesky(kernel, self.ridge, named)?)),
            Some(eigen) => Ok(Cow::Borrowed(eigen)),
            None => Ok(Cow::Owned(Factorization::eigen(kernel, named)?)),
        }
    }

    /// What training up to a moment does to residuals, where it has a closed form.
    fn response<'e>(
        &self,
        moment: Moment,
        eigen: Option<&'e Factorization>,
        end: Option<&'e Factorization>,
    ) -> Option<Response<'e>> {
        match moment {
            Moment::Infinity => {
                end.map(|end| Response::at_infinity(end, self.ridge, self.question.cutoff.then(|| end.cutoff())))
            }
            Moment::At(time) => {
                let procedure = Procedure::of(self.problem, time)?;
                eigen.map(|basis| Response::at(basis, procedure, self.ridge, self.problem.loss_denominator()))
            }
        }
    }

    /// How likely the targets are, where the law of the networks is the posterior of a Gaussian process.
    fn likelihood(&self, prediction: &Prediction, end: &Factorization) -> Option<Likelihood> {
        let Question { trained, initial, .. } = self.question;
        if *trained != Trained::ReadoutOnly || *initial != Initial::Ensemble {
            return None;
        }
        let start = self.prior.and_then(|prior| prior.test_diagonal.as_deref());
        let tests = match (&self.problem.data.test, &prediction.test, start) {
            (Some(test), Some(moments), Some(start)) => Some(TestTargets { targets: &test.targets, moments, start }),
            _ => None,
        };
        Some(likelihood::at_infinity(end, self.ridge, self.targets, tests))
    }

    /// Means for the sums z of gradients.
    fn prediction(&self, start: &Start, moment: Moment, train: Matrix, z: &Matrix) -> Prediction {
        let moments = |mean: Matrix| Moments { mean: self.layout.outputs(mean), std: None, covariance: None };
        let blocks = start.test.as_ref().zip(self.kernel.test_train.as_ref());
        Prediction {
            moment,
            seed: None,
            time: finite_time(moment).map_or(f64::INFINITY, |moment| self.problem.optimizer.time(moment)),
            diverged: false,
            train: moments(train),
            test: blocks.map(|(start, block)| moments(start - product(block, z))),
            dropped: None,
            likelihood: None,
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
    fn run(
        &self,
        start: &Start,
        mut moments: Vec<f64>,
        watch: &mut dyn FnMut(f64) -> Control,
    ) -> Result<HashMap<u64, Prediction>> {
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        let (samples, outputs) = self.problem.data.train.targets.shape();
        let loss = self.problem.loss;
        // With a spread every initial residual counts: one column each.
        let identity = Matrix::identity(samples, samples);
        let spread = self.question.spread != Spread::None;
        let (initial, gradient) = if spread {
            (&identity, Gradient::Residual { loss, outputs })
        } else {
            (&start.train, Gradient::Loss { loss, targets: &self.problem.data.train.targets })
        };
        let run = Run {
            kernel: &self.kernel.train,
            start: initial,
            gradient,
            dynamics: Dynamics::of(&self.problem.optimizer)?,
            seed: self.question.seed,
        };
        let (mut answers, mut failure) = (HashMap::new(), None);
        let mut visit = |position: usize, z: &Matrix, outputs: &Matrix| {
            let moment = Moment::At(moments[position]);
            let answer = if spread {
                self.closed(start, moment, &Response::Matrices { remaining: outputs.clone(), inverse: z.clone() })
            } else {
                Ok(self.prediction(start, moment, outputs.clone(), z))
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
    fn diverged(&self, start: &Start, moment: Moment) -> Prediction {
        let nowhere = Matrix::from_element(start.train.nrows(), start.train.ncols(), f64::NAN);
        self.prediction(start, moment, nowhere.clone(), &nowhere)
    }
}
