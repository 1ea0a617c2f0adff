//! Makes a network at time 0 from a problem, a width and a seed.

pub(crate) mod dense;
pub(crate) mod explored;
#[cfg(test)]
mod law_tests;
pub(crate) mod layers;
