//! Cost of the laws of random deep linear networks: points of exact laws, draws, and the limit's two samplers at equal error.
//!
//! `cargo bench -p widenet-limits --bench proportional` prints medians of 7 rounds in which all cases take turns.

use std::{hint::black_box, time::Instant};

use widenet_core::Matrix;
use widenet_limits::proportional::{HiddenLayers, InputKernel, LimitScheme, OutputLaw, Sampler};

const ROUNDS: usize = 7;

/// A named piece of work and what it is counted in.
struct Case {
    name: String,
    /// How many of them a run does.
    count: f64,
    run: Box<dyn Fn()>,
}

fn medians(cases: &[Case]) -> Vec<f64> {
    let mut seconds = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (seconds, case) in seconds.iter_mut().zip(cases) {
            let start = Instant::now();
            (case.run)();
            seconds.push(start.elapsed().as_secs_f64() / case.count);
        }
    }
    let middle = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[ROUNDS / 2]
    };
    seconds.iter_mut().map(middle).collect()
}

/// Density, distribution function and quantile of one output of networks of 1,000 layers.
fn points() -> Vec<Case> {
    let equal: Vec<u64> = vec![1000; 1000];
    let distinct: Vec<u64> = (501..=1500).collect();
    let at = [-3.0, -1.0, -0.1, 0.5, 2.0];
    let levels = [0.001, 0.1, 0.6, 0.99, 0.9999];
    let mut cases = Vec::new();
    for (widths, name) in [(equal, "equal widths"), (distinct, "distinct widths")] {
        let layers = HiddenLayers::finite(&widths).expect("widths");
        let law = OutputLaw::new(&layers, 1.0).expect("a law");
        let case = |name: String, count: usize, run: Box<dyn Fn()>| Case { name, count: count as f64, run };
        let own = law.clone();
        let density = move || at.iter().for_each(|x| assert!(black_box(own.density(*x)).is_ok()));
        cases.push(case(format!("density, {name}"), at.len(), Box::new(density)));
        let own = law.clone();
        let cdf = move || at.iter().for_each(|x| assert!(black_box(own.cdf(*x)).is_ok()));
        cases.push(case(format!("distribution function, {name}"), at.len(), Box::new(cdf)));
        let quantile = move || levels.iter().for_each(|level| assert!(black_box(law.quantile(*level)).is_ok()));
        cases.push(case(format!("quantile, {name}"), levels.len(), Box::new(quantile)));
    }
    cases
}

fn sampler(layers: &HiddenLayers, inputs: usize, outputs: usize, scheme: LimitScheme) -> Sampler {
    let kernel = Matrix::from_fn(inputs, inputs, |i, j| if i == j { 1.0 } else { 0.3 });
    let kernel = InputKernel::new(&kernel).expect("a kernel");
    Sampler::with_scheme(layers, &kernel, outputs, 1.0, scheme).expect("a sampler")
}

fn draws(name: &str, sampler: Sampler, count: u64) -> Case {
    let run = move || assert!(black_box(sampler.outputs(0, 0..count)).is_ok());
    Case { name: name.into(), count: count as f64, run: Box::new(run) }
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
fn main() {
    let cases = points();
    println!("one output, L = 1,000 hidden layers, one core; the limit set for a point is 1 ms");
    println!("{:>44}  {:>10}  {:>12}", "", "µs a point", "share of 1 ms");
    for (case, seconds) in cases.iter().zip(medians(&cases)) {
        println!("{:>44}  {:>10.1}  {:>12.3}", case.name, seconds * 1e6, seconds * 1e3);
    }

    let layers = HiddenLayers::finite(&[100; 100]).expect("widths");
    let cases = [draws("finite network, L = N = 100", sampler(&layers, 3, 2, LimitScheme::Default), 100_000)];
    println!("\noutputs of P = 3 inputs and D = 2 outputs, all cores; the limit set is 20 s for 10⁶ draws");
    for (case, seconds) in cases.iter().zip(medians(&cases)) {
        println!("{:>44}  {:>10.1} s for 10⁶  {:>8.3} of 20 s", case.name, seconds * 1e6, seconds * 1e6 / 20.0);
    }

    // Second moments of the kernel at α = 1, m = 3: 16 steps of the splitting scheme err by 4.4e-3 (docs/theory/proportional-limit.md §6),
    // n Bartlett layers of width n by 1 − (1 + 2/n)ⁿ e⁻² ≈ 2/n.
    let limit = HiddenLayers::limit(1.0).expect("alpha");
    let (splitting, bartlett) = (16, 455);
    let cases = [
        draws("splitting scheme, 16 steps", sampler(&limit, 3, 3, LimitScheme::Splitting { steps: splitting }), 50_000),
        draws("Bartlett product, 455 layers", sampler(&limit, 3, 3, LimitScheme::Bartlett { steps: bartlett }), 50_000),
    ];
    let seconds = medians(&cases);
    println!("\nthe limit at α = 1, P = D = 3, at equal error 4.4e-3 of second moments, all cores");
    for (case, seconds_a_draw) in cases.iter().zip(&seconds) {
        let ratio = seconds_a_draw / seconds[0];
        println!("{:>44}  {:>10.2} µs a draw  {ratio:>8.1}", case.name, seconds_a_draw * 1e6);
    }
}
