//! Laws, limits and posteriors of random deep linear networks of proportional depth and width.

mod geometry;
mod matrices;
mod posterior_edges;
mod posteriors;
mod scalars;
mod tails;
