//! Activations and their derivatives: 10⁶ entries per second, best of several runs.
//!
//! ```text
//! cargo bench --workspace --bench activations
//! ```
//!
//! "libm" is the time of a loop over entries with the functions of [`Activation`], in `f64` and rounded, over the time here,
//! "burn" that of the same by burn's own operations, and "copy" the time of a copy of the entries over the time here (1 is the
//! bandwidth of memory). On all threads, and on one; tensors are larger than the caches.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{hint::black_box, mem::replace, time::Instant};
use widenet_core::document::Word;

use burn::{
    Tensor,
    tensor::{
        DType, Device, Distribution, Element, ElementConversion,
        activation::{gelu, sigmoid, silu, softplus},
    },
};
use rayon::prelude::*;
use widenet_core::problem::Activation;
use widenet_kernels::{activate, times_derivative};

const REPEATS: usize = 7;
const SHAPE: [usize; 2] = [16, 1 << 19];
/// Entries per task of the loop and of the copy.
const TASK: usize = 1 << 14;

/// Best time of a call in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(time).fold(f64::INFINITY, f64::min)
}

/// Time of a copy of so many bytes, to memory written before.
fn copy(bytes: usize) -> f64 {
    let (source, mut target) = (vec![1_u8; bytes], vec![2_u8; bytes]);
    best(|| {
        let pieces = target.par_chunks_mut(TASK).zip(source.par_chunks(TASK));
        pieces.for_each(|(target, source)| target.copy_from_slice(source));
        black_box(&target);
    })
}

/// Time of `y ← f(h)`, entry by entry in `f64`.
fn loop_of<T: Element + Into<f64> + Send + Sync>(h: &Tensor<2>, f: impl Fn(f64) -> f64 + Sync) -> f64 {
    let h = h.to_data_as::<T>().try_to_vec::<T>().unwrap_or_default();
    let mut y = h.clone();
    best(|| {
        let task = |(y, h): (&mut [T], &[T])| y.iter_mut().zip(h).for_each(|(y, h)| *y = f((*h).into()).elem());
        y.par_chunks_mut(TASK).zip(h.par_chunks(TASK)).for_each(task);
        black_box(&y);
    })
}

/// φ by burn's operations, where it has one.
fn by_burn(activation: Activation, u: Tensor<2>) -> Option<Tensor<2>> {
    Some(match activation {
        Activation::Relu => u.clamp_min(0.0),
        Activation::Abs => u.abs(),
        Activation::Erf => u.erf(),
        Activation::Sin => u.sin(),
        Activation::Tanh => u.tanh(),
        Activation::Sigmoid => sigmoid(u),
        Activation::Gelu => gelu(u),
        Activation::Softplus => softplus(u, 1.0),
        Activation::Silu => silu(u),
        Activation::Step => u.sign().clamp_min(0.0),
        Activation::SquaredRelu => u.clamp_min(0.0).square(),
        Activation::Identity | Activation::LeakyRelu { .. } => return None,
    })
}

/// φ' by burn's operations, of the few that are common.
fn derivative_by_burn(activation: Activation, u: Tensor<2>) -> Option<Tensor<2>> {
    Some(match activation {
        Activation::Relu => u.sign().clamp_min(0.0),
        Activation::Sin => u.cos(),
        Activation::Tanh => u.clone().tanh().mul(u.tanh()).neg().add_scalar(1.0),
        Activation::Sigmoid => sigmoid(u.clone()).mul(sigmoid(u.neg())),
        Activation::Softplus => sigmoid(u),
        _ => return None,
    })
}

fn table(dtype: DType) {
    let on = (&Device::flex(), dtype);
    let entries = SHAPE[0] * SHAPE[1];
    let copied = copy(entries * dtype.size());
    let empty = || Tensor::<2>::empty([0, 0], on);
    // So near 0 that signals multiplied by derivatives again and again do not become denormal.
    let random = || Tensor::<2>::random(SHAPE, Distribution::Uniform(-2.0, 2.0), on);
    for &(word, activation) in Activation::WORDS {
        if activation == Activation::Identity {
            continue;
        }
        let report = |what: &str, time: f64, loop_time: f64, burn: Option<f64>| {
            let burn = burn.map_or("    -".to_string(), |burn| format!("{:>5.2}", burn / time));
            println!(
                "{dtype:?} {word:<10} {what:<16} {:>7.0} M/s   libm {:>6.2}   burn {burn}   copy {:>5.2}",
                entries as f64 / time * 1e-6,
                loop_time / time,
                copied / time
            );
        };
        let h = random();
        let (value, derivative) = (|u| activation.value(u), |u| activation.derivative(u));
        let loops = match dtype {
            DType::F64 => [loop_of::<f64>(&h, value), loop_of::<f64>(&h, derivative)],
            _ => [loop_of::<f32>(&h, value), loop_of::<f32>(&h, derivative)],
        };
        // In place and of new entries each time.
        let mut copies: Vec<Tensor<2>> = (0..REPEATS).map(|_| random()).collect();
        let time = best(|| drop(black_box(activate(copies.pop().unwrap_or_else(empty), activation))));
        let mut copies: Vec<Tensor<2>> = (0..REPEATS).map(|_| random()).collect();
        let burn = best(|| drop(black_box(by_burn(activation, copies.pop().unwrap_or_else(empty)))));
        report("value", time, loops[0], by_burn(activation, empty()).map(|_| burn));
        let mut g = random();
        let time = best(|| g = times_derivative(replace(&mut g, empty()), &h, activation));
        let burn = derivative_by_burn(activation, empty()).map(|_| {
            best(|| {
                if let Some(derivative) = derivative_by_burn(activation, h.clone()) {
                    g = replace(&mut g, empty()).mul(derivative);
                }
            })
        });
        report("times derivative", time, loops[1], burn);
    }
}

fn main() {
    for threads in [1, rayon::current_num_threads()] {
        println!("threads: {threads}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        if let Ok(pool) = pool {
            pool.install(|| [DType::F32, DType::F64].map(table));
        }
    }
}
