//! Trains multilayer perceptrons and convolutional networks, alone and in groups, on any weight matrices that act on neurons.

mod baseline;
mod correction;
mod decomposition;
mod flow;
mod graph;
mod group;
mod kernels;
mod linearisation;
mod network;
mod passes;
mod recorder;
mod rows;
mod sharpness;
mod training;

pub use graph::Graph;
pub use group::MlpGroup;
pub use linearisation::Linearisation;
pub use network::{Forward, Mlp, MlpLayer, Parameters};
pub use rows::SAMPLES_AT_A_TIME;
pub use training::MlpTraining;
