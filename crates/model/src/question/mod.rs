//! Answers what is asked of networks at their start: kernels, priors, and networks whose weights are given.

pub(crate) mod given;
pub(crate) mod initial;
pub(crate) mod kernels;
pub(crate) mod prior;
