//! Gradient flow of perceptrons, `dW/dt = −ρ ∂R/∂W − λ W`, by the Runge–Kutta pair of deep linear networks.
//!
//! A stage is a copy of the network moved along the gradients met so far; copies share what is known of W_0 where matrices are known by their
//! responses. The step is chosen so that the outputs of the two orders on the training inputs, and what weight decay leaves of the weights,
//! differ together by at most the tolerance; or by rounding, or by what probes leave out, where those are larger.

use super::{
    network::{Forward, Mlp},
    passes::Passes,
};
use crate::{
    matrix::Matrix,
    problem::Problem,
    training::{
        matrix::{EntryMatrix, Explored, WeightMatrix},
        progress::{Control, Progress, Start, is_finite},
        rule::{Step, UpdateRule},
        runge_kutta::{A, Clock, Flow, ORDER_4, ORDER_5, Point},
    },
    trajectory::{Record, Status},
};

/// Share of what probes leave out that a step may have as its error.
const LEFT_OUT: f64 = 0.1;
/// Roundings of entries, in units of outputs or targets, that a step may have as its error: six stages round an update each, forwards and
/// backwards.
const ROUNDINGS: f64 = 32.0;

/// What gradient flow asks of a perceptron and of the records taken of it.
pub(super) trait Flowing {
    type Matrix: EntryMatrix;

    fn problem(&self) -> &Problem;

    /// The network as it is.
    fn network(&mut self) -> &mut Mlp<Self::Matrix>;

    /// Passes of all training samples through it.
    fn evaluate(&mut self, step: u64) -> Passes<BlockOf<Self>>;

    /// Outputs on the training inputs, corrected where the problem's are.
    fn corrected(&self, outputs: Matrix) -> Matrix;

    /// Records everything the problem asks for.
    fn record(&mut self, passes: &Passes<BlockOf<Self>>, step: u64, time: f64) -> Record;
}

type BlockOf<F> = <<F as Flowing>::Matrix as WeightMatrix>::Block;

/// A gradient at one point: what an update takes.
struct Slope<B> {
    forward: Forward<B>,
    lowest: usize,
    signals: Vec<B>,
}

/// Integrates to the horizon. `observe` is called after every step with the matrices.
pub(super) fn integrate<F: Flowing>(
    training: &mut F,
    Flow { horizon, tolerance }: Flow,
    start: Start,
    observe: &mut dyn FnMut(&Progress<'_>, &[&F::Matrix]) -> Control,
) -> (Vec<Record>, Status) {
    let decay = training.problem().optimizer.weight_decay;
    let at = training.problem().record.at.clone();
    let Start { mut step, time, step_size, mut records } = start;
    let mut clock = Clock { time, proposal: step_size.unwrap_or(horizon * 1e-3) };
    loop {
        let passes = training.evaluate(step);
        if !is_finite(&passes.forward.outputs) {
            return (records, Status::Diverged { step, time: clock.time });
        }
        if let Some(&due) = at.get(records.len())
            && clock.time >= due
        {
            records.push(training.record(&passes, step, clock.time));
            if let Some(stopped) = training.problem().stop_at(&records) {
                return (records, stopped);
            }
            continue;
        }
        let Some(&next) = at.get(records.len()) else {
            return (records, Status::Done);
        };
        let outputs = passes.forward.outputs.clone();
        let mut base = training.network().clone();
        let mut slopes = vec![slope(training, &mut base, passes.forward)];
        let allowed = tolerance.max(noise(training, &base, &outputs));
        loop {
            let Some(step_size) = clock.step(next) else {
                return (records, Status::Diverged { step, time: clock.time });
            };
            slopes.truncate(1);
            let mut derivatives = vec![Point::OWN.derivative(decay, 0)];
            for (stage, row) in A.iter().enumerate().skip(1) {
                let point = Point::combined(step_size, row, &derivatives);
                let mut moved = moved(&base, &point, &slopes);
                let forward = forward(training, &mut moved);
                let slope = slope(training, &mut moved, forward);
                slopes.push(slope);
                derivatives.push(point.derivative(decay, stage));
            }
            let orders = [&ORDER_5, &ORDER_4].map(|order| Point::combined(step_size, order, &derivatives));
            let [mut high, mut low] = [&orders[0], &orders[1]].map(|point| moved(&base, point, &slopes));
            let difference = (forward(training, &mut high).outputs - forward(training, &mut low).outputs).norm();
            let of_decay = (orders[0].weights - orders[1].weights).abs();
            // A sum, because a trial step that overflows to NaN must be rejected and `max` would drop the NaN.
            if clock.accepts(step_size, next, (difference + of_decay) / allowed) {
                *training.network() = high;
                break;
            }
        }
        step += 1;
        let Clock { time, proposal } = clock;
        let progress = Progress { step, time, fraction: time / horizon, step_size: Some(proposal), records: &records };
        let matrices: Vec<&F::Matrix> = training.network().matrices().collect();
        if let Control::Stop = observe(&progress, &matrices) {
            return (records, Status::Interrupted { step });
        }
    }
}

/// A pass of the training inputs, corrected where the problem's are.
fn forward<F: Flowing>(training: &F, network: &mut Mlp<F::Matrix>) -> Forward<BlockOf<F>> {
    let mut forward = network.forward(&training.problem().data.train.inputs);
    forward.outputs = training.corrected(forward.outputs);
    forward
}

fn slope<F: Flowing>(training: &F, network: &mut Mlp<F::Matrix>, forward: Forward<BlockOf<F>>) -> Slope<BlockOf<F>> {
    let problem = training.problem();
    let gradient = problem.loss.gradient_of_group(&forward.outputs, &problem.data.train.targets, 1);
    let lowest = network.lowest_learning();
    let signals = lowest.map(|lowest| network.backward(&forward, &gradient.transpose(), lowest));
    Slope { forward, lowest: lowest.unwrap_or(0), signals: signals.unwrap_or_default() }
}

/// The network at a point.
fn moved<W: EntryMatrix>(base: &Mlp<W>, point: &Point, slopes: &[Slope<W::Block>]) -> Mlp<W> {
    let mut network = base.clone();
    let mut decay = 1.0 - point.weights;
    for (coefficient, Slope { forward, lowest, signals }) in point.products.iter().zip(slopes) {
        if *coefficient != 0.0 || decay != 0.0 {
            let step = Step { taken: 0, learning_rate: -coefficient, scale: 1.0 };
            network.update(UpdateRule { decay, ..UpdateRule::PLAIN }, step, forward, *lowest, signals);
            decay = 0.0;
        }
    }
    network
}

/// Errors of outputs that no step can be judged below: by rounding, and by what probes have left out.
fn noise<F: Flowing>(training: &F, base: &Mlp<F::Matrix>, outputs: &Matrix) -> f64 {
    let epsilon = base.matrices().map(EntryMatrix::epsilon).fold(0.0, f64::max);
    let explored = base.matrices().filter_map(Explored::exploration);
    let truncation = explored.map(|explored| explored.truncation).fold(0.0, f64::max);
    let size = outputs.norm().max(training.problem().data.train.targets.norm());
    (ROUNDINGS * epsilon).max(LEFT_OUT * truncation) * size
}
