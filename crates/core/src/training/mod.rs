//! The training loop, written once: it does not know the width, nor what is trained.
//!
//! [`train`] runs any [`LinearNetwork`] whose layers implement [`WeightMatrix`]: dense on a device, finite in law,
//! infinite. One step of descent is a backward chain, the residual covariance, a forward chain and the update
//! ([`network`]); gradient flow strings the same pieces together by Runge–Kutta. The same loop of descent trains multilayer
//! perceptrons of the same matrices ([`mlp`]).

mod batches;
mod descent;
mod flow;
pub mod mlp;
pub mod network;
mod recorder;
pub mod risk;
pub mod weights;

pub use network::LinearNetwork;
pub use recorder::Recorder;
pub use weights::{Block, Exploration, Neurons, OuterProduct, RmsProp, StepRule, UpdateRule, WeightMatrix};

pub use batches::Batches;
use descent::{Descend, Steps, descend};
use network::{Factors, Point};
use risk::FullBatch;

use crate::{
    Matrix, Problem,
    problem::Rule,
    trajectory::{Record, Status},
};

/// A predictor or outputs larger than this have diverged, though they may still be finite.
const DIVERGED: f64 = 1e100;

/// Whether a predictor or outputs are those of a run that has not diverged.
pub fn is_finite(values: &Matrix) -> bool {
    values.norm() < DIVERGED
}

/// Where a run begins: at time 0, or where a checkpoint left it.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Steps taken.
    pub step: u64,
    /// Training time reached.
    pub time: f64,
    /// Integrator's next step, for gradient flow.
    pub step_size: Option<f64>,
    /// Records taken.
    pub records: Vec<Record>,
}

/// How far a run has come, after a step.
#[derive(Debug)]
pub struct Progress<'a, R = Record> {
    /// Steps taken.
    pub step: u64,
    /// Training time.
    pub time: f64,
    /// Share of the horizon, in [0, 1].
    pub fraction: f64,
    /// Integrator's next step, for gradient flow.
    pub step_size: Option<f64>,
    /// Records taken.
    pub records: &'a [R],
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Take the next step.
    Continue,
    /// Stop here; the run can be resumed from this state.
    Stop,
}

/// Watches a run, may keep checkpoints of it, may stop it.
pub trait Observer<W> {
    /// Called after every step.
    fn after_step(&mut self, progress: &Progress<'_>, network: &mut LinearNetwork<W>) -> Control;
}

/// Lets a run go to its end.
pub struct Unobserved;

impl<W> Observer<W> for Unobserved {
    fn after_step(&mut self, _: &Progress<'_>, _: &mut LinearNetwork<W>) -> Control {
        Control::Continue
    }
}

/// Trains a network and records what the problem asks for. A run that diverges returns what was recorded before.
///
/// `recorder` was made from the network at time 0; `seed` keys the order of minibatches.
pub fn train<W: WeightMatrix>(
    network: &mut LinearNetwork<W>,
    recorder: &Recorder<'_, W::Block>,
    problem: &Problem,
    seed: u64,
    start: Start,
    observer: &mut dyn Observer<W>,
) -> (Vec<Record>, Status) {
    if let Rule::Flow { time, tolerance } = problem.optimizer.rule {
        return flow::integrate(network, recorder, problem, time, tolerance, start, observer);
    }
    let (Some(steps), Some(rule)) = (Steps::of(problem), UpdateRule::of(&problem.optimizer)) else {
        unreachable!("a problem with momentum flow or RMSProp is not deep linear")
    };
    let mut descent = LinearDescent {
        network,
        recorder,
        problem,
        rule,
        full_batch: FullBatch::new(&problem.data.train, problem.loss),
        batches: Batches::of(problem, seed),
    };
    let observe = &mut |progress: &Progress<'_>, descent: &mut LinearDescent<'_, '_, W>| {
        observer.after_step(progress, descent.network)
    };
    descend(&mut descent, steps, &problem.record.at, (start.step, start.records), observe)
}

/// A deep linear network in descent.
struct LinearDescent<'a, 'p, W: WeightMatrix> {
    network: &'a mut LinearNetwork<W>,
    recorder: &'a Recorder<'p, W::Block>,
    problem: &'a Problem,
    rule: UpdateRule,
    full_batch: FullBatch<'a>,
    batches: Option<Batches>,
}

/// A backward chain and its predictor.
struct Backward<B> {
    chain: Vec<B>,
    predictor: Matrix,
    step: u64,
}

impl<W: WeightMatrix> Descend for LinearDescent<'_, '_, W> {
    type Evaluation = Backward<W::Block>;
    type Record = Record;

    fn evaluate(&mut self, step: u64) -> Self::Evaluation {
        let chain = self.network.backward(&Point::OWN, &[]);
        Backward { predictor: self.network.predictor(&chain), chain, step }
    }

    fn is_finite(&mut self, backward: &Self::Evaluation, _: u64, _: f64) -> bool {
        is_finite(&backward.predictor)
    }

    fn record(&mut self, backward: &Self::Evaluation, step: u64, time: f64) -> Record {
        self.recorder.record(self.network, &backward.chain, &backward.predictor, step, time)
    }

    fn update(&mut self, backward: Self::Evaluation, learning_rate: f64) {
        let Backward { mut chain, predictor, step } = backward;
        let (samples, loss) = (&self.problem.data.train, self.problem.loss);
        let residual = match &mut self.batches {
            Some(batches) => risk::batch_residual(samples, loss, batches.at(step), &predictor),
            None => self.full_batch.residual(&predictor),
        };
        let forward = self.network.forward_factors(&residual, &Point::OWN, &[]);
        chain.remove(0);
        self.network.update(self.rule, &[(learning_rate, &Factors { backward: chain, forward })]);
    }
}

/// The learning rate above which gradient descent is unstable at initialisation, `2 / (λ_max(Σ) Θ_0 + λ)` with the weight decay
/// λ, for the tangent kernel `Θ_0` per unit of input covariance ([`crate::scaling::Normalized::tangent_kernel`]).
pub fn stable_learning_rate(problem: &Problem, tangent_kernel: f64) -> f64 {
    // The loss is the mean over samples, or over samples and outputs.
    let share = problem.data.train.targets.nrows() as f64 / problem.loss_denominator();
    let curvature = share * risk::largest_curvature(&problem.data.train) * tangent_kernel;
    2.0 / (curvature + problem.optimizer.weight_decay)
}
