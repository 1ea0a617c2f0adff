//! Time of the law and limit engines: it does not depend on the width.
//!
//! `cargo bench -p widenet-limits` prints 1,000 steps of gradient descent, L = 3, d = 10, k = 1, on one core, as the
//! median of 15 runs at every width in turn, and the ratio to width 10³.

use std::time::Instant;

use widenet_core::{Problem, Width, training::Control};
use widenet_limits::mean_field::{Options, solve};

#[path = "../tests/common/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod common;

fn milliseconds(problem: &Problem, width: Width, seed: u64) -> f64 {
    let start = Instant::now();
    let solved = solve(problem, width, seed, &Options::default(), &mut |_| Control::Continue);
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    assert!(solved.is_ok_and(|trajectory| trajectory.records.len() == problem.record.at.len()));
    elapsed
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
fn main() {
    let mut problem = common::problem(3, 10, 1, 30);
    problem.optimizer = common::descent(0.1, 1000);
    problem.record.at = (0..=10).map(|i| 100.0 * f64::from(i)).collect();
    let widths = [1_000, 1_000_000, 1_000_000_000_000].map(Width::Finite).into_iter().chain([Width::Infinite]);
    let widths: Vec<Width> = widths.collect();
    // Rounds of all widths in turn, so that a drift of the machine's speed meets every width alike.
    let mut times = vec![Vec::new(); widths.len()];
    for round in 0..15 {
        for (times, width) in times.iter_mut().zip(&widths) {
            times.push(milliseconds(&problem, *width, round));
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect();
    println!("1,000 steps, L = 3, d = 10, k = 1, one core; median of 15 runs");
    println!("{:>8}  {:>8}  {:>12}", "width", "ms", "ratio to 10³");
    for (width, median) in widths.iter().zip(&medians) {
        println!("{width:>8}  {median:>8.2}  {:>12.2}", median / medians[0]);
    }
}
