//! How far the dense step is from the speed of memory: one table, best of several runs, milliseconds.
//!
//! ```text
//! cargo bench -p widenet-model [--features ndarray]
//! ```
//!
//! A step of descent on L = 3 hidden layers with k = 1 must read every hidden matrix twice. `stream` reads them twice and adds them
//! up; `step` is one step of the engine, averaged over a multiple of the flush period. JAX, if it is installed, takes the same step.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, process::Command, time::Instant};

use burn::Tensor;
use rayon::prelude::*;
use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule},
    training::{Recorder, Start, Unobserved, train},
};
use widenet_kernels::{panel_apply, panel_apply_transpose};
use widenet_model::{DeviceChoice, InitialWeights, Precision, network_with_panels};

const HIDDEN_LAYERS: usize = 3;
const INPUTS: usize = 10;
const REPEATS: usize = 5;
/// A multiple of the number of updates between two flushes.
const STEPS: u64 = 64;

/// Best time of some runs, in milliseconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

fn problem() -> Problem {
    let wave = |columns, frequency: f64| Matrix::from_fn(8, columns, |i, j| ((i * columns + j) as f64 * frequency).sin());
    Problem {
        network: Network { hidden_layers: HIDDEN_LAYERS, activation: Activation::Identity },
        parameterization: Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0 },
        data: Dataset { train: Samples { inputs: wave(INPUTS, 1.7), targets: wave(1, 0.9) }, test: None },
        loss: Loss::Squared,
        optimizer: Optimizer {
            rule: Rule::Descent { learning_rate: 0.05, steps: STEPS, momentum: 0.0, nesterov: false, batch_size: None },
            weight_decay: 0.0,
        },
        record: RecordPlan { at: vec![], quantities: vec![] },
    }
}

/// Reads the hidden matrices twice with all threads.
fn stream(width: usize) -> f64 {
    let matrices = vec![vec![1.0f32; width * width]; HIDDEN_LAYERS - 1];
    let sum = |chunk: &[f32]| {
        let (lanes, _) = chunk.as_chunks::<64>();
        let mut sums = [0.0f32; 64];
        for lane in lanes {
            for (sum, value) in sums.iter_mut().zip(lane) {
                *sum += value;
            }
        }
        sums.iter().sum::<f32>()
    };
    best(|| {
        for matrix in matrices.iter().chain(&matrices) {
            black_box(matrix.par_chunks(1 << 18).map(sum).sum::<f32>());
        }
    })
}

fn step(width: usize) -> f64 {
    let problem = problem();
    let device = DeviceChoice::Flex.open().expect("the CPU always opens");
    let placement = device.placement(Precision::F32).expect("the CPU computes in f32");
    let mut network = network_with_panels(&problem, width as u64, 1, &placement, device.info.panel_bytes());
    let recorder = Recorder::new(&problem, &mut network);
    let run = || {
        black_box(train(&mut network, &recorder, &problem, 1, Start::default(), &mut Unobserved));
    };
    best(run) / STEPS as f64
}

fn products(choice: DeviceChoice, width: usize) -> Option<(f64, f64)> {
    let device = choice.open().ok()?;
    let placement = device.placement(Precision::F32).ok()?;
    let law = |rows| InitialWeights { seed: 1, layer: 1, rows, columns: width, std: 0.01 };
    let (w, x) = (law(width).rows(0..width, &placement), law(1).rows(0..1, &placement));
    let read = |tensor: Tensor<2>| black_box(tensor.into_data());
    let apply = best(|| drop(read(panel_apply(&w, &x))));
    let transpose = best(|| drop(read(panel_apply_transpose(&w, &x))));
    Some((apply, transpose))
}

/// Milliseconds per step of the JAX peer.
fn jax(width: usize) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/peers/jax_dense_step.py");
    let arguments = [width, HIDDEN_LAYERS, INPUTS, 10].map(|number| number.to_string());
    let output = Command::new("python3").arg(script).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn main() {
    println!("{:>6}  {:<34} {:>10} {:>8}", "m", "what (L = 3, k = 1, d = 10, f32)", "ms", "ratio");
    let row = |width: usize, what: &str, time: Option<f64>, reference: f64| match time {
        Some(time) => println!("{width:>6}  {what:<34} {time:>10.3} {:>8.2}", time / reference),
        None => println!("{width:>6}  {what:<34} {:>10}", "not run"),
    };
    for width in [4096, 8192] {
        let streaming = stream(width);
        row(width, "stream hidden weights twice", Some(streaming), streaming);
        row(width, "step: widenet", Some(step(width)), streaming);
        row(width, "step: JAX (python3 -c 'import jax')", jax(width), streaming);
        let own = products(DeviceChoice::Flex, width);
        let peer = products(DeviceChoice::NdArray, width);
        let one_matrix = streaming / (2 * (HIDDEN_LAYERS - 1)) as f64;
        row(width, "W x: widenet", own.map(|times| times.0), one_matrix);
        row(width, "W x: burn-ndarray", peer.map(|times| times.0), one_matrix);
        row(width, "W' g: widenet", own.map(|times| times.1), one_matrix);
        row(width, "W' g: burn-ndarray", peer.map(|times| times.1), one_matrix);
    }
}
