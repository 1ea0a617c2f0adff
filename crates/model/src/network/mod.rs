//! From a problem, a width and a seed to a network at time 0.

pub(crate) mod dense;
pub(crate) mod explored;
#[cfg(test)]
mod law_tests;
pub(crate) mod layers;
