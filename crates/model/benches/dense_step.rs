//! How far the dense step is from the speed of memory: one table, best of several runs, milliseconds.
//!
//! ```text
//! cargo bench -p widenet-model [--features ndarray]
//! ```
//!
//! A step of descent on L = 3 hidden layers with k = 1 must read every hidden matrix twice. The first row reads them
//! twice and adds them up; every other row is divided by the time of streaming the matrices that it must read. The
//! step is averaged over a multiple of the flush period. JAX, if python3 has it, takes the same step.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, process::Command, time::Instant};

use burn::Tensor;
use rayon::prelude::*;
use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, RecordPlan, Rule, Schedule},
    training::{Control, LinearTraining, Start, Training},
};
use widenet_kernels::{panel_apply, panel_apply_transpose};
use widenet_model::{DeviceChoice, Entries, InitialWeights, Precision, network_with_panels};

const HIDDEN_LAYERS: usize = 3;
const INPUTS: usize = 10;
const REPEATS: usize = 5;
/// Matrices that a step must read.
const READS: usize = 2 * (HIDDEN_LAYERS - 1);
/// A multiple of the number of updates between two flushes.
const STEPS: u64 = 64;

/// Something timed, and the best time so far in milliseconds.
struct Case {
    what: String,
    run: Box<dyn FnMut()>,
    /// Runs of what is reported in one call.
    count: f64,
    /// Matrices that one of them must read.
    matrices: usize,
    best: f64,
}

impl Case {
    fn new(what: impl Into<String>, count: u64, matrices: usize, run: impl FnMut() + 'static) -> Self {
        Self { what: what.into(), run: Box::new(run), count: count as f64, matrices, best: f64::INFINITY }
    }

    fn time(&mut self) {
        let start = Instant::now();
        (self.run)();
        self.best = self.best.min(start.elapsed().as_secs_f64() * 1e3 / self.count);
    }
}

fn problem() -> Problem {
    let wave =
        |columns, frequency: f64| Matrix::from_fn(8, columns, |i, j| ((i * columns + j) as f64 * frequency).sin());
    Problem {
        network: Network {
            hidden_layers: HIDDEN_LAYERS,
            activation: Activation::Identity,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None },
        data: Dataset {
            train: Samples { inputs: wave(INPUTS, 1.7), targets: wave(1, 0.9) },
            test: None,
            provenance: Default::default(),
        },
        loss: Loss::SQUARED,
        optimizer: Optimizer {
            rule: Rule::Descent { learning_rate: 0.05, steps: STEPS, momentum: 0.0, nesterov: false, batch_size: None },
            weight_decay: 0.0,
            schedule: Schedule::CONSTANT,
        },
        record: RecordPlan { at: vec![], quantities: vec![] },
        ensemble: None,
        stop: None,
    }
}

/// Reads the hidden matrices twice with all threads.
fn stream(width: usize) -> Case {
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
    Case::new("stream the hidden weights twice", 1, READS, move || {
        for matrix in matrices.iter().chain(&matrices) {
            black_box(matrix.par_chunks(1 << 18).map(sum).sum::<f32>());
        }
    })
}

fn step(width: usize) -> Case {
    let problem = problem();
    let device = DeviceChoice::Flex.open().expect("the CPU always opens");
    let placement = device.placement(Precision::F32).expect("the CPU computes in f32");
    let mut network = Some(network_with_panels(&problem, width as u64, 1, &placement, device.info.panel_bytes()));
    Case::new("step, widenet", STEPS, READS, move || {
        let started = network.take().expect("the network of the step before");
        let mut training = LinearTraining::new(&problem, started, 1).expect("descent trains deep linear networks");
        black_box(training.run(Start::default(), &mut |_, _| Control::Continue));
        network = Some(training.network);
    })
}

/// `W x` and `Wᵀ g` by the kernels of a device, where this build has it.
fn products(choice: DeviceChoice, width: usize) -> Vec<Case> {
    let Ok(device) = choice.open() else { return Vec::new() };
    let placement = device.placement(Precision::F32).expect("the CPU computes in f32");
    let law = |rows| InitialWeights { seed: 1, entries: Entries::Weights, layer: 1, rows, columns: width, std: 0.01 };
    let (w, x) = (law(width).rows(0..width, &placement), law(1).rows(0..1, &placement));
    let case = |what: &str, product: fn(&Tensor<2>, &Tensor<2>) -> Tensor<2>| {
        let (w, x) = (w.clone(), x.clone());
        Case::new(format!("{what}, {choice}"), 1, 1, move || drop(black_box(product(&w, &x).into_data())))
    };
    vec![case("W x", panel_apply), case("W' g", panel_apply_transpose)]
}

/// Milliseconds per step of the JAX peer.
fn jax(width: usize) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/peers/jax_dense_step.py");
    let arguments = [width, HIDDEN_LAYERS, INPUTS, 10].map(|number| number.to_string());
    let output = Command::new("python3").arg(script).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn main() {
    println!("{:>6}  {:<34} {:>10} {:>14}", "m", "what (L = 3, k = 1, d = 10, f32)", "ms", "/ streaming");
    for width in [4096, 8192] {
        let mut cases = vec![stream(width), step(width)];
        cases.extend(products(DeviceChoice::Flex, width));
        cases.extend(products(DeviceChoice::NdArray, width));
        // Round robin, so that what else the machine does hits all alike.
        for _ in 0..REPEATS {
            cases.iter_mut().for_each(Case::time);
        }
        let per_matrix = cases[0].best / READS as f64;
        let row = |what: &str, time: f64, matrices: usize| {
            println!("{width:>6}  {what:<34} {time:>10.3} {:>14.2}", time / (per_matrix * matrices as f64));
        };
        cases.iter().for_each(|case| row(&case.what, case.best, case.matrices));
        match jax(width) {
            Some(time) => row("step, JAX", time, READS),
            None => println!("{width:>6}  {:<34} {:>10}", "step, JAX", "not run: python3 cannot import jax"),
        }
    }
}
