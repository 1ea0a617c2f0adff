//! Estimates what a run costs before it starts: memory and time of every engine.

mod convolution;
pub(crate) mod dense;
pub(crate) mod explored;
mod linear;
pub(crate) mod need;
pub(crate) mod perceptron;
