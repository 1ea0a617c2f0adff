//! The vocabulary of widenet: what a problem is, and what a solution of it looks like at any width.
//!
//! A [`Problem`] fixes a network, its parameterisation, data, loss, optimiser and what to record. Its solution at a
//! [`Width`] (∞ is a width) is a [`Trajectory`]. Engines live in other crates; what they share lives here: the
//! training loop of deep linear networks ([`training`]), written once over the trait [`training::WeightMatrix`].
//! Libraries of this workspace never print, read the environment or install signal handlers.

pub mod data;
pub mod document;
mod error;
pub mod humanized;
pub mod problem;
pub mod scaling;
pub mod seed;
pub mod training;
pub mod trajectory;
mod width;

pub use error::{Error, Result};
pub use problem::Problem;
pub use trajectory::Trajectory;
pub use width::{MAX_WIDTH, Width};

/// Host matrices, always `f64`: predictors, covariances, Gram matrices. Never anything with a side of size m.
pub type Matrix = nalgebra::DMatrix<f64>;
