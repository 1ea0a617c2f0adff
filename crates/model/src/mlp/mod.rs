//! Multilayer perceptrons of finite width on a device: their networks, runs, ensembles and kernels.

mod empirical;
mod ensemble;
pub(crate) mod estimate;
mod given;
mod moments;
mod network;
mod solve;

pub use empirical::{EmpiricalKernels, KernelBlock, KernelsWanted, empirical_kernels};
pub use given::{GivenLayer, GivenNetwork, GivenRecord, GivenRun};
pub use network::{dense_mlp, mlp_group, mlp_with_panels};

pub(crate) use network::check_range;
pub(crate) use solve::solve;
