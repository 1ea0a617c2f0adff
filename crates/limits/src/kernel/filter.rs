//! Training is a spectral filter: for every procedure with a closed form, this module says what is left of a mode of the residual.
//!
//! ```text
//! c(λ): share of a residual mode that is left,     h(λ) = (1 − c(λ))/λ,     f = y + V c Vᵀ r_0,     w = −Jᵀ V h Vᵀ r_0
//! ```
//!
//! (docs/theory/ntk.md §4, Eq. filter.) x = λ/denominator is the mode's curvature in the loss.

use widenet_core::{
    Problem,
    problem::{LearningRates, Loss, Rule},
};

/// Training up to a moment, for the squared loss on full batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Procedure {
    /// Gradient flow for this time.
    Flow { time: f64 },
    /// Steps of plain gradient descent.
    Descent { learning_rate: f64, steps: u64 },
    /// Steps of descent with momentum.
    Momentum { learning_rate: f64, momentum: f64, nesterov: bool, steps: u64 },
    /// Steps of descent whose learning rates change by a schedule.
    Scheduled { rates: LearningRates, momentum: f64, nesterov: bool, steps: u64 },
    /// Flow with momentum for the time `s = √η t`, with friction `γ = (1 − μ)/(2√η)`.
    MomentumFlow { friction: f64, time: f64 },
}

/// What a procedure does to one mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Filter {
    /// `c`.
    pub(super) remaining: f64,
    /// `h`, per unit of λ.
    pub(super) inverse: f64,
}

/// Whether the training of a problem is a filter: squared loss on full batches.
pub(super) fn has_closed_form(problem: &Problem) -> bool {
    Procedure::of(problem, 0.0).is_some()
}

impl Procedure {
    /// The training of a problem up to a moment of the record plan, if it has a closed form (squared loss, no minibatches, no RMSProp).
    pub(super) fn of(problem: &Problem, moment: f64) -> Option<Procedure> {
        let Loss::Squared { .. } = problem.loss else { return None };
        Some(match problem.optimizer.rule {
            Rule::Flow { .. } => Procedure::Flow { time: moment },
            Rule::Descent { batch_size: Some(_), .. } => return None,
            Rule::Descent { momentum, nesterov, .. } if !problem.optimizer.schedule.is_constant() => {
                let rates = problem.optimizer.learning_rates()?;
                Procedure::Scheduled { rates, momentum, nesterov, steps: moment as u64 }
            }
            Rule::Descent { learning_rate, momentum: 0.0, nesterov: false, .. } => {
                Procedure::Descent { learning_rate, steps: moment as u64 }
            }
            Rule::Descent { learning_rate, momentum, nesterov, .. } => {
                Procedure::Momentum { learning_rate, momentum, nesterov, steps: moment as u64 }
            }
            Rule::MomentumFlow { learning_rate, momentum, .. } => {
                let root = learning_rate.sqrt();
                Procedure::MomentumFlow { friction: (1.0 - momentum) / (2.0 * root), time: root * moment }
            }
            // What has no filter is integrated in function space.
            _ => return None,
        })
    }

    /// The filters at eigenvalues `λ ≥ 0`, for a loss whose sum is divided by `denominator`.
    pub(super) fn filters(self, eigenvalues: impl Iterator<Item = f64>, denominator: f64) -> Vec<Filter> {
        let curvatures: Vec<f64> = eigenvalues.map(|eigenvalue| eigenvalue / denominator).collect();
        // Everything below is c and (1 − c)/x, which has a limit as x → 0.
        let pairs: Vec<(f64, f64)> = match self {
            Procedure::Scheduled { rates, momentum, nesterov, steps } => {
                scheduled(rates, &curvatures, momentum, nesterov, steps)
            }
            _ => curvatures.iter().map(|x| self.closed(*x)).collect(),
        };
        let filter = |(remaining, inverse)| Filter { remaining, inverse: inverse / denominator };
        pairs.into_iter().map(filter).collect()
    }

    /// c and (1 − c)/x at a curvature x, in closed form where there is one.
    fn closed(self, x: f64) -> (f64, f64) {
        match self {
            Procedure::Flow { time } => ((-x * time).exp(), time * decay(x * time)),
            Procedure::Descent { learning_rate, steps } => descent(learning_rate, x, steps),
            Procedure::Momentum { learning_rate, momentum, nesterov, steps } => {
                with_momentum(learning_rate, x, momentum, nesterov, steps)
            }
            Procedure::MomentumFlow { friction, time } => damped(friction, x, time),
            Procedure::Scheduled { rates, momentum, nesterov, steps } => {
                scheduled(rates, &[x], momentum, nesterov, steps)[0]
            }
        }
    }
}

/// `(1 − e^{−z})/z`.
fn decay(z: f64) -> f64 {
    if z < 1e-12 { 1.0 } else { -(-z).exp_m1() / z }
}

/// `(1 − η x)^t`, by logarithms on both sides of η x = 1.
fn descent(learning_rate: f64, x: f64, steps: u64) -> (f64, f64) {
    let (step, t) = (learning_rate * x, steps as f64);
    if steps == 0 || step == 0.0 {
        return (1.0, learning_rate * t);
    }
    if step < 1.0 {
        let exponent = t * (-step).ln_1p();
        return (exponent.exp(), -exponent.exp_m1() / x);
    }
    let sign = if steps.is_multiple_of(2) { 1.0 } else { -1.0 };
    let remaining = if step == 1.0 { 0.0 } else { sign * (t * (step - 1.0).ln()).exp() };
    (remaining, (1.0 - remaining) / x)
}

/// Powers of the step on (residual ρ, velocity u) for c, and on (e, û, 1) with ρ = 1 − x e for h; the error is about t ε.
fn with_momentum(learning_rate: f64, x: f64, momentum: f64, nesterov: bool, steps: u64) -> (f64, f64) {
    let (a, b) = (learning_rate * x, momentum);
    // Heavy ball: u ← b u + a ρ, ρ ← ρ − u. Nesterov: ρ ← ρ − a ρ − b u with the new u.
    let (direct, pushed) = if nesterov { (1.0 + b, b * b) } else { (1.0, b) };
    let homogeneous = power([[1.0 - direct * a, -pushed], [a, b]], steps);
    let affine =
        power([[1.0 - direct * a, pushed, direct * learning_rate], [-a, b, learning_rate], [0.0, 0.0, 1.0]], steps);
    (homogeneous[0][0], affine[0][2])
}

/// The steps on (residual ρ, velocity u, e) of every mode, `u ← μ u + η ρ, e ← e + s_t u, ρ ← ρ − x s_t u`, with ρ = c and e = h in the end. All modes
/// take a step together, so that its learning rate is computed once.
fn scheduled(rates: LearningRates, curvatures: &[f64], momentum: f64, nesterov: bool, steps: u64) -> Vec<(f64, f64)> {
    let mut modes: Vec<(f64, f64)> = vec![(1.0, 0.0); curvatures.len()];
    let mut velocities = vec![0.0; curvatures.len()];
    for step in 0..steps {
        let scale = rates.scale(step);
        for (((residual, e), u), x) in modes.iter_mut().zip(&mut velocities).zip(curvatures) {
            let push = rates.peak * *residual;
            *u = momentum * *u + push;
            let moved = scale * if nesterov { push + momentum * *u } else { *u };
            *e += moved;
            *residual -= x * moved;
        }
    }
    modes
}

/// `mᵗ` by repeated squaring.
fn power<const N: usize>(mut m: [[f64; N]; N], mut t: u64) -> [[f64; N]; N] {
    let multiply = |a: &[[f64; N]; N], b: &[[f64; N]; N]| {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..N).map(|k| a[i][k] * b[k][j]).sum()))
    };
    let mut result = std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 }));
    while t > 0 {
        if t % 2 == 1 {
            result = multiply(&result, &m);
        }
        t /= 2;
        if t > 0 {
            m = multiply(&m, &m);
        }
    }
    result
}

/// `c'' + 2γ c' + x c = 0` from rest at 1, and `(1 − c)/x`.
fn damped(friction: f64, x: f64, time: f64) -> (f64, f64) {
    let square = friction * friction - x;
    let rate = square.abs().sqrt();
    if friction.max(x.sqrt()) * time < 1.0 {
        let inverse = damped_series(friction, x, time);
        return (1.0 - x * inverse, inverse);
    }
    if square > 0.0 && rate * time > 0.1 {
        let (sum, slow) = (friction + rate, x / (friction + rate));
        let fast = (-sum * time).exp();
        let remaining = 0.5 * ((1.0 + friction / rate) * (-slow * time).exp() - slow / rate * fast);
        let inverse =
            0.5 * ((1.0 + friction / rate) * time / sum * decay(slow * time) + (-sum * time).exp_m1() / (sum * rate));
        return (remaining, inverse);
    }
    let z = rate * time;
    // cosh and sinh(z)/z, or cos and sin(z)/z.
    let (even, odd) = match (z < 1e-4, square > 0.0) {
        (true, growing) => {
            let s = if growing { z * z } else { -z * z };
            (1.0 + s / 2.0, 1.0 + s / 6.0)
        }
        (false, true) => (z.cosh(), z.sinh() / z),
        (false, false) => (z.cos(), z.sin() / z),
    };
    let remaining = (-friction * time).exp() * (even + friction * time * odd);
    (remaining, (1.0 - remaining) / x)
}

/// `H = (1 − c)/x` by its power series in time: `H'' + 2γ H' + x H = 1` from 0 at rest.
fn damped_series(friction: f64, x: f64, time: f64) -> f64 {
    // Terms h_n tⁿ with (n + 2)(n + 1) h_{n+2} = −2γ (n + 1) h_{n+1} − x h_n.
    let (mut before, mut term) = (0.0, 0.5 * time * time);
    let mut sum = term;
    for n in 1..40 {
        let n = f64::from(n);
        let next = (-2.0 * friction * time * (n + 1.0) * term - x * time * time * before) / ((n + 2.0) * (n + 1.0));
        (before, term) = (term, next);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests;
