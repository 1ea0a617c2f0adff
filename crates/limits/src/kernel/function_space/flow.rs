//! Integrates gradient flow and momentum flow in function space by the embedded Runge–Kutta pair of Dormand and Prince, 5(4).
//!
//! J. R. Dormand, P. J. Prince, "A family of embedded Runge-Kutta formulae" (1980). Steps end at every moment asked for; the last
//! stage of a step is the first of the next.

use widenet_core::{
    Matrix,
    training::{Control, is_finite},
};

use super::{
    dynamics::Flow,
    run::{End, Run},
};

/// Coefficients of the stages; the last row gives the fifth-order result.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Fifth-order weights minus those of fourth order.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// z, and with friction z'.
type State = Vec<Matrix>;

pub(super) fn run(
    run: &Run<'_>,
    flow: &Flow,
    moments: &[f64],
    visit: &mut dyn FnMut(usize, &Matrix, &Matrix),
    watch: &mut dyn FnMut(f64) -> Control,
) -> End {
    let slope = |state: &State| -> State {
        let gradient = run.gradient.full(&run.outputs(&state[0]));
        match flow.friction {
            None => vec![gradient],
            Some(friction) => vec![state[1].clone(), gradient - &state[1] * (2.0 * friction)],
        }
    };
    let zero = Matrix::zeros(run.start.nrows(), run.start.ncols());
    let mut state = vec![zero; if flow.friction.is_some() { 2 } else { 1 }];
    let mut first = slope(&state);
    let (mut time, mut accepted) = (0.0, 0);
    let horizon = moments.iter().map(|moment| flow.optimizer.time(*moment)).fold(0.0, f64::max);
    let mut proposed = horizon;
    for (due, moment) in moments.iter().enumerate() {
        let goal = flow.optimizer.time(*moment);
        while time < goal {
            let last = proposed >= goal - time;
            let step = if last { goal - time } else { proposed };
            let (next, next_first, error) = attempt(&state, &first, step, &slope);
            let size = norm(&next).max(step * norm(&first));
            let ratio = error / (flow.tolerance * size.max(f64::MIN_POSITIVE));
            if ratio <= 1.0 {
                (state, first) = (next, next_first);
                accepted += 1;
                time = if last { goal } else { time + step };
                if watch(time / horizon) == Control::Stop {
                    return End::Stopped { step: accepted };
                }
            }
            // A trial step that overflows gives NaN and is rejected too.
            let factor = if ratio.is_finite() { 0.9 * ratio.max(1e-10).powf(-0.2) } else { 0.1 };
            let next_step = step * factor.clamp(0.1, 5.0);
            // A step cut short by a moment says nothing against a longer one.
            proposed = if ratio <= 1.0 && last { next_step.max(proposed.min(horizon)) } else { next_step };
            if proposed <= f64::EPSILON * goal {
                return End::Diverged { step: accepted, time };
            }
        }
        let outputs = run.outputs(&state[0]);
        if !is_finite(&outputs) {
            return End::Diverged { step: accepted, time };
        }
        visit(due, &state[0], &outputs);
    }
    End::Done
}

/// One trial step: the state behind it, the slope there, and the norm of the error estimate.
fn attempt(state: &State, first: &State, step: f64, slope: &dyn Fn(&State) -> State) -> (State, State, f64) {
    let mut slopes = vec![first.clone()];
    let mut next = state.clone();
    for weights in STAGES {
        next.clone_from(state);
        for (weight, slope) in weights.iter().zip(&slopes).filter(|(weight, _)| **weight != 0.0) {
            add(&mut next, step * weight, slope);
        }
        slopes.push(slope(&next));
    }
    let mut error: State = state.iter().map(|part| part * 0.0).collect();
    for (weight, slope) in ERROR.iter().zip(&slopes) {
        add(&mut error, step * weight, slope);
    }
    let last = slopes.swap_remove(STAGES.len());
    (next, last, norm(&error))
}

fn add(state: &mut State, factor: f64, slope: &State) {
    for (part, slope) in state.iter_mut().zip(slope) {
        part.zip_apply(slope, |x, k| *x += factor * k);
    }
}

fn norm(state: &State) -> f64 {
    state.iter().map(|part| part.norm_squared()).sum::<f64>().sqrt()
}
