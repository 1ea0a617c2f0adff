//! Networks of finite width with real m × m matrices, deep linear ones and multilayer perceptrons, on burn devices.
//!
//! [`solve_dense`] is the door: a problem, a width and a seed in, a trajectory out. Behind it a [`DenseMatrix`] is one
//! stored matrix plus a few outer products not yet folded into it, so training takes one copy of the weights; the loops
//! are those of [`widenet_core::training`]. [`empirical_kernels`] are the kernels of one perceptron at its start, and a
//! [`GivenNetwork`] is one whose weights come from elsewhere. [`DeviceChoice::open`] finds the device,
//! [`MemoryEstimate`] says beforehand whether a width fits, and a checkpoint file carries a run across an interruption
//! without changing a bit of it.

mod batched;
mod bench;
mod block;
mod calibration;
mod checkpoint;
mod dense;
mod device;
mod error;
mod estimate;
mod mlp;
mod network;
mod neurons;
mod prior;
mod solve;
mod wide;

pub use batched::BatchedMatrix;
pub use bench::{Amount, Check, Rate, RateSizes, checks, rates};
pub use block::DeviceBlock;
pub use calibration::Calibration;
pub use checkpoint::{CheckpointPlan, Every};
pub use dense::{DenseMatrix, Entries, InitialWeights};
pub use device::{DeviceChoice, DeviceInfo, DeviceKind, OpenDevice, Placement, Precision, guarded, list_devices};
pub use error::ModelError;
pub use estimate::{MemoryEstimate, seconds_per_step};
pub use mlp::{
    EmpiricalKernels, GivenLayer, GivenNetwork, GivenRecord, GivenRun, KernelBlock, KernelsWanted, dense_mlp,
    empirical_kernels, mlp_group, mlp_with_panels,
};
pub use network::{dense_network, network_with_panels};
pub use prior::{PriorNetworks, PriorSample, sample_networks};
pub use solve::{DenseRun, DeviceSolution, solve_dense};
pub use wide::{
    ExploredMatrix, Hidden, HiddenMatrix, ImageStorage, ThinMatrix, WideBlock, WideEstimate, WideMatrix, WideRun,
    default_tolerance, predicted_rank, solve_wide, wide_linear_network, wide_mlp,
};
