//! Takes runs from their problem to their trajectory, with checkpoints.

mod dense;
mod ensemble;
mod explored;
mod keeper;
mod moments;
pub(crate) mod request;
pub(crate) mod solve;
mod training;
