//! The kinds of weight matrix: all entries in row panels, those of many small networks stacked, and known by what probes have shown.

pub(crate) mod batched;
pub(crate) mod dense;
pub(crate) mod explored;
