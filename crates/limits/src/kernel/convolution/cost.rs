//! What kernels of convolutional networks take is known before they are computed: nearly all of it are dual activations.
//!
//! (docs/theory/convolutions.md §3.3.)

use widenet_core::scaling::KernelNetwork;

use super::{
    plan::Plan,
    run::task_bytes,
    stages::{Step, stages},
};
use crate::kernel::{dual::Dual, error::Result};

/// Seconds of one dual activation with its sums over taps on one core: with a closed form on lanes, with one that is evaluated one by one, and by a series.
const SECONDS: [f64; 3] = [1.7e-8, 5.0e-8, 1.9e-6];

/// Seconds of the coefficients of a series at one position of one image.
const COEFFICIENTS: f64 = 3.7e-4;

/// What kernels take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvolutionCost {
    /// Dual activations.
    pub duals: f64,
    /// Seconds on this machine's threads.
    pub seconds: f64,
    /// Memory beside the kernels.
    pub bytes: u64,
}

/// Says what the kernels among so many images take; `None` for fully connected networks.
///
/// # Errors
/// A network without this limit (docs/theory/convolutions.md §3.1).
pub fn convolution_cost(network: &KernelNetwork, images: usize) -> Result<Option<ConvolutionCost>> {
    let Some(image) = &network.image else { return Ok(None) };
    let stages = stages(image, &network.layers)?;
    let plan = Plan::outputs(&stages)?;
    let seconds_of = |dual: &Dual| match dual {
        Dual::ArcCosine(_) => SECONDS[0],
        Dual::Erf | Dual::Sin | Dual::Gelu => SECONDS[1],
        Dual::Series(_) => SECONDS[2],
    };
    let images = images as f64;
    let pairs = 0.5 * images * (images + 1.0);
    let threads = rayon::current_num_threads();
    let mut cost = ConvolutionCost { duals: 0.0, seconds: 0.0, bytes: plan.bytes() };
    for (dual, entries) in plan.duals() {
        cost.duals += pairs * entries as f64;
        cost.seconds += pairs * entries as f64 * seconds_of(&dual) / threads as f64;
    }
    for (stage, step) in stages.iter().flat_map(|stage| stage.steps.iter().map(move |step| (stage, step))) {
        if let Step::Activation { from, dual: Dual::Series(_), .. } = step {
            cost.seconds += COEFFICIENTS * images * stage.positions(*from) as f64 / threads as f64;
        }
    }
    cost.bytes += threads as u64 * task_bytes(&plan);
    Ok(Some(cost))
}
