//! This crate says what a problem is, and what a solution of it looks like at any width.
//!
//! A [`Problem`] fixes a network, its parameterisation, data, loss, optimiser and what to record. Its solution at a
//! [`Width`] (∞ is a width) is a [`Trajectory`]. Engines live in other crates; what they share lives here: the
//! training loop of deep linear networks ([`training`]), written once over the trait [`training::WeightMatrix`].
//! Libraries of this workspace never print, read the environment or install signal handlers.

pub mod activation;
pub mod data;
mod error;
pub mod extremes;
pub mod humanized;
mod matrix;
pub mod problem;
pub mod scaling;
pub mod seed;
pub mod shapes;
pub mod training;
pub mod trajectory;
mod width;

pub use error::{Error, Result};
pub use matrix::Matrix;
pub use problem::Problem;
pub use trajectory::Trajectory;
pub use widenet_document as document;
pub use width::{MAX_WIDTH, Width};
