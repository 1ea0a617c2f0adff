//! Products on panels against the CPU kernels for few vectors and burn's matrix product, and steps of perceptrons: milliseconds, best
//! of several runs, and billions of operations per second.
//!
//! ```text
//! cargo bench -p widenet-model --bench mlp_step
//! ```
//!
//! A step is three products of 2 m² P operations for each hidden matrix: forward, backward, update.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, time::Instant};

use burn::Tensor;
use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    problem::{
        Activation, Ensemble, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule,
        Schedule,
    },
    training::{Control, Start, Training, mlp::MlpTraining},
};
use widenet_kernels::{cpu, panel_apply, panel_apply_transpose, panel_rank_update};
use widenet_model::{
    DeviceChoice, Entries, InitialWeights, Matrices, Precision, Run, mlp_with_panels, solve_on_device,
};

const INPUTS: usize = 64;
const REPEATS: usize = 5;

fn problem(hidden_layers: usize, samples: usize, steps: u64, momentum: f64) -> Problem {
    let wave = |columns, frequency: f64| {
        Matrix::from_fn(samples, columns, |i, j| ((i * columns + j) as f64 * frequency).sin())
    };
    Problem {
        network: Network {
            hidden_layers,
            activation: Activation::Relu,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::ntk(hidden_layers, 1.4),
        data: Dataset {
            train: Samples { inputs: wave(INPUTS, 1.7), targets: wave(1, 0.9) },
            test: None,
            provenance: Default::default(),
        },
        loss: Loss::SQUARED,
        optimizer: Optimizer {
            rule: Rule::Descent { learning_rate: 0.01, steps, momentum, nesterov: false, batch_size: None },
            weight_decay: 0.0,
            schedule: Schedule::CONSTANT,
        },
        record: RecordPlan { at: vec![], quantities: vec![] },
        ensemble: None,
        stop: None,
    }
}

/// Best time of a call in milliseconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, milliseconds: f64, operations: f64) {
    println!("{what:<52} {milliseconds:>10.3} ms {:>8.1} GFLOP/s", operations / milliseconds * 1e-6);
}

fn main() {
    let device = DeviceChoice::Flex.open().expect("the CPU always opens");
    let placement = device.placement(Precision::F32).expect("the CPU computes in f32");
    for width in [64, 512, 2048] {
        for samples in [8, 16, 32, 128] {
            let law =
                |rows| InitialWeights { seed: 1, entries: Entries::Weights, layer: 1, rows, columns: width, std: 0.01 };
            let (mut w, x) = (law(width).rows(0..width, &placement), law(samples).rows(0..samples, &placement));
            let operations = 2.0 * (width * width * samples) as f64;
            let label = |what: &str| format!("m = {width}, P = {samples}: {what}");
            let [w_host, x_host] = [&w, &x].map(|tensor| tensor.to_data_as::<f32>());
            let (w_host, x_host) = (w_host.as_slice().expect("f32"), x_host.as_slice().expect("f32"));
            let kernel = || drop(black_box(cpu::panel_apply::<f32>(w_host, x_host, width)));
            report(&label("cpu::panel_apply"), best(kernel), operations);
            let kernel = || drop(black_box(cpu::panel_apply_transpose::<f32>(w_host, x_host, width)));
            report(&label("cpu::panel_apply_transpose"), best(kernel), operations);
            report(&label("panel_apply"), best(|| drop(black_box(panel_apply(&w, &x)))), operations);
            let product = || drop(black_box(x.clone().matmul(w.clone().transpose())));
            report(&label("burn, x wT"), best(product), operations);
            report(
                &label("panel_apply_transpose"),
                best(|| drop(black_box(panel_apply_transpose(&w, &x)))),
                operations,
            );
            report(&label("burn, x w"), best(|| drop(black_box(x.clone().matmul(w.clone())))), operations);
            let mut taken = std::mem::replace(&mut w, Tensor::empty([0, 0], &placement.device));
            let update = best(|| {
                let panel = std::mem::replace(&mut taken, Tensor::empty([0, 0], &placement.device));
                taken = panel_rank_update(panel, 1.0, &x, &x);
            });
            report(&label("panel_rank_update"), update, operations);
            report(&label("burn, xT x"), best(|| drop(black_box(x.clone().transpose().matmul(x.clone())))), operations);
        }
    }
    for (hidden_layers, width, samples, momentum) in [
        (1, 64, 20, 0.0),
        (3, 64, 20, 0.0),
        (3, 512, 128, 0.0),
        (3, 512, 128, 0.9),
        (3, 2048, 128, 0.0),
        (3, 2048, 128, 0.9),
    ] {
        let steps = if width < 512 { 1000 } else { 10 };
        let problem = problem(hidden_layers, samples, steps, momentum);
        let network = mlp_with_panels(&problem, width, 1.into(), &placement, device.info.panel_bytes()).unwrap();
        let mut training = MlpTraining::new(&problem, network, 1).expect("descent trains perceptrons");
        let run = || {
            black_box(training.run(Start::default(), &mut |_, _| Control::Continue));
        };
        let hidden = 2.0 * ((hidden_layers - 1) as f64 * (width as f64).powi(2) + (width * INPUTS as u64) as f64);
        let what = format!("step, L = {hidden_layers}, m = {width}, P = {samples}, momentum {momentum}");
        report(&what, best(run) / steps as f64, 3.0 * hidden * samples as f64);
    }
    for (hidden_layers, width, samples, steps) in [
        (1, 64, 10, 1),
        (3, 64, 10, 1),
        (3, 16, 10, 100),
        (3, 16, 100, 100),
        (3, 64, 10, 100),
        (3, 64, 40, 100),
        (3, 128, 10, 100),
    ] {
        let networks = 500;
        let mut problem = problem(hidden_layers, samples, steps, 0.0);
        problem.ensemble = Some(Ensemble { networks, antithetic: false });
        // Networks that record a movement of weights are trained alone.
        let [in_groups, alone] = [vec![], vec![Quantity::WeightChange]].map(|alone| {
            problem.record =
                RecordPlan { at: vec![0.0], quantities: [vec![Quantity::FunctionKurtosis], alone].concat() };
            let precision = Precision::F32;
            let run = Run {
                matrices: Matrices::Dense,
                problem: &problem,
                width,
                seed: 1,
                device: &device,
                precision,
                checkpoints: None,
            };
            best(|| drop(black_box(solve_on_device(&run, &mut |_| Control::Continue)))) / networks as f64
        });
        println!(
            "a network of an ensemble, L = {hidden_layers}, m = {width}, P = {samples}, {steps} steps: {in_groups:.3} ms, alone {alone:.3} ms"
        );
    }
}
