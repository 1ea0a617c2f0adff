//! Fits numbers, tests them, and gives verdicts. Nothing here knows a study.

pub mod chi_square;
pub mod fit;
pub mod kolmogorov_smirnov;
pub mod verdict;

pub use verdict::{Exponent, Finding, Verdict};
