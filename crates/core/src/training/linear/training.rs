//! Trains a deep linear network by descent or by gradient flow.

use super::{
    flow,
    network::{Factors, LinearNetwork},
    origin::Origin,
    recorder::Recorder,
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
    problem::{Problem, Rule},
    training::{
        batches::Batches,
        descent::{Descend, Steps, descend},
        matrix::LinearLayer,
        progress::{Control, Progress, Start, is_finite},
        risk::{self, FullBatch},
        rule::{Step, UpdateRule},
        run::Training,
        runge_kutta::{Flow, Point},
    },
    trajectory::{Record, Status},
};

/// How the network is trained.
#[derive(Clone, Copy)]
enum Procedure {
    Flow(Flow),
    Descent(Steps),
}

/// A deep linear network in training.
pub struct LinearTraining<'p, W: LinearLayer> {
    problem: &'p Problem,
    /// The network.
    pub network: LinearNetwork<W>,
    recorder: Recorder<'p, W::Block>,
    origin: Origin,
    procedure: Procedure,
    rule: UpdateRule,
    full_batch: FullBatch<'p>,
    batches: Option<Batches>,
}

/// A backward chain and its predictor.
pub(in crate::training) struct Backward<B> {
    chain: Vec<B>,
    predictor: Matrix,
}

impl<'p, W: LinearLayer> LinearTraining<'p, W> {
    /// Prepares for a run that starts from `network`, the network at time 0 (also when the run is then resumed); `seed` keys the
    /// order of minibatches.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a rule that deep linear networks are not trained by.
    pub fn new(problem: &'p Problem, mut network: LinearNetwork<W>, seed: u64) -> Result<Self> {
        let rules = (UpdateRule::of(&problem.optimizer), Steps::of(problem));
        let (procedure, rule) = match (&problem.optimizer.rule, rules) {
            (&Rule::Flow { time, tolerance }, _) => {
                (Procedure::Flow(Flow { horizon: time, tolerance }), UpdateRule::PLAIN)
            }
            (_, (Some(rule), Some(steps))) => (Procedure::Descent(steps), rule),
            _ => return Err(refused(problem.optimizer.obstacles().kind)),
        };
        Ok(Self {
            problem,
            recorder: Recorder::new(problem, &mut network),
            origin: Origin::of(problem, &mut network),
            network,
            procedure,
            rule,
            full_batch: FullBatch::new(&problem.data.train, problem.loss),
            batches: Batches::of(problem, seed),
        })
    }
}

/// Why deep linear networks are not trained by a rule.
fn refused(kind: &str) -> Error {
    Error::Invalid(format!(
        "optimizer.kind = \"{kind}\": deep linear networks are trained by \"gd\", \"momentum\", \"sgd\" or \"flow\""
    ))
}

impl<W: LinearLayer> Training for LinearTraining<'_, W> {
    type Matrix = W;

    fn matrices(&self) -> Vec<&W> {
        self.network.layers.iter().collect()
    }

    fn matrices_mut(&mut self) -> Vec<&mut W> {
        self.network.layers.iter_mut().collect()
    }

    fn run(&mut self, start: Start, observe: &mut dyn FnMut(&Progress<'_>, &[&W]) -> Control) -> (Vec<Record>, Status) {
        match self.procedure {
            Procedure::Flow(flow) => {
                let seen = (&self.recorder, &self.origin);
                flow::integrate(&mut self.network, seen, self.problem, flow, start, observe)
            }
            Procedure::Descent(steps) => {
                let at = &self.problem.record.at;
                descend(self, steps, at, (start.step, start.records), &mut |progress, training| {
                    observe(progress, &training.matrices())
                })
            }
        }
    }
}

impl<W: LinearLayer> Descend for LinearTraining<'_, W> {
    type Evaluation = Backward<W::Block>;
    type Record = Record;

    fn evaluate(&mut self, _: u64) -> Self::Evaluation {
        let chain = self.network.backward(&Point::OWN, &[]);
        Backward { predictor: self.network.predictor(&chain), chain }
    }

    fn is_finite(&mut self, backward: &Self::Evaluation, _: u64, _: f64) -> bool {
        is_finite(&backward.predictor)
    }

    fn record(&mut self, backward: &Self::Evaluation, step: u64, time: f64) -> Record {
        let predictor = self.origin.seen(&backward.predictor);
        self.recorder.record(&mut self.network, &backward.chain, &predictor, step, time)
    }

    fn stop_at(&self, records: &[Record]) -> Option<Status> {
        self.problem.stop_at(records)
    }

    fn update(&mut self, backward: Self::Evaluation, step: Step) {
        let Backward { mut chain, predictor } = backward;
        let predictor = self.origin.seen(&predictor);
        let (samples, loss) = (&self.problem.data.train, self.problem.loss);
        let residual = match &mut self.batches {
            Some(batches) => risk::batch_residual(samples, loss, batches.at(step.taken), &predictor),
            None => self.full_batch.residual(&predictor),
        };
        let forward = self.network.forward_factors(&residual, &Point::OWN, &[]);
        chain.remove(0);
        self.network.update(self.rule.at(step), &[(step.learning_rate, &Factors { backward: chain, forward })]);
    }
}
