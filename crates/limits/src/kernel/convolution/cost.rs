//! What kernels of convolutional networks take is known before they are computed: nearly all of it are dual activations.
//!
//! (docs/theory/convolutions.md §3.3.)

use widenet_core::scaling::KernelNetwork;

use super::{plan::Plan, run::task_bytes, stages::stages};
use crate::kernel::{dual::Dual, error::Result};

/// Seconds of one dual activation with its sums over taps on one core: with a closed form on lanes, and one by one.
const SECONDS: [f64; 2] = [1.2e-8, 1.0e-7];

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

/// Says what the kernels of `pairs` pairs of images take; `None` for fully connected networks.
///
/// # Errors
/// A network without this limit (docs/theory/convolutions.md §3.1).
pub fn convolution_cost(network: &KernelNetwork, pairs: f64) -> Result<Option<ConvolutionCost>> {
    let Some(image) = &network.image else { return Ok(None) };
    let stages = stages(image, &network.layers)?;
    let plan = Plan::outputs(&stages)?;
    let seconds_of = |dual: &Dual| match dual {
        Dual::ArcCosine(_) => SECONDS[0],
        Dual::Erf | Dual::Sin | Dual::Gelu | Dual::Series(_) => SECONDS[1],
    };
    let threads = rayon::current_num_threads();
    let mut cost = ConvolutionCost { duals: 0.0, seconds: 0.0, bytes: plan.bytes() };
    for (dual, entries) in plan.duals() {
        cost.duals += pairs * entries as f64;
        cost.seconds += pairs * entries as f64 * seconds_of(&dual) / threads as f64;
    }
    cost.bytes += threads as u64 * task_bytes(&plan);
    Ok(Some(cost))
}
