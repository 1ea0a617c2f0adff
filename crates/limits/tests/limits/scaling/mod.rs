//! Width scalings of classifiers and their limits.

mod abc;
mod classes;
mod deep;
mod models;
mod problems;
