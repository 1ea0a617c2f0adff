//! Width scalings of neural classifiers: which limit exponents lead to, and that limit.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),      σ = σ* n^q_σ,   η̂_a = η̂*_a n^q̃_a,   η̂_w = η̂*_w n^q̃_w,      n = d/d*
//! ```
//!
//! (scaling-limits page §1.)

mod class;
mod classifier;
pub mod models;
mod record;
mod solve;

pub use class::{Increments, LimitClass};
pub use classifier::{Classifier, ClassifierLimit};
pub use solve::{cost, solve};
