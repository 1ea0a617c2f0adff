//! Limits of classifiers, and networks in Gram space.

mod models;
mod problems;
