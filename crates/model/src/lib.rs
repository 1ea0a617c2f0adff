//! Trains networks of finite width on burn devices, deep linear ones and multilayer perceptrons.
//!
//! [`solve_on_device`] is the door: a problem, a width and a seed in, a trajectory out. Behind it a [`DenseMatrix`] is one
//! stored matrix plus a few outer products not yet folded into it, so training takes one copy of the weights, and an [`ExploredMatrix`]
//! is known by its responses to the directions that training has probed it with; the loops are those of [`widenet_core::training`].
//! [`empirical_kernels`] are the kernels of one perceptron at its start, and a [`GivenNetwork`] is one whose weights come from elsewhere.
//! [`DeviceChoice::open`] finds the device, [`MemoryEstimate`] and [`WideEstimate`] say beforehand whether a width fits, and a checkpoint
//! file carries a run across an interruption without changing a bit of it.

mod bench;
mod checkpoint;
mod cost;
mod device;
mod error;
mod matrix;
mod network;
mod question;
mod run;
mod vectors;

pub use bench::{
    calibration::Calibration,
    checks::{Check, checks},
    rates::{Amount, Rate, RateSizes, rates},
};
pub use checkpoint::{CheckpointPlan, Every};
pub use cost::{
    dense::seconds_per_step,
    explored::{WideEstimate, predicted_rank},
    need::MemoryEstimate,
};
pub use device::{
    AUTO_CHOICE, DeviceChoice, DeviceInfo, DeviceKind, OpenDevice, Placement, Precision, guarded, list_devices,
};
pub use error::ModelError;
pub use matrix::{
    batched::BatchedMatrix,
    dense::{
        initial::{Entries, InitialWeights},
        matrix::DenseMatrix,
    },
    explored::{
        hidden::ExploredMatrix,
        kind::{Hidden, HiddenMatrix, ResponseStorage, default_tolerance},
        thin::ThinMatrix,
        wide::WideMatrix,
    },
};
pub use network::{
    dense::{dense_mlp, dense_network, mlp_group, mlp_of_entries, mlp_with_panels, network_with_panels},
    explored::{wide_linear_network, wide_mlp},
    layers::Member,
};
pub use question::{
    given::{GivenLayer, GivenNetwork, GivenRecord, GivenRun},
    initial::initial_layers,
    kernels::{EmpiricalKernels, KernelBlock, KernelsWanted, empirical_kernels},
    prior::{
        request::PriorNetworks,
        sample::{PriorSample, sample_networks},
    },
};
pub use run::{
    request::{DeviceSolution, Matrices, Run},
    solve::solve_on_device,
};
pub use vectors::DeviceBlock;
