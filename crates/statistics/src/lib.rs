//! Fits numbers, tests them, and gives verdicts. Nothing here knows a study.

pub mod chi_square;
pub mod fit;
pub mod kolmogorov_smirnov;
mod moments;
pub mod verdict;

pub use moments::Moments;
pub use verdict::{Exponent, Finding, Verdict};
