//! The kernel regime at width ∞: kernels, predictions, trajectories.

mod reference;
mod support;
