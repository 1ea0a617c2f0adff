//! Time and memory of kernels of convolutional networks: both kernels of three 3 × 3 convolutions with ReLU, f64, all threads.
//!
//! ```text
//! cargo bench -p widenet-limits --bench convolution [-- --n 200 --side 16 --head gap --peer 8]
//! ```
//!
//! The best of three runs, what a dual activation takes, and the most memory that was ever in use beyond the images. With `--peer BATCH`
//! neural-tangents, if python3 has it, computes the same kernels, in blocks of BATCH images (0: all at once).
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, process::Command, time::Instant};

use nalgebra::RowDVector;
use rand_distr::{Distribution, StandardNormal};
use widenet_core::{
    Matrix,
    problem::{Activation, ImageNetwork, ImageShape, Layer, Padding, PixelOrder, Window},
    scaling::{KernelLayer, KernelNetwork},
    seed::{Purpose, stream},
    training::Control,
};
use widenet_limits::kernel::{Which, convolution_cost, kernels};

const CHANNELS: usize = 3;
const HIDDEN_LAYERS: usize = 3;
const REPEATS: usize = 3;

/// A line of /proc/self/status in bytes, where there is one.
fn memory(line: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(1024.0 * value.trim_start_matches(':').trim().split(' ').next()?.parse::<f64>().ok()?)
}

/// Warm seconds of the neural-tangents peer.
fn neural_tangents(n: usize, side: usize, head: &str, batch: &str) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/peers/conv_kernel.py");
    let arguments = ["peer", &n.to_string(), &side.to_string(), head, batch];
    let output = Command::new("python3").arg(script).args(arguments).output().ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    answer["warm_s"].as_f64()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| arguments.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
    let number = |name: &str, otherwise: usize| given(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (n, side) = (number("--n", 200), number("--side", 16));
    let is_average = given("--head").is_some_and(|head| head == "gap");
    let rows = (0..n as u64).map(|row| {
        let rng = &mut stream(0, Purpose::Inputs, row);
        RowDVector::from_fn(side * side * CHANNELS, |_, _| StandardNormal.sample(rng))
    });
    let images = Matrix::from_rows(&rows.collect::<Vec<_>>());
    let window = Window { size: [3; 2], stride: [1; 2], padding: Padding::Same };
    let mut layers = Vec::new();
    for _ in 0..HIDDEN_LAYERS {
        layers.extend([Layer::Convolution { window, channels: 1.0 }, Layer::Activation(Activation::Relu)]);
    }
    layers.push(if is_average { Layer::GlobalAverage } else { Layer::Flatten });
    let shape = ImageShape { rows: side, columns: side, channels: CHANNELS };
    let weights = KernelLayer { weight_variance: 2.0, bias_variance: 0.01, weight_tangent: 2.0, bias_tangent: 0.01 };
    let network = KernelNetwork {
        activation: Activation::Relu,
        layers: vec![weights; HIDDEN_LAYERS + 1],
        image: Some(ImageNetwork { shape, pixel_order: PixelOrder::Planes, layers }),
    };
    let cost = convolution_cost(&network, n);
    let cost = cost.expect("a limit").expect("a convolutional network");

    let before = memory("VmRSS");
    let mut time = f64::INFINITY;
    for _ in 0..REPEATS {
        let start = Instant::now();
        black_box(kernels(&network, &images, None, Which::Both, &mut |_| Control::Continue).expect("finite kernels"));
        time = time.min(start.elapsed().as_secs_f64());
    }
    let head = if is_average { "gap" } else { "flatten" };
    println!(
        "NNGP and tangent kernel, N = {n}, {side} × {side} × {CHANNELS}, {HIDDEN_LAYERS} convolutions 3 × 3, ReLU, {head}, f64"
    );
    println!("{:<34} {:>9} {:>12}", "what", "seconds", "ratio");
    println!("{:<34} {time:>9.3} {:>12.2}", "both kernels, widenet", 1.0);
    println!("{:<34} {:>9.3} {:>12.2}", "as planned", cost.seconds, cost.seconds / time);
    if let Some(batch) = given("--peer") {
        match neural_tangents(n, side, head, &batch) {
            Some(peer) => println!("{:<34} {peer:>9.3} {:>12.2}", "both kernels, neural-tangents", peer / time),
            None => println!("{:<34} {:>9}", "both kernels, neural-tangents", "not run: python3 cannot import it"),
        }
    }
    let threads = rayon::current_num_threads();
    println!(
        "{:.3e} dual activations, {:.1} ns each on one of {threads} threads",
        cost.duals,
        1e9 * time * threads as f64 / cost.duals
    );
    if let Some(peak) = memory("VmHWM").zip(before).map(|(peak, before)| peak - before) {
        println!("peak memory beyond the images: {:.0} MB, planned {:.0} MB", peak / 1e6, cost.bytes as f64 / 1e6);
    }
}
