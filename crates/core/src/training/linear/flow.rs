//! Gradient flow `dW/dt = −ρ ∂R/∂W − λ W` by the Cash–Karp embedded Runge–Kutta pair of orders 5(4).
//!
//! Every stage derivative is a multiple of the weights plus outer products met so far, so a stage is a [`Point`]: nothing
//! of the size of a weight matrix is copied. The step is chosen so that the predictors of the two orders, and what weight
//! decay leaves of the weights, differ together by at most the tolerance, or by the rounding errors measured at the step where
//! those are larger. (J. R. Cash, A. H. Karp, ACM TOMS 16, 1990.)

use super::{
    network::{Factors, LinearNetwork, Point},
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
    },
    trajectory::{Record, Status},
};

const STAGES: usize = 6;
const A: [[f64; 5]; STAGES] = [
    [0.0; 5],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0],
    [3.0 / 10.0, -9.0 / 10.0, 6.0 / 5.0, 0.0, 0.0],
    [-11.0 / 54.0, 5.0 / 2.0, -70.0 / 27.0, 35.0 / 27.0, 0.0],
    [1631.0 / 55296.0, 175.0 / 512.0, 575.0 / 13824.0, 44275.0 / 110592.0, 253.0 / 4096.0],
];
const ORDER_5: [f64; STAGES] = [37.0 / 378.0, 0.0, 250.0 / 621.0, 125.0 / 594.0, 0.0, 512.0 / 1771.0];
const ORDER_4: [f64; STAGES] =
    [2825.0 / 27648.0, 0.0, 18575.0 / 48384.0, 13525.0 / 55296.0, 277.0 / 14336.0, 1.0 / 4.0];

/// Rounding is probed at weights scaled by this, where the predictor is known to be `PROBE^(L+1) β`.
const PROBE: f64 = 1.001;

/// The risk of the predictor that is trained.
struct Risk<'a> {
    batch: FullBatch<'a>,
    origin: &'a Origin,
}

/// Coefficients of a derivative in terms of the weights and of the products.
type Derivative = (f64, Vec<f64>);

fn combine(step: f64, coefficients: &[f64], derivatives: &[Derivative]) -> Point {
    let mut point = Point { weights: 1.0, products: vec![0.0; derivatives.len()] };
    for (coefficient, (weights, products)) in coefficients.iter().zip(derivatives) {
        point.weights += step * coefficient * weights;
        for (sum, product) in point.products.iter_mut().zip(products) {
            *sum += step * coefficient * product;
        }
    }
    point
}

/// How far to integrate, and how exactly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) horizon: f64,
    pub(super) tolerance: f64,
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
    let Start { mut step, mut time, step_size, mut records } = start;
    let mut proposal = step_size.unwrap_or(horizon * 1e-3);
    loop {
        let backward = network.backward(&Point::OWN, &[]);
        let predictor = network.predictor(&backward);
        if !is_finite(&predictor) {
            return (records, Status::Diverged { step, time });
        }
        if let Some(&due) = problem.record.at.get(records.len())
            && time >= due
        {
            records.push(recorder.record(network, &backward, &origin.seen(&predictor), step, time));
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
            let step_size = proposal.min(next - time);
            // A step that time cannot resolve: the derivative is not finite.
            if step_size <= (16.0 * f64::EPSILON * time).max(f64::MIN_POSITIVE) && step_size < next - time {
                return (records, Status::Diverged { step, time });
            }
            factors.truncate(1);
            let derivatives = stages(network, &risk, problem.optimizer.weight_decay, step_size, &mut factors);
            let high = combine(step_size, &ORDER_5, &derivatives);
            let low = combine(step_size, &ORDER_4, &derivatives);
            let difference = {
                let high = network.backward(&high, &factors);
                let low = network.backward(&low, &factors);
                (network.predictor(&high) - network.predictor(&low)).norm()
            };
            // The predictor may not feel the weights (β = 0); their decay always shows in their own coefficient.
            let decay = (high.weights - low.weights).abs();
            // A sum, because a trial step that overflows to NaN must be rejected and `max` would drop the NaN.
            let error = (difference + decay) / tolerance;
            let factor = if error.is_finite() { (0.9 * error.powf(-0.2)).clamp(0.2, 5.0) } else { 0.1 };
            if error <= 1.0 {
                let terms: Vec<_> = high.products.iter().map(|c| -c).zip(&factors).collect();
                network.update(UpdateRule { decay: 1.0 - high.weights, ..UpdateRule::PLAIN }, &terms);
                let reached = step_size >= next - time;
                time = if reached { next } else { time + step_size };
                // A step cut short by a record says nothing about the step the error would have allowed.
                proposal = if reached { proposal.max(step_size * factor) } else { step_size * factor };
                break;
            }
            proposal = step_size * factor.min(0.9);
        }
        step += 1;
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
) -> Vec<Derivative> {
    let derivative = |point: &Point, stage: usize| {
        let mut products = vec![0.0; STAGES];
        for (product, coefficient) in products.iter_mut().zip(&point.products) {
            *product = -weight_decay * coefficient;
        }
        products[stage] -= 1.0;
        (-weight_decay * point.weights, products)
    };
    let mut derivatives = vec![derivative(&Point::OWN, 0)];
    for (stage, row) in A.iter().enumerate().skip(1) {
        let point = combine(step_size, row, &derivatives);
        let chain = network.backward(&point, factors);
        let predictor = network.predictor(&chain);
        let forward = forward(network, risk, &predictor, &point, factors);
        factors.push(Factors { forward, backward: after(chain) });
        derivatives.push(derivative(&point, stage));
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
