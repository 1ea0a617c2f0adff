//! There are three kinds of weight matrix: with all entries in row panels, with those of many small networks stacked, and known by what
//! probes have shown.

pub(crate) mod batched;
pub(crate) mod dense;
pub(crate) mod explored;
