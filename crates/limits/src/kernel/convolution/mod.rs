//! Convolutional networks with infinitely many channels have NNGP and tangent kernels, whose entries carry a pair of positions on the way.
//!
//! ```text
//! K ← v box(K) + b,     Θ ← t box(K) + s + v box(Θ),     box(S)_{p,p'} = (1/q) Σ_t S_{p+t, p'+t}
//! ```
//!
//! (docs/theory/convolutions.md §3.) Only pairs that the head needs are computed, one offset p' − p after the other: no array of N² P² numbers
//! exists. A network is a list of layers ([`ImageNetwork`]).

mod cost;
mod images;
mod lanes;
mod plan;
mod program;
mod run;
mod stages;
mod variances;

pub use cost::{ConvolutionCost, convolution_cost};

use widenet_core::{
    Matrix,
    problem::{ImageNetwork, ImageShape, PixelOrder},
    scaling::KernelNetwork,
    training::Control,
};

use super::{
    error::{Error, Result, invalid},
    matrices::{Diagonals, Kernels, Which},
};
use images::{Images, StageVariances};
use plan::Plan;
use run::{Context, TASK, along};
use stages::{Stage, stages};
use variances::variances;

/// Tasks between two calls of `watch`.
const TASKS_PER_LOOK: usize = 16;

/// Kernels of the convolutional network `image` with the weights of `network`, as [`super::gram::kernels`] has them.
///
/// # Errors
/// Images of the wrong size, or not finite; a network without this limit (docs/theory/convolutions.md §3.1), with the layer; variances that
/// overflow, or too large for the series of an activation without closed form; [`Error::Stopped`].
pub(super) fn kernels(
    network: &KernelNetwork,
    image: &ImageNetwork,
    (x1, x2): (&Matrix, Option<&Matrix>),
    which: Which,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    let stages = stages(image, &network.layers)?;
    let has_kink = which != Which::Nngp && trains_biases_from_zero(network);
    compute(&Problem { image, stages: &stages, has_kink }, (x1, x2), which, watch)
}

/// The diagonals of [`kernels`].
pub(super) fn diagonals(network: &KernelNetwork, image: &ImageNetwork, x: &Matrix) -> Result<Diagonals> {
    let stages = stages(image, &network.layers)?;
    let problem = Problem { image, stages: &stages, has_kink: trains_biases_from_zero(network) };
    let pairs: Vec<[usize; 2]> = (0..x.nrows()).map(|i| [i, i]).collect();
    let mut diagonals = Diagonals { nngp: Vec::new(), tangent: Vec::new() };
    entries(
        &problem,
        images(image, x, None)?,
        &pairs,
        &mut |_, [nngp, tangent]| {
            diagonals.nngp.push(nngp);
            diagonals.tangent.push(tangent);
        },
        &mut |_| Control::Continue,
    )?;
    Ok(diagonals)
}

/// What is computed, and how.
struct Problem<'a> {
    image: &'a ImageNetwork,
    stages: &'a [Stage],
    /// Whether pre-activations of variance 0 are moved by biases, so that the derivative at a kink matters.
    has_kink: bool,
}

/// Whether hidden layers have biases that start at 0 and are trained.
fn trains_biases_from_zero(network: &KernelNetwork) -> bool {
    let hidden = &network.layers[..network.layers.len() - 1];
    hidden.iter().any(|layer| layer.bias_variance == 0.0 && layer.bias_tangent > 0.0)
}

fn compute(
    problem: &Problem<'_>,
    (x1, x2): (&Matrix, Option<&Matrix>),
    which: Which,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<Kernels> {
    let (n1, n2) = (x1.nrows(), x2.map_or(x1.nrows(), Matrix::nrows));
    let first_right = if x2.is_some() { n1 } else { 0 };
    // A symmetric matrix from its lower triangle.
    let rows_of = |j: usize| if x2.is_some() { 0..n1 } else { j..n1 };
    let pairs: Vec<[usize; 2]> = (0..n2).flat_map(|j| rows_of(j).map(move |i| [i, first_right + j])).collect();
    let matrix = |wanted: bool| wanted.then(|| Matrix::zeros(n1, n2));
    let mut kernels = Kernels { nngp: matrix(which != Which::Tangent), tangent: matrix(which != Which::Nngp) };
    entries(
        problem,
        images(problem.image, x1, x2)?,
        &pairs,
        &mut |[i, j], entries| {
            let j = j - first_right;
            for (kernel, entry) in [&mut kernels.nngp, &mut kernels.tangent].into_iter().zip(entries) {
                let Some(kernel) = kernel else { continue };
                kernel[(i, j)] = entry;
                if x2.is_none() {
                    kernel[(j, i)] = entry;
                }
            }
        },
        watch,
    )?;
    Ok(kernels)
}

/// Gives `put` both kernels of pairs of images.
fn entries(
    problem: &Problem<'_>,
    images: Images,
    pairs: &[[usize; 2]],
    put: &mut dyn FnMut([usize; 2], [f64; 2]),
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<()> {
    let variances = variances(problem.stages, &images)?;
    if problem.has_kink {
        check_kinks(problem.stages, &variances)?;
    }
    let plan = Plan::outputs(problem.stages)?;
    let context = Context { images: &images, variances: &variances };
    let mut done = 0;
    for some in pairs.chunks(TASK * TASKS_PER_LOOK) {
        let blocks = along(&context, &plan, some);
        let lanes = blocks.iter().flat_map(|block| (0..block.pairs).map(move |lane| (&block.values, lane)));
        for ((values, lane), pair) in lanes.zip(some) {
            let [nngp, tangent] = [&values.covariance, &values.tangent].map(|entries| entries[0][lane]);
            if !nngp.is_finite() || !tangent.is_finite() {
                let name = if nngp.is_finite() { "tangent" } else { "NNGP" };
                return Err(invalid(format!(
                    "the {name} kernel overflows; depth · ln σ_w² or the inputs are too large"
                )));
            }
            put(*pair, [nngp, tangent]);
        }
        done += some.len();
        if watch(done as f64 / pairs.len() as f64) == Control::Stop {
            return Err(Error::Stopped);
        }
    }
    Ok(())
}

/// Refuses zero patches in front of activations with a kink.
fn check_kinks(stages: &[Stage], variances: &[StageVariances]) -> Result<()> {
    for (stage, variances) in stages.iter().zip(variances) {
        for from in stage.kinks() {
            let Some(entry) = variances.nodes[from].iter().position(|q| *q == 0.0) else { continue };
            return Err(invalid(format!(
                "image {}: a patch is 0 and biases start at 0, so that pre-activations are at the kink of the activation and the tangent kernel depends on \
                 the derivative there; let the biases have a standard deviation at the start, or leave the image out",
                entry / stage.positions(from) + 1
            )));
        }
    }
    Ok(())
}

/// The images of both sides, one list, position after position.
fn images(network: &ImageNetwork, x1: &Matrix, x2: Option<&Matrix>) -> Result<Images> {
    let shape = network.shape;
    let ImageShape { rows, columns, channels } = shape;
    let count = x1.nrows() + x2.map_or(0, Matrix::nrows);
    let mut pixels = Vec::with_capacity(count * shape.size());
    for (name, x) in [("x1", Some(x1)), ("x2", x2)] {
        let Some(x) = x else { continue };
        if x.ncols() != shape.size() {
            return Err(invalid(format!(
                "{name} has {} numbers per image, and {rows} rows × {columns} columns × {channels} channels are {}",
                x.ncols(),
                shape.size()
            )));
        }
        for i in 0..x.nrows() {
            for k in 0..shape.size() {
                let column = match network.pixel_order {
                    PixelOrder::Interleaved => k,
                    PixelOrder::Planes => (k % channels) * rows * columns + k / channels,
                };
                let value = x[(i, column)];
                if !value.is_finite() {
                    return Err(invalid(format!(
                        "{name}: row {}, column {} is {value}; all inputs must be finite",
                        i + 1,
                        column + 1
                    )));
                }
                pixels.push(value);
            }
        }
    }
    Ok(Images { shape, pixels, count })
}
