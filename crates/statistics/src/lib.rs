//! Fits numbers, tests them, and gives verdicts. Nothing here knows a study.

pub mod argmin;
pub mod chi_square;
pub mod fit;
pub mod kolmogorov_smirnov;
mod line;
mod moments;
pub mod reference;
mod spread;
mod student;
pub mod transfer;
pub mod verdict;

pub use moments::Moments;
pub use spread::Spread;
pub use student::t_975;
pub use verdict::{Counts, Exponent, Finding, Verdict};
