//! Laws, limits and posteriors of random deep linear networks of proportional depth and width.

#[path = "../common/statistics.rs"]
#[allow(dead_code, reason = "shared with other test binaries")]
mod statistics;

mod geometry;
mod matrices;
mod posteriors;
mod scalars;
