//! Multilayer perceptrons of any weight matrices whose entries are known as time goes on, alone and in groups.

mod baseline;
mod correction;
mod decomposition;
mod group;
mod kernels;
mod linearisation;
mod network;
mod passes;
mod recorder;
mod rows;
mod training;

pub use group::MlpGroup;
pub use linearisation::Linearisation;
pub use network::{Forward, Mlp, MlpLayer, Parameters};
pub use rows::SAMPLES_AT_A_TIME;
pub use training::MlpTraining;
