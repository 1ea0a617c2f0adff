//! Cost of the mean-field limit of a perceptron by accuracy, and of the same accuracy by networks.
//!
//! ```text
//! cargo bench -p widenet-limits --bench nonlinear [-- --quick]
//! ```
//!
//! tanh, L = 2, 8 samples, 16 steps, all threads. Time and bytes to 95 % intervals of 10⁻³ and 10⁻⁴ (not with `--quick`) of the largest
//! output; seconds by the number of nodes; and networks of the same program, whose neurons are independent draws: their spread is
//! measured at one width, and width and time for what the limit reached follow from its m^(-1/2), as they would take hours.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::time::Instant;

use widenet_core::{
    Problem,
    problem::{Activation, Quantity, RecordPlan},
    training::Control,
};
use widenet_limits::nonlinear::{Options, Scheme, Solution, solve};

#[path = "../tests/common/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod common;

/// Networks that the spread is measured over, and their width.
const NETWORKS: usize = 32;
const LOG2_WIDTH: u32 = 12;
/// 97.5 % quantiles of Student's t with 7 and 31 degrees of freedom.
const T_975: (f64, f64) = (2.3646, 2.0395);

fn timed(problem: &Problem, options: &Options) -> (Solution, f64) {
    let start = Instant::now();
    let solution = solve(problem, 1, options, &|_| Control::Continue).expect("the problem has this limit");
    (solution, start.elapsed().as_secs_f64())
}

/// As many replicates of exactly 2^`log2` nodes.
fn with_nodes(log2: u32, replicates: usize, scheme: Scheme) -> Options {
    Options { accuracy: 1e-12, replicates, log2_nodes: (log2, log2), scheme, ..Options::default() }
}

fn main() {
    let mut problem = common::problem(2, 4, 1, 8);
    problem.network.activation = Activation::Tanh;
    for mut row in problem.data.train.inputs.row_iter_mut() {
        let length = row.norm();
        row /= length;
    }
    problem.optimizer = common::descent(0.3, 16);
    problem.record = RecordPlan { at: vec![0.0, 1.0, 4.0, 16.0], quantities: vec![Quantity::Outputs] };
    let is_quick = std::env::args().any(|argument| argument == "--quick");

    println!("tanh, L = 2, 8 samples, 16 steps, 8 replicates, {} threads", rayon::current_num_threads());
    println!("\n{:>9}  {:>9}  {:>9}  {:>9}  {:>9}", "accuracy", "reached", "nodes", "seconds", "MiB");
    let mut seconds_to = Vec::new();
    let accuracies = if is_quick { vec![1e-3] } else { vec![1e-3, 1e-4] };
    for accuracy in accuracies {
        let (Solution { reached, nodes, bytes, .. }, seconds) =
            timed(&problem, &Options { accuracy, ..Options::default() });
        println!(
            "{accuracy:>9.0e}  {reached:>9.1e}  {nodes:>9}  {seconds:>9.2}  {:>9.1}",
            bytes as f64 / f64::from(1 << 20)
        );
        seconds_to.push((reached, seconds));
    }

    println!("\n{:>9}  {:>9}  {:>14}", "nodes", "seconds", "µs per node");
    for log2 in [10, 11, 12, 13, 14] {
        let (_, seconds) = timed(&problem, &with_nodes(log2, 8, Scheme::STANDARD));
        println!("{:>9}  {seconds:>9.3}  {:>14.2}", 1 << log2, seconds * 1e6 / f64::from(1 << log2));
    }

    // Networks: independent neurons, without moment matching.
    let networks = Scheme { matched: false, independent: true, ..Scheme::STANDARD };
    let (found, seconds) = timed(&problem, &with_nodes(LOG2_WIDTH, NETWORKS, networks));
    // The interval of eight networks of this width.
    let interval = found.reached * T_975.0 / T_975.1 * (NETWORKS as f64 / 8.0).sqrt();
    let seconds_of_eight = seconds * 8.0 / NETWORKS as f64;
    println!(
        "\nthe same by 8 conditioned networks, extrapolated from width 2^{LOG2_WIDTH}: ±{interval:.1e} in {seconds_of_eight:.2} s"
    );
    println!("{:>9}  {:>12}  {:>12}  {:>16}", "reached", "width", "seconds", "times the limit's");
    for (reached, of_limit) in seconds_to {
        let times = (interval / reached).powi(2);
        let (width, seconds) = (times * f64::from(1 << LOG2_WIDTH), times * seconds_of_eight);
        println!("{reached:>9.1e}  {width:>12.2e}  {seconds:>12.1}  {:>16.0}", seconds / of_limit);
    }
}
