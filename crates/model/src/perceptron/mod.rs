//! Multilayer perceptrons on a device.

mod empirical;
mod given;

pub use empirical::{EmpiricalKernels, KernelBlock, KernelsWanted, empirical_kernels};
pub use given::{GivenLayer, GivenNetwork, GivenRecord, GivenRun};
