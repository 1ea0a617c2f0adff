//! Samples many deep linear networks at initialization at once.

mod normals;
mod plan;
pub(crate) mod request;
pub(crate) mod sample;
