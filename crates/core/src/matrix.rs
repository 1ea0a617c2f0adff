//! Matrices of small size are kept on the host.

/// Host matrices, always `f64`: predictors, covariances, Gram matrices. Never anything with a side of size m.
pub type Matrix = nalgebra::DMatrix<f64>;
