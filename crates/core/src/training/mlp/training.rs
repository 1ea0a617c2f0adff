//! A perceptron in training, or a group of them, with the linearised network beside it and what records are compared with.

use std::borrow::Cow;

use super::{
    Forward, Linearisation, Mlp, NeuronMatrix, correction::InitialCorrection, group::repeated, recorder::Baseline,
};
use crate::{
    Error, Matrix, Problem, Result,
    problem::Need,
    training::{
        Batches, Control, Progress, Start,
        descent::{Descend, Steps, descend},
        is_finite,
        weights::StepRule,
    },
    trajectory::{Record, Status},
};

/// A perceptron in training.
pub struct MlpTraining<'p, W: NeuronMatrix> {
    pub(super) problem: &'p Problem,
    /// The network.
    pub network: Mlp<W>,
    /// The linearised network, where a quantity asks for it.
    pub linearisation: Option<Linearisation<W>>,
    pub(super) baseline: Baseline<W>,
    pub(super) correction: InitialCorrection,
    pub(super) steps: Steps,
    rule: StepRule,
    /// Those of each network; none if they are trained on all samples at once.
    batches: Vec<Batches>,
    /// Full batch: the targets of all networks.
    targets: Cow<'p, Matrix>,
    /// Full batch: the training inputs and the row of ones.
    inputs: Option<(W::Block, W::Block)>,
    /// Full batch with a linearised network: the pass at θ_0.
    initial_forward: Option<Forward<W::Block>>,
}

/// Passes of the samples of a step; their outputs are corrected where the problem's are.
pub(in crate::training) struct Passes<B> {
    pub(super) forward: Forward<B>,
    /// The pass at θ_0 and `f_lin`.
    pub(super) linearised: Option<(Forward<B>, Matrix)>,
    /// Their targets, of minibatches.
    targets: Option<Matrix>,
}

impl<B> Passes<B> {
    /// Whether these are passes of all training samples.
    pub(super) fn is_full_batch(&self) -> bool {
        self.targets.is_none()
    }
}

impl<'p, W: NeuronMatrix> MlpTraining<'p, W> {
    /// Prepares for a run that starts from `network`, the network at time 0 (also when the run is then resumed); `seed` keys the
    /// order of minibatches.
    ///
    /// # Errors
    /// [`Error::Invalid`]: gradient flow, and linearised quantities with weight decay.
    pub fn new(problem: &'p Problem, network: Mlp<W>, seed: u64) -> Result<Self> {
        Self::with_seeds(problem, network, &[seed])
    }

    /// The same with the seed of every network of a group.
    pub(super) fn with_seeds(problem: &'p Problem, mut network: Mlp<W>, seeds: &[u64]) -> Result<Self> {
        let (Some(steps), Some(rule)) = (Steps::of(problem), StepRule::of(&problem.optimizer)) else {
            let obstacles = problem.optimizer.obstacles();
            return Err(Error::Invalid(format!(
                "optimizer.kind = \"{}\"{}",
                obstacles.kind,
                obstacles.perceptron.unwrap_or(": perceptrons of finite width are trained by steps")
            )));
        };
        let linearised = problem.record.quantities.iter().find(|quantity| quantity.needs(Need::Linearization));
        if let Some(quantity) = linearised
            && problem.optimizer.weight_decay > 0.0
        {
            return Err(Error::Invalid(format!(
                "record.quantities: `{}` needs the network linearised at its start, which weight decay ({}) leaves; use \
                 optimizer.weight_decay = 0",
                quantity.name(),
                problem.optimizer.weight_decay
            )));
        }
        let train = &problem.data.train.inputs;
        let batches: Vec<Batches> = seeds.iter().filter_map(|&seed| Batches::of(problem, seed)).collect();
        let full_batch = batches.is_empty();
        let inputs = full_batch.then(|| network.input_blocks(train));
        let compared = Baseline::<W>::needs_pass(problem);
        let initial_forward = (compared || full_batch && linearised.is_some()).then(|| network.forward(train));
        let correction = InitialCorrection::of(problem, &mut network);
        let baseline = Baseline::of(&mut network, initial_forward.as_ref(), &correction, problem);
        Ok(Self {
            problem,
            linearisation: linearised.map(|_| Linearisation::new(&network)),
            correction,
            network,
            baseline,
            steps,
            rule,
            batches,
            targets: repeated(&problem.data.train.targets, seeds.len()),
            inputs,
            initial_forward: initial_forward.filter(|_| full_batch && linearised.is_some()),
        })
    }

    /// Trains and records what the problem asks for. A run that diverges returns what was recorded before. `observe` is called after every
    /// step and may stop the run.
    pub fn run(
        &mut self,
        start: Start,
        observe: &mut dyn FnMut(&Progress<'_>, &mut Self) -> Control,
    ) -> (Vec<Record>, Status) {
        let (problem, steps) = (self.problem, self.steps);
        descend(self, steps, &problem.record.at, (start.step, start.records), observe)
    }

    /// The rows of a step's samples among the stacked ones, N P × d, where i P + p is sample p as network i sees it; none of a full batch.
    fn batch_rows(&mut self, step: u64) -> Option<Vec<usize>> {
        let samples = self.problem.data.train.inputs.nrows();
        let of_network = |(i, batches): (usize, &mut Batches)| {
            batches.at(step).iter().map(|row| i * samples + row).collect::<Vec<usize>>()
        };
        (!self.batches.is_empty()).then(|| self.batches.iter_mut().enumerate().flat_map(of_network).collect())
    }

    /// Every matrix of the run's state: those of the network, then the tangents.
    pub fn matrices(&self) -> Vec<&W> {
        let tangents = self.linearisation.iter().flat_map(|linearisation| linearisation.tangents().matrices());
        self.network.matrices().chain(tangents).collect()
    }

    /// The same, to be changed.
    pub fn matrices_mut(&mut self) -> Vec<&mut W> {
        let tangents =
            self.linearisation.iter_mut().flat_map(|linearisation| linearisation.tangents_mut().matrices_mut());
        self.network.matrices_mut().chain(tangents).collect()
    }
}

impl<W: NeuronMatrix> Descend for MlpTraining<'_, W> {
    type Evaluation = Passes<W::Block>;
    type Record = Record;

    fn evaluate(&mut self, step: u64) -> Self::Evaluation {
        let train = &self.problem.data.train;
        let rows = self.batch_rows(step);
        let rows = rows.as_deref();
        let targets = rows.map(|rows| self.targets.select_rows(rows));
        let batch = rows.map(|rows| {
            let samples: Vec<usize> = rows.iter().map(|row| row % train.inputs.nrows()).collect();
            train.inputs.select_rows(&samples)
        });
        let (inputs, ones) = match (&batch, &self.inputs) {
            (None, Some(blocks)) => blocks.clone(),
            _ => self.network.own_input_blocks(batch.as_ref().unwrap_or(&train.inputs)),
        };
        let mut forward = self.network.forward_from(inputs, ones);
        forward.outputs = self.correction.on_train(forward.outputs, rows);
        let (initial_forward, correction) = (&self.initial_forward, &self.correction);
        let linearised = self.linearisation.as_mut().map(|linearisation| {
            let initial = match (&batch, initial_forward) {
                (None, Some(forward)) => forward.clone(),
                _ => linearisation.initial_forward(batch.as_ref().unwrap_or(&train.inputs)),
            };
            let outputs = linearisation.outputs_from(&initial);
            (initial, correction.on_train(outputs, rows))
        });
        Passes { forward, linearised, targets }
    }

    /// The linearised network may diverge where the network does not (docs/theory/ntk.md §7).
    fn is_finite(&mut self, passes: &Self::Evaluation, _: u64, _: f64) -> bool {
        is_finite(&passes.forward.outputs)
    }

    fn record(&mut self, passes: &Self::Evaluation, step: u64, time: f64) -> Record {
        self.take_record(passes, step, time)
    }

    fn update(&mut self, passes: Self::Evaluation, learning_rate: f64) {
        let Passes { forward, linearised, targets } = passes;
        let targets = targets.as_ref().unwrap_or(&self.targets);
        let (loss, networks) = (self.problem.loss, self.network.networks());
        let gradient = |outputs| loss.gradient_of_group(outputs, targets, networks);
        if let Some(lowest) = self.network.lowest_learning() {
            let signals = self.network.backward(&forward, &gradient(&forward.outputs).transpose(), lowest);
            self.network.update(self.rule, learning_rate, &forward, lowest, &signals);
        }
        if let (Some(linearisation), Some((initial, outputs))) = (&mut self.linearisation, &linearised) {
            linearisation.update(self.rule, learning_rate, initial, &gradient(outputs));
        }
    }
}
