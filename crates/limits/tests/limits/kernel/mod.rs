//! The kernel regime at width ∞: kernels, predictions, trajectories.

mod convolution;
mod duals;
mod dynamics;
mod properties;
mod reference;
mod solutions;
mod support;
mod switches;
