//! Convolutional networks with infinitely many channels have NNGP and tangent kernels, whose entries carry a pair of positions on the way.
//!
//! ```text
//! K ← v box(K) + b,     Θ ← t box(K) + s + v box(Θ),     box(S)_{p,p'} = (1/q) Σ_t S_{p+t, p'+t}
//! ```
//!
//! (docs/theory/convolutions.md §4.) Only pairs that the head needs are computed, one offset p' − p after the other: no array of N² P² numbers
//! exists. A network is a list of layers ([`ConvolutionalNetwork`]).

mod geometry;
mod lanes;
mod network;
mod plan;
mod program;
mod run;
mod stages;
mod variances;

pub use geometry::{Padding, Taps, Window};
pub use network::{ConvolutionalNetwork, ImageShape, Layer};

use widenet_core::{Matrix, training::Control};

use super::{
    error::{Error, Result, invalid},
    gram::{Kernels, Which},
};
use plan::{Classes, Plan};
use run::{Context, TASK, along};
use stages::{Stage, stages};
use variances::{Images, variances};

/// Tasks between two calls of `watch`.
const TASKS_PER_LOOK: usize = 64;

/// Returns kernels between the images in the rows of `x1` (N₁ × rows · columns · channels) and `x2`; without `x2` among those of `x1`.
///
/// A row holds an image row after row, position after position, the channels of a position side by side. `watch` is called with the
/// share of the work done, in [0, 1].
///
/// # Errors
/// Images of the wrong size, or not finite; a network without this limit (docs/theory/convolutions.md §4.1), with the layer; variances that
/// overflow, or too large for the series of an activation without closed form; [`Error::Stopped`].
pub fn convolution_kernels(
    network: &ConvolutionalNetwork,
    x1: &Matrix,
    x2: Option<&Matrix>,
    which: Which,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    let stages = stages(network)?;
    compute(&Problem { network, stages: &stages, classes: Classes::Offsets }, x1, x2, which, watch)
}

/// What is computed, and how.
struct Problem<'a> {
    network: &'a ConvolutionalNetwork,
    stages: &'a [Stage],
    classes: Classes,
}

fn compute(
    problem: &Problem<'_>,
    x1: &Matrix,
    x2: Option<&Matrix>,
    which: Which,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    let images = images(problem.network.image, x1, x2)?;
    let variances = variances(problem.stages, &images, problem.classes)?;
    let plan = Plan::outputs(problem.stages, problem.classes);
    let context = Context { images: &images, variances: &variances };
    let (n1, n2) = (x1.nrows(), x2.map_or(x1.nrows(), Matrix::nrows));
    // A symmetric matrix from its lower triangle.
    let rows_of = |j: usize| if x2.is_some() { 0..n1 } else { j..n1 };
    let pairs: Vec<[usize; 2]> = (0..n2).flat_map(|j| rows_of(j).map(move |i| [i, j])).collect();
    let first_right = if x2.is_some() { n1 } else { 0 };
    let matrix = |wanted: bool| wanted.then(|| Matrix::zeros(n1, n2));
    let mut kernels = Kernels { nngp: matrix(which != Which::Tangent), tangent: matrix(which != Which::Nngp) };
    let (mut done, total) = (0, pairs.len());
    for pairs in pairs.chunks(TASK * TASKS_PER_LOOK) {
        let of_images: Vec<[usize; 2]> = pairs.iter().map(|[i, j]| [*i, first_right + *j]).collect();
        let blocks = along(&context, &plan, &of_images);
        let lanes = blocks.iter().flat_map(|block| (0..block.pairs).map(move |lane| (&block.values, lane)));
        for ((values, lane), [i, j]) in lanes.zip(pairs) {
            let entries = [(&mut kernels.nngp, &values.covariance), (&mut kernels.tangent, &values.tangent)];
            for (kernel, values) in entries {
                let Some(kernel) = kernel else { continue };
                kernel[(*i, *j)] = values[0][lane];
                if x2.is_none() {
                    kernel[(*j, *i)] = values[0][lane];
                }
            }
        }
        done += pairs.len();
        if watch(done as f64 / total as f64) == Control::Stop {
            return Err(Error::Stopped);
        }
    }
    check_finite(&kernels)?;
    Ok(kernels)
}

/// The images of both sides, one list.
fn images(shape: ImageShape, x1: &Matrix, x2: Option<&Matrix>) -> Result<Images> {
    let mut pixels = Vec::with_capacity((x1.nrows() + x2.map_or(0, Matrix::nrows)) * shape.size());
    for (name, x) in [("x1", Some(x1)), ("x2", x2)] {
        let Some(x) = x else { continue };
        if x.ncols() != shape.size() {
            return Err(invalid(format!(
                "{name} has {} numbers per image, and {} rows × {} columns × {} channels are {}",
                x.ncols(),
                shape.rows,
                shape.columns,
                shape.channels,
                shape.size()
            )));
        }
        for (i, row) in x.row_iter().enumerate() {
            if let Some(value) = row.iter().find(|value| !value.is_finite()) {
                return Err(invalid(format!("{name}, image {}: a pixel is {value}; all must be finite", i + 1)));
            }
            pixels.extend(row.iter());
        }
    }
    Ok(Images { shape, pixels, count: x1.nrows() + x2.map_or(0, Matrix::nrows) })
}

fn check_finite(kernels: &Kernels) -> Result<()> {
    for (name, kernel) in [("NNGP", &kernels.nngp), ("tangent", &kernels.tangent)] {
        if kernel.as_ref().is_some_and(|kernel| kernel.iter().any(|value| !value.is_finite())) {
            return Err(invalid(format!("the {name} kernel overflows; depth · ln σ_w² or the inputs are too large")));
        }
    }
    Ok(())
}
