//! The training loop of deep linear networks, written once: it does not know the width.
//!
//! [`train`] runs any [`LinearNetwork`] whose layers implement [`WeightMatrix`]: dense on a device, finite in law,
//! infinite. One step of descent is a backward chain, the residual covariance, a forward chain and the update
//! ([`network`]); gradient flow strings the same pieces together by Runge–Kutta.

mod batches;
mod flow;
pub mod network;
mod recorder;
pub mod risk;
pub mod weights;

pub use network::LinearNetwork;
pub use recorder::Recorder;
pub use weights::{Block, Neurons, OuterProduct, UpdateRule, WeightMatrix};

pub use batches::Batches;
use network::{Factors, Point};
use risk::FullBatch;

use crate::{
    Matrix, Problem,
    problem::Rule,
    trajectory::{Record, Status},
};

/// A predictor larger than this has diverged, though it may still be finite.
const DIVERGED: f64 = 1e100;

fn is_finite(predictor: &Matrix) -> bool {
    predictor.norm() < DIVERGED
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
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Steps taken.
    pub step: u64,
    /// Training time.
    pub time: f64,
    /// Share of the horizon, in [0, 1].
    pub fraction: f64,
    /// Integrator's next step, for gradient flow.
    pub step_size: Option<f64>,
    /// Records taken.
    pub records: &'a [Record],
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
    match problem.optimizer.rule {
        Rule::Flow { time, tolerance } => flow::integrate(network, recorder, problem, time, tolerance, start, observer),
        Rule::Descent { learning_rate, steps, momentum, nesterov, batch_size } => {
            let rule = UpdateRule { momentum, nesterov, decay: learning_rate * problem.optimizer.weight_decay };
            let batches = batch_size.map(|size| Batches::new(seed, problem.data.train.inputs.nrows(), size));
            descend(network, recorder, problem, (learning_rate, steps, rule), batches, start, observer)
        }
        Rule::MomentumFlow { .. } => unreachable!("a problem with momentum flow is not deep linear"),
    }
}

fn descend<W: WeightMatrix>(
    network: &mut LinearNetwork<W>,
    recorder: &Recorder<'_, W::Block>,
    problem: &Problem,
    (learning_rate, steps, rule): (f64, u64, UpdateRule),
    mut batches: Option<Batches>,
    start: Start,
    observer: &mut dyn Observer<W>,
) -> (Vec<Record>, Status) {
    let full_batch = FullBatch::new(&problem.data.train, problem.loss);
    let Start { mut step, mut records, .. } = start;
    loop {
        let time = learning_rate * step as f64;
        let mut backward = network.backward(&Point::OWN, &[]);
        let predictor = network.predictor(&backward);
        if !is_finite(&predictor) {
            return (records, Status::Diverged { step, time });
        }
        if problem.record.at.get(records.len()).is_some_and(|&due| step as f64 >= due) {
            records.push(recorder.record(network, &backward, &predictor, step, time));
        }
        if step == steps {
            return (records, Status::Done);
        }
        let residual = match &mut batches {
            Some(batches) => risk::batch_residual(&problem.data.train, problem.loss, batches.at(step), &predictor),
            None => full_batch.residual(&predictor),
        };
        let forward = network.forward_factors(&residual, &Point::OWN, &[]);
        backward.remove(0);
        network.update(rule, &[(learning_rate, &Factors { backward, forward })]);
        step += 1;
        let progress = Progress {
            step,
            time: learning_rate * step as f64,
            fraction: step as f64 / steps as f64,
            step_size: None,
            records: &records,
        };
        if let Control::Stop = observer.after_step(&progress, network) {
            return (records, Status::Interrupted { step });
        }
    }
}

/// The learning rate above which gradient descent is unstable at initialisation, `2 / (λ_max(Σ) Θ_0 + λ)` with the weight decay
/// λ, for the tangent kernel `Θ_0` per unit of input covariance ([`crate::scaling::Normalized::tangent_kernel`]).
pub fn stable_learning_rate(problem: &Problem, tangent_kernel: f64) -> f64 {
    let (samples, outputs) = problem.data.train.targets.shape();
    // The loss is the mean over samples, or over samples and outputs.
    let share = samples as f64 / problem.loss.denominator(samples, outputs);
    let curvature = share * risk::largest_curvature(&problem.data.train) * tangent_kernel;
    2.0 / (curvature + problem.optimizer.weight_decay)
}
