//! Time and memory of kernel matrices: both kernels of a ReLU network with 3 hidden layers, f64, all threads.
//!
//! ```text
//! cargo bench -p widenet-limits --bench kernel [-- --n 4000]
//! ```
//!
//! The best of several runs, beside the product X Xᵀ alone (N × d times d × N) by the same routine, and the most memory that was ever
//! in use beyond the inputs, beside that of the two results. neural-tangents, if python3 has it, computes the same kernels.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, process::Command, time::Instant};

use faer::{Accum, Mat, MatRef, Par, linalg::matmul::matmul};
use nalgebra::RowDVector;
use rand_distr::{Distribution, StandardNormal};
use widenet_core::{
    Matrix,
    problem::Activation,
    scaling::{KernelLayer, KernelNetwork},
    seed::{Purpose, stream},
    training::Control,
};
use widenet_limits::kernel::{Which, kernel_bytes, kernels};

const INPUTS: usize = 784;
const HIDDEN_LAYERS: usize = 3;
const REPEATS: usize = 5;

fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

/// A line of /proc/self/status in bytes, where there is one.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(1024.0 * value.trim_start_matches(':').trim().split(' ').next()?.parse::<f64>().ok()?)
}

/// Seconds of the neural-tangents peer.
fn neural_tangents(n: usize) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/peers/neural_tangents_kernel.py");
    let arguments = [n, INPUTS, HIDDEN_LAYERS, REPEATS].map(|number| number.to_string());
    let output = Command::new("python3").arg(script).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.windows(2).find(|pair| pair[0] == "--n").and_then(|pair| pair[1].parse().ok());
    let n: usize = given.unwrap_or(4000);
    let rows = (0..n as u64).map(|row| {
        let rng = &mut stream(0, Purpose::Inputs, row);
        RowDVector::from_fn(INPUTS, |_, _| StandardNormal.sample(rng))
    });
    let inputs = Matrix::from_rows(&rows.collect::<Vec<_>>());
    let layer = KernelLayer { weight_variance: 2.0, bias_variance: 0.01, weight_tangent: 2.0, bias_tangent: 0.01 };
    let network = KernelNetwork { activation: Activation::Relu, layers: vec![layer; HIDDEN_LAYERS + 1], image: None };

    let before = memory("VmRSS");
    let both = || kernels(&network, &inputs, None, Which::Both, &mut |_| Control::Continue);
    let time = best(|| drop(black_box(both().expect("finite kernels"))));
    let results = kernel_bytes(n, n, Which::Both) as f64;
    let peak = memory("VmHWM").zip(before).map(|(peak, before)| (peak - before) / results);

    let x = MatRef::from_column_major_slice(inputs.as_slice(), n, INPUTS);
    let mut gram = Mat::zeros(n, n);
    let product = best(|| matmul(black_box(gram.as_mut()), Accum::Replace, x, x.transpose(), 1.0, Par::rayon(0)));

    println!("NNGP and tangent kernel, N = {n}, d = {INPUTS}, {HIDDEN_LAYERS} hidden layers, ReLU, f64");
    println!("{:<34} {:>9} {:>12}", "what", "seconds", "ratio");
    println!("{:<34} {time:>9.3} {:>12.2}", "both kernels, widenet", 1.0);
    println!("{:<34} {product:>9.3} {:>12.2}", "X Xᵀ alone", product / time);
    match neural_tangents(n) {
        Some(peer) => println!("{:<34} {peer:>9.3} {:>12.2}", "both kernels, neural-tangents", peer / time),
        None => println!("{:<34} {:>9}", "both kernels, neural-tangents", "not run: python3 cannot import it"),
    }
    if let Some(peak) = peak {
        println!("peak memory beyond the inputs: {peak:.3} times the two results ({:.0} MB)", results / 1e6);
    }
}
