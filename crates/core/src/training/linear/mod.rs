//! Trains deep linear networks of any width.

mod flow;
mod network;
mod origin;
mod recorder;
mod training;

pub use network::LinearNetwork;
pub use training::LinearTraining;
