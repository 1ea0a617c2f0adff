//! Mixing matrices and feature kernels: reference cases, closed forms, and samplers against networks drawn weight by weight.
//!
//! Two-sample tests have 20 000 draws a side. With at most 18 statistics each, a threshold of 5 fails by chance once in 10⁵; a law that
//! differs by one unit of one width, the negative control, is at more than 7.

mod closed_forms;
mod edges;
mod samplers;
mod schemes;

use widenet_core::Matrix;

const DRAWS: u64 = 20_000;
const AGREES: f64 = 5.0;
const DIFFERS: f64 = 7.0;

fn some_inputs(count: usize, size: usize) -> Matrix {
    Matrix::from_fn(count, size, |i, j| (1.7 * ((i + 1) * (j + 2) * (j + 2)) as f64).sin())
}
