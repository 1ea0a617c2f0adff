//! Filters against steps, integrations and products written out.

use widenet_core::problem::{Annealing, Schedule};

use super::*;

impl Procedure {
    /// The filter at one eigenvalue.
    fn filter(self, eigenvalue: f64, denominator: f64) -> Filter {
        self.filters(std::iter::once(eigenvalue), denominator)[0]
    }
}

const EIGENVALUES: [f64; 7] = [0.0, 1e-14, 1e-6, 0.02, 0.7, 3.0, 11.0];
const DENOMINATOR: f64 = 4.0;

fn close(filter: Filter, expected: Filter, tolerance: f64, case: &str) {
    assert!((filter.remaining - expected.remaining).abs() <= tolerance, "{case}: {filter:?} {expected:?}");
    let allowed = tolerance * expected.inverse.abs().max(1e-300);
    assert!((filter.inverse - expected.inverse).abs() <= allowed, "{case}: {filter:?} {expected:?}");
}

/// Steps on ρ = 1 − λ e, so that h = e, as the optimiser takes them.
fn steps(eigenvalue: f64, learning_rate: f64, momentum: f64, nesterov: bool, count: u64) -> Filter {
    let (mut e, mut u) = (0.0, 0.0);
    for _ in 0..count {
        let push = learning_rate * (1.0 - eigenvalue * e) / DENOMINATOR;
        u = momentum * u + push;
        e += if nesterov { push + momentum * u } else { u };
    }
    Filter { remaining: 1.0 - eigenvalue * e, inverse: e }
}

#[test]
fn descent_is_the_recursion() {
    for eigenvalue in EIGENVALUES {
        for count in [0, 1, 2, 7, 300] {
            let plain = Procedure::Descent { learning_rate: 0.6, steps: count };
            close(plain.filter(eigenvalue, DENOMINATOR), steps(eigenvalue, 0.6, 0.0, false, count), 2e-13, "plain");
            for nesterov in [false, true] {
                let procedure = Procedure::Momentum { learning_rate: 0.3, momentum: 0.8, nesterov, steps: count };
                let expected = steps(eigenvalue, 0.3, 0.8, nesterov, count);
                close(procedure.filter(eigenvalue, DENOMINATOR), expected, 2e-13, "momentum");
            }
        }
    }
    // Exactly at η x = 1, and above it, with alternating signs.
    let filter = |steps| Procedure::Descent { learning_rate: 1.0, steps }.filter(4.0, DENOMINATOR).remaining;
    assert_eq!((filter(0), filter(1), filter(9)), (1.0, 0.0, 0.0));
    let above = |steps| Procedure::Descent { learning_rate: 1.5, steps }.filter(4.0, DENOMINATOR).remaining;
    assert!((above(2) - 0.25).abs() < 1e-15 && (above(3) + 0.125).abs() < 1e-15);
}

/// A schedule whose rates are `s_t η`, with them written out.
fn rates_written_out() -> (LearningRates, [f64; 9]) {
    let schedule = Schedule { warmup: 2, annealing: Annealing::Step { every: 3, factor: 0.5 } };
    let rates = LearningRates { peak: 0.6, schedule, steps: 9 };
    (rates, [0.3, 0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.15])
}

/// Without momentum the filter is the product of `1 − η_t x` over the steps.
#[test]
fn scheduled_descent_is_a_product_over_steps() {
    let (rates, written) = rates_written_out();
    for eigenvalue in EIGENVALUES {
        let x = eigenvalue / DENOMINATOR;
        for count in [0, 1, 4, 9] {
            let remaining: f64 = written[..count].iter().map(|rate| 1.0 - rate * x).product();
            // h' = h + η_t (1 − x h)
            let inverse = written[..count].iter().fold(0.0, |h, rate| h + rate * (1.0 - x * h));
            let procedure = Procedure::Scheduled { rates, momentum: 0.0, nesterov: false, steps: count as u64 };
            let expected = Filter { remaining, inverse: inverse / DENOMINATOR };
            close(procedure.filter(eigenvalue, DENOMINATOR), expected, 1e-14, "scheduled");
        }
    }
}

/// With momentum, the product of the 2 × 2 matrices of (residual, buffer) with gradients in the buffer, as PyTorch's: `buf ← μ buf + g`,
/// `w ← w − η_t buf` (Nesterov: `w ← w − η_t (g + μ buf)`).
#[test]
fn scheduled_momentum_is_a_product_of_matrices() {
    let ((rates, written), momentum) = (rates_written_out(), 0.8);
    for eigenvalue in EIGENVALUES {
        let x = eigenvalue / DENOMINATOR;
        for nesterov in [false, true] {
            let (direct, pushed) = if nesterov { (1.0 + momentum, momentum * momentum) } else { (1.0, momentum) };
            let (mut residual, mut buffer) = (1.0, 0.0);
            for (count, rate) in written.iter().enumerate() {
                (residual, buffer) =
                    ((1.0 - direct * rate * x) * residual - pushed * rate * buffer, x * residual + momentum * buffer);
                let procedure = Procedure::Scheduled { rates, momentum, nesterov, steps: count as u64 + 1 };
                let found = procedure.filter(eigenvalue, DENOMINATOR);
                assert!((found.remaining - residual).abs() < 1e-13, "{count}: {found:?} {residual}");
                let left = 1.0 - eigenvalue * found.inverse;
                assert!((left - residual).abs() < 1e-13, "{count}: {left} {residual}");
            }
        }
    }
}

/// A schedule of the peak alone is the closed form.
#[test]
fn a_constant_schedule_is_the_closed_form() {
    let rates = LearningRates { peak: 0.3, schedule: Schedule::CONSTANT, steps: 300 };
    for eigenvalue in EIGENVALUES {
        for (momentum, nesterov) in [(0.0, false), (0.8, false), (0.8, true)] {
            let scheduled = Procedure::Scheduled { rates, momentum, nesterov, steps: 300 };
            let expected = steps(eigenvalue, 0.3, momentum, nesterov, 300);
            close(scheduled.filter(eigenvalue, DENOMINATOR), expected, 2e-13, "constant");
        }
    }
}

/// `c'' + 2γ c' + x c = 0` and the integral of its inverse filter by small Runge–Kutta steps.
fn integrated(friction: f64, x: f64, time: f64) -> (f64, f64) {
    let count = 20_000;
    let dt = time / f64::from(count);
    let slope = |[h, v]: [f64; 2]| [v, 1.0 - 2.0 * friction * v - x * h];
    let moved = |y: [f64; 2], k: [f64; 2], dt: f64| [y[0] + dt * k[0], y[1] + dt * k[1]];
    let mut y = [0.0, 0.0];
    for _ in 0..count {
        let a = slope(y);
        let b = slope(moved(y, a, 0.5 * dt));
        let c = slope(moved(y, b, 0.5 * dt));
        let d = slope(moved(y, c, dt));
        for i in 0..2 {
            y[i] += dt / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]);
        }
    }
    (1.0 - x * y[0], y[0])
}

#[test]
fn flows_are_the_integrals_of_their_equations() {
    for eigenvalue in EIGENVALUES {
        let x: f64 = eigenvalue / DENOMINATOR;
        let filter = Procedure::Flow { time: 3.0 }.filter(eigenvalue, DENOMINATOR);
        let inverse = if x == 0.0 { 3.0 } else { -(-3.0 * x).exp_m1() / x };
        close(filter, Filter { remaining: (-3.0 * x).exp(), inverse: inverse / DENOMINATOR }, 1e-14, "flow");
        // Over-, critically and underdamped, early and late.
        for friction in [0.01, x.sqrt(), x.sqrt() * (1.0 + 1e-9), 0.9, 2.5] {
            for time in [1e-3, 0.4, 2.0, 15.0] {
                let (remaining, inverse) = integrated(friction, x, time);
                let filter = Procedure::MomentumFlow { friction, time }.filter(eigenvalue, DENOMINATOR);
                let case = format!("γ {friction} x {x} s {time}");
                close(filter, Filter { remaining, inverse: inverse / DENOMINATOR }, 5e-11, &case);
            }
        }
    }
}

#[test]
fn many_short_steps_are_the_flow_to_first_order() {
    // c_descent − c_flow ≈ −η x² τ e^{−x τ}/2, and with momentum of order √η.
    let gap = |learning_rate: f64| {
        let steps = (2.0 / learning_rate).round() as u64;
        let descent = Procedure::Descent { learning_rate, steps }.filter(3.0, DENOMINATOR);
        let flow = Procedure::Flow { time: 2.0 }.filter(3.0, DENOMINATOR);
        (descent.remaining - flow.remaining).abs()
    };
    let order = (gap(1e-3) / gap(1e-4)).log10();
    assert!((order - 1.0).abs() < 0.01, "{order}");
    let gap = |learning_rate: f64| {
        let (time, friction) = (2.0, 0.5);
        let momentum = 1.0 - 2.0 * friction * learning_rate.sqrt();
        let steps = (time / learning_rate.sqrt()).round() as u64;
        let discrete = Procedure::Momentum { learning_rate, momentum, nesterov: false, steps };
        let flow = Procedure::MomentumFlow { friction, time };
        (discrete.filter(3.0, DENOMINATOR).remaining - flow.filter(3.0, DENOMINATOR).remaining).abs()
    };
    let order = (gap(1e-6) / gap(1e-8)).log10() / 2.0;
    assert!((order - 0.5).abs() < 0.02, "{order}");
}

/// `1 + r` times itself for r around 1, 0.5 and 2, and equally often on both sides.
fn around(center: f64) -> impl Iterator<Item = f64> {
    let offsets = [1e-12, 1e-6, 1e-3, 0.1, 0.4];
    offsets.into_iter().rev().map(|r| -r).chain([0.0]).chain(offsets).map(move |r| center * (1.0 + r))
}

/// `H'' + 2γ H' + x H = 1` by as many terms of its power series as matter, and `c = 1 − x H`.
fn series(friction: f64, x: f64, time: f64) -> (f64, f64) {
    let (mut before, mut term) = (0.0, 0.5 * time * time);
    let mut sum = term;
    for n in 1..200 {
        let n = f64::from(n);
        let next = (-2.0 * friction * time * (n + 1.0) * term - x * time * time * before) / ((n + 2.0) * (n + 1.0));
        (before, term) = (term, next);
        sum += term;
    }
    (1.0 - x * sum, sum)
}

/// The series in time, the sum of exponentials, and the oscillating form meet: across max(γ, √x) t = 1, √|γ² − x| t = 0.1 and 1e-4,
/// from strongly overdamped to strongly underdamped.
#[test]
fn damped_flows_agree_across_their_switches() {
    for scale in around(1.0).chain([2.0]) {
        for ratio in [0.0, 1e-6, 0.3, 1.0, 3.0] {
            let (friction, root) = if ratio <= 1.0 { (scale, scale * ratio) } else { (scale / ratio, scale) };
            compare_with_series(friction, root * root, 1.0);
        }
    }
    for (split, sign) in [(0.1, 1.0), (1e-4, 1.0), (1e-4, -1.0)] {
        for rate in around(split) {
            let friction: f64 = 1.7;
            compare_with_series(friction, friction * friction - sign * rate * rate, 1.0);
        }
    }
}

#[track_caller]
fn compare_with_series(friction: f64, x: f64, time: f64) {
    let ((remaining, inverse), expected) = (damped(friction, x, time), series(friction, x, time));
    assert!((remaining - expected.0).abs() < 2e-13, "γ {friction} x {x}: c = {remaining} against {}", expected.0);
    assert!((inverse / expected.1 - 1.0).abs() < 1e-11, "γ {friction} x {x}: h = {inverse} against {}", expected.1);
}

/// `(1 − e^{−z})/z` across 1e-12, below which it is 1 − z/2 to half of that.
#[test]
fn decay_is_smooth_across_its_switch() {
    for z in around(1e-12).chain([0.0, 1e-300, 1e-8, 1.0, 800.0]) {
        let exact = if z < 1e-3 { 1.0 - z / 2.0 + z * z / 6.0 - z * z * z / 24.0 } else { (1.0 - (-z).exp()) / z };
        assert!((decay(z) - exact).abs() <= 5.1e-13, "{z}: {} against {exact}", decay(z));
    }
}

/// `(1 − η x)^t` across η x = 0 and 1 against products, and what it must be: 1 at no step, between −1 and 1 up to η x = 2.
#[test]
fn powers_of_a_step_agree_across_their_switches() {
    for step in around(1.0).chain([0.0, 5e-324, 1e-300, 1e-17, 1e-9, 0.3, 1.9, 2.0]) {
        for count in [0_u64, 1, 2, 13, 60] {
            let (remaining, inverse) = descent(1.0, step, count);
            let powers = (0..count).fold(1.0, |product, _| product * (1.0 - step));
            let sums: f64 = (0..count)
                .scan(1.0, |power, _| {
                    let now = *power;
                    *power *= 1.0 - step;
                    Some(now)
                })
                .sum();
            assert!((remaining - powers).abs() <= 3e-14, "η x = {step}, t = {count}: {remaining} against {powers}");
            assert!((inverse - sums).abs() <= 1e-13 * sums.abs().max(1.0), "η x = {step}, t = {count}: {inverse}");
            assert!(remaining.abs() <= 1.0 && (count > 0 || remaining == 1.0));
        }
    }
}

/// What is left of a mode under flow is between 0 and 1, falls with time and with the eigenvalue, and h times λ is the rest.
#[test]
fn filters_are_bounded_and_monotone() {
    for time in [1e-8, 0.1, 1.0, 30.0, 1e6] {
        let filters = [0.0, 1e-18, 1e-9, 1e-3, 0.2, 1.0, 7.0, 1e4].map(|eigenvalue| {
            let filter = Procedure::Flow { time }.filter(eigenvalue, DENOMINATOR);
            assert!((0.0..=1.0).contains(&filter.remaining) && filter.inverse >= 0.0);
            assert!((filter.remaining + eigenvalue * filter.inverse - 1.0).abs() < 1e-12);
            filter
        });
        assert!(filters.windows(2).all(|pair| pair[1].remaining <= pair[0].remaining));
        assert!(filters.windows(2).all(|pair| pair[1].inverse <= pair[0].inverse * (1.0 + 1e-12)));
    }
}
