//! Steps of very wide perceptrons: known by their answers, of real matrices, and of real matrices in JAX and PyTorch. How time grows with the
//! width is measured by `widenet bench --report`.
//!
//! ```text
//! cargo bench -p widenet-model --bench conditioned_step
//! ```
//!
//! Full-batch descent in mean-field scaling, tanh, `f32`, three hidden layers of m = 16384 neurons, P = 16; a step of the conditioned engine is a
//! fiftieth of a run of fifty steps, start included, with whatever ranks those reach; the others are the best step of a few. JAX and PyTorch
//! run where python3 can import them.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{process::Command, time::Instant};

use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    training::Control,
    trajectory::Status,
};
use widenet_model::{
    DeviceChoice, DeviceSolution, Hidden, HiddenMatrix, Matrices, OpenDevice, Precision, ResponseStorage, Run,
    solve_on_device,
};

const WIDTH: u64 = 16_384;
const HIDDEN_LAYERS: usize = 3;
const SAMPLES: usize = 16;
const STEPS: u64 = 50;
/// Steps of real matrices: the first is not counted.
const FEW_STEPS: u64 = 4;
const INPUTS: usize = 10;
/// On what counts as a new direction: the default, as fine as `f32` is, and a coarse one.
const TOLERANCES: [f64; 3] = [1e-5, 1e-6, 1e-4];
const STORED: HiddenMatrix = HiddenMatrix::Conditioned(ResponseStorage::Stored);

fn problem(hidden_layers: usize, samples: usize, steps: u64) -> Problem {
    let wave = |columns, frequency: f64| {
        Matrix::from_fn(samples, columns, |i, j| ((i * columns + j) as f64 * frequency).sin())
    };
    Problem {
        network: Network {
            hidden_layers,
            activation: Activation::Tanh,
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
            rule: Rule::Descent { learning_rate: 0.2, steps, momentum: 0.0, nesterov: false, batch_size: None },
            weight_decay: 0.0,
            schedule: Schedule::CONSTANT,
        },
        record: RecordPlan { at: vec![steps as f64], quantities: vec![Quantity::TrainLoss, Quantity::ExploredRanks] },
        ensemble: None,
        stop: None,
    }
}

/// Seconds of a run, and what came of it.
fn conditioned(problem: &Problem, width: u64, tolerance: f64, device: &OpenDevice) -> (f64, DeviceSolution) {
    let precision = Precision::F32;
    let hidden = Hidden { matrix: STORED, tolerance };
    let run =
        Run { problem, width, seed: 1, matrices: Matrices::Explored(hidden), device, precision, checkpoints: None };
    let start = Instant::now();
    let solution = solve_on_device(&run, &mut |_| Control::Continue).expect("the run fits the memory");
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(solution.trajectory.status, Status::Done, "a diverged run measures nothing");
    (seconds, solution)
}

fn numbers(solution: &DeviceSolution, quantity: Quantity) -> Vec<f64> {
    solution.trajectory.records.last().map_or_else(Vec::new, |record| record.values[&quantity].flatten())
}

/// Milliseconds of the best step of real matrices.
fn dense(device: &OpenDevice) -> f64 {
    let mut problem = problem(HIDDEN_LAYERS, SAMPLES, FEW_STEPS);
    problem.record.quantities = vec![Quantity::TrainLoss];
    let (problem, precision) = (&problem, Precision::F32);
    let run = Run { matrices: Matrices::Dense, problem, width: WIDTH, seed: 1, device, precision, checkpoints: None };
    let (mut last, mut best) = (None, f64::INFINITY);
    let solution = solve_on_device(&run, &mut |_| {
        let now = Instant::now();
        if let Some(last) = last.replace(now) {
            best = best.min((now - last).as_secs_f64() * 1e3);
        }
        Control::Continue
    });
    solution.expect("real matrices fit the memory");
    best
}

/// Milliseconds per step of a peer.
fn peer(script: &str) -> Option<f64> {
    let script = format!("{}/../../benches/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let arguments =
        [WIDTH, HIDDEN_LAYERS as u64, INPUTS as u64, SAMPLES as u64, FEW_STEPS].map(|number| number.to_string());
    let output = Command::new("python3").arg(script).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn steps_at_one_width(device: &OpenDevice) {
    println!("m = {WIDTH}, {HIDDEN_LAYERS} hidden layers, P = {SAMPLES}, d = {INPUTS}, tanh, f32");
    println!("{:<44} {:>10} {:>14}", "a step", "ms", "/ conditioned");
    let row = |what: &str, time: f64, ratio: f64| println!("{what:<44} {time:>10.2} {ratio:>14.1}");
    let mut by_default = None;
    for tolerance in TOLERANCES {
        let (seconds, solution) = conditioned(&problem(HIDDEN_LAYERS, SAMPLES, STEPS), WIDTH, tolerance, device);
        let own = seconds * 1e3 / STEPS as f64;
        // What the other rows are divided by: the default tolerance comes first.
        let step = *by_default.get_or_insert(own);
        row(&format!("conditioned, tolerance {tolerance:e}"), own, own / step);
        let [ranks, loss] = [Quantity::ExploredRanks, Quantity::TrainLoss].map(|quantity| numbers(&solution, quantity));
        println!("    ranks {ranks:?} (input and output side of each matrix), loss {loss:?} in the end");
    }
    let step = by_default.unwrap_or(f64::NAN);
    let dense = dense(device);
    row("dense, widenet", dense, dense / step);
    for (name, script) in [("JAX", "jax_mlp_step.py"), ("PyTorch", "torch_mlp_step.py")] {
        match peer(script) {
            Some(time) => row(&format!("dense, {name}"), time, time / step),
            None => println!("dense, {name:<38} not run: python3 cannot import it"),
        }
    }
}

fn main() {
    steps_at_one_width(&DeviceChoice::Flex.open().expect("the CPU always opens"));
}
