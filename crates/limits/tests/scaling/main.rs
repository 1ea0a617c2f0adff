//! Width scalings of classifiers and their limits.

mod models;
