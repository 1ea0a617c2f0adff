//! Networks per second at initialisation, N = L = 64, and what their time goes to: the draw of the weights, the product of burn on
//! the CPU, and the crate's kernel for one network after another in its place.
//!
//! ```text
//! cargo bench -p widenet-model --bench prior
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, time::Instant};

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use widenet_core::{Matrix, training::Control};
use widenet_kernels::cpu;
use widenet_model::{DeviceChoice, OpenDevice, Precision, PriorNetworks, sample_networks};

const REPEATS: usize = 5;

/// Best time of a call in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

/// Seconds per layer of one network in burn's product of a batch and in the crate's kernel, on given weights.
fn products(device: &OpenDevice, batch: usize, samples: usize, width: usize) -> [f64; 2] {
    let wave = |count: usize| (0..count).map(|i| (i as f32).sin()).collect::<Vec<f32>>();
    let (features, weights) = (wave(batch * samples * width), wave(batch * width * width));
    let tensor = |values: &[f32], rows| -> Tensor<3> {
        Tensor::from_data(TensorData::new(values.to_vec(), [batch, rows, width]), &device.device)
    };
    let (x, w) = (tensor(&features, samples), tensor(&weights, width));
    let of_burn = best(|| drop(black_box(x.clone().matmul(w.clone()))));
    let of_kernel = best(|| {
        let pairs = features.par_chunks(samples * width).zip(weights.par_chunks(width * width));
        black_box(pairs.map(|(x, w)| cpu::panel_apply_transpose::<f32>(w, x, width)).collect::<Vec<_>>());
    });
    [of_burn, of_kernel].map(|seconds| seconds / batch as f64)
}

fn main() {
    let device = DeviceChoice::Cpu.open().expect("the CPU always opens");
    println!("{}", device.note);
    for (width, depth, samples, networks) in [(64, 64, 1, 1000), (64, 64, 10, 500), (8, 8, 1, 100_000), (512, 8, 4, 50)]
    {
        let inputs = Matrix::from_element(samples, width, 1.0);
        let widths = vec![width as u64; depth];
        let mut request = PriorNetworks {
            inputs: &inputs,
            widths: &widths,
            outputs: 1,
            gain: 1.0,
            networks,
            seed: 1,
            kernels: false,
            batch_bytes: None,
        };
        let sample = |request: &PriorNetworks<'_>, precision| {
            let mut watch = |_| Control::Continue;
            best(|| {
                black_box(sample_networks(request, &device, precision, &mut watch).expect("a small sample"));
            }) / networks as f64
        };
        println!("N = {width}, L = {depth}, P = {samples}, D = 1");
        for mebibytes in [1, 2, 4, 8, 16, 64] {
            request.batch_bytes = Some(mebibytes << 20);
            println!("  launches of {mebibytes:>2} MiB: {:>10.0} networks/s", sample(&request, Precision::F32).recip());
        }
        request.batch_bytes = None;
        let (single, double) = (sample(&request, Precision::F32), sample(&request, Precision::F64));
        let batch = PriorNetworks::HOST_BATCH_BYTES as usize / (4 * width * width);
        let [of_burn, of_kernel] =
            products(&device, batch.max(1), samples, width).map(|seconds| seconds * depth as f64);
        let weights = (depth * width * width + width) as f64;
        println!(
            "  f32 {:.0} networks/s, {:.2} ns a weight; f64 takes {:.2} times as long",
            single.recip(),
            single / weights * 1e9,
            double / single
        );
        println!(
            "  product: {:.2} of the time with burn, {:.2} with the crate's kernel; the draw and the rest: {:.2}",
            of_burn / single,
            of_kernel / single,
            1.0 - of_burn / single
        );
    }
}
