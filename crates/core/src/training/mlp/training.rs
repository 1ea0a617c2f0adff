//! Trains a perceptron, or a group of them, with the linearized network beside it and what records are compared with.

use std::borrow::Cow;

use super::{
    baseline::Baseline,
    correction::InitialCorrection,
    flow::{Flowing, integrate},
    linearisation::Linearisation,
    network::{Forward, Inputs, Mlp},
    passes::Passes,
    recorder::{Networks, Recorder},
    rows::repeated,
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
    problem::{Need, Optimizer, Problem, Rule},
    training::{
        batches::Batches,
        descent::{Descend, Steps, descend},
        matrix::{EntryMatrix, NormalizedUpdate, Update},
        progress::{Control, Progress, Start, is_finite},
        rule::{Step, StepRule, UpdateRule},
        run::Training,
        runge_kutta::Flow,
    },
    trajectory::{Record, Status},
};

/// How a perceptron goes from its start to the end of its training.
#[derive(Debug, Clone, Copy)]
pub(super) enum Course<R> {
    Steps { steps: Steps, rule: R },
    Flow(Flow),
}

impl<R> Course<R> {
    /// That of a problem; its rule is given where it trains by steps.
    pub(super) fn of(problem: &Problem, rule: Option<R>) -> Result<Self> {
        match (&problem.optimizer.rule, Steps::of(problem), rule) {
            (&Rule::Flow { time, tolerance }, ..) => Ok(Course::Flow(Flow { horizon: time, tolerance })),
            (_, Some(steps), Some(rule)) => Ok(Course::Steps { steps, rule }),
            _ => Err(refused(&problem.optimizer)),
        }
    }
}

/// A perceptron in training by a rule that its matrices can follow, or by gradient flow.
pub struct MlpTraining<'p, W: EntryMatrix, R = StepRule> {
    pub(super) problem: &'p Problem,
    /// The network.
    pub network: Mlp<W>,
    /// The linearised network, where a quantity asks for it.
    pub linearisation: Option<Linearisation<W>>,
    pub(super) recorder: Recorder<'p, W>,
    course: Course<R>,
    /// Those of each network; none if they are trained on all samples at once.
    batches: Vec<Batches>,
    /// Full batch: the targets of all networks.
    targets: Cow<'p, Matrix>,
    /// Full batch: the training inputs.
    inputs: Option<Inputs<W::Block>>,
    /// Full batch with a linearised network: the pass at θ_0.
    initial_forward: Option<Forward<W::Block>>,
}

impl<'p, W: EntryMatrix + NormalizedUpdate> MlpTraining<'p, W> {
    /// Prepares for a run that starts from `network`, the network at time 0 (also when the run is then resumed); `seed` keys the
    /// order of minibatches.
    ///
    /// # Errors
    /// [`Error::Invalid`]: momentum flow, linearised quantities with weight decay or gradient flow, and quantities that convolutional
    /// networks do not have.
    pub fn new(problem: &'p Problem, network: Mlp<W>, seed: u64) -> Result<Self> {
        Self::prepared(problem, network, Course::of(problem, StepRule::of(&problem.optimizer))?, &[seed])
    }
}

impl<'p, W: EntryMatrix> MlpTraining<'p, W, UpdateRule> {
    /// Does the same by a rule that is linear in past gradients, which matrices of all kinds can follow.
    ///
    /// # Errors
    /// [`Error::Invalid`]: other rules, and linearised quantities with weight decay or gradient flow.
    pub fn linear(problem: &'p Problem, network: Mlp<W>, seed: u64) -> Result<Self> {
        Self::prepared(problem, network, Course::of(problem, UpdateRule::of(&problem.optimizer))?, &[seed])
    }
}

impl<'p, W: EntryMatrix, R: Update<W>> MlpTraining<'p, W, R> {
    /// The same with the seed of every network of a group.
    pub(super) fn prepared(
        problem: &'p Problem,
        mut network: Mlp<W>,
        course: Course<R>,
        seeds: &[u64],
    ) -> Result<Self> {
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
        if let (Some(quantity), Course::Flow(_)) = (linearised, &course) {
            return Err(Error::Invalid(format!(
                "record.quantities: `{}` is of a network that is trained by steps beside its own; use \"gd\", or width inf of the kernel regime",
                quantity.name()
            )));
        }
        problem.check_records_of_lists()?;
        let train = &problem.data.train.inputs;
        let batches: Vec<Batches> = seeds.iter().filter_map(|&seed| Batches::of(problem, seed)).collect();
        let full_batch = batches.is_empty();
        let inputs = full_batch.then(|| network.inputs(train));
        let compared = Baseline::<W>::needs_pass(problem);
        let initial_forward = (compared || full_batch && linearised.is_some()).then(|| network.forward(train));
        let correction = InitialCorrection::of(problem, &mut network);
        let baseline = Baseline::of(&mut network, initial_forward.as_ref(), &correction, problem);
        Ok(Self {
            problem,
            linearisation: linearised.map(|_| Linearisation::new(&network)),
            recorder: Recorder { problem, baseline, correction },
            network,
            course,
            batches,
            targets: repeated(&problem.data.train.targets, seeds.len()),
            inputs,
            initial_forward: initial_forward.filter(|_| full_batch && linearised.is_some()),
        })
    }
}

/// Why perceptrons of finite width are not trained by an optimizer.
fn refused(optimizer: &Optimizer) -> Error {
    let obstacles = optimizer.obstacles();
    let reason = obstacles.perceptron.or(obstacles.explored_matrices).unwrap_or(" does not train perceptrons");
    Error::Invalid(format!("optimizer.kind = \"{}\"{reason}", obstacles.kind))
}

impl<W: EntryMatrix, R: Update<W>> Training for MlpTraining<'_, W, R> {
    type Matrix = W;

    /// Those of the network, then the tangents.
    fn matrices(&self) -> Vec<&W> {
        let tangents = self.linearisation.iter().flat_map(|linearisation| linearisation.tangents().matrices());
        self.network.matrices().chain(tangents).collect()
    }

    fn matrices_mut(&mut self) -> Vec<&mut W> {
        let tangents =
            self.linearisation.iter_mut().flat_map(|linearisation| linearisation.tangents_mut().matrices_mut());
        self.network.matrices_mut().chain(tangents).collect()
    }

    fn run(&mut self, start: Start, observe: &mut dyn FnMut(&Progress<'_>, &[&W]) -> Control) -> (Vec<Record>, Status) {
        match self.course {
            Course::Flow(flow) => integrate(self, flow, start, observe),
            Course::Steps { steps, rule } => {
                let at = &self.problem.record.at;
                let mut stepping = Stepping { training: self, rule };
                descend(&mut stepping, steps, at, (start.step, start.records), &mut |progress, stepping| {
                    observe(progress, &stepping.training.matrices())
                })
            }
        }
    }
}

impl<'p, W: EntryMatrix, R> MlpTraining<'p, W, R> {
    /// The rows of a step's samples among the stacked ones, N P × d, where i P + p is sample p as network i sees it; none of a full batch.
    fn batch_rows(&mut self, step: u64) -> Option<Vec<usize>> {
        let samples = self.problem.data.train.inputs.nrows();
        let of_network = |(i, batches): (usize, &mut Batches)| {
            batches.at(step).iter().map(|row| i * samples + row).collect::<Vec<usize>>()
        };
        (!self.batches.is_empty()).then(|| self.batches.iter_mut().enumerate().flat_map(of_network).collect())
    }

    fn networks(&mut self) -> (&mut Recorder<'p, W>, Networks<'_, W>) {
        let networks = Networks { network: &mut self.network, linearisation: self.linearisation.as_mut() };
        (&mut self.recorder, networks)
    }

    /// Records everything asked for of every network of a group.
    pub(super) fn take_records(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Vec<Record> {
        let (recorder, networks) = self.networks();
        recorder.records(networks, passes, step, time)
    }

    /// Passes of the samples of a step through the network as it is.
    pub(super) fn evaluate(&mut self, step: u64) -> Passes<W::Block> {
        let train = &self.problem.data.train;
        let rows = self.batch_rows(step);
        let rows = rows.as_deref();
        let targets = rows.map(|rows| self.targets.select_rows(rows));
        let batch = rows.map(|rows| {
            let samples: Vec<usize> = rows.iter().map(|row| row % train.inputs.nrows()).collect();
            train.inputs.select_rows(&samples)
        });
        let inputs = match (&batch, &self.inputs) {
            (None, Some(inputs)) => inputs.clone(),
            _ => self.network.own_inputs(batch.as_ref().unwrap_or(&train.inputs)),
        };
        let mut forward = self.network.forward_from(inputs);
        let (initial_forward, correction) = (&self.initial_forward, &self.recorder.correction);
        forward.outputs = correction.on_train(forward.outputs, rows);
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

    pub(super) fn record(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Record {
        let (recorder, networks) = self.networks();
        recorder.record(networks, passes, step, time)
    }

    /// Takes one step by a rule.
    pub(super) fn step(&mut self, passes: Passes<W::Block>, rule: impl Update<W>, step: Step) {
        let Passes { forward, linearised, targets } = passes;
        let targets = targets.as_ref().unwrap_or(&self.targets);
        let (loss, networks) = (self.problem.loss, self.network.networks());
        let gradient = |outputs| loss.gradient_of_group(outputs, targets, networks);
        if let Some(lowest) = self.network.lowest_learning() {
            let signals = self.network.backward(&forward, &gradient(&forward.outputs).transpose(), lowest);
            self.network.update(rule, step, &forward, lowest, &signals);
        }
        if let (Some(linearisation), Some((initial, outputs))) = (&mut self.linearisation, &linearised) {
            linearisation.update(rule, step, initial, &gradient(outputs));
        }
    }
}

impl<W: EntryMatrix, R> Flowing for MlpTraining<'_, W, R> {
    type Matrix = W;

    fn problem(&self) -> &Problem {
        self.problem
    }

    fn network(&mut self) -> &mut Mlp<W> {
        &mut self.network
    }

    fn evaluate(&mut self, step: u64) -> Passes<W::Block> {
        MlpTraining::evaluate(self, step)
    }

    fn corrected(&self, outputs: Matrix) -> Matrix {
        self.recorder.correction.on_train(outputs, None)
    }

    fn record(&mut self, passes: &Passes<W::Block>, step: u64, time: f64) -> Record {
        MlpTraining::record(self, passes, step, time)
    }
}

/// A perceptron that descends by a rule.
struct Stepping<'a, 'p, W: EntryMatrix, R> {
    training: &'a mut MlpTraining<'p, W, R>,
    rule: R,
}

impl<W: EntryMatrix, R: Update<W>> Descend for Stepping<'_, '_, W, R> {
    type Evaluation = Passes<W::Block>;
    type Record = Record;

    fn evaluate(&mut self, step: u64) -> Self::Evaluation {
        self.training.evaluate(step)
    }

    /// The linearised network may diverge where the network does not (docs/theory/ntk.md §7).
    fn is_finite(&mut self, passes: &Self::Evaluation, _: u64, _: f64) -> bool {
        is_finite(&passes.forward.outputs)
    }

    fn record(&mut self, passes: &Self::Evaluation, step: u64, time: f64) -> Record {
        self.training.record(passes, step, time)
    }

    fn stop_at(&self, records: &[Record]) -> Option<Status> {
        self.training.problem.stop_at(records)
    }

    fn update(&mut self, passes: Self::Evaluation, step: Step) {
        self.training.step(passes, self.rule, step);
    }
}
