//! Deep linear networks at initialisation, many at once.

mod normals;
mod plan;
pub(crate) mod request;
pub(crate) mod sample;
