//! Gradient flow of deep linear networks, `dW/dt = −ρ ∂R/∂W − λ W`.
//!
//! Every stage of [`runge_kutta`](crate::training::runge_kutta) is a [`Point`] in terms of the weights and of outer products: nothing
//! of the size of a weight matrix is copied. The step is chosen so that the predictors of the two orders, and what weight
//! decay leaves of the weights, differ together by at most the tolerance, or by the rounding errors measured at the step where
//! those are larger.

use super::{
    network::{Factors, LinearNetwork},
    origin::Origin,
    recorder::Recorder,
};
use crate::{
    matrix::Matrix,
    problem::Problem,
    training::{
        matrix::{LinearLayer, WeightMatrix},
        progress::{Control, Progress, Start, is_finite},
        risk::FullBatch,
        rule::UpdateRule,
        runge_kutta::{A, Clock, Flow, ORDER_4, ORDER_5, Point},
    },
    trajectory::{Record, Status},
};

/// Rounding is probed at weights scaled by this, where the predictor is known to be `PROBE^(L+1) β`.
const PROBE: f64 = 1.001;

/// The risk of the predictor that is trained.
struct Risk<'a> {
    batch: FullBatch<'a>,
    origin: &'a Origin,
}

/// Integrates to the horizon. `observe` is called after every step with the weight matrices.
pub(super) fn integrate<W: LinearLayer>(
    network: &mut LinearNetwork<W>,
    (recorder, origin): (&Recorder<'_, W::Block>, &Origin),
    problem: &Problem,
    Flow { horizon, tolerance }: Flow,
    start: Start,
    observe: &mut dyn FnMut(&Progress<'_>, &[&W]) -> Control,
) -> (Vec<Record>, Status) {
    let risk = Risk { batch: FullBatch::new(&problem.data.train, problem.loss), origin };
    let Start { mut step, time, step_size, mut records } = start;
    let mut clock = Clock { time, proposal: step_size.unwrap_or(horizon * 1e-3) };
    loop {
        let backward = network.backward(&Point::OWN, &[]);
        let predictor = network.predictor(&backward);
        if !is_finite(&predictor) {
            return (records, Status::Diverged { step, time: clock.time });
        }
        if let Some(&due) = problem.record.at.get(records.len())
            && clock.time >= due
        {
            records.push(recorder.record(network, &backward, &origin.seen(&predictor), step, clock.time));
            if let Some(stopped) = problem.stop_at(&records) {
                return (records, stopped);
            }
            continue;
        }
        let Some(&next) = problem.record.at.get(records.len()) else {
            return (records, Status::Done);
        };
        let tolerance = tolerance.max(8.0 * rounding(network, &predictor));
        let first =
            Factors { forward: forward(network, &risk, &predictor, &Point::OWN, &[]), backward: after(backward) };
        let mut factors = vec![first];
        loop {
            let Some(step_size) = clock.step(next) else {
                return (records, Status::Diverged { step, time: clock.time });
            };
            factors.truncate(1);
            let derivatives = stages(network, &risk, problem.optimizer.weight_decay, step_size, &mut factors);
            let high = Point::combined(step_size, &ORDER_5, &derivatives);
            let low = Point::combined(step_size, &ORDER_4, &derivatives);
            let difference = {
                let high = network.backward(&high, &factors);
                let low = network.backward(&low, &factors);
                (network.predictor(&high) - network.predictor(&low)).norm()
            };
            // The predictor may not feel the weights (β = 0); their decay always shows in their own coefficient.
            let decay = (high.weights - low.weights).abs();
            // A sum, because a trial step that overflows to NaN must be rejected and `max` would drop the NaN.
            let error = (difference + decay) / tolerance;
            if clock.accepts(step_size, next, error) {
                let terms: Vec<_> = high.products.iter().map(|c| -c).zip(&factors).collect();
                network.update(UpdateRule { decay: 1.0 - high.weights, ..UpdateRule::PLAIN }, &terms);
                break;
            }
        }
        step += 1;
        let Clock { time, proposal } = clock;
        let progress = Progress { step, time, fraction: time / horizon, step_size: Some(proposal), records: &records };
        if let Control::Stop = observe(&progress, &network.layers.iter().collect::<Vec<_>>()) {
            return (records, Status::Interrupted { step });
        }
    }
}

/// Size of the rounding errors in the predictor, below which no step can be judged.
fn rounding<W: WeightMatrix>(network: &mut LinearNetwork<W>, predictor: &Matrix) -> f64 {
    let chain = network.backward(&Point { weights: PROBE, products: Vec::new() }, &[]);
    let expected = predictor * PROBE.powi(network.layers.len() as i32);
    (network.predictor(&chain) - expected).norm()
}

/// Derivatives of all stages; pushes the factors of stages 2 … 6.
fn stages<W: WeightMatrix>(
    network: &mut LinearNetwork<W>,
    risk: &Risk<'_>,
    weight_decay: f64,
    step_size: f64,
    factors: &mut Vec<Factors<W::Block>>,
) -> Vec<Point> {
    let mut derivatives = vec![Point::OWN.derivative(weight_decay, 0)];
    for (stage, row) in A.iter().enumerate().skip(1) {
        let point = Point::combined(step_size, row, &derivatives);
        let chain = network.backward(&point, factors);
        let predictor = network.predictor(&chain);
        let forward = forward(network, risk, &predictor, &point, factors);
        factors.push(Factors { forward, backward: after(chain) });
        derivatives.push(point.derivative(weight_decay, stage));
    }
    derivatives
}

fn forward<W: WeightMatrix>(
    network: &mut LinearNetwork<W>,
    risk: &Risk<'_>,
    predictor: &Matrix,
    point: &Point,
    factors: &[Factors<W::Block>],
) -> Vec<W::Block> {
    network.forward_factors(&risk.batch.residual(&risk.origin.seen(predictor)), point, factors)
}

/// `G_1 … G_{L+1}` of a whole chain `G_0 … G_{L+1}`.
fn after<B>(mut chain: Vec<B>) -> Vec<B> {
    chain.remove(0);
    chain
}
